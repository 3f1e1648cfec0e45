// What this program calls itself.
#pragma once

namespace weir::cli {

inline constexpr char kProgramName[] = "weir";
inline constexpr char kVersionText[] = "0.1.0";
inline constexpr char kSpeaksText[] = "ockam 0.150.0";
// The commit that it was built from, as CMake saw it; only version.cc is compiled again for
// another.
const char* source_text();

}  // namespace weir::cli
