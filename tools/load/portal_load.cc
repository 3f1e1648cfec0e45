#include "tools/load/portal_load.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "tools/load/target.h"

namespace weir::load {

// --- the server

PortalServer::~PortalServer() {
  if (fd_) context_.poller.remove(fd_.get());
}

Status PortalServer::listen(const std::string& host_port) {
  Result<Target> where = Target::parse(host_port);
  if (!where) return pass(where);
  fd_ = UniqueFd(
      ::socket(where->endpoint.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int one = 1;
  (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (context_.options.threads() > 1) {
    (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  }
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&where->endpoint.address),
             where->endpoint.address_bytes) != 0 ||
      ::listen(fd_.get(), 4096) != 0) {
    return fail(Errc::kIo, "cannot serve", host_port + ": " + std::strerror(errno));
  }
  context_.poller.add(fd_.get(), *this, EPOLLIN);
  return {};
}

void PortalServer::on_events(std::uint32_t) {
  while (true) {
    UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return;
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(streams_.size()));
      streams_.emplace_back();
    }
    const std::uint32_t number = free_.back();
    free_.pop_back();
    streams_[number] = std::make_unique<Stream>(context_.poller, *this, number);
    streams_[number]->adopt(std::move(fd));
    if (!endless_.empty()) streams_[number]->send_endlessly(endless_);
  }
}

void PortalServer::send_endlessly(ByteSpan block) {
  endless_ = block;
  for (auto& stream : streams_) {
    if (stream) stream->send_endlessly(block);
  }
}

void PortalServer::stream_bytes(Stream& stream, ByteSpan bytes) {
  if (context_.options.portal == PortalKind::kBulk) {
    context_.meter.streamed(context_.poller.arrival_ns(), bytes.size());
    return;
  }
  std::memcpy(stream.reserve(bytes.size()), bytes.data(), bytes.size());
  stream.queued(bytes.size());
}

void PortalServer::stream_closed(Stream& stream, const char*) {
  free_.push_back(stream.number());
  context_.poller.bury(std::move(streams_[stream.number()]));
}

// --- the clients

PortalMode::PortalMode(const ModeContext& context) : context_(context), server_(context) {
  if (context_.options.portal == PortalKind::kConnect) return;
  probes_wanted_ = std::max(
      1u, share_of(context_.options.connections, context_.thread, context_.options.threads()));
}

std::uint32_t PortalMode::add_client() {
  const auto number = static_cast<std::uint32_t>(clients_.size());
  clients_.push_back(std::make_unique<Client>());
  clients_.back()->stream = std::make_unique<Stream>(context_.poller, *this, number);
  return number;
}

Status PortalMode::start() {
  if (Status status = server_.listen(context_.options.serve); !status) return status;
  for (std::uint32_t i = 0; i < probes_wanted_; ++i) {
    Client& client = *clients_[add_client()];
    if (!client.stream->connect(context_.options.target.endpoint)) {
      return fail(Errc::kIo, "cannot connect to the inlet", std::strerror(errno));
    }
  }
  return {};
}

void PortalMode::stream_open(Stream& stream) {
  Client& client = *clients_[stream.number()];
  switch (context_.options.portal) {
    case PortalKind::kRequest:
      ask(client, kProbe, kProbeBytes);
      break;
    case PortalKind::kBulk:
      client.up = true;
      ++up_;
      break;
    case PortalKind::kConnect: {
      // The request was noted when the operation began.
      Request& request = client.requests.front();
      std::memset(stream.reserve(request.size), 0, request.size);
      stream.queued(request.size);
      break;
    }
  }
}

void PortalMode::ask(Client& client, std::uint64_t intended_ns, std::size_t bytes) {
  client.requests.push_back({intended_ns, bytes, bytes});
  (void)client.stream->reserve(bytes);
  client.stream->queued(bytes);
}

void PortalMode::phase_begins() {
  if (context_.options.portal != PortalKind::kBulk) return;
  if (context_.options.reverse) return server_.send_endlessly(block_);
  for (auto& client : clients_) client->stream->send_endlessly(block_);
}

bool PortalMode::operate(std::uint64_t intended_ns) {
  if (context_.options.portal == PortalKind::kBulk) return false;
  const bool done = context_.options.portal == PortalKind::kConnect ? operate_connect(intended_ns)
                                                                    : operate_request(intended_ns);
  if (!done) return false;
  ++outstanding_;
  context_.meter.sent(intended_ns);
  return true;
}

bool PortalMode::operate_request(std::uint64_t intended_ns) {
  for (std::size_t tries = 0; tries < clients_.size(); ++tries) {
    Client& client = *clients_[next_client_];
    if (++next_client_ == clients_.size()) next_client_ = 0;
    if (!client.up || client.stream->backlog_bytes() > kBacklogBytesMax) continue;
    ask(client, intended_ns, context_.options.sizes.draw(context_.rng));
    return true;
  }
  return false;
}

bool PortalMode::operate_connect(std::uint64_t intended_ns) {
  if (free_.empty()) {
    if (clients_.size() == kClientsMax) return false;
    free_.push_back(add_client());
  }
  const std::uint32_t number = free_.back();
  Client& client = *clients_[number];
  // Spread over source addresses, so that ports that rest after a close do not run out.
  if (!client.stream->connect(context_.options.target.endpoint, number % 8)) return false;
  free_.pop_back();
  const std::size_t bytes = context_.options.sizes.draw(context_.rng);
  client.requests.push_back({intended_ns, bytes, bytes});
  return true;
}

void PortalMode::stream_bytes(Stream& stream, ByteSpan bytes) {
  Client& client = *clients_[stream.number()];
  if (context_.options.portal == PortalKind::kBulk) {
    context_.meter.streamed(context_.poller.arrival_ns(), bytes.size());
    return;
  }
  std::size_t left = bytes.size();
  while (left != 0 && !client.requests.empty()) {
    Request& request = client.requests.front();
    const std::size_t taken = std::min(left, request.bytes);
    request.bytes -= taken;
    left -= taken;
    if (request.bytes != 0) return;
    const Request done = request;
    client.requests.pop_front();
    answered(client, done);
  }
}

void PortalMode::answered(Client& client, const Request& request) {
  if (request.intended_ns == kProbe) {
    client.up = true;
    ++up_;
    return;
  }
  if (outstanding_ > 0) --outstanding_;
  context_.meter.completed(request.intended_ns, context_.poller.arrival_ns(), request.size);
  if (context_.options.portal == PortalKind::kConnect) client.stream->close("done");
}

void PortalMode::stream_closed(Stream& stream, const char* why) {
  Client& client = *clients_[stream.number()];
  if (context_.options.portal == PortalKind::kConnect) {
    if (!client.requests.empty()) {
      context_.meter.failed(why);
      if (outstanding_ > 0) --outstanding_;
    }
    client.requests.clear();
    free_.push_back(stream.number());
    return;
  }
  context_.meter.failed(why);
  outstanding_ -= std::min<std::uint64_t>(outstanding_, client.requests.size());
  client.requests.clear();
  if (!ready()) broken_ = why;
  client.up = false;
}

void PortalMode::forget_outstanding() {
  outstanding_ = 0;
  if (context_.options.portal != PortalKind::kConnect) return;
  for (auto& client : clients_) client->stream->close("no answer");
}

}  // namespace weir::load
