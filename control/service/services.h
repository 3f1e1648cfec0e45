// The small services: echo and hop (workers of the data plane), uppercase (spec/04 4.2-4.4).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "control/node/internal/connections.h"

namespace weir::control {

class Services {
 public:
  Services(NodeCore& core, WorkerTable& workers, Connections& connections, Rights& rights)
      : core_(core), workers_(workers), connections_(connections), rights_(rights) {}

  // All: reachable from the default TCP listener. kAlreadyExists "hop service already exists at
  // ..".
  // Guarded by the policy of its address.
  Status start_echo(const std::string& address);
  // An authority's: only for channels of the listener `api` (which is made later), no policy.
  Status start_echo_for_channels(const std::string& address);
  Status start_uppercase(const std::string& address);
  Status start_hop(const std::string& address);
  // uppercase, echo, hop, in this order.
  std::vector<ServiceInfo> list() const;

 private:
  Status exists(const char* type, const std::string& address) const;
  void uppercase(const std::string& address, MessageEvent& message);

  NodeCore& core_;
  WorkerTable& workers_;
  Connections& connections_;
  Rights& rights_;
  std::set<std::string> echoes_;
  std::set<std::string> uppercases_;
};

// Full Unicode upper case with special casing ("straße" -> "STRASSE"); input must be UTF-8.
Result<std::string> upper_case(std::string_view text);

}  // namespace weir::control
