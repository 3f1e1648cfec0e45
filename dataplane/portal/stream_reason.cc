#include "dataplane/portal/stream_reason.h"

namespace weir {

const char* stream_reason_words(StreamReason reason) {
  switch (reason) {
    case StreamReason::kUnknown:
      return "unknown";
    case StreamReason::kTargetRefused:
      return "target refused";
    case StreamReason::kTargetTimedOut:
      return "target timed out";
    case StreamReason::kTargetUnreachable:
      return "target unreachable";
    case StreamReason::kResetByApplication:
      return "reset by the application";
    case StreamReason::kNotAllowed:
      return "not allowed";
    case StreamReason::kOverload:
      return "overload";
    case StreamReason::kDataLost:
      return "data lost";
    case StreamReason::kProtocolError:
      return "protocol error";
    case StreamReason::kShuttingDown:
      return "shutting down";
    case StreamReason::kSessionLost:
      return "session lost";
    case StreamReason::kFinished:
      return "finished";
    case StreamReason::kNoAnswer:
      return "no answer from the outlet";
    case StreamReason::kPaused:
      return "the inlet has no connection to its outlet";
    case StreamReason::kSlowApplication:
      return "the application does not read";
    case StreamReason::kModesDiffer:
      return "the outlet expects a handshake (--skip-handshake belongs to both ends or none)";
  }
  return "unknown";
}

}  // namespace weir
