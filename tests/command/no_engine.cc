// The unit tests run no nodes.
#include "tools/weir/engine.h"

namespace weir::cli {

Status run_node(State&, EngineStart, const EngineHooks&, int) {
  return fail(Errc::kUnsupported, "no nodes in this test");
}

Result<std::unique_ptr<TemporaryNode>> start_temporary_node(Context&, const IdentityRecord&,
                                                            const NodeOptions&) {
  return fail(Errc::kUnsupported, "no nodes in this test");
}

}  // namespace weir::cli
