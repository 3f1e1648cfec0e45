// weir's state on disk: named nodes, identities and vaults with their default rules (spec 03 §6),
// what nodes carry, and what identities know. One object per process; one thread at a time. Each
// call is one transaction: done durably when it returns, or failed and nothing changed. Errors are
// those of database.h; kNotFound and kAlreadyExists name the thing; kRefused says who uses it.
// Texts are those that the command prints (spec 07 §4, §8).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "control/store/authority_store.h"
#include "control/store/database.h"
#include "control/store/knowledge.h"
#include "control/store/records.h"

namespace weir {

// Nodes (spec 03 §6.5). Lists are in the order of creation.
class NodeTable {
 public:
  explicit NodeTable(Database& db) : db_(db) {}

  // Inserts, or takes over the row of the same name. Refused (kAlreadyExists, "already running")
  // when that row's process is alive, unless skip_running_check. Becomes default if it already was,
  // if there is no node, or if the default node is stopped; record.is_default is an output. The row
  // keeps its listener address if the record brings none. Two processes may race: one wins.
  Status claim(NodeRecord& record, bool skip_running_check = false);
  // Changes every column but name, is_default, created_at. kNotFound if it does not exist.
  Status update(const NodeRecord& record);
  // Marks as stopped, but only if `pid` still owns the row (0: whoever owns it).
  Status set_stopped(std::string_view name, std::int64_t pid = 0);

  Result<NodeRecord> get(std::string_view name);
  Result<std::vector<NodeRecord>> list();
  // kNotFound: "There is no default node".
  Result<NodeRecord> get_default();
  // kNotFound, and nothing changes, if there is no such node.
  Status set_default(std::string_view name);
  // The row, its resources, policies, credentials, attributes. Then the first remaining node is the
  // default. The folder is the caller's (remove_node_directory). Does not look at the process.
  Status remove(std::string_view name);

 private:
  Database& db_;
};

// Named identities (spec 03 §6.4).
class IdentityTable {
 public:
  explicit IdentityTable(Database& db) : db_(db) {}

  // Stores name and history together. The first is default if there is no default; is_default is an
  // output. A name in use is kAlreadyExists; an identifier that has a name is renamed, also in the
  // nodes that use it. The vault must exist. An empty history leaves the known one alone.
  Status create(IdentityRecord& record, ByteSpan change_history);
  Result<IdentityRecord> get(std::string_view name);
  Result<IdentityRecord> get_by_identifier(std::string_view identifier);
  Result<std::vector<IdentityRecord>> list();
  Result<IdentityRecord> get_default();  // kNotFound if there is none
  Status set_default(std::string_view name);
  // Refused while nodes use it (detail: their names). Removes name, history and attributes; the
  // default moves to the first remaining identity. Secrets stay in the vault.
  Status remove(std::string_view name);

 private:
  Database& db_;
};

// Named vaults (spec 03 §6.3, 02 §12.4): rows only; control/vault opens them.
class VaultTable {
 public:
  VaultTable(Database& db, std::string home, const char* vfs)
      : db_(db), home_(std::move(home)), vfs_(vfs) {}

  // The first vault without a path lives in the main database, a later one in <home>/vault-<name>.
  // A given path must not exist. The first vault ever is default and stays the only one flagged.
  // `prepare` writes into the vault's file before the vault exists for anybody: with it the vault
  // is never in the main database, and when it fails nothing is left.
  using Prepare = std::function<Status(const std::string& path)>;
  Result<VaultRecord> create(std::string_view name, std::string_view path = {}, bool kms = false,
                             const Prepare& prepare = {});
  Result<VaultRecord> get(std::string_view name);
  Result<std::vector<VaultRecord>> list();
  // The only vault; created as `default` if there is none; kRefused "There are N vaults, .." if
  // there are several.
  Result<VaultRecord> get_default_or_create();
  Result<VaultRecord> get_or_create(std::string_view name);
  // Refused while identities use it. The main database's vault takes all its secrets and all
  // purpose keys along; a file vault its file.
  Status remove(std::string_view name);
  // File vaults only: copies, records the new path, removes the old file.
  Status move(std::string_view name, const std::string& path);

 private:
  Database& db_;
  std::string home_;
  const char* vfs_;
};

// What nodes carry: portals, relays, listeners, services, each with its creation options.
class ResourceTable {
 public:
  explicit ResourceTable(Database& db) : db_(db) {}

  Status put(const NodeResource& resource);  // inserts or replaces
  Result<NodeResource> get(std::string_view node, std::string_view kind, std::string_view name);
  // In the order of creation; an empty kind lists all.
  Result<std::vector<NodeResource>> list(std::string_view node, std::string_view kind = {});
  Status remove(std::string_view node, std::string_view kind, std::string_view name);
  Status clear(std::string_view node);  // `node create` again starts fresh (spec 08 §8)

 private:
  Database& db_;
};

struct StateOptions {
  std::string home;           // empty: in memory, nothing on disk
  const char* vfs = nullptr;  // see fault_vfs.h; with one, the home is not created
  std::uint32_t busy_timeout_ms = 10'000;
  // The database is there and not in the home, which keeps logs, sockets and vaults' files.
  std::shared_ptr<const PostgresPlace> postgres = {};
};

class State {
 public:
  // Creates home (create_home) and database.sqlite3 (0600) as needed. A database of a real ockam is
  // kRefused with the advice to set WEIR_HOME, one of a newer weir kUnsupported; both stay
  // untouched. With PostgreSQL the same is true of the database there.
  static Result<std::unique_ptr<State>> open(const StateOptions& options);

  NodeTable& nodes() { return nodes_; }
  IdentityTable& identities() { return identities_; }
  VaultTable& vaults() { return vaults_; }
  ResourceTable& resources() { return resources_; }
  HistoryTable& histories() { return histories_; }
  PurposeKeyTable& purpose_keys() { return purpose_keys_; }
  PolicyTable& policies() { return policies_; }
  AttributesTable& attributes() { return attributes_; }
  CredentialTable& credentials() { return credentials_; }
  AuthorityTables& authority() { return authority_; }
  ProjectTable& projects() { return projects_; }

  const std::string& home() const { return home_; }  // empty in memory
  const std::shared_ptr<Database>& database() const { return db_; }
  const char* vfs() const { return vfs_; }

 private:
  State(std::shared_ptr<Database> db, const StateOptions& options);
  std::shared_ptr<Database> db_;
  std::string home_;
  const char* vfs_;
  NodeTable nodes_;
  IdentityTable identities_;
  VaultTable vaults_;
  ResourceTable resources_;
  HistoryTable histories_;
  PurposeKeyTable purpose_keys_;
  PolicyTable policies_;
  AttributesTable attributes_;
  CredentialTable credentials_;
  AuthorityTables authority_;
  ProjectTable projects_;
};

}  // namespace weir
