#include "control/store/postgres_place.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/hex.h"

namespace weir {
namespace {

constexpr char kBadScheme[] = "A database connection must start with postgres://";
constexpr char kBadUser[] =
    "A database connection must specify the user and password as user:password";
constexpr char kBadHost[] =
    "A database connection must have a host and a port specified as host:port";
constexpr char kBadName[] = "A database connection must name one database as host:port/name";
constexpr char kBadEscape[] = "A database connection has a broken %-escape";
constexpr char kBadParameter[] = "A database connection has a parameter that weir does not know";
constexpr const char* kParameters[] = {
    "sslmode", "sslrootcert", "sslcert",         "sslkey",
    "sslcrl",  "sslpassword", "channel_binding", "ssl_min_protocol_version"};

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Writes at most text.size() bytes. nullopt: a broken escape, or a zero byte, which no C string can
// hold.
std::optional<std::size_t> decode(std::string_view text, std::uint8_t* out) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int byte = static_cast<unsigned char>(text[i]);
    if (byte == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = digit_of(text[i + 1]);
      const int low = digit_of(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      byte = high * 16 + low;
      i += 2;
    }
    if (byte == 0) return std::nullopt;
    out[size++] = static_cast<std::uint8_t>(byte);
  }
  return size;
}

bool decode(std::string_view text, std::string& out) {
  out.resize(text.size());
  const auto size = decode(text, reinterpret_cast<std::uint8_t*>(out.data()));
  out.resize(size.value_or(0));
  return size.has_value();
}

bool decode(std::string_view text, SecretBytes& out) {
  out = SecretBytes(text.size());
  const auto size = decode(text, out.span().data());
  out.shorten(size.value_or(0));
  return size.has_value();
}

Status parse_credentials(std::string_view text, PostgresPlace& place) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || text.find(':', colon + 1) != text.npos) {
    return fail(Errc::kInvalid, kBadUser);
  }
  if (!decode(text.substr(0, colon), place.user) ||
      !decode(text.substr(colon + 1), place.password)) {
    return fail(Errc::kInvalid, kBadEscape);
  }
  return {};
}

// "host:port/name"
Status parse_instance(std::string_view text, PostgresPlace& place) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return fail(Errc::kInvalid, kBadHost);
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets) host = host.substr(1, host.size() - 2);
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), place.port);
  if (failed != std::errc() || end != port.data() + port.size() || place.port == 0 ||
      (!in_brackets && host.find(':') != host.npos)) {
    return fail(Errc::kInvalid, kBadHost);
  }
  if (slash == std::string_view::npos) return fail(Errc::kInvalid, kBadName);
  const std::string_view name = text.substr(slash + 1);
  if (name.empty() || name.find('/') != name.npos) return fail(Errc::kInvalid, kBadName);
  if (!decode(host, place.host) || !decode(name, place.database)) {
    return fail(Errc::kInvalid, kBadEscape);
  }
  return {};
}

Status parse_parameters(std::string_view text, PostgresPlace& place) {
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    const std::string key(one.substr(0, equals));
    if (std::ranges::find(kParameters, key) == std::end(kParameters)) {
      return fail(Errc::kInvalid, kBadParameter, key);
    }
    std::string value;
    if (!decode(equals == one.npos ? std::string_view() : one.substr(equals + 1), value)) {
      return fail(Errc::kInvalid, kBadEscape, key);
    }
    place.parameters.emplace_back(key, std::move(value));
  }
  return {};
}

// --- environment

// As `setting` of the command: ours, then Ockam's. `name` is set to the variable that was found.
std::optional<std::string> find(const EnvLookup& env, const char* suffix, std::string& name) {
  for (const char* prefix : {"WEIR_", "OCKAM_"}) {
    name = std::string(prefix) + suffix;
    auto value = env(name.c_str());
    if (value && !value->empty()) return value;
  }
  return std::nullopt;
}

struct Variables {
  std::optional<std::string> instance, user, password, both;
  std::string instance_name, user_name, password_name, both_name;
};

Variables read_variables(const EnvLookup& env) {
  Variables out;
  out.instance = find(env, "DATABASE_INSTANCE", out.instance_name);
  out.user = find(env, "DATABASE_USER", out.user_name);
  out.password = find(env, "DATABASE_PASSWORD", out.password_name);
  out.both = find(env, "DATABASE_USERNAME_AND_PASSWORD", out.both_name);
  return out;
}

