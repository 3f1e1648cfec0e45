// The helper thread of the resolver, and whose thread everything else runs on.
#include "control/node/system_resolver.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace weir {
namespace {

class Bell {
 public:
  void ring() {
    const std::lock_guard lock(mutex_);
    ++count_;
    rang_.notify_all();
  }
  bool wait_for(int count) {
    std::unique_lock lock(mutex_);
    return rang_.wait_for(lock, std::chrono::seconds(60), [&] { return count_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable rang_;
  int count_ = 0;
};

// Says on which thread the last copy of an answer's closure ended.
struct Witness {
  explicit Witness(std::thread::id& thread) : ended_on(thread) {}
  ~Witness() { ended_on = std::this_thread::get_id(); }
  std::thread::id& ended_on;
};

TEST(SystemResolver, AnswersComeOnTheCallersThreadFromPoll) {
  Bell bell;
  SystemResolver resolver([&] { bell.ring(); });
  int answers = 0;
  for (int i = 0; i < 20; ++i) {
    const auto port = static_cast<std::uint16_t>(1000 + i);
    resolver.resolve("localhost", port,
                     [&answers, port, caller = std::this_thread::get_id()](const auto& result) {
                       ++answers;
                       EXPECT_EQ(std::this_thread::get_id(), caller);
                       ASSERT_TRUE(result);
                       EXPECT_TRUE(result->front().is_loopback());
                       EXPECT_EQ(result->front().port(), port);
                     });
  }
  EXPECT_EQ(answers, 0);
  for (int i = 1; i <= 20; ++i) {
    ASSERT_TRUE(bell.wait_for(i));
    resolver.poll();
  }
  EXPECT_EQ(answers, 20);
}

TEST(SystemResolver, NumericAddressesAreAnsweredAtOnce) {
  SystemResolver resolver([] {});
  bool answered = false;
  resolver.resolve("[::1]", 7, [&](const auto& result) { answered = result.has_value(); });
  EXPECT_TRUE(answered);
}

TEST(SystemResolver, AnAnswerMayAskAgain) {
  Bell bell;
  SystemResolver resolver([&] { bell.ring(); });
  bool second = false;
  resolver.resolve("localhost", 1, [&](const auto&) {
    resolver.resolve("localhost", 2, [&](const auto&) { second = true; });
  });
  ASSERT_TRUE(bell.wait_for(1));
  resolver.poll();
  ASSERT_TRUE(bell.wait_for(2));
  resolver.poll();
  EXPECT_TRUE(second);
}

// The thread may be inside getaddrinfo then, and outlives the resolver and all that answers refer
// to.
TEST(SystemResolver, WhatWaitsAtTheEndIsDestroyedOnTheCallersThreadUncalled) {
  for (int i = 0; i < 50; ++i) {
    std::thread::id ended_on;
    {
      SystemResolver resolver([] {});
      for (int n = 0; n < 3; ++n) {
        resolver.resolve("localhost", 1,
                         [witness = std::make_shared<Witness>(ended_on)](const auto&) { FAIL(); });
      }
      if (i % 2 == 1) std::this_thread::yield();
    }
    ASSERT_EQ(ended_on, std::this_thread::get_id());
  }
}

}  // namespace
}  // namespace weir
