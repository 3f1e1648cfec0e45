#include "tests/sim/planted_io.h"

#include <charconv>

namespace weir::sim {

std::optional<Plant> Plant::parse(std::string_view text) {
  constexpr std::pair<std::string_view, Kind> kKinds[] = {{"drop=", Kind::kDrop},
                                                          {"flip=", Kind::kFlip},
                                                          {"leak=", Kind::kLeak},
                                                          {"lose=", Kind::kLose}};
  for (const auto& [name, kind] : kKinds) {
    if (!text.starts_with(name)) continue;
    Plant plant;
    plant.kind = kind;
    const auto [end, error] =
        std::from_chars(text.data() + name.size(), text.data() + text.size(), plant.nth);
    if (error == std::errc{} && end == text.data() + text.size()) return plant;
  }
  return std::nullopt;
}

std::size_t PlantedIo::reap(std::span<IoEvent> events, std::uint64_t deadline_ns) {
  std::size_t count = io_.reap(events, deadline_ns);
  if (plant_.kind == Plant::Kind::kNone || plant_.done) return count;
  for (std::size_t i = 0; i < count; ++i) {
    if (apply(events[i])) continue;
    std::move(events.begin() + static_cast<std::ptrdiff_t>(i) + 1,
              events.begin() + static_cast<std::ptrdiff_t>(count),
              events.begin() + static_cast<std::ptrdiff_t>(i));
    --count;
    --i;
  }
  return count;
}

bool PlantedIo::apply(IoEvent& event) {
  const bool from_application = static_cast<SocketRole>(event.user >> 61) == SocketRole::kStream &&
                                event.kind == IoEventKind::kReceived && event.buffer != nullptr &&
                                event.result > 1;
  if (plant_.done || !from_application || ++plant_.seen != plant_.nth) return true;
  plant_.done = true;
  switch (plant_.kind) {
    case Plant::Kind::kNone:
      break;
    case Plant::Kind::kDrop:
      --event.result;
      break;
    case Plant::Kind::kFlip:
      event.buffer->data[event.result / 2] ^= 0x20;
      break;
    case Plant::Kind::kLeak:
      BufferPool::ref(event.buffer);
      break;
    case Plant::Kind::kLose:
      pool_.unref(event.buffer);
      return false;
  }
  return true;
}

}  // namespace weir::sim
