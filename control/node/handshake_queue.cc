#include "control/node/internal/handshake_queue.h"

#include <algorithm>
#include <cstring>

namespace weir::control {
namespace {

constexpr std::uint32_t kKnownInARow = 3;

}  // namespace

HandshakeSource handshake_source(const SocketAddress& peer) {
  HandshakeSource source{};
  if (peer.is_v6()) {
    std::memcpy(source.data(), peer.v6.sin6_addr.s6_addr, 8);
  } else {
    // As the IPv4-mapped address, which has zeros where an IPv6 source has its prefix.
    source[10] = source[11] = 0xff;
    std::memcpy(source.data() + 12, &peer.v4.sin_addr.s_addr, 4);
  }
  return source;
}

std::size_t HandshakeQueue::bytes_of(const WaitingHandshake& waiting) {
  return sizeof waiting + waiting.listener.size() + waiting.message.payload.size() +
         waiting.message.ret.items.size() + waiting.message.onward.items.size();
}

std::optional<WaitingHandshake> HandshakeQueue::add(HandshakeLine line,
                                                    const HandshakeSource& source,
                                                    WaitingHandshake waiting) {
  Line& into = lines_[static_cast<std::size_t>(line)];
  const auto [it, fresh] = into.sources.try_emplace(source);
  if (fresh) it->second.turn = into.turns.insert(into.turns.end(), source);
  ++size_;
  bytes_ += bytes_of(waiting);
  it->second.waiting.push_back(std::move(waiting));
  if (size_ <= kMessagesMax && bytes_ <= kBytesMax) return std::nullopt;
  // Usually the one who asks for more has most. Third messages never give way: their number is
  // bounded by that of half-open handshakes.
  const std::size_t sources = lines_[1].sources.size() + lines_[2].sources.size();
  const std::size_t fair =
      std::max<std::size_t>(1, kMessagesMax / std::max<std::size_t>(1, sources));
  if (line != HandshakeLine::kThird && it->second.waiting.size() > fair) return drop_last(into, it);
  Line* line_of_longest = nullptr;
  Line::Sources::iterator longest;
  for (Line* from : {&lines_[2], &lines_[1]}) {
    for (auto at = from->sources.begin(); at != from->sources.end(); ++at) {
      if (line_of_longest != nullptr && at->second.waiting.size() <= longest->second.waiting.size())
        continue;
      line_of_longest = from;
      longest = at;
    }
  }
  if (line_of_longest == nullptr) return std::nullopt;
  return drop_last(*line_of_longest, longest);
}

WaitingHandshake HandshakeQueue::drop_last(Line& line, Line::Sources::iterator source) {
  WaitingHandshake out = std::move(source->second.waiting.back());
  source->second.waiting.pop_back();
  if (source->second.waiting.empty()) {
    line.turns.erase(source->second.turn);
    line.sources.erase(source);
  }
  count_out(out);
  return out;
}

void HandshakeQueue::count_out(const WaitingHandshake& waiting) {
  --size_;
  bytes_ -= bytes_of(waiting);
}

std::optional<WaitingHandshake> HandshakeQueue::take_from(Line& line) {
  if (line.turns.empty()) return std::nullopt;
  const auto it = line.sources.find(line.turns.front());
  WaitingHandshake out = std::move(it->second.waiting.front());
  it->second.waiting.pop_front();
  if (it->second.waiting.empty()) {
    line.turns.erase(it->second.turn);
    line.sources.erase(it);
  } else {
    line.turns.splice(line.turns.end(), line.turns, it->second.turn);
  }
  count_out(out);
  return out;
}

std::optional<HandshakeQueue::Next> HandshakeQueue::take() {
  const auto from = [this](HandshakeLine line) -> std::optional<Next> {
    auto taken = take_from(lines_[static_cast<std::size_t>(line)]);
    if (!taken) return std::nullopt;
    return Next{line, std::move(*taken)};
  };
  if (auto third = from(HandshakeLine::kThird)) return third;
  if (known_in_a_row_ < kKnownInARow) {
    if (auto known = from(HandshakeLine::kKnown)) {
      ++known_in_a_row_;
      return known;
    }
  }
  known_in_a_row_ = 0;
  if (auto stranger = from(HandshakeLine::kStranger)) return stranger;
  return from(HandshakeLine::kKnown);
}

void HandshakeQueue::forget(const LinkId& link) {
  for (Line& line : lines_) {
    for (auto it = line.sources.begin(); it != line.sources.end();) {
      std::erase_if(it->second.waiting, [&](const WaitingHandshake& waiting) {
        if (waiting.message.link != link) return false;
        count_out(waiting);
        return true;
      });
      if (it->second.waiting.empty()) {
        line.turns.erase(it->second.turn);
        it = line.sources.erase(it);
      } else {
        ++it;
      }
    }
  }
}

void KnownSources::add(const HandshakeSource& source) {
  if (const auto it = index_.find(source); it != index_.end()) {
    recent_.splice(recent_.begin(), recent_, it->second);
    return;
  }
  if (index_.size() == kMax) {
    index_.erase(recent_.back());
    recent_.pop_back();
  }
  recent_.push_front(source);
  index_.emplace(source, recent_.begin());
}

}  // namespace weir::control
