#include "control/node/internal/round_trip.h"

namespace weir::control {
namespace {

struct Trip {
  ControlId connection = 0;
  ControlId request = 0;
  Done<Reply> done;
};

}  // namespace

void round_trip(Connections& connections, Messenger& messenger, const wire::MultiAddr& to,
                ConnectOptions options, Bytes payload, std::uint64_t timeout_ms,
                std::function<Status(const Connection& connection)> check, Done<Reply> done) {
  const auto trip = std::make_shared<Trip>();
  trip->done = std::move(done);
  const auto finish = [&connections, trip](Result<Reply> result) {
    const Done<Reply> answer = std::exchange(trip->done, nullptr);
    if (!answer) return;
    connections.close(trip->connection);
    answer(std::move(result));
  };
  connections.open(
      to, std::move(options),
      [&messenger, trip, finish, timeout_ms, payload = std::move(payload),
       check = std::move(check)](Result<Connection> connection) {
        if (!connection) return finish(pass(connection));
        trip->connection = connection->id;
        if (Status good = check ? check(*connection) : Status{}; !good) return finish(pass(good));
        trip->request = messenger.request(connection->route, payload, timeout_ms, finish);
      },
      [&messenger, trip, finish](const std::string& why) {
        messenger.cancel(trip->request);
        finish(fail(Errc::kIo, "connection lost", why));
      });
}

}  // namespace weir::control
