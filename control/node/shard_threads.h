// The data plane's threads: one per shard, with its rings, back end and buffers, and control's
// ports to them. Made once at start; stopping sends every shard StopShard and joins.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "control/node/shard_port.h"
#include "dataplane/limits.h"

namespace weir {

struct ShardThreadsOptions {
  // CPUs to pin to, one shard each; empty: one shard, not pinned.
  std::vector<int> cores;
  std::uint32_t spin_us = 0;  // how long an idle shard looks for work before it sleeps
  ShardLimits limits;
};

// "0-3", "0,2,4-5" -> CPU numbers; kInvalid with what was wrong.
Result<std::vector<int>> parse_cores(const std::string& text);

class ShardThreads {
 public:
  // `wake_control` is called from the shards' threads after they put events into their rings.
  // `note` gets a line for the log where the best back end could not be had.
  static Result<std::unique_ptr<ShardThreads>> start(const ShardThreadsOptions& options,
                                                     Clock& clock,
                                                     std::function<void()> wake_control,
                                                     std::string& note);
  virtual ~ShardThreads() = default;
  virtual std::vector<ShardPort*> ports() = 0;
  virtual const char* io_name() const = 0;
  virtual const char* aead_name() const = 0;
};

}  // namespace weir
