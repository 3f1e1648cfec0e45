// What happens to arguments before anything runs: stdin substitution, --env, refusals
// (spec/07 1.1-1.3, 1.5). Tables: more refusals than acceptances.
#include "tools/weir/arguments.h"

#include <gtest/gtest.h>

#include "tools/weir/commands.h"
#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

using Words = std::vector<std::string>;

ReadLine lines_of(std::vector<std::string> lines) {
  auto rest = std::make_shared<std::vector<std::string>>(std::move(lines));
  return [rest](std::string& line) {
    line.clear();
    if (rest->empty()) return false;
    line = rest->front();
    rest->erase(rest->begin());
    return true;
  };
}

Words substituted(const Words& words, std::vector<std::string> lines) {
  return prepare(words, lines_of(std::move(lines))).words;
}

// The text of a usage error; empty when the words are accepted.
std::string refusal(const Words& words) {
  const CommandSpec root = command_tree();
  try {
    const Parsed parsed = parse(root, words);
    return parsed.kind == Parsed::Kind::kText ? "help" : "";
  } catch (const CommandFailed& failed) {
    EXPECT_EQ(failed.failure().exit_code, kExitUsage);
    return failed.failure().message;
  }
}

TEST(StdinSubstitution, ReplacesTheMarkWhereverItStands) {
  struct Case {
    Words words;
    std::vector<std::string> lines;
    Words expected;
  };
  const Case cases[] = {
      {{"-/service/x"}, {"/service/a"}, {"/service/a/service/x"}},
      {{"/-/service/x"}, {"/service/a"}, {"/service/a/service/x"}},
      {{"/node/n/-/service/x"}, {"/service/a"}, {"/node/n/service/a/service/x"}},
      {{"/-"}, {"  a//b/ \r"}, {"/a/b"}},
      {{"-/"}, {"a/b"}, {"/a/b/"}},
      {{"a/-b/-c"}, {"x"}, {"a/xb/xc"}},
      {{"-/one", "-/two"}, {"/a", "/b"}, {"/a/one", "/b/two"}},
      {{"text with /- inside"}, {"/w"}, {"text with /w inside"}},
      {{"-", "plain", "--to"}, {"/a"}, {"-", "plain", "--to"}},
  };
  for (const Case& one : cases) EXPECT_EQ(substituted(one.words, one.lines), one.expected);
}

TEST(StdinSubstitution, RefusesAnEmptyAddressInsteadOfAnsweringFromTheWrongPlace) {
  for (const char* line : {"", "   ", "/", "///"}) {
    EXPECT_THROW(substituted({"-/service/uppercase"}, {line}), CommandFailed) << line;
  }
  EXPECT_THROW(substituted({"-/service/uppercase"}, {}), CommandFailed);
}

TEST(EarlyWords, VersionWinsAnywhereAndEnvIsTaken) {
  EXPECT_TRUE(prepare({"node", "bogus", "--version"}, lines_of({})).wants_version);
  EXPECT_TRUE(prepare({"-V", "--env"}, lines_of({})).wants_version);
  const Prepared prepared =
      prepare({"node", "--env", "A=1", "list", "--env", "B=x=y"}, lines_of({}));
  EXPECT_EQ(prepared.words, (Words{"node", "list"}));
  ASSERT_EQ(prepared.variables.size(), 2u);
  EXPECT_EQ(prepared.variables[0], (std::pair<std::string, std::string>{"A", "1"}));
  EXPECT_EQ(prepared.variables[1], (std::pair<std::string, std::string>{"B", "x"}));
  EXPECT_THROW(prepare({"--env"}, lines_of({})), CommandFailed);
  EXPECT_THROW(prepare({"--env", "A"}, lines_of({})), CommandFailed);
}

