// Applications in front of and behind a portal: the mode `portal`.
//
// The clients connect to the inlet (the target). The server is the outlet's target and runs here,
// too (--serve; every thread listens on the same port), so that both ends share one clock and no
// application is measured.
//
//   request  the server echoes; an operation is over when all its bytes are back
//   bulk     one side sends without end, the other counts
//   connect  an operation is a connection of its own: connect, request, answer, close
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tools/load/mode.h"
#include "tools/load/stream.h"

namespace weir::load {

// Accepts and either echoes, counts, or sends without end.
class PortalServer final : public Pollable, public StreamUser {
 public:
  explicit PortalServer(const ModeContext& context) : context_(context) {}
  ~PortalServer() override;

  Status listen(const std::string& host_port);
  // From now on (reverse bulk).
  void send_endlessly(ByteSpan block);
  void on_events(std::uint32_t events) override;

 private:
  void stream_bytes(Stream& stream, ByteSpan bytes) override;
  void stream_closed(Stream& stream, const char* why) override;

  ModeContext context_;
  UniqueFd fd_;
  ByteSpan endless_;
  std::vector<std::unique_ptr<Stream>> streams_;  // by number; empty places are free
  std::vector<std::uint32_t> free_;
};

class PortalMode final : public Mode, public StreamUser {
 public:
  explicit PortalMode(const ModeContext& context);

  Status start() override;
  bool ready() const override { return up_ == probes_wanted_; }
  std::string broken() const override { return broken_; }
  std::uint32_t set_up() const override { return up_; }
  bool operate(std::uint64_t intended_ns) override;
  std::uint64_t outstanding() const override { return outstanding_; }
  void forget_outstanding() override;
  void phase_begins() override;

 private:
  struct Request {
    std::uint64_t intended_ns = 0;
    std::size_t bytes = 0;  // still to come back
    std::size_t size = 0;
  };
  struct Client {
    std::unique_ptr<Stream> stream;
    std::deque<Request> requests;
    bool up = false;  // has answered the probe
  };
  // The request with which a stream is tried out before the measurement.
  static constexpr std::size_t kProbeBytes = 16;
  static constexpr std::uint64_t kProbe = 0;
  // Open files of one thread in `connect`: beyond, operations are held back.
  static constexpr std::size_t kClientsMax = 8192;

  std::uint32_t add_client();
  void ask(Client& client, std::uint64_t intended_ns, std::size_t bytes);
  bool operate_request(std::uint64_t intended_ns);
  bool operate_connect(std::uint64_t intended_ns);
  void answered(Client& client, const Request& request);
  void stream_open(Stream& stream) override;
  void stream_bytes(Stream& stream, ByteSpan bytes) override;
  void stream_closed(Stream& stream, const char* why) override;

  ModeContext context_;
  PortalServer server_;
  Bytes block_ = Bytes(1 << 20);
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::uint32_t> free_;  // connect: clients between two operations
  std::uint32_t next_client_ = 0;
  std::uint32_t up_ = 0;
  std::uint32_t probes_wanted_ = 0;
  std::uint64_t outstanding_ = 0;
  std::string broken_;
};

}  // namespace weir::load
