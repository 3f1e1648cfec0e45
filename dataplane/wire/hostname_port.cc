#include "dataplane/wire/hostname_port.h"

#include <algorithm>

#include "dataplane/wire/internal/decimal.h"

namespace weir::wire {
namespace {

std::unexpected<Error> invalid(const char* reason, std::string_view text) {
  return fail(Errc::kInvalid, "invalid host and port", reason + std::string(text));
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

Status check_hostname(std::string_view name, std::string_view whole) {
  if (std::any_of(name.begin(), name.end(), [](char c) { return (c & 0x80) != 0; })) {
    return invalid("Hostname must be ascii: ", whole);
  }
  if (name.empty()) return invalid("Hostname cannot be empty ", name);
  if (name.size() > 253) return invalid("Hostname too long ", name);
  if (name.front() == '-' || name.back() == '-' || name.front() == '.' || name.back() == '.') {
    return invalid("Hostname cannot start or end with a hyphen or dot ", name);
  }
  for (std::string_view rest = name;;) {
    const std::size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (label.empty()) return invalid("Hostname segment cannot be empty ", name);
    if (label.size() > 63) return invalid("Hostname segment too long ", name);
    if (!std::all_of(label.begin(), label.end(), is_name_char)) {
      return invalid("Hostname contains invalid characters ", name);
    }
    if (dot == std::string_view::npos) return {};
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace

Result<std::uint16_t> parse_port(std::string_view text) {
  Result<std::uint32_t> value = parse_decimal(text, 65535);
  if (!value) return pass(value);
  return static_cast<std::uint16_t>(*value);
}

Result<HostnamePort> HostnamePort::parse(std::string_view text) {
  if (const auto port = parse_port(text)) return HostnamePort{"127.0.0.1", *port};
  if (text.starts_with(':')) {
    if (const auto port = parse_port(text.substr(1))) return HostnamePort{"127.0.0.1", *port};
  }
  if (const auto socket = SocketAddress::parse(text)) {
    return HostnamePort{socket->is_ip6 ? "[" + ip6_text(socket->ip) + "]" : ip4_text(socket->ip),
                        socket->port};
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return invalid("Invalid format. Expected 'hostname:port'", "");
  }
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return invalid("Invalid port number ", text.substr(colon + 1));
  const std::string_view name = text.substr(0, colon);
  if (Status status = check_hostname(name, text); !status) return pass(status);
  return HostnamePort{std::string(name), *port};
}

bool HostnamePort::is_numeric() const { return SocketAddress::parse(text()).has_value(); }

Result<SchemeHostnamePort> SchemeHostnamePort::parse(std::string_view text) {
  SchemeHostnamePort out;
  const std::size_t mark = text.find("://");
  std::string_view host_port = text;
  if (mark != std::string_view::npos) {
    const std::string_view scheme = text.substr(0, mark);
    host_port = text.substr(mark + 3);
    host_port = host_port.substr(0, host_port.find("://"));  // as `ockam` reads it
    if (scheme == "udp") {
      out.scheme = Scheme::kUdp;
    } else if (scheme == "tls") {
      out.scheme = Scheme::kTls;
    } else if (scheme != "tcp") {
      return fail(
          Errc::kInvalid, "invalid host and port",
          "invalid scheme " + std::string(scheme) + ". Supported schemes are tcp, udp, tls");
    }
  }
  Result<HostnamePort> parsed = HostnamePort::parse(host_port);
  if (!parsed) return pass(parsed);
  out.hostname_port = std::move(*parsed);
  return out;
}

std::string SchemeHostnamePort::text() const {
  const char* const prefix = is_tls() ? "tls://" : is_udp() ? "udp://" : "tcp://";
  return prefix + hostname_port.text();
}

}  // namespace weir::wire
