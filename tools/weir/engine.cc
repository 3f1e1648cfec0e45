#include "tools/weir/engine.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/clock.h"
#include "base/rng.h"
#include "base/start_up_code.h"
#include "control/authority/config_json.h"
#include "control/http/status_endpoint.h"
#include "control/identity/identities.h"
#include "control/node/api/api_socket.h"
#include "control/node/api/convert.h"
#include "control/node/api/models_json.h"
#include "control/node/api/node_manager.h"
#include "control/node/event_loop.h"
#include "control/node/executor.h"
#include "control/node/file_logger.h"
#include "control/node/node.h"
#include "control/node/shard_threads.h"
#include "control/node/system_resolver.h"
#include "control/store/home.h"
#include "control/vault/identity_adapters.h"
#include "tools/weir/context.h"
#include "tools/weir/terminal.h"
#include "tools/weir/trust.h"
#include "tools/weir/values.h"
#include "tools/weir/vault_secret.h"

namespace weir::cli {
namespace {

// What a node in this process consists of, in the order in which it must be made (and undone).
class Engine {
 public:
  Engine(State& state, std::unique_ptr<Vault> vault)
      : state_(state),
        vault_(std::move(vault)),
        secrets_(*vault_),
        store_(state),
        identities_(store_, secrets_, clock_),
        resolver_([this] { loop_.wake(); }),
        helpers_([this] { loop_.wake(); }, kHelperThreadsMax) {}

  static Result<std::unique_ptr<Engine>> make(State& state, const std::string& identity_name,
                                              const UnlockVault& unlock) {
    static SystemRng rng;
    auto identity = state.identities().get(identity_name);
    if (!identity) return pass(identity);
    auto vault = open_vault(state, identity->vault_name, rng, unlock);
    if (!vault) return pass(vault);
    return std::make_unique<Engine>(state, std::move(*vault));
  }

  Status start(NodeConfig config, const NodeOptions& wanted, Logger logger, bool persist) {
    ShardThreadsOptions options;
    if (!wanted.cores.empty()) {
      auto parsed = parse_cores(wanted.cores);
      if (!parsed) return pass(parsed);
      options.cores = std::move(*parsed);
    }
    std::from_chars(wanted.spin_us.data(), wanted.spin_us.data() + wanted.spin_us.size(),
                    options.spin_us);
    std::string note;
    auto shards = ShardThreads::start(options, clock_, [this] { loop_.wake(); }, note);
    if (!shards) return pass(shards);
    shards_ = std::move(*shards);
    logger(LogLevel::kInfo, "data plane: " + std::to_string(shards_->ports().size()) +
                                " shard(s), " + shards_->io_name() + ", " + shards_->aead_name());
    if (!note.empty()) logger(LogLevel::kWarn, note);
    config.executor = &helpers_;
    node_ = std::make_unique<Node>(std::move(config), shards_->ports(), persist ? &state_ : nullptr,
                                   identities_, resolver_, clock_, rng_, std::move(logger));
    return wait_for<std::optional<SocketAddress>>(
        [this](auto done) { node_->start(std::move(done)); }, bound_);
  }

  // Runs the loop until the operation has answered.
  template <typename T, typename Begin>
  Status wait_for(Begin&& begin, T& out) {
    std::optional<Result<T>> answer;
    begin([&](Result<T> result) { answer = std::move(result); });
    while (!answer) turn();
    if (!*answer) return std::unexpected(std::move(answer->error()));
    out = std::move(**answer);
    return {};
  }

  void turn() {
    node_->step();
    loop_.run_once(node_->next_deadline_ns());
    node_->step();
  }

  Node& node() { return *node_; }
  Identities& identities() { return identities_; }
  EpollLoop& loop() { return loop_; }
  Clock& clock() { return clock_; }
  Rng& rng() { return rng_; }
  const std::optional<SocketAddress>& bound() const { return bound_; }
  void shutdown() {
    if (node_ != nullptr) node_->shutdown();
    shards_.reset();
    node_.reset();
  }

