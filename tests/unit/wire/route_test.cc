#include "dataplane/wire/route.h"

#include <gtest/gtest.h>

#include <unordered_set>

#include "vectors.h"

namespace weir::wire {
namespace {

TEST(Route, PushPopAndAppendKeepOrder) {
  Route route({Address::local("b")});
  route.push_front(Address(1, "127.0.0.1:1"));
  route.push_back(Address::local("c"));
  EXPECT_EQ(route.text(), "1#127.0.0.1:1 => 0#b => 0#c");
  EXPECT_EQ(route.rest().text(), "0#b => 0#c");
  EXPECT_EQ(route.front(), Address(1, "127.0.0.1:1"));
  route.append(route.view());
  EXPECT_EQ(route.size(), 6u);
  EXPECT_EQ(Route(route.addresses()), route);
}

TEST(Route, ValuesThatAreNotUtf8PrintAsAFixedText) {
  EXPECT_EQ(Address(0, "\xff").text(), "0#Invalid UTF-8");
}

TEST(Route, BadTextsNeverCrash) {
  for (const char* text : {"", "a#b", "1#a#b", "256#x", "a => b#c", "#", "##", "-1#", "=> 1#1#1"}) {
    EXPECT_FALSE(Route::parse(text).has_value()) << text;
  }
}

TEST(Route, OnlyCanonicalAddressesAreViewed) {
  AddressView view;
  for (const char* text :
       {"820040", "8218184161", "82005818303132333435363738393a3b3c3d3e3f4041424344454647"}) {
    EXPECT_TRUE(view_canonical_address(hex(text), view)) << text;
    EXPECT_EQ(view.encoded.size(), hex(text).size());
  }
  for (const char* text : {"", "82", "8200", "820041", "821700", "82180040", "82005800",
                           "8219000040", "8300404", "9f0040ff", "82006161", "8218ff",
                           "82190100"
                           "40"}) {
    const auto bytes = from_hex(text);
    EXPECT_FALSE(view_canonical_address(bytes.value_or(Bytes{}), view)) << text;
  }
}

TEST(Route, AddressesAreKeys) {
  std::unordered_set<Address> set = {Address::local("a"), Address(1, "a"), Address::local("b")};
  EXPECT_EQ(set.size(), 3u);
  EXPECT_TRUE(set.contains(Address::local("a")));
  EXPECT_EQ(Address::local(std::string(32, 'a')).encoded_bytes(), kRandomAddressBytes);
}

}  // namespace
}  // namespace weir::wire
