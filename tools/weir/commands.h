// The groups of the command tree, one file each; command_tree() puts them together.
#pragma once

#include "tools/weir/spec.h"

namespace weir::cli {

CommandSpec command_tree();

CommandSpec node_commands();                     // node_commands.cc
CommandSpec identity_commands();                 // identity_commands.cc
CommandSpec vault_commands();                    // vault_commands.cc
CommandSpec tcp_listener_commands();             // tcp_commands.cc
CommandSpec tcp_connection_commands();           //
CommandSpec tcp_outlet_commands();               // outlet_commands.cc
CommandSpec tcp_inlet_commands();                // inlet_commands.cc
CommandSpec secure_channel_commands();           // channel_commands.cc
CommandSpec secure_channel_listener_commands();  //
CommandSpec relay_commands();                    // relay_commands.cc
CommandSpec message_commands();                  // message_commands.cc
CommandSpec service_commands();                  // service_commands.cc
CommandSpec worker_commands();                   //
CommandSpec flow_control_commands();             //
CommandSpec forwarder_commands();                //
CommandSpec authority_commands();                // authority_commands.cc
CommandSpec enroll_command();                    // enroll_command.cc
CommandSpec credential_commands();               // credential_commands.cc
CommandSpec project_commands();                  // project_commands.cc
CommandSpec project_create_command();            // project_create.cc
CommandSpec project_enroll_command();            // project_enroll.cc
CommandSpec project_member_commands();           // member_commands.cc
CommandSpec project_admin_commands();            // admin_commands.cc
CommandSpec policy_commands();                   // policy_commands.cc
CommandSpec completion_command();                // completion.cc

// `node create` (node_create.cc) and `node counters` (node_counters.cc).
CommandSpec node_create_command();
CommandSpec node_counters_command();
// `policy test` (policy_test_command.cc).
CommandSpec policy_test_command();

}  // namespace weir::cli
