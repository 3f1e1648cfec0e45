#include "control/authority/requests.h"

#include <algorithm>

#include "base/hex.h"
#include "control/identity/cbor_values.h"
#include "dataplane/wire/cbor.h"

namespace weir {
namespace {

constexpr std::size_t kListMax = 1'000'000;

// A map with integer keys: `field` reads the value of a key that it knows and returns true, and
// leaves others alone.
template <typename Field>
bool read_map(wire::CborReader& reader, Field field) {
  wire::MapHead items;
  reader.map(items);
  while (reader.next(items)) {
    std::int64_t key = 0;
    if (!reader.i64(key)) return false;
    if (!field(key)) reader.skip();
  }
  return reader.ok();
}

Error malformed() { return {Errc::kInvalid, "malformed body", {}}; }

bool read_entry(wire::CborReader& reader, MemberEntry& entry) {
  bool has_attributes = false;
  bool has_time = false;
  const bool good = read_map(reader, [&](std::int64_t key) {
    switch (key) {
      case 1:
        entry.attributes.clear();
        return has_attributes = read_number_attributes(reader, entry.attributes);
      case 2:
        return has_time = reader.u64(entry.added_at_s);
      case 3:
        return reader.skip_null() || reader.u64(entry.expires_at_s.emplace());
      case 4:
        return reader.skip_null() || cbor::read_identifier(reader, entry.attested_by.emplace());
      default:
        return false;
    }
  });
  return good && has_attributes && has_time;
}

void write_entry(wire::CborWriter& writer, const MemberEntry& entry) {
  writer.map(2 + (entry.expires_at_s ? 1 : 0) + (entry.attested_by ? 1 : 0)).u64(1);
  write_number_attributes(writer, entry.attributes);
  writer.u64(2).u64(entry.added_at_s);
  if (entry.expires_at_s) writer.u64(3).u64(*entry.expires_at_s);
  if (entry.attested_by) writer.u64(4).bytes(entry.attested_by->span());
}

bool read_ids(wire::CborReader& reader, std::vector<Identifier>& ids) {
  wire::ArrayHead items;
  reader.array(items);
  while (reader.next(items)) {
    if (ids.size() == kListMax || !cbor::read_identifier(reader, ids.emplace_back())) {
      return reader.fail();
    }
  }
  return reader.ok();
}

void write_ids(wire::CborWriter& writer, const std::vector<Identifier>& ids) {
  writer.array(ids.size());
  for (const Identifier& id : ids) writer.bytes(id.span());
}

}  // namespace

Bytes AddMember::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  writer.map(2).u64(1).bytes(member.span()).u64(2);
  write_text_attributes(writer, attributes);
  return out;
}

Result<AddMember> AddMember::decode(ByteSpan body) {
  wire::CborReader reader(body);
  AddMember request;
  bool has_member = false;
  bool has_attributes = false;
  const bool good = read_map(reader, [&](std::int64_t key) {
    if (key == 1) return has_member = cbor::read_identifier(reader, request.member);
    if (key != 2) return false;
    request.attributes.clear();
    return has_attributes = read_text_attributes(reader, request.attributes);
  });
  if (!good || !has_member || !has_attributes) return std::unexpected(malformed());
  return request;
}

Bytes MemberEntry::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  write_entry(writer, *this);
  return out;
}

Result<MemberEntry> MemberEntry::decode(ByteSpan body) {
  wire::CborReader reader(body);
  MemberEntry entry;
  if (!read_entry(reader, entry)) return std::unexpected(malformed());
  return entry;
}

Bytes encode_member_list(const MemberList& members) {
  Bytes out;
  wire::CborWriter writer(out);
  writer.map(members.size());
  for (const auto& [id, entry] : members) {
    writer.bytes(id.span());
    write_entry(writer, entry);
  }
  return out;
}

Result<MemberList> decode_member_list(ByteSpan body) {
  wire::CborReader reader(body);
  MemberList members;
  wire::MapHead items;
  reader.map(items);
  while (reader.next(items)) {
    if (members.size() == kListMax) return std::unexpected(malformed());
    auto& [id, entry] = members.emplace_back();
    if (!cbor::read_identifier(reader, id) || !read_entry(reader, entry)) {
      return std::unexpected(malformed());
    }
  }
  if (!reader.ok()) return std::unexpected(malformed());
  return members;
}

Bytes encode_member_ids(const std::vector<Identifier>& ids) {
  Bytes out;
  wire::CborWriter writer(out);
  write_ids(writer, ids);
  return out;
}

Result<std::vector<Identifier>> decode_member_ids(ByteSpan body) {
  wire::CborReader reader(body);
  std::vector<Identifier> ids;
  if (!read_ids(reader, ids)) return std::unexpected(malformed());
  return ids;
}

Bytes CreateToken::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  writer.map(1 + (life_s ? 1 : 0) + (uses ? 1 : 0)).u64(1);
  write_text_attributes(writer, attributes);
  if (life_s) writer.u64(2).u64(*life_s);
  if (uses) writer.u64(3).u64(*uses);
  return out;
}

Result<CreateToken> CreateToken::decode(ByteSpan body) {
  wire::CborReader reader(body);
  CreateToken request;
  bool has_attributes = false;
  const bool good = read_map(reader, [&](std::int64_t key) {
    switch (key) {
      case 1:
        request.attributes.clear();
        return has_attributes = read_text_attributes(reader, request.attributes);
      case 2:
        return reader.skip_null() || reader.u64(request.life_s.emplace());
      case 3:
        return reader.skip_null() || reader.u64(request.uses.emplace());
      default:
        return false;
    }
  });
  if (!good || !has_attributes) return std::unexpected(malformed());
  return request;
}

Bytes OneTimeCode::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  writer.map(1).u64(1).bytes(bytes);
  return out;
}

Result<OneTimeCode> OneTimeCode::decode(ByteSpan body) {
  wire::CborReader reader(body);
  OneTimeCode code;
  bool has_code = false;
  const bool good = read_map(reader, [&](std::int64_t key) {
    return key == 1 && (has_code = cbor::read_fixed(reader, code.bytes));
  });
  if (!good || !has_code) return std::unexpected(malformed());
  return code;
}

std::string OneTimeCode::text() const { return to_hex(bytes); }

Result<OneTimeCode> OneTimeCode::parse(std::string_view text) {
  const auto raw = from_hex(text);
  OneTimeCode code;
  if (!raw || raw->size() != code.bytes.size()) {
    return fail(Errc::kInvalid, "a one-time code is 64 hex digits");
  }
  std::ranges::copy(*raw, code.bytes.begin());
  return code;
}

Bytes Revocations::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  writer.map(identifiers ? 2 : 1).u64(1).u64(version);
  if (identifiers) {
    writer.u64(2);
    write_ids(writer, *identifiers);
  }
  return out;
}

Result<Revocations> Revocations::decode(ByteSpan body) {
  wire::CborReader reader(body);
  Revocations list;
  bool has_version = false;
  const bool good = read_map(reader, [&](std::int64_t key) {
    if (key == 1) return has_version = reader.u64(list.version);
    return key == 2 && read_ids(reader, list.identifiers.emplace());
  });
  if (!good || !has_version) return std::unexpected(malformed());
  return list;
}

}  // namespace weir
