#include "tools/weir/node_options.h"

#include <nlohmann/json.hpp>

namespace weir::cli {

std::string options_json(const NodeOptions& options) {
  nlohmann::json json = {{"tcp_listener_address", options.tcp_listener_address},
                         {"no_status_endpoint", options.no_status_endpoint},
                         {"identity", options.identity},
                         {"cores", options.cores},
                         {"spin_us", options.spin_us},
                         {"handshake_share", options.handshake_share},
                         {"project", options.project},
                         {"authority_identity", options.authority_identity},
                         {"authority_route", options.authority_route},
                         {"credential_scope", options.credential_scope},
                         {"authority", options.authority}};
  if (options.status_endpoint) json["status_endpoint"] = *options.status_endpoint;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<NodeOptions> options_from_json(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(Errc::kInvalid, "the node's recorded options are damaged");
  NodeOptions options;
  const auto read = [&json](const char* key, std::string& out) {
    const auto found = json.find(key);
    if (found != json.end() && found->is_string()) out = found->get<std::string>();
  };
  read("tcp_listener_address", options.tcp_listener_address);
  read("identity", options.identity);
  read("cores", options.cores);
  read("spin_us", options.spin_us);
  read("handshake_share", options.handshake_share);
  read("project", options.project);
  read("authority_identity", options.authority_identity);
  read("authority_route", options.authority_route);
  read("credential_scope", options.credential_scope);
  read("authority", options.authority);
  std::string endpoint;
  read("status_endpoint", endpoint);
  if (!endpoint.empty()) options.status_endpoint = endpoint;
  const auto off = json.find("no_status_endpoint");
  options.no_status_endpoint = off != json.end() && off->is_boolean() && off->get<bool>();
  return options;
}

std::vector<std::string> option_words(const NodeOptions& options) {
  std::vector<std::string> words = {"--tcp-listener-address", options.tcp_listener_address};
  const auto add = [&words](const char* name, const std::string& value) {
    if (value.empty()) return;
    words.emplace_back(name);
    words.push_back(value);
  };
  add("--identity", options.identity);
  add("--cores", options.cores);
  add("--spin-us", options.spin_us);
  add("--handshake-share", options.handshake_share);
  add("--project", options.project);
  add("--authority-identity", options.authority_identity);
  add("--authority-route", options.authority_route);
  add("--credential-scope", options.credential_scope);
  add("--authority", options.authority);
  add("--status-endpoint", options.status_endpoint.value_or(""));
  if (options.no_status_endpoint) words.emplace_back("--no-status-endpoint");
  return words;
}

}  // namespace weir::cli
