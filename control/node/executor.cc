#include "control/node/executor.h"

#include <mutex>
#include <thread>
#include <vector>

namespace weir {

// What the threads touch. What is to be called on the control thread stays with the executor.
struct HelperThreads::Shared {
  std::function<void()> wake;
  std::atomic<bool> stop = false;
  std::mutex mutex;
  std::vector<std::uint64_t> ended;
};

struct HelperThreads::Thread {
  std::function<void()> done;
  std::thread thread;
};

HelperThreads::HelperThreads(std::function<void()> wake, std::size_t at_once_max)
    : at_once_max_(at_once_max), shared_(std::make_unique<Shared>()) {
  shared_->wake = std::move(wake);
}

HelperThreads::~HelperThreads() {
  shared_->stop = true;
  for (auto& [id, one] : threads_) one->thread.join();
}

bool HelperThreads::run(Work work, std::function<void()> done) {
  if (threads_.size() >= at_once_max_) return false;
  const std::uint64_t id = next_id_++;
  auto& one = threads_[id] = std::make_unique<Thread>();
  one->done = std::move(done);
  one->thread = std::thread([shared = shared_.get(), work = std::move(work), id] {
    work(shared->stop);
    const std::lock_guard lock(shared->mutex);
    shared->ended.push_back(id);
    shared->wake();
  });
  return true;
}

void HelperThreads::poll() {
  if (threads_.empty()) return;
  std::vector<std::uint64_t> ended;
  {
    const std::lock_guard lock(shared_->mutex);
    ended.swap(shared_->ended);
  }
  for (const std::uint64_t id : ended) {
    const auto one = threads_.extract(id);
    one.mapped()->thread.join();
    one.mapped()->done();
  }
}

}  // namespace weir
