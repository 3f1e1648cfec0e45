// Strangers' histories are stored in groups, behind the handshake: what may be lost, what may not,
// and what a disk that fails does to it.
#include "control/handshake/handshake.h"
#include "control/node/internal/first_meetings.h"
#include "control/node/node.h"
#include "control/store/fault_vfs.h"
#include "control/vault/identity_adapters.h"
#include "identity_fixture.h"
#include "store_testing.h"
#include "tests/unit/control/node_world.h"

namespace weir {
namespace {

struct Stranger {
  explicit Stranger(std::uint64_t seed) : rng(seed), secrets(rng) {
    history = identities.create().value();
  }
  void rotate() { history = identities.rotate_key(history->identifier()).value(); }
  SeededRng rng;
  test::FixedClock clock;
  MemoryIdentityStore store;
  MemorySecretStore secrets;
  Identities identities{store, secrets, clock};
  IdentityPtr history;
};

// A node's identities on a disk that can fail; a new one after each crash.
struct Disk {
  Disk() { open(); }
  void open() {
    state = open_state({.home = "/disk", .vfs = vfs.name()});
    store = std::make_unique<StateIdentityStore>(*state);
    identities = std::make_unique<Identities>(*store, secrets, clock);
  }
  void crash(FaultVfs::Survives survives) {
    identities.reset();
    store.reset();
    state.reset();
    vfs.crash(survives, rng);
    vfs.heal();
    open();
  }
  // As a handshake does.
  Standing::Kind present(const Stranger& peer) {
    auto received = identities->verify(peer.history->encoded()).value();
    const Standing standing =
        identities->check_against_known(received, OlderHistory::kRefuse).value();
    if (standing.kind == Standing::Kind::kUnknown) {
      EXPECT_TRUE(identities->meet(standing.newest));
    } else if (standing.kind == Standing::Kind::kNewer) {
      EXPECT_TRUE(identities->remember(standing.newest, OlderHistory::kRefuse));
    }
    return standing.kind;
  }
  bool refuses(const IdentityPtr& history) {
    auto received = identities->verify(history->encoded()).value();
    return !identities->check_against_known(received, OlderHistory::kRefuse);
  }
  FaultVfs vfs;
  SeededRng rng{7};
  test::FixedClock clock;
  MemorySecretStore secrets{rng};
  std::unique_ptr<State> state;
  std::unique_ptr<StateIdentityStore> store;
  std::unique_ptr<Identities> identities;
};

TEST(IdentityGroups, OneCommitStoresAllThatWait) {
  Disk disk;
  std::vector<std::unique_ptr<Stranger>> peers;
  for (std::uint64_t i = 0; i < 40; ++i) peers.push_back(std::make_unique<Stranger>(100 + i));
  disk.present(*peers[0]);
  std::uint64_t before = disk.vfs.operations();
  ASSERT_TRUE(disk.identities->store_met());
  const std::uint64_t one = disk.vfs.operations() - before;
  for (const auto& peer : peers) disk.present(*peer);
  before = disk.vfs.operations();
  EXPECT_EQ(disk.identities->met(), 39U);
  ASSERT_TRUE(disk.identities->store_met());
  EXPECT_EQ(disk.identities->met(), 0U);
  EXPECT_LT(disk.vfs.operations() - before, 10 * one);
  disk.crash(FaultVfs::Survives::kNothing);
  for (const auto& peer : peers) EXPECT_EQ(disk.present(*peer), Standing::Kind::kKnown);
}

TEST(IdentityGroups, WhoWaitsIsKnownAlready) {
  Disk disk;
  Stranger peer(1);
  EXPECT_EQ(disk.present(peer), Standing::Kind::kUnknown);
  EXPECT_EQ(disk.present(peer), Standing::Kind::kKnown);
  EXPECT_EQ(disk.identities->export_bytes(peer.history->identifier()).value(),
            peer.history->encoded());
  const IdentityPtr old = peer.history;
  peer.rotate();
  EXPECT_EQ(disk.present(peer), Standing::Kind::kNewer);
  EXPECT_TRUE(disk.refuses(old));
}

// Forgetting a first meeting is as if it had never been; forgetting a rotation would let the old
// key back in.
TEST(IdentityGroups, ACrashForgetsAFirstMeetingAndNeverARotation) {
  Disk disk;
  Stranger peer(1);
  disk.present(peer);
  disk.crash(FaultVfs::Survives::kEverything);
  EXPECT_EQ(disk.present(peer), Standing::Kind::kUnknown);
  const IdentityPtr old = peer.history;
  peer.rotate();
  EXPECT_EQ(disk.present(peer), Standing::Kind::kNewer);
  EXPECT_EQ(disk.identities->met(), 0U);  // it did not wait
  disk.crash(FaultVfs::Survives::kNothing);
  EXPECT_TRUE(disk.refuses(old));
  EXPECT_EQ(disk.present(peer), Standing::Kind::kKnown);
}

TEST(IdentityGroups, APowerCutInAGroupLeavesAllOrNone) {
  for (std::uint64_t cut = 0;; ++cut) {
    SCOPED_TRACE(cut);
    Disk disk;
    std::vector<std::unique_ptr<Stranger>> peers;
    for (std::uint64_t i = 0; i < 5; ++i) peers.push_back(std::make_unique<Stranger>(i + 1));
    for (const auto& peer : peers) disk.present(*peer);
    disk.vfs.cut_power_after(cut);
    const bool acknowledged = disk.identities->store_met().has_value();
    const bool finished = !disk.vfs.power_is_cut();
    disk.crash(FaultVfs::Survives::kSome);
    ASSERT_TRUE(disk.state->database()->check_integrity());
    int known = 0;
    for (const auto& peer : peers) known += disk.present(*peer) == Standing::Kind::kKnown ? 1 : 0;
    EXPECT_TRUE(known == 0 || known == 5) << known;
    if (acknowledged) {
      EXPECT_EQ(known, 5);
    }
    if (finished) break;
  }
}

TEST(IdentityGroups, AFullDiskKeepsThemWaitingWithinABound) {
  Disk disk;
  disk.vfs.fill_up_after(0);
  Stranger peer(1);
  disk.present(peer);
  EXPECT_EQ(disk.identities->store_met().error().code, Errc::kExhausted);
  EXPECT_EQ(disk.identities->met(), 1U);
  std::size_t bytes = peer.history->encoded().size();
  bool refused = false;
  for (std::uint64_t seed = 2; !refused && seed < 2 + Identities::kMetMax; ++seed) {
    // The same keys over and over would be quicker, but are one identity.
    Stranger other(seed);
    refused = !disk.identities->meet(other.history);
    bytes += other.history->encoded().size();
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(disk.identities->met(), Identities::kMetMax);
  EXPECT_LE(bytes, Identities::kMetBytesMax + 1000);
  disk.vfs.heal();
  EXPECT_TRUE(disk.identities->store_met());
  disk.crash(FaultVfs::Survives::kNothing);
  EXPECT_EQ(disk.present(peer), Standing::Kind::kKnown);
}

TEST(IdentityGroups, WhatAnotherProcessStoredMeanwhileIsNotMadeWorse) {
  Disk disk;
  Stranger peer(1);
  const IdentityPtr old = peer.history;
  disk.present(peer);
  peer.rotate();
  auto other = open_state({.home = "/disk", .vfs = disk.vfs.name()});
  ASSERT_TRUE(other->histories().put(old->identifier().text(), peer.history->encoded()));
  ASSERT_TRUE(disk.identities->store_met());
  EXPECT_TRUE(disk.refuses(old));
  // And the other way round: ours is newer.
  Stranger next(2);
  const IdentityPtr before = next.history;
  next.rotate();
  disk.present(next);
  ASSERT_TRUE(other->histories().put(before->identifier().text(), before->encoded()));
  ASSERT_TRUE(disk.identities->store_met());
  EXPECT_TRUE(disk.refuses(before));
}

struct SilentPort final : ShardPort {
  void send(Command) override {}
  bool poll(Event&) override { return false; }
};

TEST(IdentityGroups, ANodeStoresThemSoonAndTriesAgainWhenTheDiskIsFull) {
  Disk disk;
  SimNetwork network{1, {}};
  SimClock clock{network};
  TableResolver resolver;
  SilentPort port;
  std::vector<std::string> log;
  NodeConfig config;
  config.identity = disk.identities->create().value()->identifier();
  Node node(config, {&port}, disk.state.get(), *disk.identities, resolver, clock, disk.rng,
            [&](LogLevel, const std::string& line) { log.push_back(line); });
  const auto pass_ms = [&](std::uint64_t ms) {
    network.advance_to(network.now_ns() + ms * kNsPerMs);
    node.step();
  };
  node.step();
  ASSERT_TRUE(disk.identities->meet(Stranger(1).history));
  node.step();
  EXPECT_EQ(disk.identities->met(), 1U);
  pass_ms(control::FirstMeetings::kWaitMs);
  EXPECT_EQ(disk.identities->met(), 0U);

  disk.vfs.fill_up_after(0);
  ASSERT_TRUE(disk.identities->meet(Stranger(2).history));
  node.step();
  pass_ms(control::FirstMeetings::kWaitMs);
  for (int i = 0; i < 3; ++i) pass_ms(control::FirstMeetings::kRetryMs);
  EXPECT_EQ(disk.identities->met(), 1U);
  EXPECT_EQ(log.size(), 1U) << log.back();  // said once
  disk.vfs.heal();
  pass_ms(control::FirstMeetings::kRetryMs);
  EXPECT_EQ(disk.identities->met(), 0U);
  EXPECT_EQ(log.size(), 2U);

  ASSERT_TRUE(disk.identities->meet(Stranger(3).history));
  node.shutdown();
  EXPECT_EQ(disk.identities->met(), 0U);
}

}  // namespace
}  // namespace weir
