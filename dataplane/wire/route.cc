#include "dataplane/wire/route.h"

#include "dataplane/wire/internal/route_parser.h"

namespace weir::wire {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const std::size_t from = text.find_first_not_of(kBlanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlanks) - from + 1);
}

}  // namespace

AddressView RouteView::at(std::uint32_t index) const {
  Iterator it = begin();
  while (index-- > 0) ++it;
  return *it;
}

std::string route_text(const RouteView& route) {
  std::string text;
  for (const AddressView address : route) {
    if (!text.empty()) text += " => ";
    text += address_text(address.type, address.value);
  }
  return text;
}

Route::Route(std::initializer_list<Address> addresses) {
  for (const Address& address : addresses) push_back(address);
}

Route::Route(const std::vector<Address>& addresses) {
  for (const Address& address : addresses) push_back(address);
}

Result<Route> Route::parse(std::string_view text) {
  if (text.empty()) return fail(Errc::kInvalid, "invalid route", "an empty text is no route");
  Route route;
  for (;;) {
    const std::size_t arrow = text.find("=>");
    Result<Address> address = Address::parse(trim(text.substr(0, arrow)));
    if (!address) return pass(address);
    route.push_back(*address);
    if (arrow == std::string_view::npos) return route;
    text.remove_prefix(arrow + 2);
  }
}

Result<Route> Route::decode(CborReader& reader) {
  const CborReader before = reader;
  RouteView view;
  RouteParser look({});
  if (!look.parse(reader, view)) return fail(Errc::kInvalid, "malformed route");
  if (!look.needs_scratch()) return Route(view);
  Bytes scratch(scratch_bytes(reader.position() - before.position()));
  CborReader again = before;
  RouteParser rewrite(scratch);
  CHECK(rewrite.parse(again, view) && !rewrite.needs_scratch());
  return Route(view);
}

std::vector<Address> Route::addresses() const {
  std::vector<Address> addresses;
  for (const AddressView address : view()) addresses.emplace_back(address);
  return addresses;
}

void Route::push_front(const Address& address) {
  const Bytes encoded = address.encode();
  items_.insert(items_.begin(), encoded.begin(), encoded.end());
  ++count_;
}

void Route::push_back(const Address& address) {
  address.append_to(items_);
  ++count_;
}

void Route::append(const RouteView& tail) {
  const Bytes copy = to_bytes(tail.items);  // may be a part of this route
  items_.insert(items_.end(), copy.begin(), copy.end());
  count_ += tail.count;
}

}  // namespace weir::wire
