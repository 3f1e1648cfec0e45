#include "dataplane/wire/multiaddr.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "dataplane/wire/bare.h"
#include "dataplane/wire/hostname_port.h"

namespace weir::wire {
namespace {

struct ProtoEntry {
  Proto proto;
  std::string_view name;
  std::size_t fixed_bytes;  // 0: length and text
};
constexpr std::array<ProtoEntry, 11> kProtos = {{
    {Proto::kIp4, "ip4", 4},
    {Proto::kTcp, "tcp", 2},
    {Proto::kIp6, "ip6", 16},
    {Proto::kDnsAddr, "dnsaddr", 0},
    {Proto::kUdp, "udp", 2},
    {Proto::kService, "service", 0},
    {Proto::kNode, "node", 0},
    {Proto::kProject, "project", 0},
    {Proto::kSpace, "space", 0},
    {Proto::kSecure, "secure", 0},
    {Proto::kWorker, "worker", 0},
}};

const ProtoEntry* find_proto(std::string_view name) {
  const auto* it = std::find_if(kProtos.begin(), kProtos.end(),
                                [&](const ProtoEntry& entry) { return entry.name == name; });
  return it == kProtos.end() ? nullptr : it;
}

const ProtoEntry* find_proto(std::uint64_t code) {
  const auto* it = std::find_if(kProtos.begin(), kProtos.end(), [&](const ProtoEntry& entry) {
    return static_cast<std::uint64_t>(entry.proto) == code;
  });
  return it == kProtos.end() ? nullptr : it;
}

const ProtoEntry& entry_of(Proto proto) {
  const ProtoEntry* entry = find_proto(static_cast<std::uint64_t>(proto));
  CHECK(entry != nullptr);
  return *entry;
}

std::unexpected<Error> invalid(std::string detail) {
  return fail(Errc::kInvalid, "invalid multiaddr", std::move(detail));
}

// As Rust prints a text between quotes.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else
      out += c;
  }
  return out + "\"";
}

Result<Bytes> value_from_text(const ProtoEntry& entry, std::string_view text) {
  switch (entry.proto) {
    case Proto::kIp4: {
      std::uint8_t ip[4];
      if (!parse_ip4(text, ip)) return invalid("invalid IPv4 address syntax");
      return to_bytes(ip);
    }
    case Proto::kIp6: {
      std::uint8_t ip[16];
      if (!parse_ip6(text, ip)) return invalid("invalid IPv6 address syntax");
      return to_bytes(ip);
    }
    case Proto::kTcp:
    case Proto::kUdp: {
      const Result<std::uint16_t> port = parse_port(text);
      if (!port) return invalid(port.error().what);
      return Bytes{static_cast<std::uint8_t>(*port >> 8), static_cast<std::uint8_t>(*port)};
    }
    default:
      return to_bytes(as_bytes(text));
  }
}

// A minimal varint of at most `bytes_max` bytes. nullptr, or the reason why there is none.
const char* read_minimal_uvarint(ByteSpan& input, std::size_t bytes_max, std::uint64_t& value) {
  value = 0;
  for (std::size_t i = 0; i < bytes_max; ++i) {
    if (i >= input.size()) return "not enough input bytes";
    const std::uint8_t byte = input[i];
    value |= std::uint64_t{byte & 0x7fu} << (7 * i);
    if ((byte & 0x80) != 0) continue;
    if (byte == 0 && i > 0) return "encoding is not minimal";
    input = input.subspan(i + 1);
    return nullptr;
  }
  return "input bytes exceed maximum";
}

bool is_local(Proto proto) {
  return proto == Proto::kService || proto == Proto::kWorker || proto == Proto::kSecure;
}

bool is_host(Proto proto) {
  return proto == Proto::kIp4 || proto == Proto::kIp6 || proto == Proto::kDnsAddr;
}

}  // namespace

std::string_view proto_name(Proto proto) { return entry_of(proto).name; }

std::string MultiAddrPart::value() const {
  switch (proto) {
    case Proto::kIp4:
      return ip4_text(data.data());
    case Proto::kIp6:
      return ip6_text(data.data());
    case Proto::kTcp:
    case Proto::kUdp:
      return std::to_string(port());
    default:
      return std::string(as_text(data));
  }
}

std::uint16_t MultiAddrPart::port() const {
  return static_cast<std::uint16_t>(data.at(0) << 8 | data.at(1));
}

Result<MultiAddr> MultiAddr::parse(std::string_view text) {
  MultiAddr out;
  if (text == "self") text = "secure/api";
  while (!text.empty()) {
    if (text.starts_with('/')) text.remove_prefix(1);
    const std::size_t name_end = text.find('/');
    const std::string_view name = text.substr(0, name_end);
    text = name_end == std::string_view::npos ? std::string_view() : text.substr(name_end + 1);
    const ProtoEntry* entry = find_proto(name);
    if (entry == nullptr) return invalid("unregistered protocol prefix " + quoted(name));
    const std::size_t value_end = std::min(text.find('/'), text.size());
    Result<Bytes> value = value_from_text(*entry, text.substr(0, value_end));
    if (!value) return pass(value);
    out.parts_.push_back({entry->proto, std::move(*value)});
    text.remove_prefix(value_end);
  }
  return out;
}

