// Secure channels, data phase: seal what goes to an encryptor, open what comes to a decryptor,
// roaming, close, linger (docs/spec/02 section 6).
#pragma once

#include <cstdint>
#include <unordered_map>

#include "dataplane/channel/channel_crypto.h"
#include "dataplane/contract.h"
#include "dataplane/route/address_table.h"
#include "dataplane/route/packet.h"
#include "dataplane/shard/slab.h"

namespace weir {

class Shard;

struct Channel {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  ControlId id = 0;
  bool responder = false;
  bool orphaned = false;  // nothing under the first hop of `route`
  std::uint32_t encryptor_entry = 0;
  std::uint32_t decryptor_entry = 0;
  FlowId flow = kNoFlow;
  FlowId spawner = kNoFlow;
  PrincipalId principal = kNoPrincipal;
  Gates gates = kOpenGates;
  std::uint32_t linger_ms = 0;
  std::uint64_t roam_nonce = 0;  // largest nonce that updated `route`
  ChannelCrypto crypto;
  EncodedRoute route;         // to the peer's decryptor
  std::uint32_t peer_at = 0;  // where the peer's decryptor address starts in route.items
  RouteUser user;             // of the first hop of `route`, if that is on this shard
  // The connection under the first hop if it is on another shard (the peer roamed there).
  FlowId remote_flow = kNoFlow;
};

class Channels {
 public:
  explicit Channels(Shard& shard) : shard_(shard) {}

  // The worker at command.decryptor must be a handshake; it becomes the decryptor.
  void install(InstallChannel&& command);
  void close(ControlId id, bool send_close, ChannelEnd why);
  void set_gates(ControlId id, Gates gates);
  void send_refresh(const SendRefresh& command);
  // The shard stops: every peer gets a Close.
  void close_all();
  // A packet whose first hop is this channel's encryptor: sealed, readdressed to the peer. False:
  // dropped (and counted) before a nonce was taken.
  bool seal(std::uint32_t channel, Packet& packet);
  // A packet whose first hop is this channel's decryptor. True: the packet is now what was inside.
  bool open(std::uint32_t channel, Packet& packet);
  // The first hop of the channel's route is gone.
  void orphan(std::uint32_t channel);
  Channel& at(std::uint32_t index) { return channels_.at(index); }
  Channel* find(std::uint32_t index, std::uint32_t generation) {
    return channels_.find(index, generation);
  }
  // A connection of another shard has ended.
  void flow_gone(FlowId flow);
  // The linger of an orphaned channel is over.
  void linger_over(std::uint32_t index, std::uint32_t generation);
  std::uint32_t size() const { return channels_.size(); }
  // False while something under the channel is missing.
  bool can_carry(std::uint32_t index) { return passable(channels_.at(index), 8); }

 private:
  void end(Channel& channel, bool send_close, ChannelEnd why);
  // A message of the channel itself; false when nothing can carry it now.
  bool send_own(Channel& channel, ByteSpan plaintext);
  // `via`: the connection that the route came by, where known.
  void set_route(Channel& channel, EncodedRoute route, FlowId via);
  void roam(Channel& channel, const RouteRef& outer_return, FlowId via, std::uint64_t nonce);
  // False when some hop under the channel is missing, so that no nonce is wasted.
  bool passable(const Channel& channel, int depth);

  Shard& shard_;
  // Tells what runs inside: frames may be lost (true), or there is a connection again (false).
  void tell_users(Channel& channel, bool broken);
  void leave_remote(Channel& channel);

  Slab<Channel> channels_;
  std::unordered_map<ControlId, std::uint32_t> by_id_;
  std::unordered_map<FlowId, std::vector<std::uint32_t>> by_remote_flow_;  // few roam
  std::uint32_t next_serial_ = 1;
};

}  // namespace weir
