// Who may reach which address, against a table that is obviously right.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "control/identity/identities.h"
#include "control/node/internal/workers.h"
#include "control/node/system_resolver.h"
#include "tests/unit/control/node_world.h"

namespace weir::control {
namespace {

struct RecordingPort final : ShardPort {
  void send(Command command) override { sent.push_back(std::move(command)); }
  bool poll(Event&) override { return false; }
  std::vector<Command> sent;
};

struct Table {
  Table() : persona(clock, 3) {
    NodeConfig config;
    config.identity = persona.id;
    core = std::make_unique<NodeCore>(config, std::vector<ShardPort*>{&port}, persona.identities,
                                      resolver, clock, persona.rng, nullptr);
    workers = std::make_unique<WorkerTable>(*core);
  }
  SimNetwork network{1, {}};
  SimClock clock{network};
  test::Persona persona;
  TableResolver resolver;
  RecordingPort port;
  std::unique_ptr<NodeCore> core;
  std::unique_ptr<WorkerTable> workers;
};

TEST(WorkerTable, PermissionsAreThoseOfASimplerTable) {
  Table table;
  WorkerTable& workers = *table.workers;
  std::map<WorkerAddress, std::set<FlowId>> allowed;
  std::set<WorkerAddress> existing;
  std::vector<WorkerAddress> names = {"echo", "api", "", std::string(300, 'x')};
  for (int i = 0; i < 8; ++i) names.push_back(random_address(table.persona.rng, 0));
  SeededRng rng(5);
  for (int step = 0; step < 30'000; ++step) {
    const WorkerAddress& name = names[rng.next_u64() % names.size()];
    const auto flow = static_cast<FlowId>(rng.next_u64() % 6);  // 0: none
    switch (rng.next_u64() % 5) {
      case 0:
        EXPECT_EQ(workers.add({.address = name, .allowed = {flow, flow}}).has_value(),
                  existing.insert(name).second);
        if (flow != kNoFlow && table.port.sent.back().index() != 0) {
          const auto* added = std::get_if<AddWorker>(&table.port.sent.back());
          if (added != nullptr && added->address == name) allowed[name].insert(flow);
        }
        break;
      case 1:
      case 2:
        workers.allow(flow, name);
        if (flow != kNoFlow) allowed[name].insert(flow);
        break;
      case 3:
        workers.remove(name);
        if (existing.erase(name) == 1) allowed.erase(name);
        break;
      default:
        if (rng.next_u64() % 4 != 0) break;
        workers.end_flow(flow);
        for (auto& [address, flows] : allowed) flows.erase(flow);
    }
    table.port.sent.clear();
    table.port.sent.emplace_back();
    std::size_t permissions = 0;
    for (const auto& [address, flows] : allowed) permissions += flows.size();
    ASSERT_EQ(workers.permissions(), permissions);
    ASSERT_EQ(workers.has(name), existing.contains(name));
    const std::set<FlowId> flows = allowed.contains(name) ? allowed.at(name) : std::set<FlowId>{};
    ASSERT_EQ(workers.flows_of(name), std::vector<FlowId>(flows.begin(), flows.end()));
    for (FlowId each = 1; each < 6; ++each) {
      ASSERT_EQ(workers.allowed(each, kNoFlow, name), flows.contains(each));
    }
  }
  EXPECT_EQ(workers.list(), std::vector<WorkerAddress>(existing.begin(), existing.end()));
}

TEST(WorkerTable, ShardsHearOfEveryChangeOfAnExistingWorker) {
  Table table;
  WorkerTable& workers = *table.workers;
  workers.allow(7, "later");  // before it exists: goes along with it
  ASSERT_TRUE(workers.add({.address = "later", .allowed = {9}}));
  EXPECT_EQ(std::get<AddWorker>(table.port.sent.back()).allowed, (std::vector<FlowId>{7, 9}));
  workers.allow(8, "later");
  workers.allow(8, "later");
  ASSERT_EQ(table.port.sent.size(), 2U);
  EXPECT_TRUE(std::get<AllowFlow>(table.port.sent.back()).allow);
  workers.end_flow(8);
  ASSERT_EQ(table.port.sent.size(), 3U);
  EXPECT_FALSE(std::get<AllowFlow>(table.port.sent.back()).allow);
  workers.remove("later");
  EXPECT_EQ(std::get<RemoveWorker>(table.port.sent.back()).address, "later");
  EXPECT_EQ(workers.permissions(), 0U);
}

}  // namespace
}  // namespace weir::control
