// Secure channels, as far as control has to do with them: who is at the other end, where it lives,
// when it ends. Initiators live here; responders are in channel_listeners.h.
//
// A handshake is a kHandshake worker at the future decryptor's address: the shard hands over one
// message at a time and parks the rest until HandshakeStep or InstallChannel.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/handshake/handshake.h"
#include "control/node/internal/rights.h"
#include "control/node/internal/workers.h"

namespace weir::control {

class OwnCredentials;

struct Channel {
  ControlId id = 0;
  bool initiator = false;
  Identifier peer;
  PrincipalId principal = kNoPrincipal;
  WorkerAddress encryptor;
  WorkerAddress decryptor;
  ShardId shard = 0;
  FlowId flow = kNoFlow;
  FlowId spawner = kNoFlow;
  wire::Route route;  // initiator: as asked for
  std::optional<std::vector<Identifier>> authorized;
  bool orphaned = false;
  std::optional<Identifier> identity = {};  // ours, if not the node's
};

struct ChannelOptions {
  std::optional<Identifier> identity = {};  // default: the node's
  std::optional<std::vector<Identifier>> authorized = {};
  std::uint64_t timeout_ms = 120'000;
  bool present_credential = true;
};

class Channels {
 public:
  Channels(NodeCore& core, WorkerTable& workers, Rights& rights)
      : core_(core), workers_(workers), rights_(rights) {}

  // Fetches our credential for an identity, if there is a source of any. Set before the first
  // channel.
  OwnCredentials* own_credentials = nullptr;
  // By a peer, in a handshake.
  std::function<void()> credential_shown;

  // Handshake with the listener at the end of `to`. kRefused at once when the answer cannot be
  // accepted, kTimeout when there is none. The id is the channel's.
  ControlId create(const wire::Route& to, ChannelOptions options, Done<Channel> done);
  // Ends a channel (Close is sent) or an attempt; `done` of an attempt is not called any more.
  void close(ControlId id);
  void close_all();
  // Those that peers opened, the last made first.
  void close_accepted();

  // Tells the shard and enters the channel in the table. `keys.peer` becomes a principal.
  void install(Channel channel, ChannelKeys keys, const wire::Route& peer_route);

  void on_closed(const ChannelClosed& event);
  void on_orphaned(const ChannelOrphaned& event);
  void on_refresh(const ChannelRefresh& event);
  // What policies say of a peer (of all: nullopt) is asked again, and its shards are told. Returns
  // the peers that lost a right.
  std::vector<PrincipalId> rights_changed(const std::optional<Identifier>& peer);
  // Shows the credential to every peer of a channel that `identity` has.
  void show_credential(const Identifier& identity, const Bytes& credential);

  // These unpack what is kept, and the last two look at all: for operators and new connections.
  std::optional<Channel> find(ControlId id) const;
  std::optional<Channel> by_encryptor(const WorkerAddress& address) const;
  // By encryptor or decryptor, with or without "0#".
  std::optional<Channel> by_address(std::string_view text) const;
  std::vector<ControlId> ids() const;
  std::size_t size() const { return channels_.size(); }
  bool full() const { return channels_.size() >= core_.config.limits.channels_max; }
  HandshakeContext context() { return {core_.identities, core_.rng, *core_.aead}; }
  HandshakeOptions handshake_options(const std::optional<Identifier>& identity,
                                     const std::optional<std::vector<Identifier>>& authorized);
  // The same with what a listener can show at once.
  HandshakeOptions listener_options(const std::optional<Identifier>& identity,
                                    const std::optional<std::vector<Identifier>>& authorized);

  // A channel has left the table; its flow's permissions are still in place.
  std::function<void(const Channel& channel)> ended;
  // The connection under it is gone; it may come back.
  std::function<void(const Channel& channel)> orphaned;

 private:
  struct Attempt {
    std::unique_ptr<Initiator> initiator;
    Channel channel;  // what will become of it
    ChannelOptions options;
    TimerId timer = kNoTimer;
    Done<Channel> done;
  };
  // A channel as it is kept: there may be very many, nearly all of them from peers.
  struct Stored {
    RandomName encryptor;
    RandomName decryptor;
    PrincipalId principal = kNoPrincipal;  // its identifier is the peer's
    FlowId flow = kNoFlow;
    FlowId spawner = kNoFlow;
    Gates gates = kOpenGates;
    ShardId shard = 0;
    bool initiator = false;
    bool orphaned = false;
    std::uint8_t route_hops = 0;
    std::uint16_t route_bytes = 0;
    std::unique_ptr<std::uint8_t[]> route;
    std::unique_ptr<std::vector<Identifier>> authorized;
    std::unique_ptr<Identifier> identity;  // ours, if not the node's
  };
  Stored packed(const Channel& channel) const;
  Channel unpacked(ControlId id, const Stored& channel) const;
  void begin(ControlId id, std::vector<Bytes> credentials);
  void on_message2(ControlId id, MessageEvent& message);
  void fail_attempt(ControlId id, Error error);
  void remove(ControlId id);

  NodeCore& core_;
  WorkerTable& workers_;
  Rights& rights_;
  std::map<ControlId, Attempt> attempts_;
  std::map<ControlId, Stored> channels_;
};

}  // namespace weir::control
