// Value formats (spec/07 1.3), node options, random names, global flags.
#include "tools/weir/values.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/rng.h"
#include "tools/weir/context.h"
#include "tools/weir/failure.h"
#include "tools/weir/names.h"
#include "tools/weir/node_options.h"
#include "tools/weir/node_process.h"
#include "tools/weir/route_builder.h"

namespace weir::cli {
namespace {

TEST(Durations, UnitsAndTheEndOfTheText) {
  const std::pair<const char*, std::uint64_t> cases[] = {
      {"10", 10'000},    {"10s", 10'000},      {"500ms", 500}, {"2m", 120'000},
      {"1h", 3'600'000}, {"1d", 86'400'000},   {"0", 0},       {"0ms", 0},
      {"007s", 7'000},   {"1h30m", 1'800'000}, {"x5s", 5'000},
  };
  for (const auto& [text, ms] : cases) {
    const auto duration = parse_duration(text);
    ASSERT_TRUE(duration) << text;
    EXPECT_EQ(duration->ms, ms) << text;
  }
  EXPECT_EQ(parse_duration("1h30m")->leftover, "1h");
  EXPECT_EQ(parse_duration("30m")->leftover, "");
  for (const char* text : {"", "s", "ms", "-", "x", "5y", "5 s", "5S", "1.5x", "1h ",
                           "99999999999999999999", "9999999999999999d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(NodeNames, ComeFromNamesAndRoutes) {
  EXPECT_EQ(node_name_of("n1"), "n1");
  EXPECT_EQ(node_name_of("/node/n1"), "n1");
  EXPECT_EQ(node_name_of("/node/n1/service/x"), "n1");
  EXPECT_EQ(node_name_of("/service/n1"), "n1");
  EXPECT_EQ(node_name_of("/project/p"), "p");
  for (const char* text : {"/secure/api", "/ip4/127.0.0.1/tcp/1", "/bogus/n1", "a/b", "/"}) {
    EXPECT_THROW(node_name_of(text), CommandFailed) << text;
  }
}

TEST(ServiceNames, ComeFromNamesAndServiceRoutes) {
  EXPECT_EQ(service_name_of("outlet"), "outlet");
  EXPECT_EQ(service_name_of("/service/outlet"), "outlet");
  for (const char* text : {"/service/", "/service/a/b", "/worker/a", "a/b"}) {
    EXPECT_THROW(service_name_of(text), CommandFailed) << text;
  }
}

TEST(Booleans, UsualFormsOnly) {
  for (const char* yes : {"true", "TRUE", "1", "yes", "on", "y"}) EXPECT_EQ(parse_bool(yes), true);
  for (const char* no : {"", "false", "0", "No", "off"}) EXPECT_EQ(parse_bool(no), false);
  for (const char* text : {"2", "maybe", " "}) EXPECT_FALSE(parse_bool(text)) << text;
}

Globals globals_with(std::map<std::string, std::string> variables) {
  const EnvLookup env = [variables](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  return read_globals(Arguments{}, env);
}

TEST(Globals, VariablesThatBreakOckamAreAccepted) {
  EXPECT_TRUE(globals_with({{"NO_COLOR", "1"}}).no_color);
  EXPECT_TRUE(globals_with({{"NO_COLOR", "anything"}}).no_color);
  EXPECT_FALSE(globals_with({{"NO_COLOR", ""}}).no_color);
  EXPECT_TRUE(globals_with({{"QUIET", "1"}}).quiet);
  EXPECT_FALSE(globals_with({{"QUIET", "0"}}).quiet);
  EXPECT_TRUE(globals_with({{"NO_INPUT", "yes"}}).no_input);
  EXPECT_THROW(globals_with({{"QUIET", "perhaps"}}), CommandFailed);
}

TEST(Settings, WeirComesBeforeOckam) {
  const EnvLookup env = [](const char* name) -> std::optional<std::string> {
    const std::string text = name;
    if (text == "WEIR_DEFAULT_TIMEOUT") return "3s";
    if (text == "OCKAM_DEFAULT_TIMEOUT") return "9s";
    if (text == "OCKAM_ONLY") return "here";
    if (text == "WEIR_EMPTY") return "";
    return std::nullopt;
  };
  EXPECT_EQ(default_timeout_ms(env), 3'000u);
  EXPECT_EQ(setting(env, "ONLY"), "here");
  EXPECT_FALSE(setting(env, "EMPTY"));
}

TEST(NodeOptions, SurviveTheirRecord) {
  NodeOptions options;
  options.tcp_listener_address = "[::1]:4000";
  options.status_endpoint = "127.0.0.1:1";
  options.no_status_endpoint = true;
  options.identity = "alice";
  options.cores = "0-3";
  options.spin_us = "50";
  options.handshake_share = "25";
  const auto again = options_from_json(options_json(options));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, options);
  EXPECT_EQ(*options_from_json("{}"), NodeOptions{});
  EXPECT_EQ(*options_from_json(R"({"new": [1], "identity": 5})"), NodeOptions{});
  for (const char* text : {"", "[]", "{", "null", "\"x\""})
    EXPECT_FALSE(options_from_json(text)) << text;
}

TEST(RandomNames, AreTwoLowerCaseWordsAndDiffer) {
  SeededRng rng(1);
  std::set<std::string> names;
  for (int i = 0; i < 200; ++i) {
    const std::string name = random_name(rng);
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string::npos) << name;
    EXPECT_EQ(std::count(name.begin(), name.end(), '-'), 1) << name;
    names.insert(name);
  }
  EXPECT_GT(names.size(), 190u);
}

TEST(Transports, UnspecifiedAddressesBecomeLoopback) {
  EXPECT_EQ(transport_of("127.0.0.1:4000").text(), "/ip4/127.0.0.1/tcp/4000");
  EXPECT_EQ(transport_of("0.0.0.0:4000").text(), "/ip4/127.0.0.1/tcp/4000");
  EXPECT_EQ(transport_of("[::]:4000").text(), "/ip6/::1/tcp/4000");
  EXPECT_EQ(transport_of("[::1]:4000").text(), "/ip6/::1/tcp/4000");
  EXPECT_EQ(transport_of("relay.example:4000").text(), "/dnsaddr/relay.example/tcp/4000");
}

TEST(LogFiles, AreNamedByTheDayInUtc) {
  EXPECT_EQ(log_file_path("/h/nodes/n", 0), "/h/nodes/n/stdout.1970-01-01.log");
  EXPECT_EQ(log_file_path("/h/nodes/n", 1'795'228'332), "/h/nodes/n/stdout.2026-11-21.log");
}

TEST(StopProcess, NeverSignalsAProcessThatStartedAtAnotherTime) {
  // This test's own pid with a wrong start time: it would kill itself.
  EXPECT_TRUE(stop_process(::getpid(), 1));
  EXPECT_TRUE(stop_process(0, 0));
}

}  // namespace
}  // namespace weir::cli
