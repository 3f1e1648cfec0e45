// One TCP connection that speaks Ockam's framing (docs/spec/01 section 6): version byte both ways,
// then u32 length and body. Non-blocking; frames are parsed where they were received.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "dataplane/wire/message.h"
#include "tools/load/out_buffer.h"
#include "tools/load/poller.h"
#include "tools/load/socket.h"

namespace weir::load {

class Tunnel;

class Connection final : public Pollable {
 public:
  enum class State : std::uint8_t { kClosed, kConnecting, kOpen };

  Connection(Poller& poller, const Endpoint& endpoint, std::uint32_t source = 0)
      : poller_(poller), endpoint_(endpoint), source_(source) {}
  ~Connection() override;

  // False: refused at once, see error(). A closed one may be opened again.
  bool open();
  // Tells the tunnels.
  void close(const char* why);
  State state() const { return state_; }
  const std::string& error() const { return error_; }

  // --- sending: reserve, write, commit; leaves with the next flush of the poller
  OutBuffer& out() { return out_; }
  void queued(std::size_t bytes) {
    last_frame_bytes_ = bytes;
    out_.commit(bytes);
    poller_.mark_dirty(*this);
  }
  void append(ByteSpan bytes) {
    out_.append(bytes);
    poller_.mark_dirty(*this);
  }
  // The frame queued last, for adversaries; valid until the next reserve or flush.
  MutableByteSpan last_frame() { return {out_.reserve(0) - last_frame_bytes_, last_frame_bytes_}; }
  // Bytes that the target has not taken yet.
  std::size_t backlog_bytes() const { return out_.size(); }

  // --- receiving
  // Tunnels are found by the slot number at the start of their addresses.
  std::uint32_t attach(Tunnel& tunnel);
  void detach(std::uint32_t slot);
  // Not reading at all, as a slow reader does.
  void set_reading(bool reading);
  // Takes at most `bytes` off the socket, whatever they are; for slow readers. False: closed.
  bool read_and_forget(std::size_t bytes);
  // Called with each body that no tunnel claims.
  std::function<void(MutableByteSpan body)> on_stray;
  // Called after the tunnels when the connection is gone.
  std::function<void()> on_closed;

  void on_events(std::uint32_t events) override;
  void flush() override;
  // Gives back the memory of empty buffers.
  void trim();

 private:
  void connected();
  void receive();
  bool receive_large();
  // Handles whole frames and returns how many bytes they took; closes on a bad one.
  std::size_t take_frames(MutableByteSpan bytes);
  void take_body(MutableByteSpan body);
  void update_interest();

  Poller& poller_;
  const Endpoint& endpoint_;
  std::uint32_t source_;
  UniqueFd fd_;
  State state_ = State::kClosed;
  bool version_seen_ = false;
  bool wants_out_ = false;
  bool reading_ = true;
  std::uint32_t interest_ = 0;
  std::size_t last_frame_bytes_ = 0;
  OutBuffer out_;
  // The start of a frame that is not whole. When `large_bytes_` is set the buffer has that size
  // already and is received into directly.
  Bytes partial_;
  std::size_t large_bytes_ = 0;
  std::size_t large_filled_ = 0;
  std::vector<Tunnel*> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::string error_;
};

}  // namespace weir::load
