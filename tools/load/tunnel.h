// A way to a worker: a slot on a connection, any number of secure channels inside each other, and,
// if wanted, a relay registered at the far end. It sets itself up step by step as answers arrive,
// then carries messages.
//
// Its addresses look like Ockam's (32 hex digits); the first eight name the slot on the connection,
// the next two the role: channel number i's decryptor, or the application behind all channels.
//
// Messages are built where they will be sent from: begin() makes room for all heads and tails,
// finish() writes them inside out and seals in place.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "dataplane/wire/channel_message.h"
#include "dataplane/wire/route.h"
#include "tools/load/connection.h"
#include "tools/load/data_phase.h"
#include "tools/load/party.h"

namespace weir::load {

// What a tunnel is made of; shared by all tunnels of a kind.
struct TunnelPlan {
  std::vector<wire::Route> listeners;  // of the channels, outermost first
  wire::Route onward;                  // of its messages, inside the innermost channel
};

class TunnelUser {
 public:
  virtual ~TunnelUser() = default;
  virtual void tunnel_ready(Tunnel& tunnel) = 0;
  // `payload` may be changed and is valid during the call. The tunnel may be closed in here.
  virtual void tunnel_message(Tunnel& tunnel, MutableByteSpan payload) = 0;
  // Failed while being set up, or lost later; it is closed then.
  virtual void tunnel_lost(Tunnel& tunnel, const char* why) = 0;
};

// The slot at the start of an address of ours.
bool slot_of(ByteSpan address, std::uint32_t& slot);

class Tunnel {
 public:
  enum class State : std::uint8_t { kClosed, kConnecting, kHandshaking, kRegistering, kReady };

  // `number`: the user's.
  Tunnel(Connection& connection, Party& party, const TunnelPlan& plan, TunnelUser& user,
         std::uint32_t number)
      : connection_(&connection), party_(party), plan_(plan), user_(user), number_(number) {}
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // Before open(): by default the party's own identity; a name registers a relay; a route of its
  // own instead of the plan's.
  void set_identity(const Identifier& identity) { identity_ = identity; }
  void set_relay_name(std::string name) { relay_name_ = std::move(name); }
  void set_onward(const wire::Route& onward) { onward_ = onward; }

  // Opens the connection if it is closed. Also after a loss: everything is set up again.
  void open();
  // Says Close to the peers of its channels, and gives its slot back. Tells nobody else.
  void close();

  State state() const { return state_; }
  std::uint32_t number() const { return number_; }
  Connection& connection() { return *connection_; }
  // Where it can be reached behind its channels: what others put behind its relay.
  wire::Address application_address() const;

  // Room for a payload, to be filled by the caller before finish() queues the message. Ready only.
  std::uint8_t* begin(std::size_t payload_bytes);
  void finish();
  // Bytes on the wire of the last message, length prefix included.
  std::size_t message_bytes() const { return head_bytes_ + payload_bytes_ + tail_bytes_; }

  std::uint64_t unopened() const { return unopened_; }
  void drop_expanded_keys();

  // --- for the connection
  void connection_open();
  void connection_lost(const char* why);
  void connection_deleted();
  // False: not for us.
  bool receive(ByteSpan to, const wire::RouteView& ret, MutableByteSpan payload);

 private:
  static constexpr std::size_t kAddressBytes = wire::kRandomAddressBytes;
  struct Layer {
    std::unique_ptr<Initiator> initiator;  // while it shakes hands
    wire::Route remote;                    // to the peer's decryptor
    DataPhase data;
  };

  std::uint8_t role_of_application() const {
    return static_cast<std::uint8_t>(plan_.listeners.size());
  }
  std::array<std::uint8_t, kAddressBytes> address_of(std::uint8_t role) const;
  void draw_addresses();
  void next_step();
  void start_handshake(std::size_t layer);
  void start_registration();
  void lose(const char* why);
  void leave();

  // Sends through the first `depth` channels.
  std::uint8_t* begin_at(std::size_t depth, const wire::RouteView& onward, std::uint8_t ret_role,
                         std::size_t payload_bytes);
  void send_at(std::size_t depth, const wire::RouteView& onward, std::uint8_t ret_role,
               ByteSpan payload);
  void take_message2(Layer& layer, std::uint8_t role, const wire::RouteView& ret, ByteSpan message);
  bool take_sealed(Layer& layer, MutableByteSpan frame);
  void take_application(MutableByteSpan payload);

  Connection* connection_;
  Party& party_;
  const TunnelPlan& plan_;
  TunnelUser& user_;
  std::uint32_t number_;
  std::uint32_t slot_ = 0;
  bool attached_ = false;
  State state_ = State::kClosed;
  Identifier identity_ = party_.own();
  std::string relay_name_;
  wire::Route onward_ = plan_.onward;
  std::array<char, 32> address_{};  // the role digits vary
  std::vector<Layer> layers_;
  std::uint64_t unopened_ = 0;

  // The message between begin and finish.
  std::size_t depth_ = 0;
  wire::RouteView sending_onward_;
  std::array<std::uint8_t, kAddressBytes> sending_ret_{};
  std::size_t head_bytes_ = 0;
  std::size_t payload_bytes_ = 0;
  std::size_t tail_bytes_ = 0;
  std::uint8_t* payload_ = nullptr;
};

}  // namespace weir::load