 private:
  static constexpr std::size_t kHelperThreadsMax = 16;

  State& state_;
  SystemClock clock_;
  SystemRng rng_;
  std::unique_ptr<Vault> vault_;
  VaultSecretStore secrets_;
  StateIdentityStore store_;
  Identities identities_;
  EpollLoop loop_{clock_};
  SystemResolver resolver_;
  HelperThreads helpers_;
  std::unique_ptr<ShardThreads> shards_;
  std::unique_ptr<Node> node_;
  std::optional<SocketAddress> bound_;
};

Result<std::unique_ptr<StatusEndpoint>> open_status_endpoint(const NodeOptions& options,
                                                             Engine& engine) {
  const auto show = [&engine] {
    return api::compact_text(api::json_of(api::to_body(engine.node().resources())));
  };
  if (options.status_endpoint) {
    auto address = SocketAddress::parse(*options.status_endpoint);
    if (!address) return pass(address);
    return StatusEndpoint::open(*address, false, show, engine.clock());
  }
  return StatusEndpoint::open(SocketAddress::v4_loopback(kStatusEndpointPortDefault), true, show,
                              engine.clock());
}

Logger node_logger(const EngineStart& start) {
  const EnvLookup env = process_environment();
  const auto asked = setting(env, "LOG_LEVEL");
  LogLevel level = log_level_from(asked.value_or(""), LogLevel::kInfo);
  if (start.verbosity >= 2) level = LogLevel::kDebug;
  if (!start.log_path.empty()) {
    return FileLog::logger(std::make_shared<FileLog>(
        FileLogOptions{std::filesystem::path(start.log_path).parent_path(), level, 60}));
  }
  // A foreground node says on stderr only what its user should see, unless asked for more.
  if (start.verbosity == 0 && !asked) level = LogLevel::kWarn;
  return [level](LogLevel of, const std::string& line) {
    if (of >= level) write_stderr(log_line(of, line) + "\n");
  };
}

// Where both want the same core, frames of open channels go before handshakes and the node API.
// After the shards' threads have started: they would inherit it.
void be_patient() {
  constexpr int kNice = 5;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice);
}

Result<NodeConfig> node_config(const EngineStart& start) {
  NodeConfig config;
  config.name = start.record.name;
  auto identity = Identifier::parse(start.record.identifier);
  if (!identity) return pass(identity);
  config.identity = *identity;
  config.identity_name = start.record.identity_name;
  config.is_default = start.record.is_default;
  config.pid = start.record.pid;
  auto listener = SocketAddress::parse(start.options.tcp_listener_address);
  if (!listener) return pass(listener);
  config.tcp_listener = *listener;
  if (!start.options.handshake_share.empty()) {
    config.handshake_share_percent = percent_of(start.options.handshake_share);
  }
  config.hardware_ticks = true;
  return config;
}

Status add_authority(const NodeOptions& options, Identities& identities, NodeConfig& config) {
  if (options.authority.empty()) return {};
  auto settings = authority_from_json(options.authority);
  if (!settings) return pass(settings);
  if (!settings->account_authority_history.empty()) {
    auto known = identities.import_hex(settings->account_authority_history);
    if (!known) return pass(known);
    settings->config.account_authority = (*known)->identifier();
  }
  settings->config.identity = config.identity;
  if (settings->config.account_authority) {
    config.authorities.assign(1, *settings->config.account_authority);
  }
  config.authority = std::move(settings->config);
  return {};
}

}  // namespace

