// A running node, as a command talks to it: the API of spec/04 section 5 over the node's socket.
// Every call gives up when the node does not answer or says no; what it said is the first line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "control/node/api/api_client.h"
#include "control/node/api/models.h"
#include "control/store/records.h"

namespace weir::cli {

class NodeApi {
 public:
  NodeApi(NodeRecord node, std::uint64_t timeout_ms)
      : node_(std::move(node)), timeout_ms_(timeout_ms) {}

  const NodeRecord& node() const { return node_; }
  const std::string& node_name() const { return node_.name; }
  void set_timeout_ms(std::uint64_t timeout_ms) { timeout_ms_ = timeout_ms; }

  // The body of a 200.
  Bytes call(wire::Method method, const std::string& path, std::optional<Bytes> body = {}) const;
  // The same as a value: the error text of anything else (no answer, another status).
  Result<Bytes> try_call(wire::Method method, const std::string& path,
                         std::optional<Bytes> body = {}) const;

  template <class T>
  T get(const std::string& path, std::optional<Bytes> body = {}) const {
    return decoded<T>(call(wire::Method::kGet, path, std::move(body)));
  }
  template <class T>
  T post(const std::string& path, const Bytes& body) const {
    return decoded<T>(call(wire::Method::kPost, path, body));
  }
  void remove(const std::string& path, std::optional<Bytes> body = {}) const {
    call(wire::Method::kDelete, path, std::move(body));
  }

  // Waits 1 s at most; unset when the node does not answer.
  std::optional<api::NodeResources> resources() const;

 private:
  template <class T>
  T decoded(const Bytes& body) const {
    auto value = T::decode(body);
    if (!value) give_up_undecodable(value.error());
    return std::move(*value);
  }
  [[noreturn]] void give_up_undecodable(const Error& error) const;

  NodeRecord node_;
  std::uint64_t timeout_ms_;
};

}  // namespace weir::cli
