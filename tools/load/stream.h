// A plain TCP stream as an application in front of or behind a portal has it.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "tools/load/out_buffer.h"
#include "tools/load/poller.h"
#include "tools/load/socket.h"

namespace weir::load {

class Stream;

class StreamUser {
 public:
  virtual ~StreamUser() = default;
  virtual void stream_open(Stream&) {}
  virtual void stream_bytes(Stream& stream, ByteSpan bytes) = 0;
  virtual void stream_closed(Stream& stream, const char* why) = 0;
};

class Stream final : public Pollable {
 public:
  enum class State : std::uint8_t { kClosed, kConnecting, kOpen };

  // `number`: the user's.
  Stream(Poller& poller, StreamUser& user, std::uint32_t number)
      : poller_(poller), user_(user), number_(number) {}
  ~Stream() override;

  // One of the two. False: refused at once.
  bool connect(const Endpoint& endpoint, std::uint32_t source = 0);
  void adopt(UniqueFd fd);
  void close(const char* why);  // tells the user

  State state() const { return state_; }
  std::uint32_t number() const { return number_; }
  std::size_t backlog_bytes() const { return out_.size(); }
  // Room for `bytes`; what they are does not matter.
  std::uint8_t* reserve(std::size_t bytes) { return out_.reserve(bytes); }
  void queued(std::size_t bytes) {
    out_.commit(bytes);
    poller_.mark_dirty(*this);
  }
  // Sends `block` again and again, as fast as it is taken. It must outlive the stream.
  void send_endlessly(ByteSpan block);

  void on_events(std::uint32_t events) override;
  void flush() override;

 private:
  void start(std::uint32_t events);
  void receive();
  void update_interest();

  Poller& poller_;
  StreamUser& user_;
  std::uint32_t number_;
  UniqueFd fd_;
  State state_ = State::kClosed;
  std::uint32_t interest_ = 0;
  bool wants_out_ = false;
  OutBuffer out_;
  ByteSpan endless_;
};

}  // namespace weir::load
