// weir project create: an authority and a relay node of one's own, on this machine, as one command
// that may be run again: what is there is kept, what is stopped is started (ours; spec/04 section
// 7, "Self-hosted Project node").
#include <fmt/core.h>

#include <filesystem>
#include <fstream>

#include "base/hex.h"
#include "control/authority/config_json.h"
#include "control/project/project.h"
#include "dataplane/wire/hostname_port.h"
#include "tools/weir/commands.h"
#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"
#include "tools/weir/names.h"
#include "tools/weir/node_process.h"
#include "tools/weir/nodes.h"
#include "tools/weir/oidc_options.h"
#include "tools/weir/project_access.h"
#include "tools/weir/route_builder.h"
#include "tools/weir/values.h"

namespace weir::cli {
namespace {

struct Plan {
  std::string name;
  std::string id;
  wire::HostnamePort address;    // of the project node, as members dial it
  wire::HostnamePort authority;  // of the authority, likewise
  std::string listen_host;       // where both listen
  std::string authority_node() const { return "authority-" + id; }
  std::string listen(const wire::HostnamePort& at) const {
    return fmt::format("{}:{}", listen_host, at.port);
  }
};

std::string new_project_id(Context& context) {
  std::uint8_t raw[16];
  context.rng().fill(raw);
  raw[6] = static_cast<std::uint8_t>((raw[6] & 0x0f) | 0x40);  // a random UUID
  raw[8] = static_cast<std::uint8_t>((raw[8] & 0x3f) | 0x80);
  const std::string digits = to_hex(raw);
  return fmt::format("{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4),
                     digits.substr(12, 4), digits.substr(16, 4), digits.substr(20));
}

std::string listen_host_for(const Arguments& arguments, const wire::HostnamePort& address) {
  if (arguments.has("listen")) return arguments.text("listen");
  const bool local = address.hostname == "127.0.0.1" || address.hostname == "localhost";
  if (local) return "127.0.0.1";
  if (address.hostname == "[::1]") return "[::1]";
  return address.hostname.starts_with('[') ? "[::]" : "0.0.0.0";
}

Plan plan_of(Context& context, const Arguments& arguments, const std::string& name) {
  Plan plan;
  plan.name = name;
  plan.id = new_project_id(context);
  plan.address = must(wire::HostnamePort::parse(arguments.text_or("address", "127.0.0.1:4000")));
  plan.authority = plan.address;
  plan.authority.port = static_cast<std::uint16_t>(plan.address.port + 1);
  if (arguments.has("authority-address")) {
    plan.authority = must(wire::HostnamePort::parse(arguments.text("authority-address")));
  }
  if (plan.address.port == 0 || plan.authority.port == 0) {
    give_up("A project needs fixed ports", "members find it by them: --address HOST:PORT");
  }
  plan.listen_host = listen_host_for(arguments, plan.address);
  return plan;
}

std::string history_hex(Context& context, const IdentityRecord& identity) {
  return to_hex(known_identity(context, identity.identifier)->encoded());
}

std::string listener_route(const wire::HostnamePort& at, const std::string& project_id) {
  wire::MultiAddr route = transport_of(at.text());
  if (!project_id.empty()) route.push_back(wire::Proto::kService, project_id);
  route.push_back(wire::Proto::kService, "api");
  return route.text();
}

void start_authority(Context& context, const Plan& plan, const IdentityRecord& admin,
                     const IdentityRecord& relay_identity, const Arguments& arguments) {
  AuthoritySettings settings;
  AuthorityConfig& config = settings.config;
  config.project_id = plan.id;
  config.trusted.push_back({must(Identifier::parse(admin.identifier)),
                            attributes_of({{kAttributeRole, kRoleEnroller}})});
  // The relay node is a member, so that members' policies let it answer their pings.
  config.trusted.push_back(
      {must(Identifier::parse(relay_identity.identifier)), attributes_of({{"role", "relay"}})});
  if (arguments.has("credential-ttl")) {
    config.credential_life_s = context.duration_ms(arguments, "credential-ttl", 0) / 1000;
  }
  config.oidc = oidc_given(arguments);
  NodeOptions options;
  options.tcp_listener_address = plan.listen(plan.authority);
  options.identity = plan.authority_node();
  options.no_status_endpoint = true;
  options.authority = authority_json(settings);
  start_node(context, plan.authority_node(), options, false, false);
}

void start_relay(Context& context, const Plan& plan, const IdentityRecord& identity,
                 const Arguments& arguments) {
  NodeOptions options;
  options.tcp_listener_address = plan.listen(plan.address);
  options.identity = identity.name;
  options.project = plan.name;
  options.no_status_endpoint = true;
  options.cores = arguments.text_or("cores", "");
  start_node(context, plan.name, options, false, false);
}

// A node of an earlier run, started again if it is stopped. False: it was never made.
bool bring_back(Context& context, const std::string& name) {
  auto node = context.state().nodes().get(name);
  if (!node && node.error().code == Errc::kNotFound) return false;
  const NodeRecord known = must(std::move(node));
  if (node_status(known) == ProcessStatus::kRunning) return true;
  NodeOptions options = must(options_from_json(known.options));
  if (!known.tcp_listener_address.empty())
    options.tcp_listener_address = known.tcp_listener_address;
  options.identity = known.identity_name;
  start_node(context, name, options, true, false);
  return true;
}

Project make_project(Context& context, const Arguments& arguments, const std::string& name) {
  const Plan plan = plan_of(context, arguments, name);
  if (auto taken = context.state().nodes().get(name); taken) {
    give_up(fmt::format("There is a node named {} already", name),
            "choose another name for the project, or delete the node");
  }
  const IdentityRecord admin = default_identity(context, Tell::kYes);
  const IdentityRecord authority = identity_or_new(context, plan.authority_node(), Tell::kYes);
  const IdentityRecord relay = identity_or_new(context, name + "-project", Tell::kYes);
  Project project;
  project.id = plan.id;
  project.name = name;
  project.access_route = listener_route(plan.address, plan.id);
  project.identity = must(Identifier::parse(relay.identifier));
  project.project_change_history = history_hex(context, relay);
  project.authority_identity = history_hex(context, authority);
  project.authority_access_route = listener_route(plan.authority, "");
  project.running = true;
  start_authority(context, plan, admin, relay, arguments);
  store_project(context, project);
  start_relay(context, plan, relay, arguments);
  return project;
}

// --- systemd

std::string unit_text(Context& context, const std::string& node, const std::string& what) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  return fmt::format(
      "[Unit]\nDescription=weir {0} {1}\nAfter=network-online.target\nWants=network-online.target\n"
      "\n[Service]\nType=forking\nEnvironment=WEIR_HOME={2}\nExecStart={3} node start {1}\n"
      "ExecStop={3} node stop {1}\nRestart=on-failure\nLimitNOFILE=1048576\nUMask=0077\n"
      "NoNewPrivileges=yes\n\n[Install]\nWantedBy=multi-user.target\n",
      what, node, context.home(), program);
}

void write_units(Context& context, const Project& project, const std::string& folder) {
  for (const auto& [node, what] : {std::pair{"authority-" + project.id, "authority"},
                                   std::pair{project.name, "project node"}}) {
    const std::string path = folder + "/weir-" + node + ".service";
    std::ofstream file(path, std::ios::trunc);
    file << unit_text(context, node, what);
    file.close();
    if (!file) give_up(fmt::format("Cannot write {}", path), "does the folder exist?");
    context.note(done_line(fmt::format("Wrote {}", path)));
  }
}

void run_create(Context& context, const Arguments& arguments) {
  const std::string& name = arguments.text("PROJECT_NAME");
  if (auto valid = check_node_name(name); !valid) {
    give_up(fmt::format("Invalid project name: {}", name), valid.error().text());
  }
  (void)oidc_given(arguments);  // what is wrong with it is said before anything is made
  auto known = context.state().projects().get(name);
  Project project;
  if (known) {
    project = must(Project::parse(known->json));
    const bool ours = bring_back(context, "authority-" + project.id) && bring_back(context, name);
    if (!ours) {
      give_up(fmt::format("Project {} is known on this machine, but its nodes are not here", name),
              "choose another name, or forget it with `weir project delete`");
    }
    context.note(done_line(fmt::format("Project {} runs already", name)));
    if (arguments.has("oidc-issuer")) {
      context.note(warning_line(
          "The identity provider of a project is chosen when it is made: it stays as it is"));
    }
  } else if (known.error().code == Errc::kNotFound) {
    project = make_project(context, arguments, name);
    context.note(done_line(fmt::format("Created project {}", name)));
  } else {
    give_up(known.error());
  }
  if (arguments.has("systemd")) write_units(context, project, arguments.text("systemd"));
  context.note(fmt::format(
      "\n    A ticket for the first member (add --relay NAME if it may register a relay):\n"
      "      weir project ticket --project {0} --relay '*'\n"
      "    and there:\n      weir project enroll TICKET",
      name));
  context.print(
      {.plain = fmt::format("    Project node at {}\n    Authority at {}", project.access_route,
                            project.authority_access_route.value_or("")),
       .machine = name,
       .json = project.shown()});
}

std::string check_listen(std::string_view text) {
  return wire::SocketAddress::parse(std::string(text) + ":1") ? std::string() : "an IP address";
}

}  // namespace

CommandSpec project_create_command() {
  return command("create",
                 "Make a project: an authority and a relay node on this machine; harmless to run "
                 "again (weir)",
                 run_create)
      .with(required_positional("PROJECT_NAME", "Its name, and that of its relay node"))
      .with(option("address", "HOST:PORT", "Where members find the relay node")
                .by_default("127.0.0.1:4000")
                .checked(check_socket_address))
      .with(option("authority-address", "HOST:PORT",
                   "Where members find the authority [default: the same host, the next port]")
                .checked(check_socket_address))
      .with(option("listen", "IP",
                   "Where both listen [default: everywhere, or on loopback for a loopback address]")
                .checked(check_listen))
      .with(option("credential-ttl", "DURATION", "Life of credentials [default: 30d]")
                .checked(check_duration))
      .with(oidc_options())
      .with(option("cores", "CORES", "Shards of the relay node, as in `node create`")
                .checked(check_cores))
      .with(option("systemd", "FOLDER", "Write units for both nodes there"));
}

}  // namespace weir::cli
