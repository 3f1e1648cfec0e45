#include "crypto/secret.h"

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <ostream>
#include <utility>

namespace weir {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

Secret<32> filled(std::uint8_t value) { return Secret<32>::from_span(Bytes(32, value)); }

TEST(Secret, LeavesNoBytesBehindWhenItDies) {
  alignas(Secret<32>) static std::uint8_t memory[sizeof(Secret<32>)];
  auto* secret = new (memory) Secret<32>(filled(0xa5));
  ASSERT_TRUE(equal(memory, Bytes(32, 0xa5)));
  std::destroy_at(secret);
  EXPECT_TRUE(equal(memory, Bytes(32, 0)));
}

TEST(Secret, LeavesNoBytesBehindWhenItMoves) {
  Secret<32> a = filled(1);
  Secret<32> b = std::move(a);
  EXPECT_TRUE(b == filled(1));
  EXPECT_TRUE(a == Secret<32>());  // NOLINT(bugprone-use-after-move): that is the point
  Secret<32> c;
  c = std::move(b);
  EXPECT_TRUE(c == filled(1));
  EXPECT_TRUE(b == Secret<32>());  // NOLINT(bugprone-use-after-move)
}

TEST(Secret, CopiesStayEqualAndOneByteMakesADifference) {
  const Secret<32> a = filled(7);
  Secret<32> b = a;
  EXPECT_TRUE(a == b);
  b.span()[31] ^= 1;
  EXPECT_FALSE(a == b);
  EXPECT_FALSE(equal_constant_time(a.span(), a.span().first(31)));
  EXPECT_TRUE(equal_constant_time({}, {}));
}

TEST(Secret, CannotBePrinted) { static_assert(!Printable<Secret<32>>); }

TEST(Secret, RandomComesFromTheGivenSource) {
  SeededRng one(5);
  SeededRng two(5);
  EXPECT_TRUE(Secret<32>::random(one) == Secret<32>::random(two));
  EXPECT_FALSE(Secret<32>::random(one) == Secret<32>());
}

TEST(Secret, LockingMemoryGivesTheSameAnswerTwice) {
  // Only an unlimited process is locked; both answers are fine, a second call must not try again.
  EXPECT_EQ(lock_memory_once(), lock_memory_once());
}

}  // namespace
}  // namespace weir
