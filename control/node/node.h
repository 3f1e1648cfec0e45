// A node: the whole control plane behind one class. A single-threaded deterministic state machine:
// nothing here blocks, sleeps or reads a clock of its own; what happens depends only on the events
// of the shards, on the injected Clock, Rng and Resolver, and on the calls made.
//
//   loop:  node.step();  wait until a shard has events, the resolver woke us, or next_deadline_ns()
//
// Implements spec/04 sections 2-6, spec/05 sections 8, 9, 11 (services), spec/09 section 2. Every
// operation reports by Done<T>; the text of its Error is what the user reads (Error::text()), its
// code tells the status: kNotFound 404, kInvalid and kAlreadyExists 400/500 as the route says,
// kTimeout and the others 500. Lists and shows answer at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/rng.h"
#include "control/node/logger.h"
#include "control/node/resolver.h"
#include "control/node/shard_port.h"
#include "control/node/types.h"

namespace weir {

class State;       // control/store/state.h
class Identities;  // control/identity/identities.h
class Policies;    // control/policy/access.h
class NodeParts;   // control/node/internal/parts.h

class Node {
 public:
  // `shards`: index = ShardId, at least one. `state` may be null (nothing persists). All must
  // outlive the node.
  Node(NodeConfig config, std::vector<ShardPort*> shards, State* state, Identities& identities,
       Resolver& resolver, Clock& clock, Rng& rng, Logger logger);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Opens the default listener and starts the services. Done: the bound address of the default
  // listener (unset without one). kIo "address in use" when it cannot be bound.
  void start(Done<std::optional<SocketAddress>> done);
  // Restores listeners, portals, relays, channel listeners and hops from State, in that order of
  // need. Failures are logged, never fatal. For `node start`; `node create` calls clear_stored
  // instead.
  void restore_all();
  void clear_stored();
  // Closes every channel (Close is sent), then every connection and listener.
  void shutdown();

  // Drains the shards' events and the resolver's answers, runs due timers.
  void step();
  // Monotonic ns of the next timer; UINT64_MAX when there is none.
  std::uint64_t next_deadline_ns() const;

  const NodeConfig& config() const;
  // What is known only after start: the endpoint that was bound, and whether the node is the
  // default.
  void set_status_endpoint(const SocketAddress& address);
  void set_default(bool is_default);
  Result<Identifier> identity_by_name(const std::string& name);

  // --- status
  NodeResources resources() const;
  void counters(Done<CountersReport> done);

  // --- latency profiles. kAlreadyExists: another profiler is attached; kNotFound: no such session
  // (any more). What a reading points to is there until `done` returns.
  Result<LatencySession> start_latency(const LatencyRequest& request);
  void read_latency(std::uint64_t session, Done<LatencyReading> done);
  Status stop_latency(std::uint64_t session);

  // --- TCP (spec/04 5.4, spec/01 6.6). `address`: "host:port"; numeric only for listeners.
  void create_tcp_connection(const std::string& address, Done<TransportInfo> done);
  std::vector<TransportInfo> list_tcp_connections() const;
  // By peer socket address, sender or receiver address. kNotFound "Connection X was not found in
  // the registry."
  Result<TransportInfo> show_tcp_connection(const std::string& address) const;
  Status delete_tcp_connection(const std::string& address);
  void create_tcp_listener(const std::string& address, Done<TransportInfo> done);
  std::vector<TransportInfo> list_tcp_listeners() const;
  Result<TransportInfo> show_tcp_listener(const std::string& address) const;
  Status delete_tcp_listener(const std::string& address);

  // --- secure channels (5.5)
  void create_secure_channel(const ChannelRequest& request, Done<SecureChannelInfo> done);
  std::vector<SecureChannelInfo> list_secure_channels() const;  // those that this node initiated
  Result<SecureChannelInfo> show_secure_channel(const std::string& encryptor) const;
  // By encryptor (or decryptor) address; answers the encryptor's.
  Result<std::string> delete_secure_channel(const std::string& encryptor);
  Status create_secure_channel_listener(const ChannelListenerRequest& request);
  std::vector<ChannelListenerInfo> list_secure_channel_listeners() const;
  Result<ChannelListenerInfo> show_secure_channel_listener(const std::string& address) const;
  Status delete_secure_channel_listener(const std::string& address);

  // --- services and workers (5.6)
  std::vector<ServiceInfo> list_services() const;
  Status start_hop(const std::string& address);
  Status start_echo(const std::string& address);
  Status start_uppercase(const std::string& address);
  std::vector<WorkerInfo> list_workers() const;

  // --- relays (5.7): this node as a client
  void create_relay(const RelayRequest& request, Done<RelayInfo> done);
  std::vector<RelayInfo> list_relays() const;
  Result<RelayInfo> show_relay(const std::string& name) const;
  Status delete_relay(const std::string& name);

  // --- portals (5.8)
  void create_inlet(const InletRequest& request, Done<InletStatus> done);
  std::vector<InletStatus> list_inlets() const;
  Result<InletStatus> show_inlet(const std::string& alias) const;
  Result<InletStatus> delete_inlet(const std::string& alias);
  void create_outlet(const OutletRequest& request, Done<OutletStatus> done);
  std::vector<OutletStatus> list_outlets() const;
  Result<OutletStatus> show_outlet(const std::string& address) const;
  Result<OutletStatus> delete_outlet(const std::string& address);

  // --- policies (5.12): of this node, read at start.
  Policies& policies();

  // --- flow control (5.9). `id`: 32 hex digits, not checked for existence; `address`: one local
  // part.
  Status add_consumer(const std::string& id, const wire::MultiAddr& address);

  // --- messages (5.10): payload unchanged, answer's payload unchanged. Connections made for it are
  // closed afterwards. `authorized`: who may be at the end of the channels made; unset: anybody.
  void send_message(const wire::MultiAddr& to, Bytes payload, std::uint64_t timeout_ms,
                    Done<Bytes> done,
                    std::optional<std::vector<Identifier>> authorized = std::nullopt);

  // --- forwarders (spec/09 section 2): the same target gives the same forwarder.
  void create_forwarder(const std::string& target, Done<ForwarderInfo> done);
  std::vector<ForwarderInfo> list_forwarders() const;
  Status delete_forwarder(const std::string& address);

  // Serves `_internal.nodemanager` when the operator exposes it: called with the payload (an
  // encoded request, spec/04 section 1), answers with an encoded response, or with nothing for
  // silence. The answer may come later; `answer` must be called exactly once.
  using ApiHandler = std::function<void(Bytes request, std::function<void(Bytes response)> answer)>;
  void set_api_handler(ApiHandler handler);

 private:
  std::unique_ptr<NodeParts> parts_;
};

}  // namespace weir