Status run_node(State& state, EngineStart start, const EngineHooks& hooks, int stop_fd) {
  auto made = Engine::make(state, start.record.identity_name, hooks.unlock);
  if (!made) return pass(made);
  forget_vault_environment();
  Engine& engine = **made;
  auto config = node_config(start);
  if (!config) return pass(config);
  if (Status added = add_authority(start.options, engine.identities(), *config); !added) {
    return added;
  }
  if (Status trusted = add_trust(state, engine.identities(), start.options, *config); !trusted) {
    return trusted;
  }
  const Logger logger = node_logger(start);
  if (Status started = engine.start(std::move(*config), start.options, logger, true); !started) {
    engine.shutdown();
    return started;
  }
  be_patient();
  if (engine.bound()) start.record.tcp_listener_address = engine.bound()->text();
  logger(LogLevel::kInfo, "TCP listener at " + start.record.tcp_listener_address);
  const auto serve = [&]() -> Status {
    std::unique_ptr<StatusEndpoint> status;
    if (!start.options.no_status_endpoint) {
      auto opened = open_status_endpoint(start.options, engine);
      if (!opened) return pass(opened);
      status = std::move(*opened);
      status->add_to(engine.loop());
      start.record.status_endpoint = status->address().text();
      engine.node().set_status_endpoint(status->address());
      logger(LogLevel::kInfo, "HTTP server listening on: " + start.record.status_endpoint);
    }
    api::NodeManager manager(engine.node(), engine.rng());
    if (Status claimed = hooks.bound(start.record); !claimed) return claimed;
    engine.node().set_default(start.record.is_default);
    auto socket = api::ApiSocket::open(start.record.api_socket,
                                       [&manager](Bytes request, api::ApiSocket::Answer answer) {
                                         manager.handle(request, std::move(answer));
                                       });
    if (!socket) return pass(socket);
    (*socket)->add_to(engine.loop());
    engine.node().set_api_handler(manager.handler());
    if (start.restore) engine.node().restore_all();
    if (Status ready = hooks.ready(start.record); !ready) return ready;
    give_back_start_up_code();
    bool stop = false;
    engine.loop().watch(stop_fd, 1 /* EPOLLIN */, [&](std::uint32_t) { stop = true; });
    while (!stop) engine.turn();
    logger(LogLevel::kInfo, "Exit signal received");
    return {};
  };
  const Status served = serve();
  engine.shutdown();
  return served;
}

namespace {

class LocalNode final : public TemporaryNode {
 public:
  explicit LocalNode(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
  ~LocalNode() override { engine_->shutdown(); }

  Identities& identities() override { return engine_->identities(); }
  Result<Bytes> send_message(const wire::MultiAddr& to, Bytes payload, std::uint64_t timeout_ms,
                             std::optional<std::vector<Identifier>> authorized) override {
    Bytes answer;
    const Status sent = engine_->wait_for<Bytes>(
        [&](auto done) {
          engine_->node().send_message(to, std::move(payload), timeout_ms, std::move(done),
                                       std::move(authorized));
        },
        answer);
    if (!sent) return std::unexpected(sent.error());
    return answer;
  }
  Result<SecureChannelInfo> create_secure_channel(const ChannelRequest& request) override {
    SecureChannelInfo info;
    const Status made = engine_->wait_for<SecureChannelInfo>(
        [&](auto done) { engine_->node().create_secure_channel(request, std::move(done)); }, info);
    if (!made) return std::unexpected(made.error());
    return info;
  }

 private:
  std::unique_ptr<Engine> engine_;
};

}  // namespace

Result<std::unique_ptr<TemporaryNode>> start_temporary_node(Context& context,
                                                            const IdentityRecord& identity,
                                                            const NodeOptions& trust) {
  State& state = context.state();
  auto engine = Engine::make(state, identity.name, vault_unlocker(context));
  if (!engine) return pass(engine);
  NodeConfig config;
  config.name = "temporary";
  auto identifier = Identifier::parse(identity.identifier);
  if (!identifier) return pass(identifier);
  config.identity = *identifier;
  config.identity_name = identity.name;
  config.default_services = false;
  config.handshake_share_percent = 100;
  config.persist = false;
  if (Status trusted = add_trust(state, (*engine)->identities(), trust, config); !trusted) {
    return pass(trusted);
  }
  const Logger quiet = [](LogLevel, const std::string&) {};
  if (Status started = (*engine)->start(std::move(config), {}, quiet, false); !started) {
    (*engine)->shutdown();
    return pass(started);
  }
  return std::make_unique<LocalNode>(std::move(*engine));
}

}  // namespace weir::cli
