// Bodies of the authority's requests and answers (spec/04 8.4, 8.5, spec/03 8.3, 9.1). Encoding is
// canonical; decoding is total: kInvalid. Both sides use them: the authority and its clients.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "control/authority/attributes.h"
#include "control/identity/identifier.h"

namespace weir {

inline constexpr std::uint64_t kTokenLifeDefaultS = 600;

// {1: identifier, 2: attributes as texts}
struct AddMember {
  Identifier member;
  AttributeMap attributes;

  Bytes encode() const;
  static Result<AddMember> decode(ByteSpan body);
};

// {1: attributes as numbers, 2: added at, 3?: expires at, 4?: attested by}
struct MemberEntry {
  AttributeMap attributes;
  std::uint64_t added_at_s = 0;
  std::optional<std::uint64_t> expires_at_s;
  std::optional<Identifier> attested_by;

  Bytes encode() const;
  static Result<MemberEntry> decode(ByteSpan body);
};
// A map of identifiers to entries.
using MemberList = std::vector<std::pair<Identifier, MemberEntry>>;
Bytes encode_member_list(const MemberList& members);
Result<MemberList> decode_member_list(ByteSpan body);
Bytes encode_member_ids(const std::vector<Identifier>& ids);
Result<std::vector<Identifier>> decode_member_ids(ByteSpan body);

// {1: attributes as texts, 2?: life in seconds, 3?: uses}
struct CreateToken {
  AttributeMap attributes;
  std::optional<std::uint64_t> life_s;
  std::optional<std::uint64_t> uses;

  Bytes encode() const;
  static Result<CreateToken> decode(ByteSpan body);
};

// {1: 32 bytes}; as text 64 hex digits of either case.
struct OneTimeCode {
  std::array<std::uint8_t, 32> bytes{};

  Bytes encode() const;
  static Result<OneTimeCode> decode(ByteSpan body);
  std::string text() const;
  static Result<OneTimeCode> parse(std::string_view text);
};

// Ours (`weir_revocations`): who is no member any more, for nodes that hold their credentials.
// {1: version, 2: array of identifiers}; without 2: nothing has changed since the version asked
// for.
struct Revocations {
  std::uint64_t version = 0;
  std::optional<std::vector<Identifier>> identifiers;

  Bytes encode() const;
  static Result<Revocations> decode(ByteSpan body);
};

}  // namespace weir
