// Inlets and outlets (spec/04 5.8).
#pragma once

#include "control/node/api/models_common.h"
#include "control/policy/policy_expression.h"

namespace weir::api {

struct CreateInlet {
  wire::HostnamePort listen;
  wire::MultiAddr to;
  std::string alias;
  std::optional<Identifier> authorized;
  std::optional<Duration> wait_for_outlet;
  std::optional<PolicyExpression> policy;
  bool wait_connection = true;
  std::optional<Identifier> identity;
  bool enable_udp_puncture = false;
  bool disable_tcp_fallback = false;
  bool privileged = false;
  std::optional<wire::MultiAddr> tls_certificate_provider;
  bool skip_handshake = false;
  bool enable_nagle = false;
  wire::Route prefix_route;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.listen);
    field(2, m.to);
    field(3, m.alias);
    field(4, m.authorized);
    field(5, m.wait_for_outlet);
    field(6, m.policy);
    field(7, m.wait_connection);
    field(8, m.identity);
    field(9, m.enable_udp_puncture);
    field(11, m.disable_tcp_fallback);
    field(12, m.privileged);
    field(13, m.tls_certificate_provider);
    field(14, m.skip_handshake);
    field(15, m.enable_nagle);
    field(16, m.prefix_route);
  }
  Bytes encode() const;
  static Result<CreateInlet> decode(ByteSpan body);
};

struct InletStatus {
  std::string bind_address;                   // "127.0.0.1:4000"
  std::optional<std::string> worker_address;  // without a type
  std::string alias;
  std::optional<std::string> payload;
  std::optional<std::string> outlet_route;  // "0#.. => 0#outlet"
  ConnectionStatus status = ConnectionStatus::kDown;
  std::string outlet_address;  // a MultiAddr as text
  bool privileged = false;
  std::optional<std::string> last_failure;        // ours: why it is down
  std::optional<std::string> last_stream_reason;  // ours: why the last stream failed

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.bind_address);
    field(2, m.worker_address);
    field(3, m.alias);
    field(4, m.payload);
    field(5, m.outlet_route);
    field(6, m.status);
    field(7, m.outlet_address);
    field(8, m.privileged);
    field(100, m.last_failure);
    field(101, m.last_stream_reason);
  }
  Bytes encode() const;
  static Result<InletStatus> decode(ByteSpan body);
};

// 81 <array>
struct InletStatusList {
  std::vector<InletStatus> items;
  Bytes encode() const;
  static Result<InletStatusList> decode(ByteSpan body);
};

struct CreateOutlet {
  wire::HostnamePort to;
  bool tls = false;
  std::optional<wire::Address> address;
  bool reachable_from_default_secure_channel = true;
  std::optional<PolicyExpression> policy;
  bool privileged = false;
  bool skip_handshake = false;
  bool enable_nagle = false;
  // Ours; a real node ignores it, so the command must refuse to send it to one.
  std::optional<std::vector<Identifier>> authorized;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.to);
    field(2, m.tls);
    field(3, m.address);
    field(4, m.reachable_from_default_secure_channel);
    field(5, m.policy);
    field(6, m.privileged);
    field(7, m.skip_handshake);
    field(8, m.enable_nagle);
    field(100, m.authorized);
  }
  Bytes encode() const;
  static Result<CreateOutlet> decode(ByteSpan body);
};

struct OutletStatus {
  wire::HostnamePort to;
  wire::Address worker_address;
  std::optional<std::string> payload;
  bool privileged = false;
  std::optional<std::vector<Identifier>> authorized;  // ours; absent: everyone

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.to);
    field(2, m.worker_address);
    field(3, m.payload);
    field(4, m.privileged);
    field(100, m.authorized);
  }
  Bytes encode() const;
  static Result<OutletStatus> decode(ByteSpan body);
};

// A plain array.
struct OutletStatusList {
  std::vector<OutletStatus> items;
  Bytes encode() const;
  static Result<OutletStatusList> decode(ByteSpan body);
};

}  // namespace weir::api