TEST(Parser, AcceptsWhatOckamAccepts) {
  const Words accepted[] = {
      {"node", "list"},
      {"--output", "json", "node", "list"},
      {"node", "--output=json", "list", "-q"},
      {"node", "list", "-vvv", "--no-color"},
      {"node", "create", "n1", "-f", "-e", "-t", "127.0.0.1:4000"},
      {"node", "create", "--cores", "0-3"},
      {"node", "create", "--cores", "0,2-3,7"},
      {"node", "create", "--spin-us", "50"},
      {"node", "create", "--handshake-share", "100"},
      {"message", "send", "hello", "--to", "/service/echo"},
      {"message", "send", "", "--to=/service/echo"},
      {"message", "send", "list", "-t", "/service/echo"},
      {"message", "send", "--to", "/service/echo", "--", "--hello"},
      {"message", "send", "x", "--to", "service/echo", "--timeout", "500ms", "--hex"},
      {"secure-channel", "create", "--to", "/service/api", "-a",
       "I0000000000000000000000000000000000000000000000000000000000000000", "-a",
       "Iffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
      {"tcp-outlet", "create", "--to", "5432"},
      {"tcp-outlet", "create", "--to", ":5432"},
      {"tcp-outlet", "create", "--to", "[::1]:5432"},
      {"tcp-outlet", "create", "--to", "tcp://db.example:5432"},
      {"tcp-inlet", "create", "a-b", "--from", "0", "--to", "/node/n/service/outlet"},
      {"relay", "create", "--at", "n1", "--retry", "3"},
      {"identity", "show", "--full", "--encoding", "hex"},
      {"tcp-listener", "create", "localhost:4000"},
  };
  for (const Words& words : accepted) EXPECT_EQ(refusal(words), "") << words[0] << " " << words[1];
}

TEST(Parser, RefusesEveryWrongFormWithTheReason) {
  struct Case {
    Words words;
    const char* reason;
  };
  const Case cases[] = {
      {{"bogus"}, "unrecognized subcommand 'bogus'"},
      {{"nod", "list"}, "unrecognized subcommand 'nod'"},
      {{"node", "bogus"}, "unrecognized subcommand 'bogus'"},
      {{"node", "-q"}, "requires a subcommand"},
      {{"--to", "x", "node", "create"}, "unexpected argument '--to'"},
      {{"node", "list", "extra"}, "unexpected argument 'extra'"},
      {{"node", "list", "--bogus"}, "unexpected argument '--bogus'"},
      {{"node", "list", "-x"}, "unexpected argument '-x'"},
      {{"node", "list", "--output"}, "a value is required for '--output <FORMAT>'"},
      {{"node", "list", "--output="}, "a value is required for '--output <FORMAT>'"},
      {{"node", "list", "--output", "yaml"}, "invalid value 'yaml' for '--output <FORMAT>'"},
      {{"node", "list", "--output", "json", "--output", "json"}, "cannot be used multiple times"},
      {{"node", "list", "--quiet=true"}, "unexpected value 'true' for '--quiet'"},
      {{"node", "create", "-e"}, "--foreground"},
      {{"node", "create", "a", "b"}, "unexpected argument 'b'"},
      {{"node", "create", "-t", "4000"}, "invalid value '4000'"},
      {{"node", "create", "-t", "localhost:4000"}, "invalid value"},
      {{"node", "create", "-t", "127.0.0.1:99999"}, "invalid value"},
      {{"node", "create", "--cores", ""}, "invalid value"},
      {{"node", "create", "--cores", "3-1"}, "invalid value"},
      {{"node", "create", "--cores", "0-"}, "invalid value"},
      {{"node", "create", "--cores", "a"}, "invalid value"},
      {{"node", "create", "--spin-us", "soon"}, "invalid value"},
      {{"node", "create", "--spin-us", "1000001"}, "invalid value"},
      {{"node", "create", "--handshake-share", "0"}, "invalid value"},
      {{"node", "create", "--handshake-share", "101"}, "invalid value"},
      {{"node", "create", "--handshake-share", "half"}, "invalid value"},
      {{"node", "create", "--cores", "0,,1"}, "invalid value"},
      {{"node", "create", "--status-endpoint", "x"}, "invalid value"},
      {{"node", "create", "--status-endpoint-port", "1", "--no-status-endpoint"}, "cannot be used"},
      {{"node", "delete", "n1", "--all"}, "cannot be used with"},
      {{"message", "send", "hi"}, "the following required arguments were not provided:\n  --to"},
      {{"message", "send", "--to", "/service/echo"}, "<MESSAGE>"},
      {{"message", "send", "hi", "--to"}, "a value is required for '--to <ROUTE>'"},
      {{"message", "send", "hi", "--to", "--hex"}, "a value is required for '--to <ROUTE>'"},
      {{"message", "send", "hi", "--to", "-"}, "unregistered protocol prefix \"-\""},
      {{"message", "send", "hi", "--to", "/bogus/x"}, "unregistered protocol prefix \"bogus\""},
      {{"message", "send", "hi", "--to", "/service/a/"}, "unregistered protocol prefix \"\""},
      {{"message", "send", "hi", "--to", "/ip4/1.2.3/tcp/1"}, "invalid IPv4 address"},
      {{"message", "send", "hi", "--to", "/ip4/1.2.3.4/tcp/x"}, "invalid digit"},
      {{"message", "send", "hi", "--to", "/ip4/1.2.3.4/tcp/70000"}, "number too large"},
      {{"message", "send", "hi", "-t", "/service/a", "-t", "/service/b"}, "multiple times"},
      {{"message", "send", "hi", "-t", "/service/a", "--timeout", "x"}, "Invalid duration"},
      {{"message", "send", "hi", "-t", "/service/a", "--timeout", "5y"}, "Invalid duration"},
      {{"message", "send", "hi", "-t", "/service/a", "--timeout", ""}, "Invalid duration"},
      {{"secure-channel", "create", "--from", "n1"}, "--to <ROUTE>"},
      {{"secure-channel", "create", "--to", "/service/api", "-a", "I12"}, "identifier"},
      {{"secure-channel", "show", "--timeout", "1s"}, "--at <ROUTE>"},
      {{"tcp-outlet", "create"}, "--to <SOCKET_ADDRESS>"},
      {{"tcp-outlet", "create", "--to", "70000"}, "invalid value"},
      {{"tcp-outlet", "create", "--to", "host:"}, "invalid value"},
      {{"tcp-outlet", "create", "--to", "::1:80"}, "invalid value"},
      {{"tcp-outlet", "create", "--to", "-bad-:80"}, "a value is required"},
      {{"tcp-outlet", "create", "--to=-bad-:80"}, "invalid value"},
      {{"tcp-inlet", "create", "i:1"}, "an alias must not contain ':'"},
      {{"tcp-inlet", "create", "--authorized", "nobody"}, "identifier"},
      {{"tcp-inlet", "create", "--connection-wait", "s"}, "Invalid duration"},
      {{"tcp-connection", "create", "--to", "4000"}, "HOST:PORT"},
      {{"tcp-listener", "create"}, "<ADDRESS>"},
      {{"tcp-listener", "create", "x:y"}, "invalid value"},
      {{"identity", "show", "--encoding", "hex"}, "--full"},
      {{"identity", "show", "--full", "--encoding", "base64"}, "possible values: plain, hex"},
      {{"identity", "create", "--identity", "xyz"}, "hexadecimal"},
      {{"flow-control", "add-consumer", "abc"}, "<ADDRESS>"},
      {{"completion", "-s", "csh"}, "possible values"},
      {{"policy", "create", "--resource", "r"}, "--allow <POLICY_EXPRESSION>"},
      {{"policy", "create", "--resource", "r", "--allow", "a b"},
       "successfully parsed: `a`, but ` b` cannot be parsed"},
      {{"policy", "create", "--allow", "a", "--resource-type", "x"}, "Valid values are: tcp-inlet"},
      {{"policy", "create", "--allow", "a", "--resource-type", "relay", "--resource", "r"},
       "cannot be used with"},
      {{"policy", "show", "--resource-type", "relay"}, "--resource-type"},
      {{"policy", "test", "a", "--attribute", "b"}, "KEY=VALUE"},
      {{"policy", "test", "a", "--attributes", "b=c,d"}, "KEY=VALUE"},
      {{"policy", "test", "a", "--at", "n1"}, "cannot be used with"},
      {{"tcp-inlet", "create", "--allow", "("}, "Cannot parse the expression"},
      {{"tcp-outlet", "create", "--to", "1", "--expression", "("}, "Cannot parse the expression"},
  };
  for (const Case& one : cases) {
    const std::string text = refusal(one.words);
    EXPECT_NE(text.find(one.reason), std::string::npos)
        << "words: " << one.words[0] << " .. " << one.words.back() << "\nsaid: " << text;
  }
}

TEST(Parser, KnowsWhatIsNotBuiltAndNeverIgnoresIt) {
  const Words refused[] = {
      {"kafka-inlet", "create"},
      {"influxdb-outlet", "create"},
      {"lease", "list"},
      {"run"},
      {"status"},
      {"reset", "-y"},
      {"node", "list", "--jq", "."},
      {"node", "create", "--configuration", "name: x"},
      {"node", "create", "--node-config", "name: x"},
      {"node", "create", "--udp"},
      {"node", "create", "--services", "{}"},
      {"node", "create", "--in-memory"},
      {"tcp-inlet", "create", "--http-header", "a:b"},
      {"tcp-inlet", "create", "--udp"},
      {"tcp-inlet", "create", "--tls"},
      {"tcp-outlet", "create", "--to", "1", "--tls"},
      {"tcp-outlet", "create", "--to", "1", "--privileged"},
      {"secure-channel", "create", "--to", "/service/api", "-c", "00"},
      {"identity", "create", "-k", "key"},
  };
  for (const Words& words : refused) {
    EXPECT_NE(refusal(words).find("is not built yet in weir"), std::string::npos)
        << words[0] << " .. " << words.back() << ": " << refusal(words);
  }
}

TEST(Parser, PrintsHelpWithoutArgumentsWhereOckamDoes) {
  const CommandSpec root = command_tree();
  for (const Words& words :
       {Words{}, Words{"node"}, Words{"message", "send"}, Words{"secure-channel", "create"},
        Words{"tcp-connection", "create"}, Words{"completion"}, Words{"service", "start"}}) {
    const Parsed parsed = parse(root, words);
    EXPECT_EQ(parsed.kind, Parsed::Kind::kText);
    EXPECT_EQ(parsed.exit_code, kExitUsage);
  }
  for (const Words& words :
       {Words{"--help"}, Words{"node", "-h"}, Words{"help"}, Words{"help", "node", "create"},
        Words{"node", "help", "create"}, Words{"node", "create", "--help"}}) {
    const Parsed parsed = parse(root, words);
    EXPECT_EQ(parsed.kind, Parsed::Kind::kText);
    EXPECT_EQ(parsed.exit_code, kExitOk);
    EXPECT_NE(parsed.text.find("Usage: weir"), std::string::npos);
  }
}

// Every command word and every option of the tree must be usable: no name twice in one command.
void check_names(const CommandSpec& command, const std::string& path) {
  std::vector<std::string> seen;
  for (const auto* options : {&command.options, &global_options()}) {
    for (const OptionSpec& spec : *options) {
      std::vector<std::string> names = spec.aliases;
      names.push_back(spec.name);
      for (const std::string& name : names) {
        EXPECT_EQ(std::count(seen.begin(), seen.end(), name), 0) << path << " --" << name;
        seen.push_back(name);
      }
    }
  }
  if (command.is_built && command.subcommands.empty()) {
    EXPECT_NE(command.run, nullptr) << path;
  }
  for (const CommandSpec& sub : command.subcommands) check_names(sub, path + " " + sub.name);
}

TEST(CommandTree, EveryNameIsUniqueAndEveryLeafRuns) { check_names(command_tree(), "weir"); }

}  // namespace
}  // namespace weir::cli
