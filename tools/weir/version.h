// What this program calls itself.
#pragma once

namespace weir::cli {

inline constexpr char kProgramName[] = "weir";
inline constexpr char kVersionText[] = "0.1.0";
inline constexpr char kSpeaksText[] = "ockam 0.150.0";
#ifdef WEIR_SOURCE_COMMIT
inline constexpr char kSourceText[] = WEIR_SOURCE_COMMIT;
#else
inline constexpr char kSourceText[] = "a working tree";
#endif

}  // namespace weir::cli