Status check_complete(const Variables& set) {
  constexpr char kIncomplete[] = "the database in PostgreSQL is only half named";
  if (!set.instance) {
    const std::string& what = set.both   ? set.both_name
                              : set.user ? set.user_name
                                         : set.password_name;
    return fail(Errc::kInvalid, kIncomplete,
                what + " is set, OCKAM_DATABASE_INSTANCE (host:port/name) is not");
  }
  if (set.both && (set.user || set.password)) {
    return fail(Errc::kInvalid, "the database's user is named twice",
                set.both_name + " and " + (set.user ? set.user_name : set.password_name));
  }
  if (set.both || (set.user && set.password)) return {};
  const char* missing = set.user       ? "OCKAM_DATABASE_PASSWORD is not"
                        : set.password ? "OCKAM_DATABASE_USER is not"
                                       : "OCKAM_DATABASE_USER and OCKAM_DATABASE_PASSWORD are not";
  return fail(Errc::kInvalid, kIncomplete, set.instance_name + " is set, " + missing);
}

Status parse_user_json(const std::string& name, const std::string& text, PostgresPlace& place) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  const auto field = [&json](const char* key) -> const std::string* {
    if (!json.is_object()) return nullptr;
    const auto found = json.find(key);
    return found == json.end() ? nullptr : found->get_ptr<const std::string*>();
  };
  const std::string* user = field("username");
  const std::string* password = field("password");
  if (user == nullptr || password == nullptr) {
    return fail(Errc::kInvalid, R"(not of the form {"username": .., "password": ..})", name);
  }
  place.user = *user;
  place.password = SecretBytes::copy_of(as_bytes(*password));
  return {};
}

Result<std::shared_ptr<const PostgresPlace>> shared(Result<PostgresPlace> place,
                                                    const std::string& variable) {
  if (place) return std::make_shared<const PostgresPlace>(std::move(*place));
  Error error = std::move(place.error());
  error.detail = error.detail.empty() ? "in " + variable : error.detail + ", in " + variable;
  return std::unexpected<Error>(std::move(error));
}

}  // namespace

std::string PostgresPlace::text() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + "/" + database;
}

Result<PostgresPlace> parse_postgres_url(std::string_view url) {
  PostgresPlace place;
  bool known = false;
  for (const std::string_view scheme : {"postgres://", "postgresql://"}) {
    if (!url.starts_with(scheme)) continue;
    url.remove_prefix(scheme.size());
    known = true;
    break;
  }
  if (!known) return fail(Errc::kInvalid, kBadScheme);
  const std::size_t question = url.find('?');
  const std::string_view query =
      question == url.npos ? std::string_view() : url.substr(question + 1);
  url = url.substr(0, question);
  const std::size_t at = url.find('@');
  if (at != url.npos) {
    if (url.find('@', at + 1) != url.npos) return fail(Errc::kInvalid, kBadUser);
    if (auto status = parse_credentials(url.substr(0, at), place); !status) return pass(status);
    url.remove_prefix(at + 1);
  }
  if (auto status = parse_instance(url, place); !status) return pass(status);
  if (auto status = parse_parameters(query, place); !status) return pass(status);
  return place;
}

Result<std::shared_ptr<const PostgresPlace>> postgres_place(const EnvLookup& env) {
  std::string name = "WEIR_DATABASE_URL";
  auto url = env(name.c_str());
  if (!url || url->empty()) url = find(env, "DATABASE_CONNECTION_URL", name);
  if (url) return shared(parse_postgres_url(*url), name);
  const Variables set = read_variables(env);
  if (!set.instance && !set.user && !set.password && !set.both) return nullptr;
  if (auto status = check_complete(set); !status) return pass(status);
  PostgresPlace place;
  if (auto status = parse_instance(*set.instance, place); !status) {
    return shared(pass(status), set.instance_name);
  }
  if (set.both) {
    if (auto status = parse_user_json(set.both_name, *set.both, place); !status) {
      return pass(status);
    }
  } else {
    place.user = *set.user;
    place.password = SecretBytes::copy_of(as_bytes(*set.password));
  }
  return std::make_shared<const PostgresPlace>(std::move(place));
}

}  // namespace weir
