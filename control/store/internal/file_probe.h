// Whose database is this file? Answered without SQLite's pager, so that a file which is not ours is
// not even locked. Reads through the VFS: opening and closing the file ourselves would drop the
// POSIX locks that SQLite holds on it in this process.
#pragma once

#include "base/result.h"
#include "control/store/database.h"

namespace weir {

// True: there is a database to open. False: nothing there, or an empty file. Errors: kRefused,
// kUnsupported, kInvalid as in database.h.
Result<bool> probe_database(const DatabaseOptions& options, const Schema& schema);

// Makes `path` (0600, empty) if it is missing, else takes group and others their rights, also on
// its journal. Nothing is opened, for the same reason. The new name is synced into its directory.
Status protect_file(const std::string& path);

}  // namespace weir
