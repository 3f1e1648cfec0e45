// The values that recur, and their texts.
#include "control/node/api/internal/model_codec.h"

#include <array>
#include <limits>

namespace weir::api {

std::uint64_t Duration::ms() const {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t rest_ms = (std::uint64_t{nanoseconds} + 999'999) / 1'000'000;
  if (seconds > (kMax - rest_ms) / 1000) return kMax;
  return seconds * 1000 + rest_ms;
}

InternetAddress InternetAddress::parse(const std::string& host_port) {
  InternetAddress out;
  const std::size_t colon = host_port.rfind(':');
  std::string host = host_port.substr(0, colon);
  if (colon != std::string::npos) {
    out.port = wire::parse_port(std::string_view(host_port).substr(colon + 1)).value_or(0);
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::uint8_t ip4[4];
  std::uint8_t ip6[16];
  if (wire::parse_ip4(host, ip4)) {
    out.kind = Kind::kIp4;
  } else if (wire::parse_ip6(host, ip6)) {
    out.kind = Kind::kIp6;
  }
  out.host = std::move(host);
  return out;
}

std::string InternetAddress::text() const {
  const std::string shown = kind == Kind::kIp6 ? "[" + host + "]" : host;
  return shown + ":" + std::to_string(port);
}

const char* connection_status_text(ConnectionStatus status) {
  return status == ConnectionStatus::kUp ? "Up" : "Down";
}
const char* transport_type_text(TransportType type) {
  constexpr std::array<const char*, 3> kNames = {"Tcp", "Ble", "WebSocket"};
  return kNames.at(static_cast<std::size_t>(type));
}
const char* transport_mode_text(TransportMode mode) {
  constexpr std::array<const char*, 3> kNames = {"Listen", "Incoming", "Outgoing"};
  return kNames.at(static_cast<std::size_t>(mode));
}
const char* ProcessStatus::text() const {
  constexpr std::array<const char*, 3> kNames = {"running", "zombie", "stopped"};
  return kNames.at(static_cast<std::size_t>(state));
}

namespace internal {
namespace {

// A plain enum of variants without fields: 82 <index> 80.
template <class E>
void put_unit_variant(CborWriter& w, E value) {
  w.enum_variant(static_cast<std::uint64_t>(value)).array(0);
}

template <class E>
bool get_unit_variant(BodyReader& r, E& value, std::uint64_t first, std::uint64_t last) {
  std::uint64_t variant = 0;
  if (!r.cbor.enum_variant(variant)) return false;
  if (variant < first || variant > last) {
    return r.fail("unknown enum variant " + std::to_string(variant));
  }
  value = static_cast<E>(variant);
  return r.cbor.skip();
}

// Opens an array struct of at least `count` fields.
bool open_fields(BodyReader& r, wire::ArrayHead& head) { return r.cbor.array(head); }
bool next_field(BodyReader& r, wire::ArrayHead& head, int index) {
  if (r.cbor.next(head)) return true;
  if (r.cbor.ok()) r.fail("missing value at index " + std::to_string(index));
  return false;
}

bool get_ip(BodyReader& r, InternetAddress& value) {
  ByteSpan ip;
  if (!r.cbor.bytes(ip)) return false;
  const bool is_ip4 = value.kind == InternetAddress::Kind::kIp4;
  if (ip.size() != (is_ip4 ? 4u : 16u)) return r.fail("IP address of a wrong size");
  value.host = is_ip4 ? wire::ip4_text(ip.data()) : wire::ip6_text(ip.data());
  return true;
}

}  // namespace

void put(CborWriter& w, const wire::Address& value) {
  w.array(2).u64(value.type).bytes(value.value_bytes());
}
void put(CborWriter& w, const wire::HostnamePort& value) {
  w.array(2).text(value.hostname).u64(value.port);
}
void put(CborWriter& w, const FlowControlId& value) { w.map(1).u64(1).text(value.text); }
void put(CborWriter& w, const Duration& value) {
  w.array(2).u64(value.seconds).u64(value.nanoseconds);
}
void put(CborWriter& w, const InternetAddress& value) {
  w.enum_variant(static_cast<std::uint64_t>(value.kind));
  std::uint8_t ip4[4];
  std::uint8_t ip6[16];
  if (value.kind == InternetAddress::Kind::kDns) {
    w.array(2).text(value.host).u64(value.port);
  } else if (value.kind == InternetAddress::Kind::kIp4 && wire::parse_ip4(value.host, ip4)) {
    w.array(1).array(2).bytes(ip4).u64(value.port);
  } else if (wire::parse_ip6(value.host, ip6)) {
    w.array(1).array(2).bytes(ip6).u64(value.port);
  } else {
    CHECK(!"an IP address that is none");
  }
}
void put(CborWriter& w, const ProcessStatus& value) {
  w.enum_variant(static_cast<std::uint64_t>(value.state));
  if (value.state == ProcessStatus::State::kStopped) {
    w.array(0);
  } else {
    w.array(1).u64(value.pid);
  }
}
void put(CborWriter& w, ConnectionStatus value) { put_unit_variant(w, value); }
void put(CborWriter& w, TransportMode value) { put_unit_variant(w, value); }
void put(CborWriter& w, ReturnTiming value) { put_unit_variant(w, value); }
void put(CborWriter& w, TransportType value) { w.u64(static_cast<std::uint64_t>(value)); }

bool get(BodyReader& r, std::string& value) {
  std::string_view text;
  if (!r.cbor.text(text)) return false;
  value = text;
  return true;
}
bool get(BodyReader& r, bool& value) { return r.cbor.boolean(value); }
bool get(BodyReader& r, std::uint64_t& value) { return r.cbor.u64(value); }

bool get(BodyReader& r, Identifier& value) {
  ByteSpan raw;
  if (!r.cbor.bytes(raw)) return false;
  Result<Identifier> identifier = Identifier::from_bytes(raw);
  if (!identifier) return r.fail(identifier.error().text());
  value = *identifier;
  return true;
}

bool get(BodyReader& r, wire::MultiAddr& value) {
  Result<wire::MultiAddr> address = wire::MultiAddr::decode(r.cbor);
  if (!address) return r.fail(address.error().text());
  value = std::move(*address);
  return r.cbor.ok();
}

bool get(BodyReader& r, wire::Route& value) {
  Result<wire::Route> route = wire::Route::decode(r.cbor);
  if (!route) return r.fail(route.error().text());
  value = std::move(*route);
  return r.cbor.ok();
}

bool get(BodyReader& r, wire::Address& value) {
  wire::ArrayHead head;
  ByteSpan name;
  if (!open_fields(r, head) || !next_field(r, head, 0) || !r.cbor.u8(value.type)) return false;
  if (!next_field(r, head, 1) || !r.cbor.bytes(name)) return false;
  value.value = as_text(name);
  return r.cbor.skip_rest(head);
}

bool get(BodyReader& r, wire::HostnamePort& value) {
  wire::ArrayHead head;
  if (!open_fields(r, head) || !next_field(r, head, 0) || !get(r, value.hostname)) return false;
  if (!next_field(r, head, 1) || !r.cbor.u16(value.port)) return false;
  return r.cbor.skip_rest(head);
}

bool get(BodyReader& r, RawItem& value) {
  const std::size_t from = r.cbor.position();
  if (!r.cbor.skip()) return false;
  value.bytes = to_bytes(r.cbor.since(from));
  return true;
}

bool get(BodyReader& r, FlowControlId& value) {
  wire::MapHead head;
  bool found = false;
  r.cbor.map(head);
  while (r.cbor.next(head)) {
    std::int64_t key = 0;
    if (!r.cbor.i64(key)) return false;
    if (key != 1) {
      r.cbor.skip();
    } else {
      found = get(r, value.text);
    }
  }
  if (r.cbor.ok() && !found) r.fail("missing value at index 1");
  return r.cbor.ok();
}

bool get(BodyReader& r, Duration& value) {
  wire::ArrayHead head;
  if (!open_fields(r, head) || !next_field(r, head, 0) || !r.cbor.u64(value.seconds)) return false;
  if (!next_field(r, head, 1) || !r.cbor.u32(value.nanoseconds)) return false;
  return r.cbor.skip_rest(head);
}

bool get(BodyReader& r, InternetAddress& value) {
  std::uint64_t variant = 0;
  if (!r.cbor.enum_variant(variant)) return false;
  if (variant > 2) return r.fail("unknown enum variant " + std::to_string(variant));
  value.kind = static_cast<InternetAddress::Kind>(variant);
  wire::ArrayHead fields;
  if (!open_fields(r, fields) || !next_field(r, fields, 0)) return false;
  if (value.kind == InternetAddress::Kind::kDns) {
    if (!get(r, value.host) || !next_field(r, fields, 1) || !r.cbor.u16(value.port)) return false;
    return r.cbor.skip_rest(fields);
  }
  wire::ArrayHead pair;
  if (!open_fields(r, pair) || !next_field(r, pair, 0) || !get_ip(r, value)) return false;
  if (!next_field(r, pair, 1) || !r.cbor.u16(value.port)) return false;
  return r.cbor.skip_rest(pair) && r.cbor.skip_rest(fields);
}

bool get(BodyReader& r, ProcessStatus& value) {
  std::uint64_t variant = 0;
  if (!r.cbor.enum_variant(variant)) return false;
  if (variant > 2) return r.fail("unknown enum variant " + std::to_string(variant));
  value.state = static_cast<ProcessStatus::State>(variant);
  if (value.state == ProcessStatus::State::kStopped) return r.cbor.skip();
  wire::ArrayHead fields;
  if (!open_fields(r, fields) || !next_field(r, fields, 0) || !r.cbor.u32(value.pid)) return false;
  return r.cbor.skip_rest(fields);
}

bool get(BodyReader& r, ConnectionStatus& value) { return get_unit_variant(r, value, 0, 1); }
bool get(BodyReader& r, TransportMode& value) { return get_unit_variant(r, value, 0, 2); }
bool get(BodyReader& r, ReturnTiming& value) { return get_unit_variant(r, value, 1, 2); }
bool get(BodyReader& r, TransportType& value) {
  std::uint64_t number = 0;
  if (!r.cbor.u64(number)) return false;
  if (number > 2) return r.fail("unknown enum variant " + std::to_string(number));
  value = static_cast<TransportType>(number);
  return true;
}

Error body_error(const BodyReader& reader, ByteSpan body) {
  if (body.empty()) return {Errc::kInvalid, "end of input bytes", {}};
  if (!reader.problem.empty()) return {Errc::kInvalid, "malformed body", reader.problem};
  const std::size_t at = reader.cbor.position();
  if (at >= body.size()) return {Errc::kInvalid, "end of input bytes", {}};
  return {Errc::kInvalid, "malformed body", "unexpected data at position " + std::to_string(at)};
}

}  // namespace internal
}  // namespace weir::api
