#include "tests/sim/apps.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/rng.h"
#include "tests/sim/failure.h"

namespace weir::sim {
namespace {

constexpr std::uint32_t kListenerToken = 0xffffffff;
constexpr std::size_t kPieceBytes = 8192;
// A prime, so that the pattern fits no buffer size.
constexpr std::size_t kTableBytes = 65521;

const Bytes& pattern_table() {
  static const Bytes table = [] {
    Bytes bytes(kTableBytes);
    SeededRng rng(42);
    rng.fill(bytes);
    return bytes;
  }();
  return table;
}

}  // namespace

void fill_pattern(std::uint64_t number, int direction, std::uint64_t offset, MutableByteSpan out) {
  const Bytes& table = pattern_table();
  std::size_t at =
      (number * 7919 + static_cast<std::uint64_t>(direction) * 104'729 + offset) % kTableBytes;
  for (std::size_t done = 0; done < out.size();) {
    const std::size_t n = std::min(out.size() - done, kTableBytes - at);
    std::memcpy(out.data() + done, table.data() + at, n);
    done += n;
    at = 0;
  }
  if (direction != kClient) return;
  std::uint8_t head[8];
  store_be64(head, number);
  for (std::uint64_t i = offset; i < 8 && i - offset < out.size(); ++i) out[i - offset] = head[i];
}

Apps::Apps(SimNetwork& network, Later later, Log log)
    : network_(network), later_(std::move(later)), log_(std::move(log)) {}

Apps::~Apps() {
  log_ = [](const std::string&) {};  // who listened may be gone already
  close_all();
}

void Apps::serve(const SocketAddress& target) {
  if (listener_ >= 0) return;
  SocketAddress bound;
  listener_ = network_.listen(target, bound);
  CHECK(listener_ >= 0);
  network_.own(listener_, this, kListenerToken);
}

void Apps::stop_serving() {
  if (listener_ >= 0) network_.close(std::exchange(listener_, -1), false);
}

AppStream& Apps::start(const StreamPlan& plan, const SocketAddress& inlet, bool must_succeed) {
  auto made = std::make_unique<AppStream>();
  made->number = streams_.size() + 1;
  made->plan = plan;
  made->must_succeed = must_succeed;
  streams_.push_back(std::move(made));
  AppStream& stream = *streams_.back();
  add(network_.connect(inlet), kClient, &stream);
  return stream;
}

std::uint32_t Apps::add(SimEnd end, Side side, AppStream* stream) {
  const auto index = static_cast<std::uint32_t>(sockets_.size());
  auto made = std::make_unique<Socket>();
  made->end = end;
  made->side = side;
  made->stream = stream;
  sockets_.push_back(std::move(made));
  if (stream != nullptr) stream->side[side].end = end;
  network_.own(end, this, index);
  mark(index);
  return index;
}

void Apps::taint_open_streams() {
  for (const auto& stream : streams_) {
    if (!stream->is_over()) stream->is_tainted = true;
  }
  // A server's connection whose number has not come yet proves nothing either.
  for (const auto& socket : sockets_) {
    if (socket->stream == nullptr) socket->is_tainted = true;
  }
}

void Apps::close_all() {
  stop_serving();
  for (std::uint32_t i = 0; i < sockets_.size(); ++i) {
    if (!sockets_[i]->over) finish(i, true);
  }
}

std::size_t Apps::open_anonymous() const {
  return static_cast<std::size_t>(
      std::count_if(sockets_.begin(), sockets_.end(),
                    [](const auto& s) { return !s->over && s->stream == nullptr; }));
}

void Apps::on_edge(std::uint32_t token, unsigned) { mark(token); }

void Apps::mark(std::uint32_t index) {
  if (index != kListenerToken) {
    if (sockets_[index]->queued || sockets_[index]->over) return;
    sockets_[index]->queued = true;
  }
  due_.push_back(index);
}

void Apps::turn() {
  std::vector<std::uint32_t> now;
  now.swap(due_);
  for (const std::uint32_t index : now) {
    if (index == kListenerToken) {
      accept_all();
    } else {
      sockets_[index]->queued = false;
      pump(index);
    }
  }
}

void Apps::accept_all() {
  for (;;) {
    if (listener_ < 0) return;
    SocketAddress peer;
    const SimEnd end = network_.accept(listener_, peer);
    if (end == -EMFILE) return mark(kListenerToken);
    if (end < 0) return;
    Socket& socket = *sockets_[add(end, kServer, nullptr)];
    socket.connected = true;
    log_(describe(socket));
  }
}

void Apps::pump(std::uint32_t index) {
  Socket& socket = *sockets_[index];
  if (socket.over) return;
  if (!socket.connected) {
    const std::int32_t outcome = network_.connect_outcome(socket.end);
    if (outcome == -EINPROGRESS) return;
    if (outcome != 0) return on_error(index, -outcome);
    socket.connected = true;
    socket.stream->side[kClient].opened = true;
    log_(describe(socket) + " is connected");
  }
  bool more = true;
  while (more && !socket.over) {
    more = write_some(index);
    if (!socket.over) more |= read_some(index);
  }
}

// --- writing
// ----------------------------------------------------------------------------------------------

bool Apps::write_some(std::uint32_t index) {
  Socket& socket = *sockets_[index];
  if (socket.stream == nullptr) return false;
  AppStream& stream = *socket.stream;
  AppStream::End& own = stream.side[socket.side];
  if (own.orderly) return false;
  if (socket.side == kServer && !own.eof &&
      own.received < std::min(stream.plan.respond_after, stream.plan.bytes[0]))
    return false;
  const std::uint64_t total = stream.plan.bytes[socket.side];
  if (own.sent < total) {
    std::uint8_t piece[kPieceBytes];
    const std::size_t size = std::min<std::uint64_t>(kPieceBytes, total - own.sent);
    fill_pattern(stream.number, socket.side, own.sent, {piece, size});
    const iovec vector{piece, size};
    const std::int32_t sent = network_.send(socket.end, {&vector, 1}, 0);
    if (sent == -EAGAIN) return false;
    if (sent < 0) {
      on_error(index, -sent);
      return false;
    }
    own.sent += static_cast<std::uint64_t>(sent);
    abort_if_planned(index);
    return true;
  }
  if (socket.side == kClient && stream.plan.fin_after_answer && own.received < stream.plan.bytes[1])
    return false;
  own.orderly = true;
  network_.shutdown_send(socket.end);
  finish_if_done(index);
  return false;
}

void Apps::abort_if_planned(std::uint32_t index) {
  Socket& socket = *sockets_[index];
  if (socket.over) return;
  AppStream& stream = *socket.stream;
  AppStream::End& own = stream.side[socket.side];
  const StreamPlan& plan = stream.plan;
  // Who aborts has said at least who it is.
  if (socket.side == kClient && own.sent < 8) return;
  const bool resets =
      plan.abort == (socket.side == kClient ? Abort::kClientResets : Abort::kServerResets);
  if (resets && own.sent >= plan.abort_at) {
    own.failed = true;
    return finish(index, true);
  }
  if (plan.abort == Abort::kClientCloses && socket.side == kClient &&
      own.received >= plan.abort_at) {
    own.orderly = true;  // what it has sent so far is all there is
    finish(index, false);
  }
}

// --- reading
// ----------------------------------------------------------------------------------------------

bool Apps::read_some(std::uint32_t index) {
  Socket& socket = *sockets_[index];
  if (socket.paused) return false;
  std::uint32_t most = kPieceBytes;
  std::uint64_t pause_us = 0;
  if (socket.stream != nullptr) {
    const StreamPlan& plan = socket.stream->plan;
    AppStream::End& own = socket.stream->side[socket.side];
    if (own.eof) return false;
    if (own.received <= 8 && plan.read_first_ms[socket.side] != 0) {
      const std::uint64_t ms = std::exchange(socket.stream->plan.read_first_ms[socket.side], 0);
      pause(index, ms * kNsPerMs);
      return false;
    }
    most = std::min(most, plan.read_chunk[socket.side]);
    pause_us = plan.read_pause_us[socket.side];
  }
  std::uint8_t piece[kPieceBytes];
  const std::int32_t got = network_.receive(socket.end, {piece, most});
  if (got == -EAGAIN) return false;
  if (got == 0) {
    on_eof(index);
    return true;  // who waited for more before it answered may answer now
  }
  if (got < 0) {
    on_error(index, -got);
    return false;
  }
  ByteSpan bytes(piece, static_cast<std::size_t>(got));
  if (socket.stream == nullptr) {
    while (!bytes.empty() && socket.number_size < 8) {
      socket.number[socket.number_size++] = bytes[0];
      bytes = bytes.subspan(1);
    }
    if (socket.number_size < 8) return true;
    identify(index);
  }
  take(socket, bytes);
  abort_if_planned(index);
  if (pause_us != 0 && !socket.over) pause(index, pause_us * 1000);
  return true;
}

void Apps::identify(std::uint32_t index) {
  Socket& socket = *sockets_[index];
  const std::uint64_t number = load_be64(socket.number);
  if (number == 0 || number > streams_.size()) wrong(socket, "unknown stream number");
  AppStream& stream = *streams_[number - 1];
  if (stream.side[kServer].opened) wrong(socket, "a second connection for one stream");
  socket.stream = &stream;
  stream.side[kServer].opened = true;
  stream.side[kServer].end = socket.end;
  stream.side[kServer].received = 8;
  mix(number);
  if (stream.early_eof && !stream.is_tainted)
    wrong(socket, "the client saw an end of stream, and yet its data arrives");
}

void Apps::take(Socket& socket, ByteSpan bytes) {
  if (bytes.empty()) return;
  AppStream& stream = *socket.stream;
  AppStream::End& own = stream.side[socket.side];
  const int direction = socket.side == kServer ? kClient : kServer;
  std::uint8_t expected[kPieceBytes];
  fill_pattern(stream.number, direction, own.received, {expected, bytes.size()});
  const auto [bad, _] = std::mismatch(bytes.begin(), bytes.end(), expected);
  if (bad != bytes.end()) {
    wrong(socket, fmt::format("wrong byte at offset {}",
                              own.received + static_cast<std::uint64_t>(bad - bytes.begin())));
  }
  own.received += bytes.size();
  if (own.received > stream.side[direction].sent) wrong(socket, "more bytes than were sent");
  bytes_checked_ += bytes.size();
  mix(own.received);
}

void Apps::on_eof(std::uint32_t index) {
  Socket& socket = *sockets_[index];
  log_(describe(socket) + ": end of stream");
  if (socket.stream == nullptr) {
    // The client's number is its first word: who opened must have said it.
    if (socket.number_size != 0 && !socket.is_tainted)
      wrong(socket, "end of stream inside the stream's number");
    return finish(index, false);
  }
  AppStream& stream = *socket.stream;
  AppStream::End& own = stream.side[socket.side];
  const AppStream::End& other = stream.side[1 - socket.side];
  mix(own.received * 4 + 1);
  const bool complete = other.orderly && own.received == other.sent;
  if (!complete && !stream.is_tainted) {
    const bool refused = socket.side == kClient && own.received == 0 && !other.opened;
    if (!refused || stream.must_succeed) {
      wrong(socket,
            fmt::format("end of stream after {} bytes; the other side had sent {} ({})",
                        own.received, other.sent, other.orderly ? "and ended" : "and not ended"));
    }
    stream.early_eof = true;
  }
  own.eof = complete;
  if (!complete) {
    own.failed = true;
    return finish(index, false);
  }
  // Its own direction may go on.
  finish_if_done(index);
}

void Apps::on_error(std::uint32_t index, int error) {
  Socket& socket = *sockets_[index];
  mix(static_cast<std::uint64_t>(error));
  log_(fmt::format("{}: {}", describe(socket), std::strerror(error)));
  if (socket.stream != nullptr) {
    AppStream& stream = *socket.stream;
    if (stream.must_succeed) wrong(socket, fmt::format("failed: {}", std::strerror(error)));
    stream.side[socket.side].failed = true;
  }
  finish(index, false);
}

void Apps::finish_if_done(std::uint32_t index) {
  Socket& socket = *sockets_[index];
  if (socket.over || socket.stream == nullptr) return;
  const AppStream::End& own = socket.stream->side[socket.side];
  if (own.orderly && own.eof) finish(index, false);
}

void Apps::pause(std::uint32_t index, std::uint64_t ns) {
  sockets_[index]->paused = true;
  later_(ns, [this, index] {
    sockets_[index]->paused = false;
    mark(index);
  });
}

void Apps::finish(std::uint32_t index, bool reset) {
  Socket& socket = *sockets_[index];
  socket.over = true;
  log_(fmt::format("{} is closed{}", describe(socket), reset ? " with a reset" : ""));
  network_.close(socket.end, reset);
  if (socket.stream != nullptr) socket.stream->side[socket.side].over = true;
}

std::string Apps::describe(const Socket& socket) const {
  if (socket.stream == nullptr)
    return fmt::format("a server's new connection (end {})", socket.end);
  const AppStream::End& own = socket.stream->side[socket.side];
  return fmt::format("{} of stream {} (end {}, {} sent, {} received)",
                     socket.side == kClient ? "client" : "server", socket.stream->number,
                     socket.end, own.sent, own.received);
}

void Apps::wrong(const Socket& socket, const std::string& what) const {
  throw Failure(fmt::format("{}: {}", describe(socket), what));
}

}  // namespace weir::sim
