#include "control/store/home.h"
#include "control/store/internal/rows.h"
#include "control/store/state.h"

namespace weir {
namespace {

constexpr char kMissing[] = "there is no such identity";
#define WEIR_SELECT_IDENTITY "SELECT name, identifier, vault_name, is_default FROM identity "

IdentityRecord read_identity(const Statement& row) {
  return {row.text(0), row.text(1), row.text(2), row.flag(3)};
}

Status rename(Database& db, const IdentityRecord& old, const IdentityRecord& renamed) {
  auto status = write_row(db, "UPDATE identity SET name = ?, vault_name = ? WHERE identifier = ?",
                          renamed.name, renamed.vault_name, renamed.identifier);
  if (!status) return status;
  return write_row(db, "UPDATE node SET identity_name = ? WHERE identity_name = ?", renamed.name,
                   old.name);
}

Status require_vault(Database& db, std::string_view vault) {
  if (vault.empty()) return {};
  auto found = find_row(db, "SELECT name FROM vault WHERE name = ?", read_text, vault);
  if (!found) return pass(found);
  if (!*found) return fail(Errc::kNotFound, "there is no such vault", std::string(vault));
  return {};
}

}  // namespace

Status IdentityTable::create(IdentityRecord& record, ByteSpan change_history) {
  if (auto status = check_name(record.name); !status) return status;
  IdentityRecord identity = record;
  Status status = in_transaction(db_, [&]() -> Status {
    auto same_name =
        find_row(db_, WEIR_SELECT_IDENTITY "WHERE name = ?", read_identity, identity.name);
    if (!same_name) return pass(same_name);
    if (*same_name) {
      return fail(Errc::kAlreadyExists, "an identity of this name exists", identity.name);
    }
    if (auto found = require_vault(db_, identity.vault_name); !found) return found;
    auto known = find_row(db_, WEIR_SELECT_IDENTITY "WHERE identifier = ?", read_identity,
                          identity.identifier);
    if (!known) return pass(known);
    Status stored;
    if (*known) {
      if (identity.vault_name.empty()) identity.vault_name = (*known)->vault_name;
      identity.is_default = (*known)->is_default;
      stored = rename(db_, **known, identity);
    } else {
      auto current = find_row(db_, "SELECT name FROM identity WHERE is_default = 1", read_text);
      if (!current) return pass(current);
      identity.is_default = !*current;
      stored = write_row(
          db_, "INSERT INTO identity (name, identifier, vault_name, is_default) VALUES (?,?,?,?)",
          identity.name, identity.identifier, identity.vault_name, identity.is_default);
    }
    if (!stored || change_history.empty()) return stored;
    return write_row(db_,
                     "INSERT INTO known_identity VALUES (?,?) ON CONFLICT (identifier)"
                     " DO UPDATE SET change_history = excluded.change_history",
                     identity.identifier, change_history);
  });
  if (status) record = std::move(identity);
  return status;
}

Result<IdentityRecord> IdentityTable::get(std::string_view name) {
  return get_row(db_, kMissing, name, WEIR_SELECT_IDENTITY "WHERE name = ?", read_identity, name);
}

Result<IdentityRecord> IdentityTable::get_by_identifier(std::string_view identifier) {
  return get_row(db_, kMissing, identifier, WEIR_SELECT_IDENTITY "WHERE identifier = ?",
                 read_identity, identifier);
}

Result<std::vector<IdentityRecord>> IdentityTable::list() {
  return list_rows(db_, WEIR_SELECT_IDENTITY "ORDER BY id", read_identity);
}

Result<IdentityRecord> IdentityTable::get_default() {
  return get_row(db_, "There is no default identity", {},
                 WEIR_SELECT_IDENTITY "WHERE is_default = 1", read_identity);
}

Status IdentityTable::set_default(std::string_view name) {
  return in_transaction(db_, [&]() -> Status {
    auto identity = get(name);
    if (!identity) return pass(identity);
    return write_row(db_, "UPDATE identity SET is_default = CASE WHEN name = ? THEN 1 ELSE 0 END",
                     name);
  });
}

Status IdentityTable::remove(std::string_view name) {
  return in_transaction(db_, [&]() -> Status {
    auto identity = get(name);
    if (!identity) return pass(identity);
    auto nodes = join_texts(db_, "SELECT name FROM node WHERE identity_name = ? ORDER BY id", name);
    if (!nodes) return pass(nodes);
    if (!nodes->empty()) return fail(Errc::kRefused, "the identity is used by nodes", *nodes);
    Status status = write_row(db_, "DELETE FROM identity WHERE name = ?", name);
    for (const char* sql : {"DELETE FROM known_identity WHERE identifier = ?",
                            "DELETE FROM identity_attributes WHERE identifier = ?"}) {
      if (status) status = write_row(db_, sql, identity->identifier);
    }
    if (!status || !identity->is_default) return status;
    return write_row(
        db_,
        "UPDATE identity SET is_default = CASE WHEN id = (SELECT min(id) FROM identity)"
        " THEN 1 ELSE 0 END");
  });
}

#undef WEIR_SELECT_IDENTITY

}  // namespace weir