Result<MultiAddr> MultiAddr::from_bytes(ByteSpan bytes) {
  MultiAddr out;
  while (!bytes.empty()) {
    std::uint64_t code = 0;
    if (const char* error = read_minimal_uvarint(bytes, kProtoCodeBytesMax, code)) {
      return invalid(error);
    }
    const ProtoEntry* entry = find_proto(code);
    if (entry == nullptr)
      return invalid("unregistered protocol (code " + std::to_string(code) + ")");
    std::uint64_t size = entry->fixed_bytes;
    if (size == 0) {
      if (const char* error = read_minimal_uvarint(bytes, kUvarintBytesMax, size)) {
        return invalid(error);
      }
    }
    if (size > bytes.size()) {
      return invalid("value of protocol " + std::to_string(code) + " requires " +
                     std::to_string(size) + " bytes");
    }
    const ByteSpan value = bytes.first(size);
    if (entry->fixed_bytes == 0 && !valid_utf8(value)) {
      return invalid("invalid protocol value (code " + std::to_string(code) + ")");
    }
    out.parts_.push_back({entry->proto, to_bytes(value)});
    bytes = bytes.subspan(size);
  }
  return out;
}

Result<MultiAddr> MultiAddr::decode(CborReader& reader) {
  ByteSpan bytes;
  if (!reader.bytes(bytes)) return invalid("not a byte string");
  return from_bytes(bytes);
}

Result<MultiAddr> MultiAddr::from_route(const RouteView& route) {
  MultiAddr out;
  for (const AddressView address : route) {
    if (address.type != kTypeLocal) {
      return invalid("unknown transport type: " + std::to_string(address.type));
    }
    out.push_back(Proto::kService,
                  valid_utf8(address.value) ? as_text(address.value) : "Invalid UTF-8");
  }
  return out;
}

std::string MultiAddr::text() const {
  std::string out;
  for (const MultiAddrPart& part : parts_) {
    out += '/';
    out += proto_name(part.proto);
    out += '/';
    out += part.value();
  }
  return out;
}

Bytes MultiAddr::bytes() const {
  Bytes out;
  BareWriter writer(out);
  for (const MultiAddrPart& part : parts_) {
    writer.uvarint(static_cast<std::uint64_t>(part.proto));
    if (entry_of(part.proto).fixed_bytes == 0) writer.uvarint(part.data.size());
    writer.raw(part.data);
  }
  return out;
}

void MultiAddr::push_back(MultiAddrPart part) {
  const std::size_t fixed = entry_of(part.proto).fixed_bytes;
  CHECK(fixed == 0 || part.data.size() == fixed);
  parts_.push_back(std::move(part));
}

void MultiAddr::push_back(Proto proto, std::string_view text_value) {
  push_back(MultiAddrPart{proto, to_bytes(as_bytes(text_value))});
}

void MultiAddr::append(const MultiAddr& tail) {
  const std::vector<MultiAddrPart> copy = tail.parts_;  // may be this
  parts_.insert(parts_.end(), copy.begin(), copy.end());
}

MultiAddr MultiAddr::slice(std::size_t from, std::size_t count) const {
  MultiAddr out;
  for (std::size_t i = from; i < parts_.size() && i - from < count; ++i) {
    out.parts_.push_back(parts_[i]);
  }
  return out;
}

bool MultiAddr::starts_with(const MultiAddr& prefix) const {
  return prefix.size() <= size() &&
         std::equal(prefix.parts_.begin(), prefix.parts_.end(), parts_.begin());
}

Result<Route> MultiAddr::to_local_route() const {
  Route route;
  for (const MultiAddrPart& part : parts_) {
    if (part.proto == Proto::kNode) {
      return invalid("unexpected code: node. clean_multiaddr should have been called");
    }
    if (is_host(part.proto)) {
      return invalid("unexpected code: " + std::to_string(static_cast<std::uint32_t>(part.proto)) +
                     ". The address must be a local address " + text());
    }
    if (!is_local(part.proto)) return invalid("Invalid multiaddr " + text());
    route.push_back(Address::local(part.value()));
  }
  return route;
}

Result<Route> MultiAddr::to_transport_route(bool allow_udp) const {
  Route route;
  bool has_hop = false;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (is_local(parts_[i].proto)) {
      route.push_back(Address::local(parts_[i].value()));
      continue;
    }
    if (!is_host(parts_[i].proto)) return invalid("Unsupported multiaddr protocol: " + text());
    if (has_hop) {
      return invalid("Only one hop is allowed in a multiaddr. Multiaddr=" + text());
    }
    const std::optional<TransportHop> hop = transport_at(i);
    if (!hop) return invalid("Invalid multiaddr " + text());
    if (hop->is_udp && !allow_udp) {
      return invalid("UDP hops are not allowed. Multiaddr=" + text());
    }
    route.push_back(Address(hop->is_udp ? kTypeUdp : kTypeTcp, hop->host_port()));
    has_hop = true;
    ++i;
  }
  return route;
}

std::optional<TransportHop> MultiAddr::transport_at(std::size_t index) const {
  if (index + 1 >= parts_.size() || !is_host(parts_[index].proto)) return std::nullopt;
  const MultiAddrPart& port = parts_[index + 1];
  if (port.proto != Proto::kTcp && port.proto != Proto::kUdp) return std::nullopt;
  TransportHop hop;
  hop.host = parts_[index].value();
  if (parts_[index].proto == Proto::kIp6) hop.host = "[" + hop.host + "]";
  hop.port = port.port();
  hop.is_udp = port.proto == Proto::kUdp;
  hop.index = index;
  return hop;
}

bool MultiAddr::has(Proto proto) const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [proto](const MultiAddrPart& part) { return part.proto == proto; });
}

std::optional<std::string> MultiAddr::leading(Proto proto) const {
  if (parts_.empty() || parts_.front().proto != proto) return std::nullopt;
  return parts_.front().value();
}

}  // namespace weir::wire
