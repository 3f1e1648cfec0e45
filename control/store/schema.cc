#include "control/store/internal/schema.h"

namespace weir {
namespace {

// `id` keeps the order of creation, which lists and default rules follow.
constexpr char kNotions[] = R"sql(
CREATE TABLE node (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  identifier TEXT NOT NULL,
  identity_name TEXT NOT NULL,
  pid INTEGER NOT NULL,
  pid_start_ticks INTEGER NOT NULL,
  tcp_listener_address TEXT NOT NULL,
  api_socket TEXT NOT NULL,
  status_endpoint TEXT NOT NULL,
  is_default INTEGER NOT NULL,
  is_authority INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  options TEXT NOT NULL
) STRICT;
CREATE TABLE identity (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  identifier TEXT NOT NULL UNIQUE,
  vault_name TEXT NOT NULL,
  is_default INTEGER NOT NULL
) STRICT;
CREATE TABLE vault (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  path TEXT NOT NULL UNIQUE,
  is_default INTEGER NOT NULL,
  is_kms INTEGER NOT NULL
) STRICT;
CREATE TABLE node_resource (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  node_name TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  options TEXT NOT NULL,
  UNIQUE (node_name, kind, name)
) STRICT;
CREATE TABLE known_identity (
  identifier TEXT PRIMARY KEY,
  change_history BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE purpose_key (
  identifier TEXT NOT NULL,
  purpose TEXT NOT NULL,
  attestation BLOB NOT NULL,
  PRIMARY KEY (identifier, purpose)
) STRICT, WITHOUT ROWID;
CREATE TABLE policy (
  node_name TEXT NOT NULL,
  scope INTEGER NOT NULL,
  subject TEXT NOT NULL,
  action TEXT NOT NULL,
  expression TEXT NOT NULL,
  PRIMARY KEY (node_name, scope, subject, action)
) STRICT, WITHOUT ROWID;
CREATE TABLE identity_attributes (
  node_name TEXT NOT NULL,
  identifier TEXT NOT NULL,
  attributes BLOB NOT NULL,
  added_at INTEGER NOT NULL,
  expires_at INTEGER,
  attested_by TEXT NOT NULL,
  PRIMARY KEY (node_name, identifier)
) STRICT, WITHOUT ROWID;
CREATE TABLE credential (
  node_name TEXT NOT NULL,
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  scope TEXT NOT NULL,
  credential BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (node_name, issuer, subject, scope)
) STRICT, WITHOUT ROWID;
CREATE TABLE authority_member (
  authority TEXT NOT NULL,
  identifier TEXT NOT NULL,
  added_by TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  is_pre_trusted INTEGER NOT NULL,
  attributes BLOB NOT NULL,
  PRIMARY KEY (authority, identifier)
) STRICT, WITHOUT ROWID;
CREATE TABLE enrollment_token (
  one_time_code TEXT PRIMARY KEY,
  reference TEXT NOT NULL,
  issued_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  uses_left INTEGER NOT NULL,
  attributes BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE project (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  is_default INTEGER NOT NULL,
  json TEXT NOT NULL
) STRICT;
CREATE TABLE signing_secret (
  handle BLOB PRIMARY KEY,
  kind INTEGER NOT NULL,
  secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE x25519_secret (
  handle BLOB PRIMARY KEY,
  secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// `sequence` is never used again: who reads the log behind a number misses nothing.
constexpr char kAuthorityLog[] = R"sql(
CREATE TABLE authority_log (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  authority TEXT NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  origin TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
DROP TABLE identity_attributes;
CREATE TABLE identity_attributes (
  node_name TEXT NOT NULL,
  identifier TEXT NOT NULL,
  attributes BLOB NOT NULL,
  added_at INTEGER NOT NULL,
  expires_at INTEGER,
  attested_by TEXT NOT NULL,
  PRIMARY KEY (node_name, identifier, attested_by)
) STRICT, WITHOUT ROWID;
CREATE TABLE authority_revocation (
  authority TEXT NOT NULL,
  identifier TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (authority, identifier)
) STRICT, WITHOUT ROWID;
)sql";

constexpr char kAuthorityLogSqlite[] = R"sql(
CREATE TRIGGER authority_log_is_append_only_u BEFORE UPDATE ON authority_log
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER authority_log_is_append_only_d BEFORE DELETE ON authority_log
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
)sql";

constexpr char kAuthorityLogPostgres[] = R"sql(
CREATE FUNCTION authority_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the log is append-only' USING ERRCODE = '23000'; END $$;
CREATE TRIGGER authority_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON authority_log
EXECUTE FUNCTION authority_log_is_append_only();
)sql";

constexpr char kSecrets[] = R"sql(
CREATE TABLE signing_secret (
  handle BLOB PRIMARY KEY,
  kind INTEGER NOT NULL,
  secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE x25519_secret (
  handle BLOB PRIMARY KEY,
  secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// At most one row: how the file's secrets are sealed (control/vault/protection.h). `lock` is
// VaultLock. `token_key`: signing keys that are in a PKCS#11 token, under the name `id` there.
constexpr char kProtection[] = R"sql(
CREATE TABLE protection (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  lock INTEGER NOT NULL,
  salt BLOB NOT NULL,
  passes INTEGER NOT NULL,
  memory_kib INTEGER NOT NULL,
  sealed_key BLOB NOT NULL,
  secret_path TEXT NOT NULL,
  token_module TEXT NOT NULL,
  token_label TEXT NOT NULL,
  token_key_id BLOB NOT NULL
) STRICT;
CREATE TABLE token_key (
  handle BLOB PRIMARY KEY,
  kind INTEGER NOT NULL,
  public_key BLOB NOT NULL,
  id BLOB NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

constexpr Migration kMainMigrations[] = {
    {.tables = kNotions},
    {.tables = kAuthorityLog,
     .sqlite_only = kAuthorityLogSqlite,
     .postgres_only = kAuthorityLogPostgres},
};
constexpr Migration kVaultMigrations[] = {{.tables = kSecrets}, {.tables = kProtection}};

}  // namespace

const Schema& main_schema() {
  static constexpr Schema kSchema{kDatabaseApplicationId, kMainMigrations};
  return kSchema;
}

const Schema& vault_schema() {
  static constexpr Schema kSchema{kVaultApplicationId, kVaultMigrations};
  return kSchema;
}

}  // namespace weir
