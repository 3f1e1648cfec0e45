// The node inside this process: what a foreground node runs, and what `message send` without --from
// and `secure-channel show` of a foreign route run for a moment. The only file of the command that
// starts shards; everything else speaks to nodes by their API.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "control/identity/identities.h"
#include "control/node/types.h"
#include "control/store/state.h"
#include "control/vault/protection.h"
#include "tools/weir/context.h"
#include "tools/weir/node_options.h"

namespace weir::cli {

struct EngineStart {
  NodeRecord record;  // name, identity, pid; its addresses are filled in by the engine
  NodeOptions options;
  bool restore = false;
  std::string log_path;  // where log lines go; empty: stderr
  int verbosity = 0;
};

// What a foreground node tells its owner, in this order, on the calling thread. An error from any
// of them stops the node and is what run_node returns.
struct EngineHooks {
  // Asked when the identity's vault is protected.
  UnlockVault unlock;
  // Addresses are bound (record.tcp_listener_address, status_endpoint): claim the node's row.
  std::function<Status(NodeRecord& record)> bound;
  // The API answers.
  std::function<Status(const NodeRecord& record)> ready;
};

// Runs until `stop_fd` is readable, then stops orderly.
Status run_node(State& state, EngineStart start, const EngineHooks& hooks, int stop_fd);

// An in-memory node: nothing of it is stored, it listens nowhere, and it ends with the object.
class TemporaryNode {
 public:
  virtual ~TemporaryNode() = default;
  virtual Identities& identities() = 0;
  // `authorized`: who may be at the end of the channels that `to` names; unset: anybody.
  virtual Result<Bytes> send_message(
      const wire::MultiAddr& to, Bytes payload, std::uint64_t timeout_ms,
      std::optional<std::vector<Identifier>> authorized = std::nullopt) = 0;
  virtual Result<SecureChannelInfo> create_secure_channel(const ChannelRequest& request) = 0;
};
// `trust`: only its trust options count.
Result<std::unique_ptr<TemporaryNode>> start_temporary_node(Context& context,
                                                            const IdentityRecord& identity,
                                                            const NodeOptions& trust = {});

}  // namespace weir::cli
