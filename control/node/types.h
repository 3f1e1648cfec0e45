// What the node manager API and the command see of a node: plain values, no CBOR, no JSON. Field by
// field these are the bodies of spec/04 section 5; durations are milliseconds, addresses of workers
// are bare values without the "0#" in front.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "control/authority/authority.h"
#include "control/http/http_client.h"
#include "control/identity/identifier.h"
#include "control/policy/expression.h"
#include "control/project/project.h"
#include "dataplane/io/socket_address.h"
#include "dataplane/wire/hostname_port.h"
#include "dataplane/wire/multiaddr.h"

namespace weir {

class Executor;  // control/node/executor.h

// Completion of an operation: called exactly once, on the control thread, never before the
// operation was accepted (but possibly before the call returns). Not called when the Node is
// destroyed first.
template <class T>
using Done = std::function<void(Result<T>)>;
struct Nothing {};

struct NodeLimits {
  std::uint32_t half_open_handshakes_max = 1024;  // over all connections
  std::uint32_t half_open_handshakes_per_link_max = 32;
  std::uint64_t half_open_handshake_ms = 10'000;
  std::uint32_t relays_max = 131'072;
  std::uint32_t relays_per_owner_max = 1024;  // identity, or connection for plain clients
  std::uint32_t channels_max = 131'072;
  std::uint32_t forwarders_max = 4096;
  std::uint32_t pending_requests_max = 4096;  // of the node manager, over all connections
};

// Where this node gets the credential that it presents (spec/03 4.6).
struct CredentialSource {
  Identifier authority;
  std::optional<wire::MultiAddr> listener;  // ../service/api; unset: only what is stored
  std::string scope;
};

struct NodeConfig {
  std::string name;
  Identifier identity;
  std::string identity_name;
  bool is_default = false;
  // An authority: its services instead of the default ones; `identity` is then its own.
  std::optional<AuthorityConfig> authority;
  // Whose credentials of peers count; with any, policies ask for them.
  std::vector<Identifier> authorities;
  std::optional<CredentialSource> credential_source;
  // Relays of this node carry only what comes from those who may register one (spec/04 12.3).
  bool relays_are_guarded = false;
  // What /project/NAME in a route means; kNotFound. Unset: no projects.
  std::function<Result<ProjectAccess>(const std::string& name)> find_project;
  // A project node's: `/service/ID/service/api` leads to its listener `api`, as in the routes of
  // projects and tickets (spec/03 9.3).
  std::string project_id;
  std::int64_t pid = 0;
  // Default TCP listener; unset: none (a command's in-memory node).
  std::optional<SocketAddress> tcp_listener;
  // echo always; with false: no uppercase, api, relay service (a command's in-memory node).
  bool default_services = true;
  // `_internal.nodemanager` answers on the TCP listener. Off: any local user could administer the
  // node.
  bool expose_node_manager = false;
  // Resources survive in State (spec/08 section 8). Off for in-memory nodes.
  bool persist = true;
  std::optional<SocketAddress> status_endpoint;  // only reported
  std::uint32_t channel_linger_ms = 120'000;
  // Of one core, for handshakes that others begin; 100: no limit.
  std::uint32_t handshake_share_percent = 50;
  // Latency profiles read the CPU's tick counter; off: the Clock (simulators).
  bool hardware_ticks = false;
  // What blocks, and the calls of an authority to identity providers. Null: it cannot ask any;
  // unset: by libcurl. The executor outlives the node.
  Executor* executor = nullptr;
  HttpExchange http;
  NodeLimits limits;
};

enum class ConnectionStatus : std::uint8_t { kDown = 0, kUp = 1 };

// --- TCP (5.4)
enum class TransportMode : std::uint8_t { kListen = 0, kIncoming = 1, kOutgoing = 2 };
struct TransportInfo {
  TransportMode mode = TransportMode::kListen;
  SocketAddress socket_address;   // own for a listener, the peer's otherwise
  std::string worker_address;     // sender; "<none>" for a listener
  std::string processor_address;  // receiver, or the listener's address
  std::string flow_control_id;    // 32 hex digits
};

// --- secure channels (5.5)
struct ChannelRequest {
  wire::MultiAddr to;
  std::optional<std::vector<Identifier>> authorized;  // an empty list trusts nobody
  std::optional<Identifier> identity;                 // default: the node's
  std::uint64_t timeout_ms = 120'000;
};
struct SecureChannelInfo {
  std::string encryptor;
  wire::MultiAddr route;  // as asked for, transports replaced by worker addresses
  std::optional<std::vector<Identifier>> authorized;
  std::string flow_control_id;
  Identifier peer;
  std::string peer_history_hex;
  bool initiator = true;
};
struct ChannelListenerRequest {
  std::string address;
  std::optional<std::vector<Identifier>> authorized;
  std::optional<Identifier> identity;
};
struct ChannelListenerInfo {
  std::string address;
  std::string flow_control_id;
  bool key_exchange_only = false;
};

// --- services and workers (5.6)
struct ServiceInfo {
  std::string address;
  std::string type;  // "uppercase", "echo", "hop"
};
struct WorkerInfo {
  std::string address;
};

// --- relays (5.7)
struct RelayRequest {
  wire::MultiAddr at;
  std::string name;
  std::optional<Identifier> authorized;
  std::optional<std::string> relay_address;  // name to register; absent: ephemeral ("register")
  bool wait_for_connection = true;           // ReturnTiming
};
struct RelayInfo {
  // Absent while down.
  std::optional<std::string> forwarding_route;  // "0#a => 0#forward_to_x"
  std::optional<std::string> remote_address;    // "forward_to_x"
  std::optional<std::string> worker_address;    // of the relay client, without "0#"
  std::optional<std::string> flow_control_id;
  ConnectionStatus status = ConnectionStatus::kDown;
  wire::MultiAddr at;
  std::string name;
  std::optional<std::string> last_failure;
};

// --- portals (5.8)
struct InletRequest {
  wire::HostnamePort listen;  // port 0: a free one
  wire::MultiAddr to;
  std::string alias;
  std::optional<Identifier> authorized;
  std::optional<Identifier> identity;
  std::uint64_t wait_for_outlet_ms = 15'000;  // timeout of each secure channel
  bool wait_connection = true;
  bool skip_handshake = false;
  bool enable_nagle = false;
  // Becomes the policy of the resource ALIAS. Not kept with the inlet: policies are stored apart.
  std::optional<Expr> policy;
  std::vector<std::string> prefix_route;  // worker addresses in front of the route; usually none
};
struct InletStatus {
  std::string bind_address;                   // "127.0.0.1:4000"
  std::optional<std::string> worker_address;  // absent while down
  std::string alias;
  std::optional<std::string> payload;
  std::optional<std::string> outlet_route;  // "0#.. => 0#outlet", absent while down
  ConnectionStatus status = ConnectionStatus::kDown;
  std::string outlet_address;  // MultiAddr as text
  bool privileged = false;
  std::optional<std::string> last_failure;        // ours
  std::optional<std::string> last_stream_reason;  // ours: words of the last stream that failed
};
struct OutletRequest {
  wire::HostnamePort to;
  std::optional<std::string> address;  // absent: `outlet`, or a random name if that is taken
  bool reachable_from_default_secure_channel = true;
  bool skip_handshake = false;
  bool enable_nagle = false;
  std::optional<std::vector<Identifier>> authorized;  // ours; absent: everyone
  std::optional<Expr> policy;  // becomes that of the resource ADDRESS; as for inlets
};
struct OutletStatus {
  wire::HostnamePort to;
  std::string address;
  std::optional<std::string> payload;
  bool privileged = false;
  std::vector<Identifier> authorized;
};

// --- forwarders (spec/09 section 2)
struct ForwarderInfo {
  std::string address;  // random; who does not know it cannot use it
  std::string target;   // "127.0.0.1:4000"
  bool connected = false;
  std::uint64_t idle_s = 0;
};

// --- what a node has (5.3)
struct NodeResources {
  std::string name;
  std::string identity_name;
  Identifier identity;
  bool is_default = false;
  std::int64_t pid = 0;
  std::optional<SocketAddress> tcp_listener;
  std::optional<SocketAddress> status_endpoint;
  std::vector<TransportInfo> tcp_listeners;
  std::vector<ChannelListenerInfo> channel_listeners;
  std::vector<InletStatus> inlets;
  std::vector<OutletStatus> outlets;
  std::vector<ServiceInfo> services;
};

// Counters of control itself, and of every shard by index of dataplane/telemetry/counters.h.
struct CounterValue {
  std::string name;
  std::uint64_t value = 0;
};
struct CountersReport {
  std::vector<CounterValue> control;
  std::vector<std::vector<std::uint64_t>> shards;
};

// --- latency profiles (ours; dataplane/telemetry/stage_clock.h, tools/latency)
struct StageResults;
struct LatencyRequest {
  std::uint64_t sample = 64;           // one frame in so many is timed
  std::uint64_t stall_ns = 1'000'000;  // turns at least as long are kept one by one
  bool take_over = false;              // ends another profiler's session
};
struct LatencySession {
  std::uint64_t id = 0;
  std::uint64_t shards = 0;
  bool hardware_ticks = false;
  std::uint64_t lease_ms = 0;  // without a reading; then it ends
};
// By shard, since the last reading.
struct LatencyReading {
  std::vector<const StageResults*> shards;
};

}  // namespace weir
