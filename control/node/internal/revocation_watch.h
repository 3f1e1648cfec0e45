// Who is no member any more: a connection to the authority that is kept open, and on it one request
// that the authority answers when the list has changed, or says after kRevocationsHoldMs that it
// has not (`weir_revocations`, control/authority). So a removal arrives as fast as the network is.
//
// A lost connection is made again after a pause with jitter, so that the nodes of a project do not
// come back to a restarted authority in step; until then the list that was read last counts. A real
// Ockam authority does not know the service: it is then asked every 10 minutes whether that has
// changed.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "control/node/internal/connections.h"
#include "control/node/internal/messenger.h"

namespace weir::control {

class RevocationWatch {
 public:
  RevocationWatch(NodeCore& core, Connections& connections, Messenger& messenger)
      : core_(core), connections_(connections), messenger_(messenger) {}
  ~RevocationWatch();

  // Nothing, when the node has no authority that can be asked.
  void start();
  // Somebody has shown a credential: is it still good? Asks at once if it is not watching, but at
  // most once per second.
  void check();

  std::function<void(const Identifier& authority, const std::vector<Identifier>& who)> revoked;

 private:
  void open();
  void ask();
  void answered(Result<Bytes> body);
  void failed(const Error& error);
  void close();
  void open_in(std::uint64_t ms);

  NodeCore& core_;
  Connections& connections_;
  Messenger& messenger_;
  bool opening_ = false;
  std::optional<Connection> connection_;
  ControlId request_ = 0;
  std::optional<std::uint64_t> version_;  // of the list that was read last; nullopt: none
  TimerId timer_ = kNoTimer;
  std::uint64_t due_ns_ = 0;  // of the timer
  std::uint64_t opened_ns_ = 0;
  std::uint64_t asked_ns_ = 0;
  unsigned failures_ = 0;  // in a row
};

}  // namespace weir::control
