// Recordings as JSON: written compactly, read without believing anything.
#include <sys/stat.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tools/latency/recording.h"

namespace weir::latency {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "weir-latency";
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kFileBytesMax = 256u << 20;
constexpr std::size_t kTextBytesMax = 4096;

// --- writing

template <class H>
Json json_of(const H& histogram) {
  Json buckets = Json::array();
  histogram.for_each([&buckets](std::uint64_t low, std::uint64_t, std::uint64_t count) {
    buckets.push_back(low);
    buckets.push_back(count);
  });
  return {{"sum", static_cast<std::uint64_t>(histogram.sum())},
          {"min", histogram.min()},
          {"max", histogram.max()},
          {"buckets", std::move(buckets)}};
}

Json json_of(const Stages& stages) {
  Json out = Json::object();
  for (std::size_t i = 0; i < kStages; ++i) {
    if (stages[i].count() != 0) out[stage_name(static_cast<Stage>(i))] = json_of(stages[i]);
  }
  return out;
}

Json json_of(const ShardPart& shard) {
  return {{"frames", shard.frames},          {"sampled", shard.sampled},
          {"ended_here", shard.ended_here},  {"unfinished", shard.unfinished},
          {"busy_ns", shard.busy_ns},        {"stalls_seen", shard.stalls_seen},
          {"stages", json_of(shard.stages)}, {"turns", json_of(shard.turns)}};
}

Json lists_of(const Recording& recording) {
  Json out = Json::object();
  Json& points = out["points"] = Json::array();
  for (const Point& p : recording.points) {
    points.push_back({p.at_s, p.seconds, p.frames, p.drops, p.p50_ns, p.p99_ns, p.max_ns, p.busy});
  }
  Json& stalls = out["stalls"] = Json::array();
  for (const StallPoint& s : recording.stalls) {
    stalls.push_back({s.at_s, s.length_ns, s.frames, s.shard});
  }
  Json& drops = out["drops"] = Json::array();
  for (const auto& [name, drop] : recording.drops) {
    drops.push_back({{"name", name}, {"words", drop.words}, {"count", drop.count}});
  }
  Json& relays = out["relays"] = Json::array();
  for (const auto& [key, relay] : recording.relays) {
    relays.push_back({{"key", key},
                      {"name", relay.name},
                      {"frames", relay.frames},
                      {"bytes", relay.bytes},
                      {"total", json_of(relay.total)}});
  }
  Json& mixes = out["mixes"] = Json::array();
  for (const auto& [low, mix] : recording.mixes) {
    mixes.push_back({{"low_ns", low}, {"frames", mix.frames}, {"sum_ns", mix.sum_ns}});
  }
  return out;
}

// --- reading: what is missing or wrong makes the whole file wrong

struct Broken {
  std::string what;
};
[[noreturn]] void broken(const std::string& what) { throw Broken{what}; }

const Json& member(const Json& json, const char* name) {
  if (!json.is_object()) broken(std::string("no object around ") + name);
  const auto at = json.find(name);
  if (at == json.end()) broken(std::string(name) + " is missing");
  return *at;
}
std::uint64_t whole(const Json& json, const char* name) {
  if (!json.is_number_unsigned()) broken(std::string(name) + " is no number");
  return json.get<std::uint64_t>();
}
std::uint64_t u64(const Json& json, const char* name) { return whole(member(json, name), name); }
double real(const Json& json, const char* name) {
  if (!json.is_number()) broken(std::string(name) + " is no number");
  const double value = json.get<double>();
  if (!std::isfinite(value) || value < 0) broken(std::string(name) + " is out of range");
  return value;
}
std::string text(const Json& json, const char* name) {
  const Json& value = member(json, name);
  if (!value.is_string()) broken(std::string(name) + " is no text");
  std::string out = value.get<std::string>();
  if (out.size() > kTextBytesMax) broken(std::string(name) + " is too long");
  return out;
}
const Json& list(const Json& json, const char* name, std::size_t max) {
  const Json& value = member(json, name);
  if (!value.is_array() || value.size() > max) {
    broken(std::string(name) + " is no list, or too long");
  }
  return value;
}

template <class H>
void read_histogram(H& out, const Json& json) {
  api::LatencyHistogram raw;
  raw.sum = u64(json, "sum");
  raw.min = u64(json, "min");
  raw.max = u64(json, "max");
  for (const Json& each : list(json, "buckets", 2 * H::kBuckets)) {
    raw.buckets.push_back(whole(each, "buckets"));
  }
  if (!fill(out, raw)) broken("buckets make no histogram");
}

void read_stages(Stages& out, const Json& json) {
  if (!json.is_object()) broken("stages are no object");
  for (std::size_t i = 0; i < kStages; ++i) {
    const auto at = json.find(stage_name(static_cast<Stage>(i)));
    if (at != json.end()) read_histogram(out[i], *at);
  }
}

void read_shard(ShardPart& shard, const Json& json) {
  shard.frames = u64(json, "frames");
  shard.sampled = u64(json, "sampled");
  shard.ended_here = u64(json, "ended_here");
  shard.unfinished = u64(json, "unfinished");
  shard.busy_ns = u64(json, "busy_ns");
  shard.stalls_seen = u64(json, "stalls_seen");
  read_stages(shard.stages, member(json, "stages"));
  read_histogram(shard.turns, member(json, "turns"));
}

const Json& row(const Json& json, std::size_t columns) {
  if (!json.is_array() || json.size() != columns) broken("a row of the wrong length");
  return json;
}

void read_lists(Recording& out, const Json& json) {
  for (const Json& each : list(json, "points", kPointsMax)) {
    const Json& r = row(each, 8);
    out.points.push_back({real(r[0], "points"), real(r[1], "points"), whole(r[2], "points"),
                          whole(r[3], "points"), whole(r[4], "points"), whole(r[5], "points"),
                          whole(r[6], "points"), real(r[7], "points")});
  }
  for (const Json& each : list(json, "stalls", kStallsKept)) {
    const Json& r = row(each, 4);
    out.stalls.push_back({real(r[0], "stalls"), whole(r[1], "stalls"), whole(r[2], "stalls"),
                          whole(r[3], "stalls")});
  }
  for (const Json& each : list(json, "drops", 1000)) {
    out.drops[text(each, "name")] = {text(each, "words"), u64(each, "count")};
  }
  for (const Json& each : list(json, "relays", kRelaysKept + 1)) {
    RelayPart& relay = out.relays[text(each, "key")];
    relay.name = text(each, "name");
    relay.frames = u64(each, "frames");
    relay.bytes = u64(each, "bytes");
    read_histogram(relay.total, member(each, "total"));
  }
  for (const Json& each : list(json, "mixes", MixBuckets::kBuckets)) {
    Mix& mix = out.mixes[u64(each, "low_ns")];
    mix.frames = u64(each, "frames");
    const Json& sums = row(member(each, "sum_ns"), kStages);
    for (std::size_t i = 0; i < kStages; ++i) mix.sum_ns[i] = real(sums[i], "sum_ns");
  }
}

Recording read(const Json& json) {
  Recording out;
  if (text(json, "format") != kFormat) broken("it says to be something else");
  if (u64(json, "version") != kVersion) {
    throw Broken{"it is of another version of weir-latency"};
  }
  out.node = text(json, "node");
  out.began = text(json, "began");
  out.machine = text(json, "machine");
  out.note = text(json, "note");
  out.sample = u64(json, "sample");
  out.stall_ns = u64(json, "stall_ns");
  const Json& ticks = member(json, "hardware_ticks");
  out.hardware_ticks = ticks.is_boolean() && ticks.get<bool>();
  out.seconds = real(member(json, "seconds"), "seconds");
  const Json& shards = list(json, "shards", kShardsMax);
  out.shards.resize(shards.size());
  for (std::size_t i = 0; i < shards.size(); ++i) read_shard(out.shards[i], shards[i]);
  const Json& blocks = list(json, "blocks", kBlocksMax);
  out.blocks.resize(blocks.size());
  for (std::size_t i = 0; i < blocks.size(); ++i) read_stages(out.blocks[i], blocks[i]);
  read_lists(out, json);
  return out;
}

}  // namespace

