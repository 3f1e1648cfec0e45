// Secure channels and their listeners (spec/04 5.5), flow control (5.9).
#pragma once

#include "control/node/api/models_common.h"

namespace weir::api {

struct CreateSecureChannel {
  wire::MultiAddr to;
  std::optional<std::vector<Identifier>> authorized;  // an empty list trusts nobody
  std::optional<Duration> timeout;
  std::optional<std::string> identity_name;
  std::optional<RawItem> credential;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.to);
    field(2, m.authorized);
    field(4, m.timeout);
    field(5, m.identity_name);
    field(6, m.credential);
  }
  Bytes encode() const;
  static Result<CreateSecureChannel> decode(ByteSpan body);
};

struct SecureChannelCreated {
  wire::Address encryptor;
  FlowControlId flow_control_id;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.encryptor);
    field(2, m.flow_control_id);
  }
  Bytes encode() const;
  static Result<SecureChannelCreated> decode(ByteSpan body);
};

// 81 <array>: encryptors of the channels that the node initiated.
struct SecureChannelList {
  std::vector<wire::Address> items;
  Bytes encode() const;
  static Result<SecureChannelList> decode(ByteSpan body);
};

// Body of DELETE and of "show" for channels and for listeners, and the answer to a listener's
// DELETE: {1: Address}.
struct ChannelAddress {
  wire::Address address;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.address);
  }
  Bytes encode() const;
  static Result<ChannelAddress> decode(ByteSpan body);
};
using DeleteSecureChannel = ChannelAddress;
using ShowSecureChannel = ChannelAddress;
using DeleteSecureChannelListener = ChannelAddress;
using ShowSecureChannelListener = ChannelAddress;
using SecureChannelListenerDeleted = ChannelAddress;

struct SecureChannelDeleted {
  std::optional<std::string> encryptor;  // "0#<32 hex>"

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.encryptor);
  }
  Bytes encode() const;
  static Result<SecureChannelDeleted> decode(ByteSpan body);
};

struct SecureChannelStatus {
  wire::MultiAddr address;  // /service/<encryptor>
  wire::MultiAddr route;
  std::optional<std::vector<Identifier>> authorized;
  FlowControlId flow_control_id;
  Identifier their_identifier;
  std::optional<std::string> their_change_history;  // hex

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.address);
    field(2, m.route);
    field(3, m.authorized);
    field(4, m.flow_control_id);
    field(5, m.their_identifier);
    field(6, m.their_change_history);
  }
  Bytes encode() const;
  static Result<SecureChannelStatus> decode(ByteSpan body);
};

struct CreateSecureChannelListener {
  wire::Address address;
  std::optional<std::vector<Identifier>> authorized;
  std::optional<std::string> identity_name;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.address);
    field(2, m.authorized);
    field(3, m.identity_name);
  }
  Bytes encode() const;
  static Result<CreateSecureChannelListener> decode(ByteSpan body);
};

struct SecureChannelListener {
  wire::Address address;
  FlowControlId flow_control_id;
  bool key_exchange_only = false;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.address);
    field(2, m.flow_control_id);
    field(3, m.key_exchange_only);
  }
  Bytes encode() const;
  static Result<SecureChannelListener> decode(ByteSpan body);
  friend bool operator==(const SecureChannelListener&, const SecureChannelListener&) = default;
};

// 81 <array>
struct SecureChannelListenerList {
  std::vector<SecureChannelListener> items;
  Bytes encode() const;
  static Result<SecureChannelListenerList> decode(ByteSpan body);
};

struct AddConsumer {
  FlowControlId flow_control_id;
  wire::MultiAddr address;  // exactly one local part

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.flow_control_id);
    field(2, m.address);
  }
  Bytes encode() const;
  static Result<AddConsumer> decode(ByteSpan body);
};

}  // namespace weir::api
