// SQLite's result codes in our words.
#pragma once

#include <sqlite3.h>

#include "base/result.h"

namespace weir {

// `db` may be null (an open that failed early).
std::unexpected<Error> sqlite_error(sqlite3* db, int code);

}  // namespace weir
