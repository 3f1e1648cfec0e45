#include "control/store/knowledge.h"

#include "control/store/internal/rows.h"

namespace weir {
namespace {
constexpr char kPutHistory[] =
    "INSERT INTO known_identity VALUES (?,?)"
    " ON CONFLICT (identifier) DO UPDATE SET change_history = excluded.change_history";
}  // namespace

// --- change histories

Result<std::optional<Bytes>> HistoryTable::find(std::string_view identifier) {
  if (!find_.ready()) {
    auto statement = db_.prepare("SELECT change_history FROM known_identity WHERE identifier = ?");
    if (!statement) return pass(statement);
    find_ = std::move(*statement);
  }
  find_.bind(1, identifier);
  std::optional<Bytes> history;
  auto row = find_.step();
  if (row && *row) history = read_blob(find_);
  find_.reset();  // also ends the read: a statement in the middle would keep the file locked
  if (!row) return pass(row);
  return history;
}

Status HistoryTable::put(std::string_view identifier, ByteSpan history) {
  return write_row(db_, kPutHistory, identifier, history);
}

Status HistoryTable::update(std::string_view identifier, const Decide& decide) {
  return in_transaction(db_, [&]() -> Status {
    auto stored = find(identifier);
    if (!stored) return pass(stored);
    auto replacement = decide(*stored);
    if (!replacement) return pass(replacement);
    if (!*replacement) return {};
    return put(identifier, **replacement);
  });
}

Status HistoryTable::update_all(std::span<const std::string> identifiers,
                                const DecideEach& decide) {
  return in_transaction(db_, [&]() -> Status {
    auto insert = db_.prepare(kPutHistory);
    if (!insert) return pass(insert);
    for (std::size_t i = 0; i < identifiers.size(); ++i) {
      auto stored = find(identifiers[i]);
      if (!stored) return pass(stored);
      auto replacement = decide(i, *stored);
      if (!replacement) return pass(replacement);
      if (!*replacement) continue;
      insert->bind(1, std::string_view(identifiers[i]));
      insert->bind(2, ByteSpan(**replacement));
      auto done = insert->step();
      insert->reset();
      if (!done) return pass(done);
    }
    return {};
  });
}

Status HistoryTable::remove(std::string_view identifier) {
  return write_row(db_, "DELETE FROM known_identity WHERE identifier = ?", identifier);
}

// --- purpose keys

Result<std::optional<Bytes>> PurposeKeyTable::find(std::string_view identifier,
                                                   std::string_view purpose) {
  return find_row(db_, "SELECT attestation FROM purpose_key WHERE identifier = ? AND purpose = ?",
                  read_blob, identifier, purpose);
}

Status PurposeKeyTable::put(std::string_view identifier, std::string_view purpose,
                            ByteSpan attestation) {
  return write_row(db_,
                   "INSERT INTO purpose_key VALUES (?,?,?)"
                   " ON CONFLICT (identifier, purpose) DO UPDATE SET"
                   " attestation = excluded.attestation",
                   identifier, purpose, attestation);
}

Status PurposeKeyTable::remove(std::string_view identifier, std::string_view purpose) {
  return write_row(db_, "DELETE FROM purpose_key WHERE identifier = ? AND purpose = ?", identifier,
                   purpose);
}

// --- policies

namespace {
PolicyRecord read_policy(const Statement& row) {
  return {row.text(0), row.flag(1) ? PolicyScope::kResourceType : PolicyScope::kResource,
          row.text(2), row.text(3), row.text(4)};
}
std::int64_t number(PolicyScope scope) { return scope == PolicyScope::kResourceType ? 1 : 0; }
}  // namespace

Status PolicyTable::put(const PolicyRecord& policy) {
  return write_row(db_,
                   "INSERT INTO policy VALUES (?,?,?,?,?)"
                   " ON CONFLICT (node_name, scope, subject, action) DO UPDATE SET"
                   " expression = excluded.expression",
                   policy.node_name, number(policy.scope), policy.subject, policy.action,
                   policy.expression);
}

Result<std::optional<PolicyRecord>> PolicyTable::find(std::string_view node, PolicyScope scope,
                                                      std::string_view subject,
                                                      std::string_view action) {
  return find_row(db_,
                  "SELECT * FROM policy WHERE node_name = ? AND scope = ? AND subject = ? AND"
                  " action = ?",
                  read_policy, node, number(scope), subject, action);
}

Result<std::vector<PolicyRecord>> PolicyTable::list(std::string_view node) {
  return list_rows(db_, "SELECT * FROM policy WHERE node_name = ? ORDER BY scope, subject, action",
                   read_policy, node);
}

Status PolicyTable::remove(std::string_view node, PolicyScope scope, std::string_view subject,
                           std::string_view action) {
  return write_existing(
      db_, "there is no such policy", subject,
      "DELETE FROM policy WHERE node_name = ? AND scope = ? AND subject = ? AND action = ?", node,
      number(scope), subject, action);
}

// --- attributes

namespace {
AttributesRecord read_attributes(const Statement& row) {
  AttributesRecord record;
  record.node_name = row.text(0);
  record.identifier = row.text(1);
  record.attributes = to_bytes(row.blob(2));
  record.added_at = static_cast<std::uint64_t>(row.integer(3));
  if (!row.is_null(4)) record.expires_at = static_cast<std::uint64_t>(row.integer(4));
  record.attested_by = row.text(5);
  return record;
}
}  // namespace

Status AttributesTable::put_all(std::span<const AttributesRecord> records) {
  return in_transaction(db_, [&]() -> Status {
    for (const AttributesRecord& record : records) {
      Status written = write_row(db_,
                                 "INSERT INTO identity_attributes VALUES (?,?,?,?,?,?)"
                                 " ON CONFLICT (node_name, identifier, attested_by) DO UPDATE SET"
                                 " attributes = excluded.attributes, added_at = excluded.added_at,"
                                 " expires_at = excluded.expires_at",
                                 record.node_name, record.identifier, ByteSpan(record.attributes),
                                 record.added_at, record.expires_at, record.attested_by);
      if (!written) return written;
    }
    return {};
  });
}

Result<std::optional<AttributesRecord>> AttributesTable::find(std::string_view node,
                                                              std::string_view identifier,
                                                              std::string_view attested_by,
                                                              std::uint64_t now) {
  return find_row(db_,
                  "SELECT * FROM identity_attributes WHERE node_name = ? AND identifier = ? AND"
                  " attested_by = ? AND (expires_at IS NULL OR expires_at > ?)",
                  read_attributes, node, identifier, attested_by, now);
}

Result<std::vector<AttributesRecord>> AttributesTable::list(std::string_view node,
                                                            std::uint64_t now) {
  return list_rows(db_,
                   "SELECT * FROM identity_attributes WHERE node_name = ? AND"
                   " (expires_at IS NULL OR expires_at > ?) ORDER BY identifier, attested_by",
                   read_attributes, node, now);
}

Status AttributesTable::remove_expired(std::string_view node, std::uint64_t now) {
  return write_row(db_, "DELETE FROM identity_attributes WHERE node_name = ? AND expires_at <= ?",
                   node, now);
}

// --- credentials

namespace {
CredentialRecord read_credential(const Statement& row) {
  CredentialRecord record;
  record.node_name = row.text(0);
  record.issuer = row.text(1);
  record.subject = row.text(2);
  record.scope = row.text(3);
  record.credential = to_bytes(row.blob(4));
  record.expires_at = static_cast<std::uint64_t>(row.integer(5));
  return record;
}
}  // namespace

Status CredentialTable::put(const CredentialRecord& record) {
  return write_row(db_,
                   "INSERT INTO credential VALUES (?,?,?,?,?,?)"
                   " ON CONFLICT (node_name, issuer, subject, scope) DO UPDATE SET"
                   " credential = excluded.credential, expires_at = excluded.expires_at",
                   record.node_name, record.issuer, record.subject, record.scope,
                   ByteSpan(record.credential), record.expires_at);
}

Result<std::optional<CredentialRecord>> CredentialTable::find(std::string_view node,
                                                              std::string_view issuer,
                                                              std::string_view subject,
                                                              std::string_view scope) {
  return find_row(db_,
                  "SELECT * FROM credential WHERE node_name = ? AND issuer = ? AND subject = ? AND"
                  " scope = ?",
                  read_credential, node, issuer, subject, scope);
}

Result<std::vector<CredentialRecord>> CredentialTable::list(std::string_view node) {
  return list_rows(db_,
                   "SELECT * FROM credential WHERE node_name = ? ORDER BY issuer, subject, scope",
                   read_credential, node);
}

Status CredentialTable::remove(std::string_view node, std::string_view issuer,
                               std::string_view subject, std::string_view scope) {
  return write_row(
      db_,
      "DELETE FROM credential WHERE node_name = ? AND issuer = ? AND subject = ? AND scope = ?",
      node, issuer, subject, scope);
}

}  // namespace weir
