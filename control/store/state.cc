#include "control/store/state.h"

#include <cstdlib>

#include "control/store/home.h"
#include "control/store/internal/file_probe.h"
#include "control/store/internal/schema.h"

namespace weir {

State::State(std::shared_ptr<Database> db, const StateOptions& options)
    : db_(std::move(db)),
      home_(options.home),
      vfs_(options.vfs),
      nodes_(*db_),
      identities_(*db_),
      vaults_(*db_, home_, vfs_),
      resources_(*db_),
      histories_(*db_),
      purpose_keys_(*db_),
      policies_(*db_),
      attributes_(*db_),
      credentials_(*db_),
      authority_(*db_),
      projects_(*db_) {}

Result<std::unique_ptr<State>> State::open(const StateOptions& options) {
  DatabaseOptions database;
  database.vfs = options.vfs;
  database.busy_timeout_ms = options.busy_timeout_ms;
  database.postgres = options.postgres;
  if (!options.home.empty()) {
    database.path = database_path(options.home);
    // Before anything is created or made private: a home of somebody else stays as it is.
    if (auto ours = probe_database(database, main_schema()); !ours) return pass(ours);
    if (options.vfs == nullptr) {
      const auto user_home = process_environment()("HOME");
      if (auto status = create_home(options.home, user_home.value_or("")); !status) {
        return pass(status);
      }
    }
  }
  auto db = Database::open(database, main_schema());
  if (!db) return pass(db);
  return std::unique_ptr<State>(new State(std::move(*db), options));
}

}  // namespace weir
