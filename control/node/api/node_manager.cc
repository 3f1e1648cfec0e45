#include "control/node/api/node_manager.h"

#include "control/node/api/internal/routes.h"

namespace weir::api {

class NodeManager::Impl : public internal::Routes<Node> {
 public:
  using Routes::Routes;
};

NodeManager::NodeManager(Node& node, Rng& rng) : impl_(std::make_unique<Impl>(node, rng)) {}
NodeManager::~NodeManager() = default;

void NodeManager::handle(ByteSpan request, Answer answer) {
  impl_->handle(request, std::move(answer));
}

Node::ApiHandler NodeManager::handler() {
  return [this](Bytes request, std::function<void(Bytes)> answer) {
    handle(request, std::move(answer));
  };
}

}  // namespace weir::api
