// Limits of the policy language. Every step over an expression recurses at most kPolicyDepthMax
// deep, so a policy from anywhere can neither overflow the stack nor fill the memory.
#pragma once

#include <cstddef>

namespace weir {

// Lists in lists; `a or b or c` is as deep as it is long (spec/04 §12 item 1).
inline constexpr std::size_t kPolicyDepthMax = 64;
// A node of an expression is some 90 bytes here and 4 bytes on the wire.
inline constexpr std::size_t kPolicyNodesMax = 16'384;
inline constexpr std::size_t kPolicyTextBytesMax = 64 * 1024;
// An identifier may stand for a list, which is evaluated again at each place.
inline constexpr std::size_t kPolicyStepsMax = 100'000;

}  // namespace weir
