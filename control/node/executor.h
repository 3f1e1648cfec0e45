// Work that blocks (HTTP, a KMS) away from the control thread, and its end as an event on it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace weir {

class Executor {
 public:
  // Runs elsewhere. `stop` becomes true when nobody waits any more: it should then end soon.
  using Work = std::function<void(const std::atomic<bool>& stop)>;
  virtual ~Executor() = default;
  // `done` is called on the control thread when `work` has returned: from poll(), or at once by an
  // executor that does the work itself. False, and neither is called: too much is under way.
  virtual bool run(Work work, std::function<void()> done) = 0;
  // Calls `done` of what has ended since the last call. Node::step calls it.
  virtual void poll() {}
};

// A thread for each piece of work, at most `at_once_max` of them. Rare work: no thread waits for
// it.
class HelperThreads final : public Executor {
 public:
  // `wake`: called on a helper thread when poll() has something to do.
  HelperThreads(std::function<void()> wake, std::size_t at_once_max);
  // Tells the work to stop and waits for it.
  ~HelperThreads() override;

  bool run(Work work, std::function<void()> done) override;
  void poll() override;

 private:
  struct Shared;
  struct Thread;

  const std::size_t at_once_max_;
  std::unique_ptr<Shared> shared_;
  std::map<std::uint64_t, std::unique_ptr<Thread>> threads_;
  std::uint64_t next_id_ = 1;
};

// For the simulator and tests: the work is done in run().
class NoThreads final : public Executor {
 public:
  bool run(Work work, std::function<void()> done) override {
    const std::atomic<bool> stop = false;
    work(stop);
    done();
    return true;
  }
};

}  // namespace weir
