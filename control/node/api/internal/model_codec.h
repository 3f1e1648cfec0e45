// One reader and one writer for everything that models*.h describes by `visit`.
//
// A struct with `visit` is a CBOR map with integer keys, as minicbor's derive writes and reads it
// (spec/04 1.1): absent optionals are left out; on input any order, unknown keys skipped, the last
// duplicate wins, a missing required key is an error. Nesting is that of the types, so bounded.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "control/node/api/models.h"
#include "dataplane/wire/cbor.h"

namespace weir::api::internal {

// A reader that remembers what was wrong, for the text of the answer.
struct BodyReader {
  wire::CborReader cbor;
  std::string problem = {};

  bool fail(std::string text) {
    if (problem.empty()) problem = std::move(text);
    return cbor.fail();
  }
};

template <class T>
concept Visited = requires(T& value) { T::visit(value, [](int, auto&) {}); };

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

// --- writing
using wire::CborWriter;

inline void put(CborWriter& w, const std::string& value) { w.text(value); }
inline void put(CborWriter& w, bool value) { w.boolean(value); }
inline void put(CborWriter& w, std::uint64_t value) { w.u64(value); }
inline void put(CborWriter& w, const Identifier& value) { w.bytes(value.span()); }
inline void put(CborWriter& w, const wire::MultiAddr& value) { value.encode(w); }
inline void put(CborWriter& w, const wire::Route& value) { value.encode(w); }
inline void put(CborWriter& w, const RawItem& value) { w.raw(value.bytes); }
void put(CborWriter& w, const wire::Address& value);
void put(CborWriter& w, const wire::HostnamePort& value);
void put(CborWriter& w, const FlowControlId& value);
void put(CborWriter& w, const Duration& value);
void put(CborWriter& w, const InternetAddress& value);
void put(CborWriter& w, const ProcessStatus& value);
void put(CborWriter& w, ConnectionStatus value);
void put(CborWriter& w, TransportType value);
void put(CborWriter& w, TransportMode value);
void put(CborWriter& w, ReturnTiming value);
// Of models_policy.cc.
void put(CborWriter& w, ResourceType value);
void put(CborWriter& w, const ResourceTypeOrName& value);
void put(CborWriter& w, const Expr& value);
void put(CborWriter& w, const PolicyExpression& value);

template <Visited T>
void put(CborWriter& w, const T& value);

template <class T>
void put(CborWriter& w, const std::vector<T>& items) {
  w.array(items.size());
  for (const T& item : items) put(w, item);
}

template <Visited T>
void put(CborWriter& w, const T& value) {
  std::uint64_t count = 0;
  T::visit(value, [&count](int, const auto& field) {
    if constexpr (kIsOptional<std::remove_cvref_t<decltype(field)>>) {
      count += field.has_value() ? 1 : 0;
    } else {
      ++count;
    }
  });
  w.map(count);
  T::visit(value, [&w](int key, const auto& field) {
    if constexpr (kIsOptional<std::remove_cvref_t<decltype(field)>>) {
      if (!field) return;
      w.u64(static_cast<std::uint64_t>(key));
      put(w, *field);
    } else {
      w.u64(static_cast<std::uint64_t>(key));
      put(w, field);
    }
  });
}

template <class T>
Bytes encode_body(const T& value) {
  Bytes out;
  CborWriter writer(out);
  put(writer, value);
  return out;
}

// --- reading: false once anything failed
bool get(BodyReader& r, std::string& value);
bool get(BodyReader& r, bool& value);
bool get(BodyReader& r, std::uint64_t& value);
bool get(BodyReader& r, Identifier& value);
bool get(BodyReader& r, wire::MultiAddr& value);
bool get(BodyReader& r, wire::Route& value);
bool get(BodyReader& r, wire::Address& value);
bool get(BodyReader& r, wire::HostnamePort& value);
bool get(BodyReader& r, RawItem& value);
bool get(BodyReader& r, FlowControlId& value);
bool get(BodyReader& r, Duration& value);
bool get(BodyReader& r, InternetAddress& value);
bool get(BodyReader& r, ProcessStatus& value);
bool get(BodyReader& r, ConnectionStatus& value);
bool get(BodyReader& r, TransportType& value);
bool get(BodyReader& r, TransportMode& value);
bool get(BodyReader& r, ReturnTiming& value);
bool get(BodyReader& r, ResourceType& value);
bool get(BodyReader& r, ResourceTypeOrName& value);
bool get(BodyReader& r, Expr& value);
bool get(BodyReader& r, PolicyExpression& value);

template <Visited T>
bool get(BodyReader& r, T& value);

template <class T>
bool get(BodyReader& r, std::optional<T>& value) {
  value.reset();
  if (r.cbor.skip_null()) return true;
  return get(r, value.emplace());
}

template <class T>
bool get(BodyReader& r, std::vector<T>& items) {
  items.clear();
  wire::ArrayHead head;
  r.cbor.array(head);
  while (r.cbor.next(head)) {
    if (items.size() == kListItemsMax) return r.fail("list is too long");
    if (!get(r, items.emplace_back())) return false;
  }
  return r.cbor.ok();
}

template <Visited T>
bool get(BodyReader& r, T& value) {
  value = T{};
  wire::MapHead head;
  std::uint64_t seen = 0;  // bit i: the i-th field of visit
  r.cbor.map(head);
  while (r.cbor.next(head)) {
    std::int64_t key = 0;
    if (!r.cbor.i64(key)) return false;
    bool known = false;
    unsigned index = 0;
    T::visit(value, [&](int field_key, auto& field) {
      if (key == field_key) {
        known = true;
        seen |= std::uint64_t{1} << index;
        get(r, field);
      }
      ++index;
    });
    if (!known) r.cbor.skip();
  }
  if (!r.cbor.ok()) return false;
  unsigned index = 0;
  T::visit(value, [&](int field_key, auto& field) {
    if constexpr (!kIsOptional<std::remove_cvref_t<decltype(field)>>) {
      if ((seen >> index & 1) == 0) r.fail("missing value at index " + std::to_string(field_key));
    }
    ++index;
  });
  return r.cbor.ok();
}

Error body_error(const BodyReader& reader, ByteSpan body);

template <class T>
Result<T> decode_body(ByteSpan body) {
  BodyReader reader{wire::CborReader(body)};
  T value{};
  if (!get(reader, value)) return std::unexpected(body_error(reader, body));
  return value;
}

// --- lists: a plain array, or 81 <array> (a tuple of one field)
template <class List>
Bytes encode_list(const List& list, bool wrapped) {
  Bytes out;
  CborWriter writer(out);
  if (wrapped) writer.array(1);
  put(writer, list.items);
  return out;
}

template <class List>
Result<List> decode_list(ByteSpan body, bool wrapped) {
  BodyReader reader{wire::CborReader(body)};
  List list;
  wire::ArrayHead outer;
  if (!wrapped) {
    get(reader, list.items);
  } else if (reader.cbor.array(outer)) {
    if (!reader.cbor.next(outer)) {
      reader.fail("missing value at index 0");
    } else if (get(reader, list.items)) {
      reader.cbor.skip_rest(outer);
    }
  }
  if (!reader.cbor.ok()) return std::unexpected(body_error(reader, body));
  return list;
}

}  // namespace weir::api::internal
