#include "control/node/system_resolver.h"

#include <netdb.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "dataplane/wire/hostname_port.h"

namespace weir {
namespace {

Result<std::vector<SocketAddress>> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) {
    return fail(Errc::kNotFound, "the name cannot be resolved", host + ": " + gai_strerror(error));
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* item = list; item != nullptr; item = item->ai_next) {
    SocketAddress address;
    if (item->ai_family == AF_INET) {
      std::memcpy(&address.v4, item->ai_addr, sizeof address.v4);
    } else if (item->ai_family == AF_INET6) {
      std::memcpy(&address.v6, item->ai_addr, sizeof address.v6);
    } else {
      continue;
    }
    address.set_port(port);
    addresses.push_back(address);
  }
  freeaddrinfo(list);
  if (addresses.empty()) return fail(Errc::kNotFound, "the name has no address", host);
  return addresses;
}

}  // namespace

std::optional<SocketAddress> numeric_address(const std::string& host, std::uint16_t port) {
  SocketAddress address;
  std::uint8_t raw4[4];
  if (wire::parse_ip4(host, raw4)) {
    address.v4.sin_family = AF_INET;
    std::memcpy(&address.v4.sin_addr, raw4, sizeof raw4);
    address.set_port(port);
    return address;
  }
  std::string_view inner = host;
  if (inner.size() > 2 && inner.front() == '[' && inner.back() == ']') {
    inner = inner.substr(1, inner.size() - 2);
  }
  std::uint8_t raw6[16];
  if (!wire::parse_ip6(inner, raw6)) return std::nullopt;
  address.v6.sin6_family = AF_INET6;
  std::memcpy(&address.v6.sin6_addr, raw6, sizeof raw6);
  address.set_port(port);
  return address;
}

// Outlives the resolver while the thread is inside getaddrinfo, which cannot be interrupted. What
// is to be called stays with the resolver: it is neither called nor destroyed on this thread.
struct SystemResolver::Shared {
  struct Question {
    std::uint64_t id;
    std::string host;
    std::uint16_t port;
  };
  struct Ready {
    std::uint64_t id;
    Result<std::vector<SocketAddress>> result;
  };
  std::mutex mutex;
  std::condition_variable more;
  std::deque<Question> questions;
  std::deque<Ready> ready;
  std::function<void()> wake;
  bool started = false;
  bool stop = false;

  static void run(const std::shared_ptr<Shared>& shared) {
    std::unique_lock lock(shared->mutex);
    for (;;) {
      shared->more.wait(lock, [&] { return shared->stop || !shared->questions.empty(); });
      if (shared->stop) return;
      const Question question = std::move(shared->questions.front());
      shared->questions.pop_front();
      lock.unlock();
      auto result = look_up(question.host, question.port);
      lock.lock();
      if (shared->stop) return;
      shared->ready.push_back({question.id, std::move(result)});
      shared->wake();
    }
  }
};

SystemResolver::SystemResolver(std::function<void()> wake) : shared_(std::make_shared<Shared>()) {
  shared_->wake = std::move(wake);
}

SystemResolver::~SystemResolver() {
  const std::lock_guard lock(shared_->mutex);
  shared_->stop = true;
  shared_->more.notify_all();
}

void SystemResolver::resolve(const std::string& host, std::uint16_t port, Answer done) {
  if (const auto numeric = numeric_address(host, port)) {
    return done(std::vector<SocketAddress>{*numeric});
  }
  const std::uint64_t id = next_id_++;
  waiting_.emplace(id, std::move(done));
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->started) {
    shared_->started = true;
    // A name may take a minute: nobody waits for the thread at the end.
    std::thread([shared = shared_] { Shared::run(shared); }).detach();
  }
  shared_->questions.push_back({id, host, port});
  shared_->more.notify_one();
}

void SystemResolver::poll() {
  if (waiting_.empty()) return;
  std::deque<Shared::Ready> ready;
  {
    const std::lock_guard lock(shared_->mutex);
    ready.swap(shared_->ready);
  }
  for (auto& answer : ready) {
    const auto done = waiting_.extract(answer.id);
    done.mapped()(std::move(answer.result));
  }
}

void TableResolver::resolve(const std::string& host, std::uint16_t port, Answer done) {
  if (const auto numeric = numeric_address(host, port)) {
    return done(std::vector<SocketAddress>{*numeric});
  }
  ++asked_;
  const auto it = table_.find(host);
  if (it == table_.end()) {
    return done(fail(Errc::kNotFound, "the name cannot be resolved", host));
  }
  std::vector<SocketAddress> addresses = it->second;
  for (SocketAddress& address : addresses) address.set_port(port);
  done(std::move(addresses));
}

}  // namespace weir
