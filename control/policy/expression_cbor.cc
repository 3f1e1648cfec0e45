// Expr, BooleanExpr and PolicyExpression as minicbor's derive writes and reads them (spec/04 §9.3).
#include <bit>

#include "control/identity/cbor_values.h"
#include "control/policy/boolean_expression.h"
#include "control/policy/expression.h"
#include "control/policy/policy_expression.h"

namespace weir {
namespace {

constexpr std::uint8_t kFloat32 = 0xfa;
constexpr std::uint8_t kFloat64 = 0xfb;

bool read_float(wire::CborReader& reader, double& out) {
  const ByteSpan rest = reader.rest();
  if (rest.size() >= 9 && rest[0] == kFloat64) {
    out = std::bit_cast<double>(load_be64(rest.data() + 1));
  } else if (rest.size() >= 5 && rest[0] == kFloat32) {
    out = static_cast<double>(std::bit_cast<float>(load_be32(rest.data() + 1)));
  } else {
    return reader.fail();
  }
  return reader.skip();
}

void write_float(wire::CborWriter& writer, double value) {
  std::uint8_t bytes[9] = {kFloat64};
  store_be64(bytes + 1, std::bit_cast<std::uint64_t>(value));
  writer.raw(bytes);
}

bool read_text(wire::CborReader& reader, std::string& out) {
  std::string_view text;
  if (!reader.text(text)) return false;
  if (text.size() > kPolicyTextBytesMax) return reader.fail();
  out = text;
  return true;
}

// Counts a node, and refuses what is too deep or too large.
bool enter(wire::CborReader& reader, std::size_t& left, std::size_t depth) {
  if (depth > kPolicyDepthMax || left == 0) return reader.fail();
  --left;
  return reader.ok();
}

bool read_items(wire::CborReader& reader, std::vector<Expr>& out, std::size_t& left,
                std::size_t depth) {
  wire::ArrayHead head;
  reader.array(head);
  while (reader.next(head)) {
    if (!Expr::read(reader, out.emplace_back(), left, depth + 1)) return false;
  }
  return reader.ok();
}

bool read_value(wire::CborReader& reader, Expr& out, std::size_t& left, std::size_t depth) {
  switch (out.kind) {
    case Expr::Kind::kStr:
    case Expr::Kind::kIdent:
      return read_text(reader, out.text);
    case Expr::Kind::kInt:
      return reader.i64(out.integer);
    case Expr::Kind::kFloat:
      return read_float(reader, out.number);
    case Expr::Kind::kBool:
      return reader.boolean(out.boolean);
    case Expr::Kind::kSeq:
    case Expr::Kind::kList:
      return read_items(reader, out.items, left, depth);
  }
  return reader.fail();
}

}  // namespace

bool Expr::read(wire::CborReader& reader, Expr& out, std::size_t& left, std::size_t depth) {
  std::uint64_t variant = 0;
  if (!enter(reader, left, depth) || !reader.enum_variant(variant)) return reader.fail();
  if (variant < 1 || variant > 7) return reader.fail();
  out.kind = static_cast<Kind>(variant);
  cbor::StructReader fields(reader);
  return fields.required() && read_value(reader, out, left, depth) && fields.finish();
}

void Expr::write(wire::CborWriter& writer) const {
  writer.enum_variant(static_cast<std::uint64_t>(kind)).array(1);
  switch (kind) {
    case Kind::kStr:
    case Kind::kIdent:
      writer.text(text);
      return;
    case Kind::kInt:
      writer.i64(integer);
      return;
    case Kind::kFloat:
      return write_float(writer, number);
    case Kind::kBool:
      writer.boolean(boolean);
      return;
    case Kind::kSeq:
    case Kind::kList:
      writer.array(items.size());
      for (const Expr& item : items) item.write(writer);
  }
}

Result<Expr> Expr::decode(ByteSpan cbor) {
  wire::CborReader reader(cbor);
  Expr expr;
  std::size_t left = kPolicyNodesMax;
  if (!read(reader, expr, left)) return fail(Errc::kInvalid, "not a policy expression");
  return expr;
}

Bytes Expr::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  write(writer);
  return out;
}

bool BooleanExpr::read(wire::CborReader& reader, BooleanExpr& out, std::size_t& left,
                       std::size_t depth) {
  std::uint64_t variant = 0;
  // One level less than an Expr: a name becomes a list.
  if (!enter(reader, left, depth + 1) || !reader.enum_variant(variant)) return reader.fail();
  if (variant > 6) return reader.fail();
  out.kind = static_cast<Kind>(variant);
  cbor::StructReader fields(reader);
  const auto name = [&](std::string& to) { return fields.required() && read_text(reader, to); };
  const auto operand = [&] {
    return fields.required() && read(reader, out.items.emplace_back(), left, depth + 1);
  };
  switch (out.kind) {
    case Kind::kName:
    case Kind::kIdentifier:
      if (!name(out.name)) return false;
      break;
    case Kind::kNameValue:
      if (!name(out.name) || !name(out.value)) return false;
      break;
    case Kind::kOr:
    case Kind::kAnd:
      if (!operand() || !operand()) return false;
      break;
    case Kind::kNot:
      if (!operand()) return false;
      break;
    case Kind::kEmpty:
      break;
  }
  return fields.finish();
}

void BooleanExpr::write(wire::CborWriter& writer) const {
  writer.enum_variant(static_cast<std::uint64_t>(kind));
  switch (kind) {
    case Kind::kName:
    case Kind::kIdentifier:
      writer.array(1).text(name);
      return;
    case Kind::kNameValue:
      writer.array(2).text(name).text(value);
      return;
    default:
      writer.array(items.size());
      for (const BooleanExpr& item : items) item.write(writer);
  }
}

bool PolicyExpression::read(wire::CborReader& reader, PolicyExpression& out) {
  std::uint64_t variant = 0;
  if (!reader.enum_variant(variant)) return reader.fail();
  cbor::StructReader fields(reader);
  std::size_t left = kPolicyNodesMax;
  if (!fields.required()) return false;
  const bool done = variant == 0 ? Expr::read(reader, out.value.emplace<Expr>(), left)
                    : variant == 1
                        ? BooleanExpr::read(reader, out.value.emplace<BooleanExpr>(), left)
                        : reader.fail();
  return done && fields.finish();
}

void PolicyExpression::write(wire::CborWriter& writer) const {
  writer.enum_variant(value.index()).array(1);
  std::visit([&writer](const auto& expr) { expr.write(writer); }, value);
}

Result<PolicyExpression> PolicyExpression::decode(ByteSpan cbor) {
  wire::CborReader reader(cbor);
  PolicyExpression expr;
  if (!read(reader, expr)) return fail(Errc::kInvalid, "not a policy expression");
  return expr;
}

Bytes PolicyExpression::encode() const {
  Bytes out;
  wire::CborWriter writer(out);
  write(writer);
  return out;
}

}  // namespace weir
