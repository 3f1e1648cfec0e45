// The applications around the nodes: clients that connect to the inlet, and one server behind the
// outlet. Every byte is predictable, so that each is checked when it is read; every end of a stream
// is judged against what the other side did.
//
// The rules (docs/spec/09 section 1): bytes come in order and unchanged; an end of stream means
// that all bytes came; what was cut off ends with an error. A kill of the process that holds the
// application's socket is the exception: its kernel says FIN, whatever the process wanted.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/io/sim_network.h"
#include "tests/sim/scenario.h"

namespace weir::sim {

enum Side : int { kClient = 0, kServer = 1 };

struct AppStream {
  struct End {
    SimEnd end = -1;
    bool opened = false;
    bool over = false;     // closed, whatever the reason
    bool failed = false;   // ... and it was an error
    bool orderly = false;  // it ended its sending with FIN, after `sent` bytes
    bool eof = false;      // ... and read the other's
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
  };
  std::uint64_t number = 0;
  StreamPlan plan;
  End side[2];
  bool is_tainted = false;  // the process at one of its ends was killed meanwhile
  bool early_eof = false;   // the client was closed before anything came: refused
  bool must_succeed = false;

  bool is_over() const {
    return side[kClient].over && (!side[kServer].opened || side[kServer].over);
  }
  bool succeeded() const { return side[kClient].eof && side[kServer].eof; }
};

class Apps final : public SimParty {
 public:
  // `later(ns, what)`: calls `what` after that time.
  using Later = std::function<void(std::uint64_t, std::function<void()>)>;
  using Log = std::function<void(const std::string& line)>;
  Apps(SimNetwork& network, Later later, Log log);
  ~Apps() override;

  void serve(const SocketAddress& target);
  void stop_serving();
  AppStream& start(const StreamPlan& plan, const SocketAddress& inlet, bool must_succeed);
  // A process that held application sockets was killed: what they see now proves nothing.
  void taint_open_streams();
  void close_all();

  bool is_due() const { return !due_.empty(); }
  // Reads and writes what can be. Throws Failure.
  void turn();

  const std::vector<std::unique_ptr<AppStream>>& streams() const { return streams_; }
  std::size_t open_anonymous() const;
  // Of everything that applications saw.
  std::uint64_t hash() const { return hash_; }
  std::uint64_t bytes_checked() const { return bytes_checked_; }

  void on_edge(std::uint32_t token, unsigned edges) override;

 private:
  // A socket of an application.
  struct Socket {
    SimEnd end = -1;
    Side side = kClient;
    AppStream* stream = nullptr;  // a server learns it from the first 8 bytes
    bool connected = false;
    bool queued = false;
    bool over = false;
    bool paused = false;  // reads again later
    std::uint8_t number[8] = {};
    std::uint32_t number_size = 0;
    bool is_tainted = false;  // of a server that does not know its stream yet
  };
  std::uint32_t add(SimEnd end, Side side, AppStream* stream);
  void mark(std::uint32_t index);
  void pump(std::uint32_t index);
  void accept_all();
  bool write_some(std::uint32_t index);
  bool read_some(std::uint32_t index);
  void take(Socket& socket, ByteSpan bytes);
  void identify(std::uint32_t index);
  void on_eof(std::uint32_t index);
  void on_error(std::uint32_t index, int error);
  void abort_if_planned(std::uint32_t index);
  void pause(std::uint32_t index, std::uint64_t ns);
  void finish(std::uint32_t index, bool reset);
  void finish_if_done(std::uint32_t index);
  std::string describe(const Socket& socket) const;
  [[noreturn]] void wrong(const Socket& socket, const std::string& what) const;
  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3; }

  SimNetwork& network_;
  Later later_;
  Log log_;
  SimEnd listener_ = -1;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::vector<std::unique_ptr<AppStream>> streams_;
  std::vector<std::uint32_t> due_;
  std::uint64_t hash_ = 0xcbf29ce484222325;
  std::uint64_t bytes_checked_ = 0;
};

// Byte `offset` of a stream's direction (0: from the client), without the number in front.
void fill_pattern(std::uint64_t number, int direction, std::uint64_t offset, MutableByteSpan out);

}  // namespace weir::sim
