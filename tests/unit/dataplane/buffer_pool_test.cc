#include "dataplane/shard/buffer_pool.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <vector>

namespace weir {
namespace {

std::size_t resident_bytes(const std::uint8_t* data, std::size_t size) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> map((size + page - 1) / page);
  EXPECT_EQ(mincore(const_cast<std::uint8_t*>(data), size, map.data()), 0);
  std::size_t pages = 0;
  for (const unsigned char each : map) pages += each & 1u;
  return pages * page;
}

TEST(BufferPool, UsedUpClassGivesNothingAndOthersAreUntouched) {
  BufferPool pool(BufferLimits{{2, 1, 0, 0}});
  Buffer* a = pool.take(BufferClass::kSmall);
  Buffer* b = pool.take(BufferClass::kSmall);
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_NE(a->data, b->data);
  EXPECT_EQ(pool.take(BufferClass::kSmall), nullptr);
  EXPECT_EQ(pool.take(BufferClass::kBulk), nullptr);
  EXPECT_EQ(pool.in_use(BufferClass::kSmall), 2u);
  pool.unref(a);
  EXPECT_EQ(pool.take(BufferClass::kSmall), a);
  pool.unref(a);
  pool.unref(b);
  EXPECT_EQ(pool.in_use(BufferClass::kSmall), 0u);
}

TEST(BufferPool, BufferLivesAsLongAsItsLastReference) {
  BufferPool pool(BufferLimits{{1, 0, 0, 0}});
  BufferRef first(pool, pool.take(BufferClass::kSmall));
  BufferRef second = first.share();
  EXPECT_EQ(first.get(), second.get());
  first.reset();
  EXPECT_EQ(pool.in_use(BufferClass::kSmall), 1u);
  BufferRef moved = std::move(second);
  EXPECT_FALSE(second);  // NOLINT: moved from on purpose
  EXPECT_EQ(pool.in_use(BufferClass::kSmall), 1u);
  moved = BufferRef();
  EXPECT_EQ(pool.in_use(BufferClass::kSmall), 0u);
  EXPECT_FALSE(BufferRef().share());
}

TEST(BufferPool, ReleaseHandsTheReferenceOverWithoutCountingItTwice) {
  BufferPool pool(BufferLimits{{1, 0, 0, 0}});
  Buffer* raw = nullptr;
  {
    BufferRef owner(pool, pool.take(BufferClass::kSmall));
    raw = owner.release();
  }
  EXPECT_EQ(pool.in_use(BufferClass::kSmall), 1u);
  pool.unref(raw);
  EXPECT_EQ(pool.in_use(BufferClass::kSmall), 0u);
}

TEST(BufferPool, MostRecentlyUsedBufferComesFirstSoThatFewStayHot) {
  BufferPool pool(BufferLimits{{0, 0, 4, 0}});
  std::set<Buffer*> seen;
  for (int i = 0; i < 100; ++i) {
    Buffer* buffer = pool.take(BufferClass::kBulk);
    seen.insert(buffer);
    pool.unref(buffer);
  }
  EXPECT_EQ(seen.size(), 1u);
}

TEST(BufferPool, ReservedMemoryIsNotResidentUntilUsed) {
  BufferPool pool(BufferLimits{{0, 0, 8, 2}});
  Buffer* bulk = pool.take(BufferClass::kBulk);
  EXPECT_EQ(resident_bytes(bulk->data, bulk->capacity), 0u);
  std::memset(bulk->data, 1, bulk->capacity);
  EXPECT_EQ(resident_bytes(bulk->data, bulk->capacity), bulk->capacity);
  pool.unref(bulk);
}

TEST(BufferPool, TrimGivesIdleMemoryBackAndSparesWhatIsInUse) {
  BufferPool pool(BufferLimits{{0, 0, 8, 0}});
  std::vector<Buffer*> held;
  for (int i = 0; i < 8; ++i) {
    held.push_back(pool.take(BufferClass::kBulk));
    std::memset(held.back()->data, i + 1, held.back()->capacity);
  }
  // The first was taken deepest from the stack; six come back in the order taken.
  for (int i = 0; i < 6; ++i) pool.unref(held[static_cast<std::size_t>(i)]);
  const auto idle_bytes = [&] {
    std::size_t total = 0;
    for (std::size_t i = 0; i < 6; ++i) total += resident_bytes(held[i]->data, held[i]->capacity);
    return total;
  };
  pool.trim();  // the peak of this period was eight: all of them were just used
  EXPECT_EQ(idle_bytes(), 6u << 20);
  pool.trim();  // nothing was taken since: six are idle
  EXPECT_EQ(idle_bytes(), 0u);
  for (std::size_t i = 6; i < 8; ++i) {
    EXPECT_EQ(held[i]->data[0], i + 1) << "a buffer in use lost its content";
    EXPECT_EQ(resident_bytes(held[i]->data, held[i]->capacity), held[i]->capacity);
    pool.unref(held[i]);
  }
  pool.trim();
  pool.trim();
  for (const Buffer* buffer : held) EXPECT_EQ(resident_bytes(buffer->data, buffer->capacity), 0u);
}

TEST(BufferPool, TrimKeepsTheBuffersThatABusyFlowCyclesThrough) {
  BufferPool pool(BufferLimits{{0, 0, 8, 0}});
  Buffer* spike[8];
  for (Buffer*& buffer : spike) {
    buffer = pool.take(BufferClass::kBulk);
    std::memset(buffer->data, 1, buffer->capacity);
  }
  for (Buffer* buffer : spike) pool.unref(buffer);
  pool.trim();
  Buffer* busy = pool.take(BufferClass::kBulk);  // one in and out all the time
  std::memset(busy->data, 2, busy->capacity);
  pool.unref(busy);
  pool.trim();
  EXPECT_EQ(resident_bytes(busy->data, busy->capacity), busy->capacity);
  std::size_t total = 0;
  for (const Buffer* buffer : spike) total += resident_bytes(buffer->data, buffer->capacity);
  EXPECT_EQ(total, 1u << 20) << "only the busy one stays";
}

}  // namespace
}  // namespace weir
