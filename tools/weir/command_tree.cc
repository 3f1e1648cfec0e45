// The whole tree. What Ockam has and weir has not yet is here too, so that it is refused as such.
#include "tools/weir/commands.h"

namespace weir::cli {

CommandSpec command_tree() {
  CommandSpec root =
      group("weir",
            "weir: nodes, relays, portals and secure channels that speak Ockam's protocols.\n\n"
            "  weir node create n1\n"
            "  weir message send hello --to /node/n1/service/uppercase");
  root.subcommands = {node_commands(),           message_commands(),
                      tcp_listener_commands(),   tcp_connection_commands(),
                      tcp_outlet_commands(),     tcp_inlet_commands(),
                      secure_channel_commands(), secure_channel_listener_commands(),
                      relay_commands(),          identity_commands(),
                      vault_commands(),          worker_commands(),
                      service_commands(),        flow_control_commands(),
                      forwarder_commands(),      authority_commands(),
                      credential_commands(),     enroll_command(),
                      project_commands(),        project_member_commands(),
                      project_admin_commands(),  policy_commands(),
                      completion_command()};
  for (const char* name :
       {"admin",       "environment",      "influxdb-inlet", "influxdb-outlet", "kafka-consumer",
        "kafka-inlet", "kafka-outlet",     "kafka-producer", "lease",           "manpages",
        "markdown",    "migrate-database", "rendezvous",     "reset",           "run",
        "share",       "sidecar",          "space",          "space-admin",     "status",
        "subscription"}) {
    root.subcommands.push_back(not_built_command(name));
  }
  return root;
}

}  // namespace weir::cli
