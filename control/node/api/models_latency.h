// Bodies of latency profiles (tools/latency; dataplane/telemetry/stage_clock.h says what is
// measured); weir's own, a real node answers 400.
//   POST   /node/latency   StartLatency -> LatencyStarted, or 409 while another profiler is
//   attached GET    /node/latency   LatencySessionId -> LatencyReport: what happened since the last
//   GET DELETE /node/latency   LatencySessionId -> no body
// A session that is not read for lease_ms ends by itself; GET and DELETE then answer 404.
#pragma once

#include "control/node/api/models_extension.h"

namespace weir::api {

struct StartLatency {
  std::uint64_t sample = 64;
  std::uint64_t stall_ns = 1'000'000;
  bool take_over = false;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.sample);
    field(2, m.stall_ns);
    field(3, m.take_over);
  }
  Bytes encode() const;
  static Result<StartLatency> decode(ByteSpan body);
};

struct LatencyStarted {
  std::uint64_t session = 0;
  std::uint64_t shards = 0;
  bool hardware_ticks = false;
  std::uint64_t lease_ms = 0;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.session);
    field(2, m.shards);
    field(3, m.hardware_ticks);
    field(4, m.lease_ms);
  }
  Bytes encode() const;
  static Result<LatencyStarted> decode(ByteSpan body);
};

struct LatencySessionId {
  std::uint64_t session = 0;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.session);
  }
  Bytes encode() const;
  static Result<LatencySessionId> decode(ByteSpan body);
};

// A histogram without its empty buckets: low end and count in turn, ascending.
struct LatencyHistogram {
  std::string name;
  std::uint64_t sum = 0;
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  std::vector<std::uint64_t> buckets;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.name);
    field(2, m.sum);
    field(3, m.min);
    field(4, m.max);
    field(5, m.buckets);
  }
};

// Sums of each stage over frames whose total is in the bucket from low_ns.
struct LatencyMix {
  std::uint64_t low_ns = 0;
  std::uint64_t frames = 0;
  std::vector<std::uint64_t> sum_ns;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.low_ns);
    field(2, m.frames);
    field(3, m.sum_ns);
  }
};

struct LatencyRelay {
  std::string key;  // the same on all shards; empty: the rest, together
  std::string name;
  std::uint64_t frames = 0;  // timed ones
  std::uint64_t bytes = 0;
  LatencyHistogram total;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.key);
    field(2, m.name);
    field(3, m.frames);
    field(4, m.bytes);
    field(5, m.total);
  }
};

struct LatencyStall {
  std::uint64_t at_ns = 0;
  std::uint64_t length_ns = 0;
  std::uint64_t frames = 0;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.at_ns);
    field(2, m.length_ns);
    field(3, m.frames);
  }
};

struct LatencyShard {
  std::uint64_t from_ns = 0;  // of the node's monotonic clock
  std::uint64_t until_ns = 0;
  std::uint64_t frames = 0;
  std::uint64_t sampled = 0;
  std::uint64_t ended_here = 0;
  std::uint64_t unfinished = 0;
  std::uint64_t busy_ns = 0;
  std::uint64_t stalls_seen = 0;
  std::vector<LatencyHistogram> stages;  // by name, ns
  LatencyHistogram turns;
  std::vector<LatencyMix> mixes;
  std::vector<LatencyRelay> relays;
  std::vector<LatencyStall> stalls;  // the first ones
  std::vector<DropCount> drops;      // since the node started

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.from_ns);
    field(2, m.until_ns);
    field(3, m.frames);
    field(4, m.sampled);
    field(5, m.ended_here);
    field(6, m.unfinished);
    field(7, m.busy_ns);
    field(8, m.stalls_seen);
    field(9, m.stages);
    field(10, m.turns);
    field(11, m.mixes);
    field(12, m.relays);
    field(13, m.stalls);
    field(14, m.drops);
  }
};

struct LatencyReport {
  std::vector<LatencyShard> shards;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.shards);
  }
  Bytes encode() const;
  static Result<LatencyReport> decode(ByteSpan body);
};

}  // namespace weir::api
