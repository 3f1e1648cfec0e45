// Routes: lists of addresses (spec/01 2.4).
//
// RouteView is the data plane's: addresses in canonical CBOR, back to back, without the array head,
// so that taking the first one off is a pointer moved and putting one in front is one more span.
// Route owns its bytes and is the control plane's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/cbor.h"

namespace weir::wire {

struct RouteView {
  ByteSpan items;
  std::uint32_t count = 0;

  bool empty() const { return count == 0; }
  // The first address; count > 0.
  AddressView front() const { return canonical_address(items); }
  // Without the first address; count > 0.
  RouteView rest() const { return {items.subspan(front().encoded.size()), count - 1}; }
  // The address at `index` < count; reads the ones before it.
  AddressView at(std::uint32_t index) const;
  // Size in CBOR, array head included.
  std::size_t encoded_bytes() const { return array_header_bytes(count) + items.size(); }

  class Iterator {
   public:
    Iterator(ByteSpan items, std::uint32_t left) : items_(items), left_(left) {}
    AddressView operator*() const { return canonical_address(items_); }
    Iterator& operator++() {
      items_ = items_.subspan(canonical_address(items_).encoded.size());
      --left_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return left_ == other.left_; }

   private:
    ByteSpan items_;
    std::uint32_t left_;
  };
  Iterator begin() const { return {items, count}; }
  Iterator end() const { return {{}, 0}; }
};

inline bool operator==(const RouteView& a, const RouteView& b) {
  return a.count == b.count && equal(a.items, b.items);
}

std::string route_text(const RouteView& route);

class Route {
 public:
  Route() = default;
  explicit Route(const RouteView& view) : items_(to_bytes(view.items)), count_(view.count) {}
  Route(std::initializer_list<Address> addresses);
  explicit Route(const std::vector<Address>& addresses);
  // "a => 1#b:2": split at "=>", blanks trimmed. The empty text is no route.
  static Result<Route> parse(std::string_view text);
  // The route at the reader's position: any legal CBOR, also not canonical.
  static Result<Route> decode(CborReader& reader);

  // Valid until this route is changed or gone.
  RouteView view() const { return {items_, count_}; }
  std::uint32_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  Address front() const { return Address(view().front()); }  // not empty
  Route rest() const { return Route(view().rest()); }        // not empty
  std::vector<Address> addresses() const;
  void push_front(const Address& address);
  void push_back(const Address& address);
  void append(const RouteView& tail);
  std::string text() const { return route_text(view()); }
  void encode(CborWriter& writer) const { writer.array(count_).raw(items_); }

  friend bool operator==(const Route&, const Route&) = default;

 private:
  Bytes items_;
  std::uint32_t count_ = 0;
};

}  // namespace weir::wire
