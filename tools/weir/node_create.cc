// weir node create: the command that starts a node in the background, and the node itself, which is
// the same command with --foreground (spec/08 section 2).
#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <thread>

#include "base/unique_fd.h"
#include "control/store/home.h"
#include "tools/weir/commands.h"
#include "tools/weir/engine.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/names.h"
#include "tools/weir/node_here.h"
#include "tools/weir/node_process.h"
#include "tools/weir/nodes.h"
#include "tools/weir/project_enroll.h"
#include "tools/weir/trust_options.h"
#include "tools/weir/values.h"
#include "tools/weir/vault_secret.h"

namespace weir::cli {
namespace {

constexpr char kName[] = "NAME_OR_CONFIGURATION";

[[noreturn]] void refuse_configuration(const std::string& what) {
  refuse_usage(
      fmt::format("{}: configurations of node create are not built yet in weir\n\n"
                  "  tip: give the node's NAME and options",
                  what));
}

// Ockam takes a URL, an existing file or an inline map for a configuration. None is ignored here.
void check_name_argument(const std::string& name) {
  std::error_code failed;
  if (std::filesystem::is_regular_file(name, failed)) {
    refuse_configuration(fmt::format("'{}' is a file, which Ockam would read", name));
  }
  if (name.find(':') != std::string::npos) refuse_configuration(fmt::format("'{}'", name));
  const auto valid = check_node_name(name);
  if (valid) return;
  give_up(fmt::format("Invalid value for {}: {}", kName, name), valid.error().text());
}

void check_environment(Context& context) {
  const auto in_memory = setting(context.env(), "SQLITE_IN_MEMORY");
  if (in_memory && parse_bool(*in_memory).value_or(true)) {
    refuse_usage(
        "the variable OCKAM_SQLITE_IN_MEMORY is set, but nodes without state on disk are "
        "not built yet in weir");
  }
}

std::optional<NodeRecord> recorded(Context& context, const std::string& name) {
  auto node = context.state().nodes().get(name);
  if (!node && node.error().code == Errc::kNotFound) return std::nullopt;
  return must(std::move(node));
}

// The name given, else the default node if it is stopped, else a random one.
std::string node_name(Context& context, const Arguments& arguments) {
  if (arguments.has(kName)) {
    check_name_argument(arguments.text(kName));
    return arguments.text(kName);
  }
  auto node = context.state().nodes().get_default();
  if (node && node_status(*node) != ProcessStatus::kRunning) return node->name;
  return random_name(context.rng());
}

std::string handshake_share(Context& context, const Arguments& arguments) {
  const std::string share =
      arguments.text_or("handshake-share", setting(context.env(), "HANDSHAKE_SHARE").value_or(""));
  if (share.empty()) return share;
  if (const std::string wrong = check_percent(share); !wrong.empty()) {
    give_up(fmt::format("Invalid value for WEIR_HANDSHAKE_SHARE: {}", share), wrong);
  }
  return share;
}

NodeOptions options_of(Context& context, const Arguments& arguments) {
  NodeOptions options;
  options.tcp_listener_address = arguments.text_or("tcp-listener-address", "127.0.0.1:0");
  options.identity = arguments.text_or("identity", "");
  options.cores = arguments.text_or("cores", "");
  options.spin_us = arguments.text_or("spin-us", "");
  options.handshake_share = handshake_share(context, arguments);
  options.authority = arguments.text_or("authority", "");
  add_trust_options(context, arguments, options);
  options.status_endpoint = arguments.optional("status-endpoint");
  if (arguments.has("status-endpoint-port")) {
    options.status_endpoint = "127.0.0.1:" + arguments.text("status-endpoint-port");
  }
  options.no_status_endpoint = arguments.has("no-status-endpoint");
  return options;
}

void warn_deprecated(Context& context, const Arguments& arguments) {
  if (arguments.has("http-server")) {
    context.note(warning_line("http-server is deprecated. This flag has no effect"));
  }
  if (arguments.has("status-endpoint-port")) {
    context.note(warning_line("--status-endpoint-port is deprecated. Use --status-endpoint"));
  }
}

Output created_output(Context& context, const NodeRecord& node) {
  const auto live = api_of(context, node).resources();
  std::string plain = done_line("Created a new Node named " + node.name);
  if (node.is_default) {
    plain +=
        "\n" + done_line(fmt::format("Marked {} as your default Node, on this machine", node.name));
  }
  plain +=
      fmt::format("\n\n    To see more details on this Node, run: weir node show {}", node.name);
  return {.plain = std::move(plain), .machine = node.name, .json = node_json(node, live)};
}

// The identity of a node: the one asked for, made if missing; else the one it had (Ockam would give
// it the default one, and peers that know it would refuse it); else the default one.
IdentityRecord node_identity(Context& context, const NodeOptions& options,
                             const std::optional<NodeRecord>& before) {
  if (!options.identity.empty()) return identity_or_new(context, options.identity, Tell::kYes);
  if (before && !before->identity_name.empty()) {
    auto kept = context.state().identities().get(before->identity_name);
    if (kept) return std::move(*kept);
  }
  return default_identity(context, Tell::kYes);
}

// Readable when the node is to stop: a signal, or the end of stdin with --exit-on-eof.
class StopRequest {
 public:
  StopRequest() {
    ::sigemptyset(&signals_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals_, signal);
    // Before any thread is made, so that none of them takes the signal.
    ::sigprocmask(SIG_BLOCK, &signals_, nullptr);
    signal_fd_ = UniqueFd(::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  int fd() const { return signal_fd_.get(); }

  // Turns the end of stdin into the signal that stops the node.
  static void watch_stdin() {
    std::thread([] {
      char ignored[4096];
      while (true) {
        const ssize_t got = ::read(STDIN_FILENO, ignored, sizeof ignored);
        if (got > 0 || (got < 0 && errno == EINTR)) continue;
        write_stderr("  ! EOF received\n");
        ::kill(::getpid(), SIGTERM);
        return;
      }
    }).detach();
  }

 private:
  sigset_t signals_{};
  UniqueFd signal_fd_;
};

struct Foreground {
  std::optional<int> starter_fd;  // --child-process: the pipe to who started us
  std::string log_path;
};

Foreground foreground_of(const Arguments& arguments) {
  Foreground foreground;
  if (!arguments.has("child-process")) return foreground;
  const std::string& text = arguments.text("child-process");
  int fd = -1;
  std::from_chars(text.data(), text.data() + text.size(), fd);
  if (fd < 3 || ::fcntl(fd, F_GETFD) < 0) {
    refuse_usage("--child-process is for the command's own use");
  }
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  foreground.starter_fd = fd;
  return foreground;
}

// The node is up: tell whoever waits for it.
Status announce(Context& context, const Arguments& arguments, const NodeRecord& node,
                const Foreground& foreground) {
  if (foreground.starter_fd) {
    auto redirected = redirect_to_log(foreground.log_path);
    if (!redirected) return redirected;
    return report_ready(*foreground.starter_fd);
  }
  context.progress("    To exit and stop the Node, please press Ctrl+C\n");
  if (arguments.has("exit-on-eof")) StopRequest::watch_stdin();
  if (node.is_authority) return {};  // prints nothing, in any format (spec/07 11.1)
  // The node cannot answer itself while this runs on its own thread: what the row says is enough,
  // and its listener and services follow from `node show`.
  context.print({.plain = done_line("Created a new Node named " + node.name),
                 .machine = node.name,
                 .json = node_json(node, std::nullopt)});
  return {};
}

void refuse_running(const std::optional<NodeRecord>& before, const Arguments& arguments) {
  if (!before || arguments.has("skip-is-running-check")) return;
  if (node_status(*before) != ProcessStatus::kRunning) return;
  give_up(fmt::format("Node {} is already running", before->name));
}

}  // namespace

void refuse_running(Context& context, const std::string& name, const Arguments& arguments) {
  refuse_running(recorded(context, name), arguments);
}

void run_node_here(Context& context, const Arguments& arguments, const std::string& name,
                   const NodeOptions& options) {
  Foreground foreground = foreground_of(arguments);
  prepare_node_process();
  const StopRequest stop;
  const auto before = recorded(context, name);
  refuse_running(before, arguments);
  EngineStart start;
  start.options = options;
  start.restore = arguments.has("restore");
  start.verbosity = context.globals().verbosity;
  const IdentityRecord identity = node_identity(context, start.options, before);
  start.record.name = name;
  start.record.identity_name = identity.name;
  start.record.identifier = identity.identifier;
  start.record.pid = ::getpid();
  start.record.pid_start_ticks = process_start_ticks(start.record.pid).value_or(0);
  start.record.created_at = context.clock().unix_seconds();
  start.record.is_authority = !options.authority.empty();
  start.record.options = options_json(start.options);
  start.record.api_socket = must(node_socket_path(context.home(), name, context.env()));
  const std::string folder = must(create_node_directory(context.home(), name));
  if (foreground.starter_fd) {
    start.log_path = log_file_path(folder, context.clock().unix_seconds());
    foreground.log_path = start.log_path;
  }
  NodeTable& nodes = context.state().nodes();
  bool lost_race = false;  // another process was faster with the same name
  EngineHooks hooks;
  hooks.unlock = vault_unlocker(context);
  hooks.bound = [&](NodeRecord& record) -> Status {
    const Status claimed = nodes.claim(record, arguments.has("skip-is-running-check"));
    lost_race = !claimed && claimed.error().code == Errc::kAlreadyExists;
    if (!claimed || start.restore) return claimed;
    return context.state().resources().clear(name);
  };
  hooks.ready = [&](const NodeRecord& record) {
    return announce(context, arguments, record, foreground);
  };
  const Status ended = run_node(context.state(), start, hooks, stop.fd());
  nodes.set_stopped(name, start.record.pid);
  if (!ended) {
    if (lost_race) give_up(fmt::format("Node {} is already running", name));
    // A node that never was leaves nothing behind.
    if (!recorded(context, name)) remove_node_directory(context.home(), name);
    give_up(
        Failure{fmt::format("Node {} failed", name), {ended.error().text()}, {}, {}, kExitFailed});
  }
  if (!foreground.starter_fd) context.note("  ! Exit signal received");
}

namespace {

// With a ticket: the node's identity becomes a member first, and the ticket's project is the node's
// (Ockam takes the default project, which may be another). A child was started by who did this.
void enroll_first(Context& context, const Arguments& arguments, NodeOptions& options) {
  if (arguments.has("child-process")) return;
  const auto given = arguments.has("enrollment-ticket") ? arguments.optional("enrollment-ticket")
                                                        : context.env()("ENROLLMENT_TICKET");
  if (!given) return;
  const Ticket ticket = read_ticket(context, *given);
  const IdentityRecord identity = options.identity.empty()
                                      ? default_identity(context, Tell::kYes)
                                      : identity_or_new(context, options.identity, Tell::kYes);
  const Enrolled enrolled = enroll(context, ticket, identity, kEnrollTimeoutMs, true);
  options.identity = identity.name;
  if (options.project.empty() || !arguments.has("project")) options.project = enrolled.project_name;
  const Json json = enrolled_json(enrolled, identity);
  if (!context.globals().quiet) {
    context.print({.plain = done_line("Enrolled with project " + enrolled.project_name),
                   .machine = {},
                   .json = json});
  }
}

void run_create(Context& context, const Arguments& arguments) {
  check_environment(context);
  warn_deprecated(context, arguments);
  const std::string name = node_name(context, arguments);
  NodeOptions options = options_of(context, arguments);
  refuse_running(context, name, arguments);
  enroll_first(context, arguments, options);
  if (arguments.has("foreground")) return run_node_here(context, arguments, name, options);
  const NodeRecord node =
      start_node(context, name, options, false, arguments.has("skip-is-running-check"));
  // Ockam's child has no stdout then, and prints nothing in any format.
  if (!context.globals().quiet) context.print(created_output(context, node));
}

std::string check_ip_port(std::string_view text) {
  return wire::SocketAddress::parse(text) ? std::string() : "an address is IP:PORT";
}

std::string check_port(std::string_view text) {
  return wire::parse_port(text) ? std::string() : "a port is a number up to 65535";
}

}  // namespace

CommandSpec node_create_command() {
  return command("create", "Create a node and start it in the background", run_create)
      .with(positional(kName, "Its name; by default the stopped default node, or a random name"))
      .with(flag("foreground", "Run the node in this process").short_form('f'))
      .with(flag("exit-on-eof", "Stop at the end of stdin").short_form('e').only_with("foreground"))
      .with(
          flag("skip-is-running-check", "Do not refuse when the node seems to run").short_form('s'))
      .with(option("tcp-listener-address", "SOCKET_ADDRESS", "Where it listens: IP:PORT")
                .short_form('t')
                .by_default("127.0.0.1:0")
                .checked(check_ip_port))
      .with(option("identity", "IDENTITY_NAME", "Its identity; made if missing"))
      .with(option("cores", "CORES", "One shard per core, pinned: 0-3, or 0,2 (weir)")
                .checked(check_cores))
      .with(option("spin-us", "US",
                   "How long an idle shard looks for work before it sleeps: lower latency, a whole "
                   "core each [default: 0] (weir)")
                .checked(check_spin_us))
      .with(option("handshake-share", "PERCENT",
                   "Of one core, for handshakes of others; 100: no limit [default: 50] (weir)")
                .checked(check_percent))
      .with(flag("no-status-endpoint", "No health endpoint").conflicts_with("status-endpoint-port"))
      .with(option("status-endpoint", "BIND_ADDRESS", "Health endpoint [default: 127.0.0.1:23345]")
                .checked(check_ip_port)
                .conflicts_with("status-endpoint-port"))
      .with(option("status-endpoint-port", "PORT", "Deprecated").hidden().checked(check_port))
      .with(flag("http-server", "Deprecated, no effect").alias("enable-http-server").hidden())
      .with(option("child-process", "FD", "Internal").only_with("foreground").hidden())
      .with(flag("restore", "Internal").only_with("foreground").hidden())
      .with(option("authority", "JSON", "Internal").only_with("foreground").hidden())
      .with(not_built_option("configuration", "YAML").alias("node-config"))
      .with(option("enrollment-ticket", "ENROLLMENT TICKET",
                   "Become a member with this ticket first [env: ENROLLMENT_TICKET]"))
      .with(not_built_option("variable", "VARIABLE"))
      .with(not_built_flag("udp").alias("enable-udp"))
      .with(not_built_option("udp-listener-address", "SOCKET_ADDRESS_UDP").short_form('u'))
      .with(not_built_option("services", "SERVICES")
                .alias("launch-configuration")
                .alias("launch-config"))
      .with(not_built_flag("in-memory"))
      .with(trust_options())
      .with(not_built_flag("started-from-configuration"))
      .with(not_built_option("opentelemetry-context", "CONTEXT"))
      .with(not_built_option("tcp-callback-port", "PORT"));
}

}  // namespace weir::cli
