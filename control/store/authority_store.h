// What an authority keeps: members, enrollment tokens, revocations, and the log of every change to
// them (spec/03 §8, §9.2). A change and its line in the log are one transaction: neither is there
// without the other, whenever the process is killed. Same errors and guarantees as state.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/store/database.h"
#include "control/store/records.h"

namespace weir {

// A line of the audit log; `sequence` is given by append and never used again.
struct AuditRecord {
  std::uint64_t sequence = 0;
  std::string authority;  // identifier
  std::uint64_t at = 0;
  std::string actor;    // identifier, or "operator"
  std::string origin;   // "127.0.0.1:40312", or "local"
  std::string action;   // "member-added" ..
  std::string subject;  // identifier or reference; may be empty
  std::string detail;   // JSON object
};

// A member that was removed: credentials issued until then are worth nothing.
struct RevocationRecord {
  std::uint64_t sequence = 0;  // of the log line that says so
  std::string identifier;
  std::uint64_t at = 0;
};

class AuthorityTables {
 public:
  explicit AuthorityTables(Database& db) : db_(db) {}

  // --- members
  // Inserts or replaces; a revocation of the same identifier ends.
  Status put_member(const MemberRecord& member, const AuditRecord& line);
  Result<std::optional<MemberRecord>> find_member(std::string_view authority,
                                                  std::string_view identifier);
  Result<std::vector<MemberRecord>> members(std::string_view authority);
  // Removes and revokes. False, and nothing is logged: there was none.
  Result<bool> remove_member(std::string_view authority, std::string_view identifier,
                             const AuditRecord& line);
  // Replaces all pre-trusted members by these, in one transaction; those that are no longer among
  // them are revoked. Logs what has changed, nothing if nothing has.
  Status replace_pre_trusted(std::string_view authority, const std::vector<MemberRecord>& members,
                             const AuditRecord& line);

  // --- tokens
  // Also drops expired ones.
  Status put_token(const EnrollmentTokenRecord& token, const AuditRecord& line);
  enum class Redeemed : std::uint8_t { kDone, kAlreadyMember, kUnknownToken };
  // Takes one use of a token that has not expired and makes `member` (whose attributes and added_by
  // are then the token's) a member, in one transaction: two clients cannot both take the last use,
  // and a use is never lost without its member.
  Result<Redeemed> redeem(std::string_view one_time_code, std::uint64_t now, MemberRecord member,
                          AuditRecord line);

  // --- log and revocations
  Status append(const AuditRecord& line);
  // Oldest first, behind `after`.
  Result<std::vector<AuditRecord>> log(std::string_view authority, std::uint64_t after,
                                       std::uint32_t limit);
  // All in force, oldest first.
  Result<std::vector<RevocationRecord>> revocations(std::string_view authority);

 private:
  Result<std::uint64_t> write_line(const AuditRecord& line);
  Status write_member(const MemberRecord& member);
  Status revoke(std::string_view authority, std::string_view identifier, const AuditRecord& line,
                std::uint64_t sequence);

  Database& db_;
};

}  // namespace weir
