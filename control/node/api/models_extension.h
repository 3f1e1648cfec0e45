// Bodies of weir's own endpoints; a real node answers 400 to all of them.
//   POST   /node/forwarder          CreateForwarder -> ForwarderStatus   (spec/09 section 2)
//   GET    /node/forwarder          -> ForwarderList
//   DELETE /node/forwarder/ADDRESS  -> empty
//   GET    /node/counters           -> CountersReport
#pragma once

#include "control/node/api/models_common.h"

namespace weir::api {

struct CreateForwarder {
  std::string target;  // "host:port"

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.target);
  }
  Bytes encode() const;
  static Result<CreateForwarder> decode(ByteSpan body);
};

struct ForwarderStatus {
  std::string address;  // without a type
  std::string target;
  std::optional<bool> connected;
  std::optional<std::uint64_t> idle_s;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.address);
    field(2, m.target);
    field(3, m.connected);
    field(4, m.idle_s);
  }
  Bytes encode() const;
  static Result<ForwarderStatus> decode(ByteSpan body);
};

// A plain array.
struct ForwarderList {
  std::vector<ForwarderStatus> items;
  Bytes encode() const;
  static Result<ForwarderList> decode(ByteSpan body);
};

struct NamedValue {
  std::string name;
  std::uint64_t value = 0;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.name);
    field(2, m.value);
  }
};

struct DropCount {
  std::string name;   // "unknown_address"
  std::string words;  // "no such worker"
  std::uint64_t count = 0;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.name);
    field(2, m.words);
    field(3, m.count);
  }
};

struct ShardCounters {
  std::vector<NamedValue> values;
  std::vector<DropCount> drops;  // reasons that occurred

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.values);
    field(2, m.drops);
  }
};

struct CountersReport {
  std::vector<NamedValue> control;
  std::vector<ShardCounters> shards;
  std::vector<NamedValue> limits;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.control);
    field(2, m.shards);
    field(3, m.limits);
  }
  Bytes encode() const;
  static Result<CountersReport> decode(ByteSpan body);
};

}  // namespace weir::api
