#include "control/store/authority_store.h"

#include <algorithm>

#include "control/store/internal/rows.h"

namespace weir {
namespace {

MemberRecord read_member(const Statement& row) {
  MemberRecord record;
  record.authority = row.text(0);
  record.identifier = row.text(1);
  record.added_by = row.text(2);
  record.added_at = static_cast<std::uint64_t>(row.integer(3));
  record.is_pre_trusted = row.flag(4);
  record.attributes = to_bytes(row.blob(5));
  return record;
}

EnrollmentTokenRecord read_token(const Statement& row) {
  EnrollmentTokenRecord record;
  record.one_time_code = row.text(0);
  record.reference = row.text(1);
  record.issued_by = row.text(2);
  record.created_at = static_cast<std::uint64_t>(row.integer(3));
  record.expires_at = static_cast<std::uint64_t>(row.integer(4));
  record.uses_left = static_cast<std::uint32_t>(row.integer(5));
  record.attributes = to_bytes(row.blob(6));
  return record;
}

AuditRecord read_line(const Statement& row) {
  AuditRecord line;
  line.sequence = static_cast<std::uint64_t>(row.integer(0));
  line.authority = row.text(1);
  line.at = static_cast<std::uint64_t>(row.integer(2));
  line.actor = row.text(3);
  line.origin = row.text(4);
  line.action = row.text(5);
  line.subject = row.text(6);
  line.detail = row.text(7);
  return line;
}

std::uint64_t read_number(const Statement& row) {
  return static_cast<std::uint64_t>(row.integer(0));
}

bool same_member(const MemberRecord& a, const MemberRecord& b) {
  return a.identifier == b.identifier && a.attributes == b.attributes;
}

}  // namespace

Result<std::uint64_t> AuthorityTables::write_line(const AuditRecord& line) {
  return write_returning(db_,
                         "INSERT INTO authority_log (authority, at, actor, origin, action, subject,"
                         " detail) VALUES (?,?,?,?,?,?,?) RETURNING sequence",
                         read_number, line.authority, line.at, line.actor, line.origin, line.action,
                         line.subject, line.detail);
}

Status AuthorityTables::write_member(const MemberRecord& member) {
  Status status =
      write_row(db_, "DELETE FROM authority_revocation WHERE authority = ? AND identifier = ?",
                member.authority, member.identifier);
  if (!status) return status;
  return write_row(
      db_,
      "INSERT INTO authority_member VALUES (?,?,?,?,?,?) ON CONFLICT (authority, identifier)"
      " DO UPDATE SET added_by = excluded.added_by, added_at = excluded.added_at,"
      " is_pre_trusted = excluded.is_pre_trusted, attributes = excluded.attributes",
      member.authority, member.identifier, member.added_by, member.added_at, member.is_pre_trusted,
      ByteSpan(member.attributes));
}

Status AuthorityTables::revoke(std::string_view authority, std::string_view identifier,
                               const AuditRecord& line, std::uint64_t sequence) {
  return write_row(
      db_,
      "INSERT INTO authority_revocation VALUES (?,?,?,?) ON CONFLICT (authority, identifier)"
      " DO UPDATE SET sequence = excluded.sequence, at = excluded.at",
      authority, identifier, sequence, line.at);
}

// --- members

Status AuthorityTables::put_member(const MemberRecord& member, const AuditRecord& line) {
  return in_transaction(db_, [&]() -> Status {
    auto sequence = write_line(line);
    if (!sequence) return pass(sequence);
    return write_member(member);
  });
}

Result<std::optional<MemberRecord>> AuthorityTables::find_member(std::string_view authority,
                                                                 std::string_view identifier) {
  return find_row(db_, "SELECT * FROM authority_member WHERE authority = ? AND identifier = ?",
                  read_member, authority, identifier);
}

Result<std::vector<MemberRecord>> AuthorityTables::members(std::string_view authority) {
  return list_rows(db_, "SELECT * FROM authority_member WHERE authority = ? ORDER BY identifier",
                   read_member, authority);
}

Result<bool> AuthorityTables::remove_member(std::string_view authority, std::string_view identifier,
                                            const AuditRecord& line) {
  bool removed = false;
  Status status = in_transaction(db_, [&]() -> Status {
    auto changes = db_.run("DELETE FROM authority_member WHERE authority = ? AND identifier = ?",
                           authority, identifier);
    if (!changes) return pass(changes);
    if (*changes == 0) return {};
    removed = true;
    auto sequence = write_line(line);
    if (!sequence) return pass(sequence);
    return revoke(authority, identifier, line, *sequence);
  });
  if (!status) return pass(status);
  return removed;
}

Status AuthorityTables::replace_pre_trusted(std::string_view authority,
                                            const std::vector<MemberRecord>& members,
                                            const AuditRecord& line) {
  return in_transaction(db_, [&]() -> Status {
    auto before =
        list_rows(db_, "SELECT * FROM authority_member WHERE authority = ? AND is_pre_trusted = 1",
                  read_member, authority);
    if (!before) return pass(before);
    const bool same = std::ranges::is_permutation(*before, members, same_member);
    Status status = write_row(
        db_, "DELETE FROM authority_member WHERE authority = ? AND is_pre_trusted = 1", authority);
    for (const MemberRecord& member : members) {
      if (status) status = write_member(member);
    }
    if (!status || same) return status;
    auto sequence = write_line(line);
    if (!sequence) return pass(sequence);
    for (const MemberRecord& old : *before) {
      const bool kept = std::ranges::any_of(
          members, [&](const MemberRecord& one) { return one.identifier == old.identifier; });
      if (status && !kept) status = revoke(authority, old.identifier, line, *sequence);
    }
    return status;
  });
}

// --- tokens

Status AuthorityTables::put_token(const EnrollmentTokenRecord& token, const AuditRecord& line) {
  return in_transaction(db_, [&]() -> Status {
    Status status =
        write_row(db_, "DELETE FROM enrollment_token WHERE expires_at <= ?", token.created_at);
    if (!status) return status;
    auto sequence = write_line(line);
    if (!sequence) return pass(sequence);
    return write_row(db_, "INSERT INTO enrollment_token VALUES (?,?,?,?,?,?,?)",
                     token.one_time_code, token.reference, token.issued_by, token.created_at,
                     token.expires_at, std::int64_t{token.uses_left}, ByteSpan(token.attributes));
  });
}

Result<AuthorityTables::Redeemed> AuthorityTables::redeem(std::string_view one_time_code,
                                                          std::uint64_t now, MemberRecord member,
                                                          AuditRecord line) {
  Redeemed result = Redeemed::kUnknownToken;
  Status status = in_transaction(db_, [&]() -> Status {
    auto known = find_member(member.authority, member.identifier);
    if (!known) return pass(known);
    if (*known) {
      result = Redeemed::kAlreadyMember;
      return {};
    }
    auto token = find_row(db_,
                          "SELECT * FROM enrollment_token WHERE one_time_code = ? AND"
                          " expires_at > ?",
                          read_token, one_time_code, now);
    if (!token) return pass(token);
    if (!*token) return {};
    Status used =
        write_row(db_,
                  (*token)->uses_left <= 1 ? "DELETE FROM enrollment_token WHERE one_time_code = ?"
                                           : "UPDATE enrollment_token SET uses_left = uses_left - 1"
                                             " WHERE one_time_code = ?",
                  one_time_code);
    if (!used) return used;
    member.attributes = (*token)->attributes;
    member.added_by = (*token)->issued_by;
    line.detail = R"({"ticket":")" + (*token)->reference + R"("})";
    auto sequence = write_line(line);
    if (!sequence) return pass(sequence);
    result = Redeemed::kDone;
    return write_member(member);
  });
  if (!status) return pass(status);
  return result;
}

// --- log and revocations

Status AuthorityTables::append(const AuditRecord& line) {
  auto sequence = write_line(line);
  if (!sequence) return pass(sequence);
  return {};
}

Result<std::vector<AuditRecord>> AuthorityTables::log(std::string_view authority,
                                                      std::uint64_t after, std::uint32_t limit) {
  return list_rows(db_,
                   "SELECT sequence, authority, at, actor, origin, action, subject, detail FROM"
                   " authority_log WHERE authority = ? AND sequence > ? ORDER BY sequence LIMIT ?",
                   read_line, authority, after, std::int64_t{limit});
}

Result<std::vector<RevocationRecord>> AuthorityTables::revocations(std::string_view authority) {
  return list_rows(
      db_,
      "SELECT sequence, identifier, at FROM authority_revocation WHERE authority = ?"
      " ORDER BY sequence",
      [](const Statement& row) {
        return RevocationRecord{static_cast<std::uint64_t>(row.integer(0)), row.text(1),
                                static_cast<std::uint64_t>(row.integer(2))};
      },
      authority);
}

}  // namespace weir
