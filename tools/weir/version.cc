#include "tools/weir/version.h"

#ifndef WEIR_SOURCE_COMMIT
#define WEIR_SOURCE_COMMIT "a source tree without a commit"
#endif

namespace weir::cli {

const char* source_text() { return WEIR_SOURCE_COMMIT; }

}  // namespace weir::cli
