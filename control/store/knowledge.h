// What this machine knows about identities: histories, purpose keys, policies, attributes,
// credentials, imported projects. Reached through State.
// Values are stored as the caller encoded them; verification is the caller's. Same errors and
// guarantees as state.h.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "control/store/database.h"
#include "control/store/records.h"

namespace weir {

// Change histories of all known identities, ours and peers' (spec 03 §2.9).
class HistoryTable {
 public:
  explicit HistoryTable(Database& db) : db_(db) {}
  HistoryTable(const HistoryTable&) = delete;
  HistoryTable& operator=(const HistoryTable&) = delete;
  // Called with the stored history (nullopt: unknown); returns what to store, nullopt to leave as
  // it is, or an error, which is passed on. Runs inside the transaction: must not use the state
  // itself.
  using Decide = std::function<Result<std::optional<Bytes>>(const std::optional<Bytes>& stored)>;

  Result<std::optional<Bytes>> find(std::string_view identifier);
  Status put(std::string_view identifier, ByteSpan history);
  // Compare and replace in one transaction.
  Status update(std::string_view identifier, const Decide& decide);
  // Many in one transaction; an error changes nothing.
  using DecideEach = std::function<Result<std::optional<Bytes>>(
      std::size_t index, const std::optional<Bytes>& stored)>;
  Status update_all(std::span<const std::string> identifiers, const DecideEach& decide);
  Status remove(std::string_view identifier);

 private:
  Database& db_;
  // Every handshake asks for one: parsing the SQL each time costs more than finding the row.
  Statement find_;
};

// Newest attestation by (identifier, purpose); purpose is `SC_PK` or `C_PK` (spec 03 §3.2).
inline constexpr char kPurposeSecureChannel[] = "SC_PK";
inline constexpr char kPurposeCredentials[] = "C_PK";
class PurposeKeyTable {
 public:
  explicit PurposeKeyTable(Database& db) : db_(db) {}
  Result<std::optional<Bytes>> find(std::string_view identifier, std::string_view purpose);
  Status put(std::string_view identifier, std::string_view purpose, ByteSpan attestation);
  Status remove(std::string_view identifier, std::string_view purpose);

 private:
  Database& db_;
};

class PolicyTable {
 public:
  explicit PolicyTable(Database& db) : db_(db) {}
  Status put(const PolicyRecord& policy);
  Result<std::optional<PolicyRecord>> find(std::string_view node, PolicyScope scope,
                                           std::string_view subject, std::string_view action);
  Result<std::vector<PolicyRecord>> list(std::string_view node);
  // kNotFound if there is none.
  Status remove(std::string_view node, PolicyScope scope, std::string_view subject,
                std::string_view action);

 private:
  Database& db_;
};

// One entry per node, subject and authority (§4.5; Ockam keeps one authority's only).
class AttributesTable {
 public:
  explicit AttributesTable(Database& db) : db_(db) {}
  Status put(const AttributesRecord& record) { return put_all({&record, 1}); }
  // All or none.
  Status put_all(std::span<const AttributesRecord> records);
  // Only what has not expired at `now` and was attested by that authority.
  Result<std::optional<AttributesRecord>> find(std::string_view node, std::string_view identifier,
                                               std::string_view attested_by, std::uint64_t now);
  Result<std::vector<AttributesRecord>> list(std::string_view node, std::uint64_t now);
  Status remove_expired(std::string_view node, std::uint64_t now);

 private:
  Database& db_;
};

// Our own cached credentials, by (node, issuer, subject, scope).
class CredentialTable {
 public:
  explicit CredentialTable(Database& db) : db_(db) {}
  Status put(const CredentialRecord& record);
  Result<std::optional<CredentialRecord>> find(std::string_view node, std::string_view issuer,
                                               std::string_view subject, std::string_view scope);
  Result<std::vector<CredentialRecord>> list(std::string_view node);
  Status remove(std::string_view node, std::string_view issuer, std::string_view subject,
                std::string_view scope);

 private:
  Database& db_;
};

// Imported projects; the first becomes default, and so does `make_default`.
class ProjectTable {
 public:
  explicit ProjectTable(Database& db) : db_(db) {}
  Status put(ProjectRecord& record, bool make_default = false);
  Result<ProjectRecord> get(std::string_view name);
  Result<ProjectRecord> get_default();
  Result<std::vector<ProjectRecord>> list();
  Status remove(std::string_view name);

 private:
  Database& db_;
};

}  // namespace weir
