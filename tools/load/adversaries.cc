// The four attacks.
#include <algorithm>
#include <cstring>
#include <vector>

#include "base/clock.h"
#include "tools/load/adversary.h"

namespace weir::load {
namespace {

TunnelPlan plain_plan(const char* worker) {
  TunnelPlan plan;
  plan.onward.push_back(wire::Address::local(worker));
  return plan;
}

// First messages with fresh ephemeral keys (any 32 bytes are one): the target draws its own key and
// computes two Diffie-Hellmans for each. Message 3 never comes.
class Flood final : public Adversary {
 public:
  explicit Flood(const ModeContext& context) : Adversary(context, plain_plan("api")) {}

 private:
  void attack(Lane& lane, std::uint64_t) override {
    std::uint8_t* message1 = lane.tunnel->begin(32);
    for (std::size_t i = 0; i < 32; i += 8) store_be64(message1 + i, context_.rng.next());
    lane.tunnel->finish();
  }
};

// Asks for answers and leaves them in the socket, or takes them at a trickle.
class SlowReader final : public Adversary {
 public:
  explicit SlowReader(const ModeContext& context) : Adversary(context, plan_of(context.options)) {}

 private:
  void lane_ready(Lane& lane) override {
    lane.connection->set_reading(false);
    lane.served_ns = now_ns();
  }
  void attack(Lane& lane, std::uint64_t) override {
    const std::size_t bytes = context_.options.sizes.draw(context_.rng);
    std::memset(lane.tunnel->begin(bytes), 0, bytes);
    lane.tunnel->finish();
  }
  void lane_tick(Lane& lane, std::uint64_t now) override {
    const std::uint64_t rate = context_.options.read_bytes_per_s;
    const std::uint64_t owed = (now - lane.served_ns) / 1000 * rate / 1'000'000;
    if (rate == 0 || owed == 0) return;
    lane.served_ns = now;
    (void)lane.connection->read_and_forget(static_cast<std::size_t>(owed));
  }
};

// Valid frames in which a few bits are flipped on the way out.
class Mangle final : public Adversary {
 public:
  explicit Mangle(const ModeContext& context) : Adversary(context, plan_of(context.options)) {}

 private:
  // Lost nonces end a channel after 32 in a row (docs/spec/02 section 6.4).
  static constexpr std::uint32_t kAttacksPerChannel = 24;

  void attack(Lane& lane, std::uint64_t intended_ns) override {
    const std::size_t bytes = std::max<std::size_t>(8, context_.options.sizes.draw(context_.rng));
    store_be64(lane.tunnel->begin(bytes), intended_ns);
    lane.tunnel->finish();
    const MutableByteSpan frame = lane.connection->last_frame();
    const std::uint64_t flips = 1 + context_.rng.below(context_.options.bits);
    // A flipped length mostly makes the target wait: one frame in eight has one.
    const std::size_t from = context_.rng.chance(125) ? 0 : wire::kFramePrefixBytes;
    for (std::uint64_t i = 0; i < flips; ++i) {
      const std::uint64_t bit = context_.rng.below((frame.size() - from) * 8);
      frame[from + static_cast<std::size_t>(bit / 8)] ^= static_cast<std::uint8_t>(1u << bit % 8);
    }
    if (from == 0 || (context_.options.target.is_secure() && lane.attacks >= kAttacksPerChannel)) {
      renew(lane);
    }
  }
};

// Each frame once as it should be, then again: on its own connection and on its neighbour's. Behind
// a secure channel no copy may be answered.
class Replay final : public Adversary {
 public:
  explicit Replay(const ModeContext& context) : Adversary(context, plan_of(context.options)) {}

  void finish(Stats& stats) override {
    Adversary::finish(stats);
    stats.figures["answered_again"] = static_cast<double>(answered_again_);
    answered_again_ = 0;
  }

 private:
  static constexpr std::size_t kRemembered = 1 << 16;

  void attack(Lane& lane, std::uint64_t intended_ns) override {
    const std::size_t bytes = std::max<std::size_t>(16, context_.options.sizes.draw(context_.rng));
    std::uint8_t* payload = lane.tunnel->begin(bytes);
    store_be64(payload, intended_ns);
    store_be64(payload + 8, ++number_);
    lane.tunnel->finish();
    recorded_ = to_bytes(lane.connection->last_frame());
    for (std::uint32_t i = 0; i < context_.options.copies; ++i) {
      lane.connection->append(recorded_);
    }
    Lane& neighbour = lanes_[(lane.tunnel->number() + 1) % lanes_.size()];
    if (&neighbour != &lane && neighbour.tunnel->state() == Tunnel::State::kReady) {
      neighbour.connection->append(recorded_);
    }
  }
  void lane_message(Lane&, MutableByteSpan payload) override {
    ++answers_;
    if (payload.size() < 16) return;
    const std::uint64_t number = load_be64(payload.data() + 8);
    std::uint64_t& remembered = answered_[number % kRemembered];
    if (remembered == number) ++answered_again_;
    remembered = number;
  }

  std::uint64_t number_ = 0;
  std::uint64_t answered_again_ = 0;
  Bytes recorded_;
  std::vector<std::uint64_t> answered_ = std::vector<std::uint64_t>(kRemembered);
};

}  // namespace

std::unique_ptr<Mode> make_adversary(const ModeContext& context) {
  switch (context.options.mode) {
    case ModeKind::kFlood:
      return std::make_unique<Flood>(context);
    case ModeKind::kSlowReader:
      return std::make_unique<SlowReader>(context);
    case ModeKind::kMangle:
      return std::make_unique<Mangle>(context);
    case ModeKind::kReplay:
      return std::make_unique<Replay>(context);
    default:
      return nullptr;
  }
}

}  // namespace weir::load
