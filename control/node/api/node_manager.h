// The node manager API: an encoded request in, an encoded response out (spec/04 sections 1 and 5).
//
// Requests are handled concurrently: one that waits (create a relay, send a message) holds up no
// other. The answer always has `re`. A payload that is no envelope gets an empty answer, which
// means silence on the wire. At most NodeLimits::pending_requests_max requests wait at a time; the
// next one is answered 500. Control thread only.
#pragma once

#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/rng.h"
#include "control/node/node.h"

namespace weir::api {

class NodeManager {
 public:
  using Answer = std::function<void(Bytes response)>;

  // Both must outlive it. Requests that wait when it is destroyed are still answered if the node
  // answers them.
  NodeManager(Node& node, Rng& rng);
  ~NodeManager();
  NodeManager(const NodeManager&) = delete;
  NodeManager& operator=(const NodeManager&) = delete;

  // `answer` is called exactly once, perhaps before this returns; never when the node is destroyed
  // first.
  void handle(ByteSpan request, Answer answer);

  // For ApiSocket, and for Node::set_api_handler where the operator exposes the API on TCP. The
  // manager must outlive its use.
  Node::ApiHandler handler();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::api
