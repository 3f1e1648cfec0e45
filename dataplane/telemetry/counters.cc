#include "dataplane/telemetry/counters.h"

#include <array>
#include <string>

#include "dataplane/telemetry/probes.h"

namespace weir {
namespace {

// "kUnknownAddress" -> "unknown_address"
std::string snake_case(const char* name) {
  std::string out;
  for (const char* c = name + 1; *c != '\0'; ++c) {
    const bool upper = *c >= 'A' && *c <= 'Z';
    if (upper && !out.empty()) out += '_';
    out += upper ? static_cast<char>(*c - 'A' + 'a') : *c;
  }
  return out;
}

constexpr std::array kDropNames = {
    "kNone",
#define DROP_REASON(name, words) #name,
#include "dataplane/telemetry/drop_reason.def"
#undef DROP_REASON
};
constexpr std::array kDropWords = {
    "none",
#define DROP_REASON(name, words) words,
#include "dataplane/telemetry/drop_reason.def"
#undef DROP_REASON
};
constexpr std::array kCounterNames = {"frames_in",
                                      "frames_out",
                                      "bytes_in",
                                      "bytes_out",
                                      "frames_opened",
                                      "frames_sealed",
                                      "payload_copies",
                                      "payload_copy_bytes",
                                      "tail_moves",
                                      "tail_move_bytes",
                                      "waiting_copies",
                                      "waiting_copy_bytes",
                                      "messages_to_control",
                                      "messages_from_control",
                                      "source_pauses",
                                      "links",
                                      "channels",
                                      "streams",
                                      "workers",
                                      "buffers_small",
                                      "buffers_medium",
                                      "buffers_bulk",
                                      "buffers_frame"};
static_assert(kCounterNames.size() == static_cast<std::size_t>(Counter::kCount));

}  // namespace

void Counters::drop(DropReason reason) {
  ++drops[static_cast<int>(reason)];
  WEIR_PROBE(frame_dropped, shard, static_cast<int>(reason));
}

const char* drop_reason_name(DropReason reason) {
  static const auto names = [] {
    std::array<std::string, kDropNames.size()> all;
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = snake_case(kDropNames[i]);
    return all;
  }();
  return names[static_cast<std::size_t>(reason)].c_str();
}
const char* drop_reason_words(DropReason reason) {
  return kDropWords[static_cast<std::size_t>(reason)];
}
const char* counter_name(Counter counter) {
  return kCounterNames[static_cast<std::size_t>(counter)];
}

}  // namespace weir
