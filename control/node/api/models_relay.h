// Relays, from the client's side (spec/04 5.7).
#pragma once

#include "control/node/api/models_common.h"

namespace weir::api {

enum class ReturnTiming : std::uint8_t { kImmediately = 1, kAfterConnection = 2 };

struct CreateRelay {
  wire::MultiAddr at;
  std::string name;
  std::optional<Identifier> authorized;
  std::optional<std::string> relay_address;  // absent: ephemeral
  ReturnTiming return_timing = ReturnTiming::kAfterConnection;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.at);
    field(2, m.name);
    field(3, m.authorized);
    field(4, m.relay_address);
    field(5, m.return_timing);
  }
  Bytes encode() const;
  static Result<CreateRelay> decode(ByteSpan body);
};

struct RelayInfo {
  // The first four are there while the relay is up.
  std::optional<std::string> forwarding_route;  // "0#a => 0#forward_to_x"
  std::optional<std::string> remote_address;    // "forward_to_x"
  std::optional<std::string> worker_address;    // "0#<32 hex>"
  std::optional<FlowControlId> flow_control_id;
  ConnectionStatus connection_status = ConnectionStatus::kDown;
  wire::MultiAddr destination_address;
  std::string name;
  std::optional<std::string> last_failure;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.forwarding_route);
    field(2, m.remote_address);
    field(3, m.worker_address);
    field(4, m.flow_control_id);
    field(5, m.connection_status);
    field(6, m.destination_address);
    field(7, m.name);
    field(8, m.last_failure);
  }
  Bytes encode() const;
  static Result<RelayInfo> decode(ByteSpan body);
};

// 81 <array>
struct RelayInfoList {
  std::vector<RelayInfo> items;
  Bytes encode() const;
  static Result<RelayInfoList> decode(ByteSpan body);
};

}  // namespace weir::api
