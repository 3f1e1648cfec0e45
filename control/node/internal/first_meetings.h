// Stores the histories of strangers in groups: one commit costs about as much as the handshakes of
// ten strangers, so they wait up to kWaitMs for each other (identities.h, meet()).
//
// A full disk does not end anybody's channel: what waits is tried again every kRetryMs, said once
// in the log and counted; only when kMetMax wait are strangers refused.
#pragma once

#include "control/node/internal/core.h"

namespace weir::control {

class FirstMeetings {
 public:
  static constexpr std::uint64_t kWaitMs = 20;
  static constexpr std::uint64_t kRetryMs = 1'000;
  static constexpr std::size_t kGroup = 512;  // does not wait longer

  explicit FirstMeetings(NodeCore& core) : core_(core) {}
  // After every turn of the control thread.
  void after_turn();
  // At the end of the node, too.
  void store();

 private:
  NodeCore& core_;
  TimerId timer_ = kNoTimer;
  bool failing_ = false;
};

}  // namespace weir::control
