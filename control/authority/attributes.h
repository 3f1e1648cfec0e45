// The three encodings of attributes (spec/03 §8.3) and their bounds. Decoding is total: kInvalid
// for what is malformed, kExhausted for more than an authority keeps.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "control/identity/credential.h"
#include "dataplane/wire/cbor.h"

namespace weir {

// Of one member: a credential with them still fits in a handshake message.
inline constexpr std::size_t kAttributesMax = 256;
inline constexpr std::size_t kAttributeBytesMax = 32 << 10;

inline constexpr char kAttributeRole[] = "ockam-role";
inline constexpr char kRoleEnroller[] = "enroller";
inline constexpr char kAttributeRelay[] = "ockam-relay";
inline constexpr char kAttributeTls[] = "ockam-tls-certificate";
inline constexpr char kAttributeTrustContext[] = "trust_context_id";
inline constexpr char kAttributeProject[] = "project";

// How they are kept: a map of byte strings.
Bytes encode_attributes(const AttributeMap& attributes);
Result<AttributeMap> decode_attributes(ByteSpan cbor);

// In requests: a map of texts.
bool read_text_attributes(wire::CborReader& reader, AttributeMap& out);
void write_text_attributes(wire::CborWriter& writer, const AttributeMap& attributes);

// In answers: keys and values are arrays of small integers.
bool read_number_attributes(wire::CborReader& reader, AttributeMap& out);
void write_number_attributes(wire::CborWriter& writer, const AttributeMap& attributes);

Status check_attributes(const AttributeMap& attributes);
// The value of `key`; empty when there is none.
std::string attribute_text(const AttributeMap& attributes, std::string_view key);
// What is not UTF-8 becomes U+FFFD.
std::map<std::string, std::string> attribute_texts(const AttributeMap& attributes);
AttributeMap attributes_of(const std::map<std::string, std::string>& texts);

}  // namespace weir
