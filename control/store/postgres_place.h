// Which PostgreSQL database holds the state, from a URL or from the environment (spec 03 §7.1, 08
// §1.2). Texts of refusals are Ockam's where it has some; none of them holds a password.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "control/store/home.h"
#include "crypto/secret_bytes.h"

namespace weir {

struct PostgresPlace {
  std::string host;  // a name, an address, or the folder of a Unix socket
  std::uint16_t port = 0;
  std::string database;
  std::string user;      // empty: libpq's default, the name of the system's user
  SecretBytes password;  // empty: none, or the one in ~/.pgpass
  // Of the URL's query, only those that libpq knows and that are ours to give: sslmode ..
  std::vector<std::pair<std::string, std::string>> parameters;

  // "host:port/database", for messages.
  std::string text() const;
};

// postgres:// or postgresql://[user:password@]host:port/database[?sslmode=..]. Percent-encoding as
// in URLs; an IPv6 address stands in [], a socket's folder is a host with %2F. kInvalid.
Result<PostgresPlace> parse_postgres_url(std::string_view url);

// WEIR_DATABASE_URL, else DATABASE_CONNECTION_URL, else DATABASE_INSTANCE (host:port/database) with
// DATABASE_USER and DATABASE_PASSWORD or with DATABASE_USERNAME_AND_PASSWORD (JSON), all of them
// with WEIR_ or OCKAM_ in front; empty counts as unset. nullptr: none is set, the state is in
// SQLite. An incomplete or contradictory set is kInvalid and says what is missing: Ockam would go
// on with SQLite, on a state that nobody meant.
Result<std::shared_ptr<const PostgresPlace>> postgres_place(const EnvLookup& env);

}  // namespace weir
