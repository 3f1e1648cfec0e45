#include "control/node/api/internal/route_texts.h"

#include <algorithm>
#include <array>

#include "dataplane/io/socket_address.h"
#include "dataplane/wire/address.h"

namespace weir::api::internal {

Path split_path(std::string_view path) {
  constexpr std::size_t kSegmentsMax = 5;
  const std::size_t start = path.find_first_not_of('/');
  path.remove_prefix(start == std::string_view::npos ? path.size() : start);
  Path out;
  while (out.size() + 1 < kSegmentsMax) {
    const std::size_t slash = path.find('/');
    if (slash == std::string_view::npos) break;
    out.push_back(path.substr(0, slash));
    path.remove_prefix(slash + 1);
  }
  out.push_back(path);
  return out;
}

bool matches(std::string_view pattern, const Path& path, std::string& parameter) {
  const Path wanted = split_path(pattern);
  if (wanted.size() != path.size()) return false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (wanted[i] == "*") {
      parameter = path[i];
    } else if (wanted[i] != path[i]) {
      return false;
    }
  }
  return true;
}

const char* unbuilt_feature(wire::Method method, const Path& path) {
  using wire::Method;
  struct Unbuilt {
    Method method;
    std::string_view path;
    const char* feature;
  };
  constexpr std::array kUnbuilt = {
      Unbuilt{Method::kDelete, "node/portal", "deleting all portals at once"},
      Unbuilt{Method::kPost, "node/services/kafka_outlet", "Kafka outlets"},
      Unbuilt{Method::kDelete, "node/services/kafka_outlet", "Kafka outlets"},
      Unbuilt{Method::kPost, "node/services/kafka_inlet", "Kafka inlets"},
      Unbuilt{Method::kDelete, "node/services/kafka_inlet", "Kafka inlets"},
      Unbuilt{Method::kPost, "node/services/http_headers", "HTTP header services"},
      Unbuilt{Method::kDelete, "node/services/http_headers", "HTTP header services"},
      Unbuilt{Method::kPost, "node/services/lease_manager", "lease managers"},
      Unbuilt{Method::kDelete, "node/services/lease_manager", "lease managers"},
      Unbuilt{Method::kPost, "node/influxdb_inlet", "InfluxDB inlets"},
      Unbuilt{Method::kPost, "node/influxdb_outlet", "InfluxDB outlets"},
  };
  std::string parameter;
  for (const Unbuilt& entry : kUnbuilt) {
    if (entry.method == method && matches(entry.path, path, parameter)) return entry.feature;
  }
  return nullptr;
}

bool is_service_type(std::string_view type) {
  constexpr std::array<std::string_view, 18> kTypes = {"outlet",
                                                       "forwarding_service",
                                                       "static_forwarding_service",
                                                       "uppercase",
                                                       "echo",
                                                       "hop",
                                                       "api",
                                                       "key_exchanger",
                                                       "direct_authenticator",
                                                       "credential_issuer",
                                                       "enrollment_token_issuer",
                                                       "enrollment_token_acceptor",
                                                       "okta",
                                                       "kafka_inlet",
                                                       "kafka_outlet",
                                                       "lease_manager",
                                                       "control_api",
                                                       "grpc_forwarder"};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

Result<std::string> parse_local(std::string_view text) {
  Result<wire::Address> address = wire::Address::parse(text);
  if (!address) return pass(address);
  if (address->type != wire::kTypeLocal) {
    return fail(Errc::kInvalid, "not the address of a local worker", std::string(text));
  }
  return std::move(address->value);
}

std::string without_local_type(const std::string& text) {
  return text.starts_with("0#") ? text.substr(2) : text;
}

std::string not_implemented(const char* feature) {
  return std::string("not implemented by this node: ") + feature;
}
std::string undecodable_body(const Error& error) {
  return "failed to handle request: " + error.text() + " (origin: Unknown, kind: Invalid)";
}
std::string not_local(const std::string& address) {
  return "not the address of a local worker: " + address;
}
std::string prefixed(const std::string& prefix, const Error& error) {
  std::string text = error.text();
  return text.starts_with(prefix) ? text : prefix + ": " + text;
}
std::string not_in_registry(const char* what, const std::string& address) {
  return std::string(what) + " " + address + " was not found in the registry.";
}
std::string not_deleted(const char* what, const char* verb, const std::string& address,
                        const Error& error) {
  const bool unknown = error.code == Errc::kNotFound;
  if (SocketAddress::parse(address)) {
    return unknown ? not_in_registry(what, address) : error.text();
  }
  const std::string shown = "0#" + without_local_type(address);
  const std::string prefix = std::string("Unable to ") + verb + " " + shown;
  return unknown ? prefix + ": No such alias: " + shown : prefixed(prefix, error);
}
std::string no_identity(const std::string& name) {
  return "There is no Identity with name " + name + " on this machine.";
}
std::string no_secure_channel(const std::string& address) {
  return "Secure channel with address, " + wire::Address::local(address).text() + ", not found";
}
std::string service_exists(const char* kind, const std::string& address) {
  return std::string(kind) + " service already exists at " + wire::Address::local(address).text();
}
std::string relay_failed(const std::string& at, const std::string& name, const Error& error) {
  const bool exists = error.code == Errc::kAlreadyExists;
  return "Failed to create relay at " + at + " with name " + name + ". " +
         (exists ? "A relay with the name '" + name + "' already exists" : error.text());
}
std::string no_inlet(const std::string& alias) {
  return "Inlet with alias " + alias + " not found";
}
std::string inlet_failed(const std::string& alias, const Error& error) {
  // The listening address may be what exists already, too.
  std::string text = error.text();
  if (error.code != Errc::kAlreadyExists || !text.starts_with("A TCP inlet")) return text;
  return "A TCP inlet with alias '" + alias + "' already exists";
}
std::string no_outlet(const std::string& address) {
  return "Outlet with address " + wire::Address::local(address).text() + " not found";
}
std::string no_policy(const std::string& resource, const std::string& action) {
  return "No policy found for resource '" + resource + "' and action '" + action + "'";
}
std::string outlet_failed(const std::optional<std::string>& address, const Error& error) {
  if (error.code != Errc::kAlreadyExists || !address) return error.text();
  return "A TCP outlet with address '" + wire::Address::local(*address).text() + "' already exists";
}

}  // namespace weir::api::internal
