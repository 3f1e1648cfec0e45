#include "tools/latency/analysis.h"

#include <algorithm>

#include "tools/latency/units.h"

namespace weir::latency {

bool is_known(std::uint64_t count, double quantile) {
  return count > 0 && static_cast<double>(count) * (1 - quantile) >= kRecordsAboveMin;
}

std::string quantile_text(std::uint64_t count, double quantile, std::uint64_t value_ns) {
  return is_known(count, quantile) ? time_text(value_ns) : "-";
}

std::optional<Composition> composition(const Recording& recording, Quantile quantile) {
  std::vector<const Mix*> mixes;
  std::uint64_t frames = 0;
  for (const auto& [low, mix] : recording.mixes) {
    mixes.push_back(&mix);
    frames += mix.frames;
  }
  if (!is_known(frames, quantile.value)) return std::nullopt;
  const auto rank = static_cast<std::uint64_t>(quantile.value * static_cast<double>(frames));
  std::size_t at = 0;
  for (std::uint64_t seen = 0; at + 1 < mixes.size(); ++at) {
    seen += mixes[at]->frames;
    if (seen > rank) break;
  }
  Composition out{quantile, 0, {}};
  const auto add = [&out](const Mix& mix) {
    out.frames += mix.frames;
    for (std::size_t i = 0; i < kStages; ++i) out.mean_ns[i] += mix.sum_ns[i];
  };
  add(*mixes[at]);
  for (std::size_t away = 1; out.frames < kMixFramesMin && away < mixes.size(); ++away) {
    if (at >= away) add(*mixes[at - away]);
    if (at + away < mixes.size()) add(*mixes[at + away]);
  }
  if (out.frames == 0) return std::nullopt;
  for (double& mean : out.mean_ns) mean /= static_cast<double>(out.frames);
  return out;
}

std::vector<Composition> compositions(const Recording& recording) {
  std::vector<Composition> out;
  for (const Quantile quantile : {kQuantiles[0], kQuantiles[2], kQuantiles[3]}) {
    if (auto found = composition(recording, quantile)) out.push_back(*found);
  }
  return out;
}

std::vector<RelayRow> busiest_relays(const Recording& recording, std::size_t max) {
  std::vector<RelayRow> rows;
  for (const auto& [key, relay] : recording.relays) {
    rows.push_back({key.empty() ? "(all others)" : relay.name, &relay});
  }
  std::sort(rows.begin(), rows.end(), [](const RelayRow& a, const RelayRow& b) {
    return a.part->frames != b.part->frames ? a.part->frames > b.part->frames : a.name < b.name;
  });
  if (rows.size() > max) rows.resize(max);
  return rows;
}

std::vector<StallPoint> longest_stalls(const Recording& recording, std::size_t max) {
  std::vector<StallPoint> stalls = recording.stalls;
  std::sort(stalls.begin(), stalls.end(), [](const StallPoint& a, const StallPoint& b) {
    return a.length_ns != b.length_ns ? a.length_ns > b.length_ns : a.at_s < b.at_s;
  });
  if (stalls.size() > max) stalls.resize(max);
  return stalls;
}

std::vector<std::pair<std::string, DropSum>> drops_by_count(const Recording& recording) {
  std::vector<std::pair<std::string, DropSum>> drops(recording.drops.begin(),
                                                     recording.drops.end());
  std::sort(drops.begin(), drops.end(),
            [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  return drops;
}

std::vector<std::string> warnings(const Recording& recording) {
  std::vector<std::string> out;
  if (!recording.note.empty()) out.push_back(recording.note);
  std::uint64_t sampled = 0;
  std::uint64_t unfinished = 0;
  for (const ShardPart& shard : recording.shards) {
    sampled += shard.sampled;
    unfinished += shard.unfinished;
  }
  const Stages all = recording.together();
  const std::uint64_t totals = all[index(Stage::kTotal)].count();
  if (recording.frames() == 0) {
    out.emplace_back("no frame passed while this was recorded: is there load?");
  } else if (!is_known(totals, kQuantiles.back().value)) {
    out.push_back(
        fmt::format("{} frames were timed to their end: too few for every percentile "
                    "(record longer, or with a smaller --sample)",
                    count_text(totals)));
  }
  if (unfinished * 100 > sampled) {
    out.push_back(
        fmt::format("of {} timed frames {} were not seen to their end (long queues): "
                    "the slowest may be missing (a larger --sample helps)",
                    count_text(sampled), count_text(unfinished)));
  }
  return out;
}

}  // namespace weir::latency