std::string to_file_text(const Recording& recording) {
  Json json = {{"format", kFormat},
               {"version", kVersion},
               {"node", recording.node},
               {"began", recording.began},
               {"machine", recording.machine},
               {"note", recording.note},
               {"sample", recording.sample},
               {"stall_ns", recording.stall_ns},
               {"hardware_ticks", recording.hardware_ticks},
               {"seconds", recording.seconds}};
  Json& shards = json["shards"] = Json::array();
  for (const ShardPart& shard : recording.shards) shards.push_back(json_of(shard));
  Json& blocks = json["blocks"] = Json::array();
  for (const Stages& block : recording.blocks) blocks.push_back(json_of(block));
  json.update(lists_of(recording));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Recording> from_file_text(const std::string& file) {
  const Json json = Json::parse(file, nullptr, false);
  if (json.is_discarded()) return fail(Errc::kInvalid, "it is no JSON, or cut off");
  try {
    return read(json);
  } catch (const Broken& what) {
    return fail(Errc::kInvalid, "it is no recording", what.what);
  }
}

Result<Recording> read_recording(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::kIo, "cannot be opened", std::strerror(errno));
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0 || S_ISDIR(info.st_mode)) {
    return fail(Errc::kIo, "it is no file");
  }
  if (info.st_size > static_cast<off_t>(kFileBytesMax)) {
    return fail(Errc::kInvalid, "it is too large for a recording");
  }
  std::ostringstream all;
  all << file.rdbuf();
  return from_file_text(all.str());
}

Status write_file(const std::string& path, const std::string& text_in) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (file) file << text_in << std::flush;
  if (file) return {};
  return fail(Errc::kIo, "cannot be written", path + ": " + std::strerror(errno));
}

}  // namespace weir::latency
