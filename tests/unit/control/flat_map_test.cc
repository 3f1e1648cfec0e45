// The flat table of control's big tables, against std::map, and the worker table's permissions.
#include "control/node/internal/flat_map.h"

#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "control/node/internal/random_name.h"
#include "dataplane/route/address_space.h"

namespace weir::control {
namespace {

// Everything at home in one of four places: the worst case for shifting back.
struct BadHash {
  std::uint64_t operator()(std::uint32_t key) const { return mix(key % 4); }
};

template <typename Hash>
void compare_with_std_map(std::uint32_t keys) {
  FlatMap<std::uint32_t, std::unique_ptr<std::uint32_t>, Hash> flat;
  std::map<std::uint32_t, std::uint32_t> model;
  SeededRng rng(keys);
  for (int step = 0; step < 20'000; ++step) {
    const auto key = static_cast<std::uint32_t>(rng.next_u64() % keys);
    if (rng.next_u64() % 3 != 0) {
      const auto value = static_cast<std::uint32_t>(rng.next_u64());
      flat[key] = std::make_unique<std::uint32_t>(value);
      model[key] = value;
    } else {
      EXPECT_EQ(flat.erase(key), model.erase(key) == 1);
    }
    ASSERT_EQ(flat.size(), model.size());
    const auto other = static_cast<std::uint32_t>(rng.next_u64() % keys);
    const auto* found = flat.find(other);
    ASSERT_EQ(found != nullptr, model.contains(other));
    if (found != nullptr) {
      ASSERT_EQ(**found, model.at(other));
    }
  }
  for (const auto& [key, value] : model) {
    ASSERT_NE(flat.find(key), nullptr);
    EXPECT_EQ(**flat.find(key), value);
  }
}

TEST(FlatMap, IsAMap) {
  compare_with_std_map<MixHash>(10);
  compare_with_std_map<MixHash>(1000);
  compare_with_std_map<MixHash>(100'000);
}

TEST(FlatMap, IsAMapWhenEverythingCollides) { compare_with_std_map<BadHash>(40); }

TEST(RandomName, IsTheTextInAnotherForm) {
  SeededRng rng(1);
  for (int i = 0; i < 100; ++i) {
    const WorkerAddress text = random_address(rng, static_cast<ShardId>(i));
    const auto name = RandomName::of(text);
    ASSERT_TRUE(name);
    EXPECT_EQ(name->text(), text);
  }
  for (const char* text :
       {"", "echo", "0123456789abcdef0123456789abcde", "0123456789ABCDEF0123456789ABCDEF",
        "0123456789abcdef0123456789abcdefa", "0123456789abcdef0123456789abcdeg"}) {
    EXPECT_FALSE(RandomName::of(text)) << text;
  }
}

}  // namespace
}  // namespace weir::control
