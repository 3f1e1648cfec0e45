// The output rules of spec/07 1.4 and the error form of 1.5, byte by byte.
#include "tools/weir/output.h"

#include <gtest/gtest.h>

#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

const Output kAll = {
    .plain = "  people \n\n", .machine = "value", .json = Json{{"b", 1}, {"a", nullptr}}};

TEST(Rendering, ChoosesByTerminalAndFlags) {
  EXPECT_EQ(rendered(kAll, {.is_terminal = true}), "  people\n");
  EXPECT_EQ(rendered(kAll, {.is_terminal = false}), "value");
  EXPECT_EQ(rendered(kAll, {.json = true}), "{\n  \"a\": null,\n  \"b\": 1\n}");
  EXPECT_EQ(rendered(kAll, {.json = true, .is_terminal = true}),
            "{\n  \"a\": null,\n  \"b\": 1\n}\n");
  EXPECT_EQ(rendered(kAll, {.json = true, .compact = true}), "{\"a\":null,\"b\":1}");
}

TEST(Rendering, PipesGetJsonBeforePlainAndTerminalsTheOtherWayRound) {
  const Output no_machine = {.plain = "list", .machine = {}, .json = Json::array()};
  EXPECT_EQ(rendered(no_machine, {}), "[]");
  EXPECT_EQ(rendered(no_machine, {.is_terminal = true}), "list\n");
  const Output plain_only = {.plain = "  \u2714 done", .machine = {}, .json = {}};
  EXPECT_EQ(rendered(plain_only, {}), "  \u2714 done");
  EXPECT_EQ(rendered(plain_only, {.json = true}), "");
  const Output machine_only = {.plain = {}, .machine = "x", .json = {}};
  EXPECT_EQ(rendered(machine_only, {.is_terminal = true}), "x\n");
}

TEST(Rendering, ExplicitPlainDisarmsCompactOutput) {
  const Output output = {.plain = {}, .machine = {}, .json = Json{{"a", 1}}};
  EXPECT_EQ(rendered(output, {.plain = true, .compact = true}), "{\n  \"a\": 1\n}");
}

TEST(Rendering, KeysAreSortedAtAllLevelsAndEmptyListsStayOnOneLine) {
  const Json json = {{"z", {{"y", 1}, {"x", Json::array()}}}, {"a", {1, 2}}};
  EXPECT_EQ(json_text(json, false),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"z\": {\n    \"x\": [],\n    \"y\": 1\n  }\n}");
}

TEST(Rendering, BytesThatAreNoTextDoNotBreakTheDocument) {
  EXPECT_EQ(json_text(Json{{"a", "\xff"}}, true), "{\"a\":\"\xef\xbf\xbd\"}");
}

TEST(Lists, BlocksAreSeparatedByOneEmptyLine) {
  EXPECT_EQ(list_text({"one\ntwo", "three"}, "none"),
            "  \u2502 one\n  \u2502 two\n\n  \u2502 three");
  EXPECT_EQ(list_text({}, "none"), "  > none");
}

TEST(FailureReport, HasTheFormThatScriptsMatch) {
  const Failure failure{
      "There is no node with name x", {"cause"}, "see `weir node list`", "OCK404", kExitFailed};
  const std::string report = failure_report(failure, {});
  EXPECT_EQ(
      report.substr(0, report.find("    weir ")),
      "\n    x There is no node with name x\n    `-> cause\n    help: see `weir node list`\n\n"
      "    Error code: OCK404\n");
  EXPECT_EQ(report.find('\033'), std::string::npos);
}

TEST(FailureReport, IsGraphicOnlyOnTerminals) {
  const std::string report = failure_report(Failure{"no", {"why"}, {}, {}, kExitFailed},
                                            {.graphic = true, .colour = true});
  EXPECT_NE(report.find("\u00d7"), std::string::npos);
  EXPECT_NE(report.find("\u2570\u2500\u25b6 why"), std::string::npos);
  EXPECT_NE(report.find('\033'), std::string::npos);
  EXPECT_EQ(report.find("Error code"), std::string::npos);
}

TEST(FailureReport, LaterLinesStandUnderTheFirst) {
  EXPECT_NE(failure_report(Failure{"a\nb", {}, {}, {}, kExitFailed}, {}).find("    x a\n    | b\n"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::cli
