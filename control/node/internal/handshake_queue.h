// Handshake messages of others that wait for their share of the CPU (handshake_share.h), fair by
// source: a peer's IP address, an IPv6 one by its first 64 bits.
//
// Third messages go first: they finish what was paid for, and are as few as half-open handshakes.
// Then three first messages of sources from which a known identity has come lately for one of
// strangers. Inside each of the three lines, sources take turns, one message each.
//
// Bounded: kMessagesMax and kBytesMax; over it the source with the most waiting loses its newest,
// so that one source cannot crowd out others. A message holds its connection's credit while it
// waits, so a connection has at most kMessageCredit here and then is not read.
#pragma once

#include <array>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "dataplane/contract.h"
#include "dataplane/io/socket_address.h"

namespace weir::control {

using HandshakeSource = std::array<std::uint8_t, 16>;
HandshakeSource handshake_source(const SocketAddress& peer);

enum class HandshakeLine : std::uint8_t { kThird, kKnown, kStranger };
inline constexpr std::size_t kHandshakeLines = 3;

struct WaitingHandshake {
  std::string listener;  // first messages
  ControlId id = 0;      // third messages
  std::uint64_t since_ns = 0;
  MessageEvent message;
};

class HandshakeQueue {
 public:
  static constexpr std::size_t kMessagesMax = 4096;
  static constexpr std::size_t kBytesMax = 8 << 20;

  // Returns what had to give way, perhaps `waiting` itself.
  std::optional<WaitingHandshake> add(HandshakeLine line, const HandshakeSource& source,
                                      WaitingHandshake waiting);
  struct Next {
    HandshakeLine line = HandshakeLine::kStranger;
    WaitingHandshake waiting;
  };
  std::optional<Next> take();
  // Everything that came over a connection that has ended; its credits went with it.
  void forget(const LinkId& link);
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  struct Line {
    // Sources in the order of their turns. An entry lives as long as something of it waits.
    std::list<HandshakeSource> turns;
    struct Source {
      std::deque<WaitingHandshake> waiting;
      std::list<HandshakeSource>::iterator turn;
    };
    using Sources = std::map<HandshakeSource, Source>;
    Sources sources;
  };
  WaitingHandshake drop_last(Line& line, Line::Sources::iterator source);
  static std::size_t bytes_of(const WaitingHandshake& waiting);
  std::optional<WaitingHandshake> take_from(Line& line);
  void count_out(const WaitingHandshake& waiting);

  std::array<Line, kHandshakeLines> lines_;
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
  std::uint32_t known_in_a_row_ = 0;
};

// Sources from which somebody came whom we knew already: a bounded set, the oldest leaves first.
class KnownSources {
 public:
  static constexpr std::size_t kMax = 4096;

  void add(const HandshakeSource& source);
  bool contains(const HandshakeSource& source) const { return index_.contains(source); }

 private:
  std::list<HandshakeSource> recent_;  // newest first
  std::map<HandshakeSource, std::list<HandshakeSource>::iterator> index_;
};

}  // namespace weir::control
