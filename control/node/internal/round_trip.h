// One request over a connection of its own: made, asked, answered, closed. Ends at once, not with
// the timeout, when the connection or a channel of it is lost.
#pragma once

#include <functional>

#include "control/node/internal/connections.h"
#include "control/node/internal/messenger.h"

namespace weir::control {

// `check` (may be null) looks at the connection before anything is sent. kIo "connection lost".
void round_trip(Connections& connections, Messenger& messenger, const wire::MultiAddr& to,
                ConnectOptions options, Bytes payload, std::uint64_t timeout_ms,
                std::function<Status(const Connection& connection)> check, Done<Reply> done);

}  // namespace weir::control
