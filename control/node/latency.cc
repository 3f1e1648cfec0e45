#include "control/node/internal/latency.h"

#include <algorithm>
#include <utility>

namespace weir::control {
namespace {

constexpr std::uint64_t kSampleMax = 1'000'000;
// Over a shorter time the rate of ticks is not known well enough: the clock is used instead.
constexpr std::uint64_t kCalibrationNs = 20 * kNsPerMs;

std::unexpected<Error> no_session() {
  return fail(
      Errc::kNotFound, "no such latency profile",
      fmt::format("it was ended, taken over, or not read for {} s", kLatencyLeaseMs / 1000));
}

}  // namespace

LatencyProfiler::LatencyProfiler(NodeCore& core) : core_(core) {
  if (!core_.config.hardware_ticks || !hardware_ticks_are_steady()) return;
  began_ns_ = core_.now_ns();
  began_ticks_ = hardware_ticks();
}

LatencyProfiler::~LatencyProfiler() {
  if (active_) core_.timers.cancel(active_->lease);
}

TickScale LatencyProfiler::scale() const {
  if (began_ticks_ == 0) return {};
  const std::uint64_t passed_ns = core_.now_ns() - began_ns_;
  const std::uint64_t ticks = hardware_ticks() - began_ticks_;
  if (passed_ns < kCalibrationNs || ticks == 0) return {};
  return {true, static_cast<double>(passed_ns) / static_cast<double>(ticks)};
}

Result<LatencySession> LatencyProfiler::start(const LatencyRequest& request) {
  if (request.sample == 0 || request.sample > kSampleMax) {
    return fail(Errc::kInvalid, "one frame in 1 to 1000000 can be timed",
                std::to_string(request.sample));
  }
  if (active_ && !request.take_over) {
    const std::uint64_t now = core_.now_ns();
    return fail(Errc::kAlreadyExists, "another profiler is attached",
                fmt::format("since {} s, last read {} s ago; it can be taken over, and ends {} s "
                            "after its last read",
                            (now - active_->since_ns) / kNsPerSecond,
                            (now - active_->read_ns) / kNsPerSecond, kLatencyLeaseMs / 1000));
  }
  if (active_) end("another profiler took over");
  StageSettings settings;
  settings.sample = static_cast<std::uint32_t>(request.sample);
  settings.stall_ns = request.stall_ns;
  settings.ticks = scale();
  settings.seed = core_.rng.next_u64();
  LatencyRun& active = active_.emplace();
  active.session = {.id = core_.rng.next_u64() >> 1 | 1,
                    .shards = core_.shards.size(),
                    .hardware_ticks = settings.ticks.hardware,
                    .lease_ms = kLatencyLeaseMs};
  active.since_ns = core_.now_ns();
  for (std::size_t i = 0; i < core_.shards.size(); ++i) {
    active.spare.emplace_back(new StageClocks(settings));
    core_.send(static_cast<ShardId>(i),
               SetStageClocks{core_.next_id(), StageClocksBox(new StageClocks(settings))});
  }
  renew();
  core_.log(LogLevel::kInfo, "latency profile begins: one frame in {}", request.sample);
  return active.session;
}

void LatencyProfiler::renew() {
  core_.timers.cancel(active_->lease);
  active_->read_ns = core_.now_ns();
  active_->lease = core_.after_ms(kLatencyLeaseMs, [this] { end("nobody read it"); });
}

void LatencyProfiler::read(std::uint64_t session, Done<LatencyReading> done) {
  if (!active_ || active_->session.id != session) return done(no_session());
  if (active_->done) {
    return done(fail(Errc::kAlreadyExists, "a reading is under way", "read one after the other"));
  }
  renew();
  active_->done = std::move(done);
  active_->read_back.clear();
  active_->read_back.resize(core_.shards.size());
  active_->missing = core_.shards.size();
  for (std::size_t i = 0; i < core_.shards.size(); ++i) {
    const ControlId request = core_.next_id();
    active_->requests[request] = i;
    core_.send(static_cast<ShardId>(i), SetStageClocks{request, std::move(active_->spare[i])});
  }
}

// What comes back for no reading (the exchange at the start and at the end) is not needed.
void LatencyProfiler::on_back(StageClocksBack& event) {
  if (!active_) return;
  const auto it = active_->requests.find(event.request);
  if (it == active_->requests.end()) return;
  active_->read_back[it->second] = std::move(event.clocks);
  active_->requests.erase(it);
  if (--active_->missing == 0) finish_reading();
}

void LatencyProfiler::finish_reading() {
  // Still counted as under way in `done`, which so cannot begin the next one.
  LatencyReading reading;
  std::vector<StageClocksBox> read = std::move(active_->read_back);
  for (const StageClocksBox& clocks : read) {
    CHECK(clocks != nullptr);
    reading.shards.push_back(&clocks->results());
  }
  const std::uint64_t session = active_->session.id;
  const Done<LatencyReading> done = active_->done;
  done(std::move(reading));
  if (!active_ || active_->session.id != session) return;  // `done` has ended it
  active_->done = nullptr;
  for (const StageClocksBox& clocks : read) clocks->results().clear();
  active_->spare = std::move(read);
}

Status LatencyProfiler::stop(std::uint64_t session) {
  if (!active_ || active_->session.id != session) return no_session();
  end("its profiler is done");
  return {};
}

void LatencyProfiler::end(const char* why) {
  const Done<LatencyReading> waiting = std::move(active_->done);
  core_.timers.cancel(active_->lease);
  active_.reset();
  for (std::size_t i = 0; i < core_.shards.size(); ++i) {
    core_.send(static_cast<ShardId>(i), SetStageClocks{core_.next_id(), nullptr});
  }
  core_.log(LogLevel::kInfo, "latency profile ends: {}", why);
  if (waiting) waiting(no_session());
}

}  // namespace weir::control
