// Control's end of the contract with one shard.
//
// Production: two SpscRings and a wake-up of the shard; the simulator: the same rings, stepped in
// one thread; tests: a list of what was sent and a script of events.
#pragma once

#include "dataplane/contract.h"

namespace weir {

class ShardPort {
 public:
  virtual ~ShardPort() = default;
  // Never fails and never blocks: a port whose ring is full keeps the command until there is room.
  // Commands of one port arrive in order.
  virtual void send(Command command) = 0;
  // After a batch of commands: the shard is woken at the latest now. False: some are still kept,
  // flush again soon.
  virtual bool flush() { return true; }
  // The next event, in order; false when there is none now.
  virtual bool poll(Event& event) = 0;
};

}  // namespace weir
