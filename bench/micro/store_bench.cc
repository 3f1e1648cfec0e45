// State on disk: what a start, a new identity's row and a look-up cost control. Writes are durable:
// the figure is the disk's.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/check.h"
#include "control/store/state.h"

namespace weir {
namespace {

struct Home {
  Home() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-bench-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Home() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  std::string path;
};

std::unique_ptr<State> open_state(const std::string& home) {
  StateOptions options;
  options.home = home;
  auto state = State::open(options);
  CHECK(state.has_value());
  return std::move(*state);
}

NodeResource resource(int number) {
  return {"node", kResourceInlet, "inlet" + std::to_string(number), R"({"from":"127.0.0.1:1"})"};
}

NodeRecord node_record() {
  NodeRecord node;
  node.name = "node";
  node.identifier = "I" + std::string(64, 'a');
  node.identity_name = "default";
  return node;
}

void open_an_existing_store(benchmark::State& state) {
  const Home home;
  open_state(home.path);
  for (auto _ : state) benchmark::DoNotOptimize(open_state(home.path));
}
BENCHMARK(open_an_existing_store)->Unit(benchmark::kMicrosecond);

void write_a_row(benchmark::State& state) {
  const Home home;
  const auto store = open_state(state.range(0) != 0 ? home.path : "");
  NodeRecord node = node_record();
  CHECK(store->nodes().claim(node).has_value());
  int number = 0;
  for (auto _ : state) CHECK(store->resources().put(resource(number++ % 1000)).has_value());
}
BENCHMARK(write_a_row)->ArgName("on_disk")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void read_a_row(benchmark::State& state) {
  const auto store = open_state("");
  NodeRecord node = node_record();
  CHECK(store->nodes().claim(node).has_value());
  for (int i = 0; i < state.range(0); ++i) CHECK(store->resources().put(resource(i)).has_value());
  int number = 0;
  for (auto _ : state) {
    const NodeResource wanted = resource(number++ % static_cast<int>(state.range(0)));
    benchmark::DoNotOptimize(store->resources().get(wanted.node_name, wanted.kind, wanted.name));
  }
}
BENCHMARK(read_a_row)->ArgName("rows")->Arg(10)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace weir
