// Why a portal stream ended. 0-10 are the codes of Reset on the wire (docs/spec/09 section 1.2).
#pragma once

#include <cstdint>

namespace weir {

enum class StreamReason : std::uint8_t {
  kUnknown = 0,
  kTargetRefused = 1,
  kTargetTimedOut = 2,
  kTargetUnreachable = 3,
  kResetByApplication = 4,
  kNotAllowed = 5,
  kOverload = 6,
  kDataLost = 7,
  kProtocolError = 8,
  kShuttingDown = 9,
  kSessionLost = 10,
  // Local only:
  kFinished = 32,  // orderly end
  kNoAnswer = 33,  // no Pong in time
  kPaused = 34,    // the inlet has no route now
  kSlowApplication = 35,
  kModesDiffer = 36,  // only one end skips the handshake
};

// Words for the log and for `weir tcp-inlet show`.
const char* stream_reason_words(StreamReason reason);

}  // namespace weir
