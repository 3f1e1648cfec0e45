// Services, workers (spec/04 5.6) and message send (5.10).
#pragma once

#include "control/node/api/models_common.h"

namespace weir::api {

struct ServiceStatus {
  std::string address;
  std::string type;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(2, m.address);
    field(3, m.type);
  }
  Bytes encode() const;
  static Result<ServiceStatus> decode(ByteSpan body);
  friend bool operator==(const ServiceStatus&, const ServiceStatus&) = default;
};

// 81 <array>
struct ServiceStatusList {
  std::vector<ServiceStatus> items;
  Bytes encode() const;
  static Result<ServiceStatusList> decode(ByteSpan body);
};

// POST /node/services/{uppercase,echo,hop}: {1: tstr}, a bare worker address.
struct StartService {
  std::string address;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.address);
  }
  Bytes encode() const;
  static Result<StartService> decode(ByteSpan body);
};

struct WorkerStatus {
  std::string address;  // without a type

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(2, m.address);
  }
  Bytes encode() const;
  static Result<WorkerStatus> decode(ByteSpan body);
};

struct WorkerList {
  std::vector<WorkerStatus> items;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.items);
  }
  Bytes encode() const;
  static Result<WorkerList> decode(ByteSpan body);
};

// POST v0/message: tstr || bytes, not one CBOR item. The answer's body is the answer's payload.
struct SendMessage {
  std::string to;  // a MultiAddr as text
  Bytes message;

  Bytes encode() const;
  static Result<SendMessage> decode(ByteSpan body);
};

}  // namespace weir::api
