// getaddrinfo on one helper thread. Numeric addresses are answered at once.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/node/resolver.h"

namespace weir {

// A numeric host as a socket address; nullopt for a name.
std::optional<SocketAddress> numeric_address(const std::string& host, std::uint16_t port);

class SystemResolver final : public Resolver {
 public:
  // `wake`: called on the helper thread when poll() has something to do.
  explicit SystemResolver(std::function<void()> wake);
  ~SystemResolver() override;

  void resolve(const std::string& host, std::uint16_t port, Answer done) override;
  void poll() override;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::map<std::uint64_t, Answer> waiting_;
  std::uint64_t next_id_ = 1;
};

// For the simulator and tests: names come from a table, answers come at once.
class TableResolver final : public Resolver {
 public:
  void put(const std::string& host, std::vector<SocketAddress> addresses) {
    table_[host] = std::move(addresses);
  }
  void remove(const std::string& host) { table_.erase(host); }
  void resolve(const std::string& host, std::uint16_t port, Answer done) override;
  // How often a name (not a numeric address) was asked for.
  std::uint64_t asked() const { return asked_; }

 private:
  std::map<std::string, std::vector<SocketAddress>> table_;
  std::uint64_t asked_ = 0;
};

}  // namespace weir
