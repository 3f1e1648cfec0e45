#include "base/check.h"
#include "tools/load/adversary.h"
#include "tools/load/churn.h"
#include "tools/load/flows.h"
#include "tools/load/handshakes.h"
#include "tools/load/mode.h"
#include "tools/load/portal_load.h"

namespace weir::load {

std::unique_ptr<Mode> make_mode(const ModeContext& context) {
  switch (context.options.mode) {
    case ModeKind::kMessage:
    case ModeKind::kRelay:
    case ModeKind::kIdle:
      return std::make_unique<FlowsMode>(context);
    case ModeKind::kPortal:
      return std::make_unique<PortalMode>(context);
    case ModeKind::kHandshake:
      return std::make_unique<HandshakesMode>(context);
    case ModeKind::kChurn:
      return std::make_unique<ChurnMode>(context);
    default:
      break;
  }
  std::unique_ptr<Mode> adversary = make_adversary(context);
  CHECK(adversary != nullptr);
  return adversary;
}

}  // namespace weir::load
