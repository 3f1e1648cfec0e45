// How a node was created: kept in its row, so that `node start` brings the same node back
// (spec/08 section 8: Ockam keeps the listener address only).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::cli {

struct NodeOptions {
  std::string tcp_listener_address = "127.0.0.1:0";
  std::optional<std::string> status_endpoint;  // as asked for; unset: the default with its fallback
  bool no_status_endpoint = false;
  std::string identity;         // a name; empty: the default identity
  std::string cores;            // "0-3"; empty: one shard, not pinned
  std::string handshake_share;  // percent of one core; empty: the default
  std::string spin_us;          // a number; empty: 0
  // Trust (spec/03 4.6): a project, or an authority without one.
  std::string project;             // a name; empty: none
  std::string authority_identity;  // a change history in hex
  std::string authority_route;
  std::string credential_scope;
  std::string authority;  // JSON (control/authority/config_json.h); empty: an ordinary node

  friend bool operator==(const NodeOptions&, const NodeOptions&) = default;
};

std::string options_json(const NodeOptions& options);
// kInvalid for what is not JSON; unknown keys are ignored, missing ones keep their defaults.
Result<NodeOptions> options_from_json(std::string_view json);
// The words of `node create` that say the same.
std::vector<std::string> option_words(const NodeOptions& options);

}  // namespace weir::cli
