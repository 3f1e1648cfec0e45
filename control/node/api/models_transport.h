// TCP connections and listeners (spec/04 5.4).
#pragma once

#include "control/node/api/models_common.h"

namespace weir::api {

enum class TransportType : std::uint8_t { kTcp = 0, kBle = 1, kWebSocket = 2 };
const char* transport_type_text(TransportType type);  // "Tcp"
enum class TransportMode : std::uint8_t { kListen = 0, kIncoming = 1, kOutgoing = 2 };
const char* transport_mode_text(TransportMode mode);  // "Listen"

struct TransportStatus {
  TransportType type = TransportType::kTcp;
  TransportMode mode = TransportMode::kListen;
  std::string socket_address;     // "127.0.0.1:4000": own for a listener, the peer's otherwise
  std::string worker_address;     // "0#<32 hex>", "<none>" for a listener
  std::string processor_address;  // "0#<32 hex>"
  FlowControlId flow_control_id;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.type);
    field(2, m.mode);
    field(3, m.socket_address);
    field(4, m.worker_address);
    field(5, m.processor_address);
    field(6, m.flow_control_id);
  }
  Bytes encode() const;
  static Result<TransportStatus> decode(ByteSpan body);
  friend bool operator==(const TransportStatus&, const TransportStatus&) = default;
};

// A plain array.
struct TransportStatusList {
  std::vector<TransportStatus> items;
  Bytes encode() const;
  static Result<TransportStatusList> decode(ByteSpan body);
};

// POST and DELETE of a connection or a listener: {1: tstr}. "host:port", or for DELETE also a
// worker address.
struct TransportAddress {
  std::string address;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.address);
  }
  Bytes encode() const;
  static Result<TransportAddress> decode(ByteSpan body);
};
using CreateTcpConnection = TransportAddress;
using CreateTcpListener = TransportAddress;
using DeleteTransport = TransportAddress;

}  // namespace weir::api
