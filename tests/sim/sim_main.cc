// weir_sim: runs seeds of the whole-node simulator, or one seed again.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "tests/sim/world.h"

namespace weir::sim {
namespace {

constexpr const char kUsage[] =
    "weir_sim [--seed N | --seeds A..B] [--plant drop|flip|leak|lose=K] [--verbose] [--twice]\n"
    "         [--keep-going]\n"
    "weir_sim --check-plants    every kind of planted fault is found and replayed by its seed\n"
    "WEIR_SIM_SEED=N is the same as --seed N. --twice: each seed must do the same twice.\n";

struct Options {
  std::uint64_t first = 1;
  std::uint64_t last = 100;
  Plant plant;
  bool verbose = false;
  bool twice = false;
  bool keep_going = false;
  bool check_plants = false;
};

// What a signal handler may still say.
char current_seed[64] = "";

void on_crash(int number) {
  const char text[] = "\nweir_sim: crashed or hung in --seed ";
  (void)!write(2, text, sizeof text - 1);
  (void)!write(2, current_seed, std::strlen(current_seed));
  (void)!write(2, "\n", 1);
  signal(number, SIG_DFL);
  raise(number);
}

bool number(std::string_view text, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse_seeds(std::string_view text, Options& options) {
  const std::size_t dots = text.find("..");
  return dots != std::string_view::npos && number(text.substr(0, dots), options.first) &&
         number(text.substr(dots + 2), options.last) && options.first <= options.last;
}

bool parse(int argc, char** argv, Options& options) {
  if (const char* seed = std::getenv("WEIR_SIM_SEED"); seed != nullptr) {
    if (!number(seed, options.first)) return false;
    options.last = options.first;
  }
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (flag == "--verbose" || flag == "-v") {
      options.verbose = true;
    } else if (flag == "--twice") {
      options.twice = true;
    } else if (flag == "--keep-going") {
      options.keep_going = true;
    } else if (flag == "--check-plants") {
      options.check_plants = true;
    } else if (flag == "--seed" && number(value, options.first)) {
      options.last = options.first;
      ++i;
    } else if (flag == "--seeds" && parse_seeds(value, options)) {
      ++i;
    } else if (const auto plant = Plant::parse(value); flag == "--plant" && plant) {
      options.plant = *plant;
      ++i;
    } else {
      return false;
    }
  }
  return true;
}

Outcome run_one(std::uint64_t seed, const Plant& plant, bool echo) {
  std::snprintf(current_seed, sizeof current_seed, "%llu", static_cast<unsigned long long>(seed));
  alarm(120);
  Outcome outcome = run_seed(seed, plant, echo);
  alarm(0);
  return outcome;
}

void print_failure(std::uint64_t seed, const Outcome& outcome) {
  constexpr std::size_t kLines = 60;
  fmt::print("{}", Scenario::draw(seed).to_string());
  const std::size_t from = outcome.log.size() - std::min(outcome.log.size(), kLines);
  for (std::size_t i = from; i < outcome.log.size(); ++i) fmt::print("  {}\n", outcome.log[i]);
  fmt::print("FAILED seed {}: {}\nreplay: weir_sim --seed {}\n", seed, outcome.failure, seed);
  std::fflush(stdout);
}

int run_seeds(const Options& options) {
  std::uint64_t failed = 0;
  Outcome sum;
  for (std::uint64_t seed = options.first; seed <= options.last; ++seed) {
    Outcome outcome = run_one(seed, options.plant, options.verbose);
    if (options.twice && outcome.failure.empty()) {
      const Outcome again = run_one(seed, options.plant, false);
      if (again.hash != outcome.hash)
        outcome.failure = fmt::format("not the same twice: {:x}, {:x}", outcome.hash, again.hash);
    }
    sum.turns += outcome.turns;
    sum.virtual_ms += outcome.virtual_ms;
    sum.bytes_checked += outcome.bytes_checked;
    sum.streams_done += outcome.streams_done;
    sum.streams_broken += outcome.streams_broken;
    sum.restarts += outcome.restarts;
    if (options.first == options.last)
      fmt::print("seed {}: hash {:016x}, {} turns\n", seed, outcome.hash, outcome.turns);
    if (outcome.failure.empty()) continue;
    ++failed;
    if (options.keep_going) {
      fmt::print("FAILED seed {}: {}\n", seed, outcome.failure);
      std::fflush(stdout);
      continue;
    }
    print_failure(seed, outcome);
    return 1;
  }
  fmt::print(
      "{} seeds, {} failed: {} virtual s, {} turns, {} B checked, {} streams complete, {} broken "
      "by "
      "faults, {} restarts\n",
      options.last - options.first + 1, failed, sum.virtual_ms / 1000, sum.turns, sum.bytes_checked,
      sum.streams_done, sum.streams_broken, sum.restarts);
  return failed == 0 ? 0 : 1;
}

// A simulator that finds nothing proves nothing: each kind of fault must be found by some seed, and
// that seed must find it again in the same way.
int check_plants() {
  constexpr std::uint64_t kSeedsMax = 40;
  for (const char* text : {"drop=5", "flip=5", "leak=5", "lose=5"}) {
    const Plant plant = *Plant::parse(text);
    std::uint64_t seed = 1;
    Outcome found;
    while (seed <= kSeedsMax && found.failure.empty()) found = run_one(seed++, plant, false);
    --seed;
    if (found.failure.empty()) {
      fmt::print("planted {}: not found in {} seeds\n", text, kSeedsMax);
      return 1;
    }
    const Outcome again = run_one(seed, plant, false);
    const Outcome without = run_one(seed, Plant{}, false);
    const bool same = again.failure == found.failure && again.hash == found.hash;
    fmt::print("planted {}: found by seed {} ({}), replayed {}, without it {}\n", text, seed,
               found.failure, same ? "the same" : "DIFFERENTLY",
               without.failure.empty() ? "clean" : without.failure);
    if (!same || !without.failure.empty()) return 1;
  }
  return 0;
}

int main_of(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  for (const int number_of : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGALRM})
    signal(number_of, on_crash);
  return options.check_plants ? check_plants() : run_seeds(options);
}

}  // namespace
}  // namespace weir::sim

int main(int argc, char** argv) { return weir::sim::main_of(argc, argv); }
