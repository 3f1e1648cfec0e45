#include "control/node/api/models_policy.h"

#include "control/node/api/internal/model_codec.h"

namespace weir::api {

ResourceTypeOrName ResourceTypeOrName::of(std::string_view word) {
  ResourceTypeOrName out;
  out.type = resource_type_of(word);
  if (!out.type) out.name = word;
  return out;
}
std::string ResourceTypeOrName::text() const {
  return type ? std::string(resource_type_text(*type)) : name;
}

std::vector<PolicyInfo> PoliciesList::all() const {
  std::vector<PolicyInfo> out;
  for (const OfName& policy : names) {
    out.push_back({{std::nullopt, policy.resource}, policy.action, policy.expression});
  }
  for (const OfType& policy : types) {
    out.push_back({{policy.resource, {}}, policy.action, policy.expression});
  }
  return out;
}

namespace internal {

void put(CborWriter& w, ResourceType value) { w.u64(static_cast<std::uint64_t>(value)); }
void put(CborWriter& w, const Expr& value) { value.write(w); }
void put(CborWriter& w, const PolicyExpression& value) { value.write(w); }
void put(CborWriter& w, const ResourceTypeOrName& value) {
  w.enum_variant(value.type ? 1 : 2).array(2).null();
  if (value.type) {
    put(w, *value.type);
  } else {
    w.text(value.name);
  }
}

bool get(BodyReader& r, ResourceType& value) {
  std::uint64_t number = 0;
  if (!r.cbor.u64(number)) return false;
  if (number < 1 || number > kResourceTypeTexts.size()) {
    return r.fail("unknown enum variant " + std::to_string(number));
  }
  value = static_cast<ResourceType>(number);
  return true;
}
bool get(BodyReader& r, Expr& value) {
  std::size_t left = kPolicyNodesMax;
  value = {};
  return Expr::read(r.cbor, value, left) || r.fail("not a policy expression");
}
bool get(BodyReader& r, PolicyExpression& value) {
  return PolicyExpression::read(r.cbor, value) || r.fail("not a policy expression");
}
bool get(BodyReader& r, ResourceTypeOrName& value) {
  value = {};
  std::uint64_t variant = 0;
  wire::ArrayHead fields;
  if (!r.cbor.enum_variant(variant)) return false;
  if (variant < 1 || variant > 2) return r.fail("unknown enum variant " + std::to_string(variant));
  r.cbor.array(fields);
  if (!r.cbor.next(fields) || !r.cbor.skip() || !r.cbor.next(fields)) {
    return r.fail("missing value at index 1");
  }
  const bool done = variant == 1 ? get(r, value.type.emplace()) : get(r, value.name);
  return done && r.cbor.skip_rest(fields);
}

}  // namespace internal

#define WEIR_API_BODY(T)                                           \
  Bytes T::encode() const { return internal::encode_body(*this); } \
  Result<T> T::decode(ByteSpan body) { return internal::decode_body<T>(body); }

WEIR_API_BODY(ResourceTypeOrName)
WEIR_API_BODY(SetPolicy)
WEIR_API_BODY(PolicyInfo)
WEIR_API_BODY(PoliciesList)
#undef WEIR_API_BODY

Bytes PolicyFilter::encode() const {
  if (resource) return resource->encode();
  Bytes out;
  wire::CborWriter(out).null();
  return out;
}
Result<PolicyFilter> PolicyFilter::decode(ByteSpan body) {
  internal::BodyReader reader{wire::CborReader(body)};
  PolicyFilter out;
  if (!internal::get(reader, out.resource)) {
    return std::unexpected(internal::body_error(reader, body));
  }
  return out;
}

}  // namespace weir::api
