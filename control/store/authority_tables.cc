// Members and tokens of an authority, imported projects.
#include "control/store/internal/rows.h"
#include "control/store/knowledge.h"

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

ProjectRecord read_project(const Statement& row) {
  return {row.text(0), row.text(1), row.flag(2), row.text(3)};
}

constexpr char kMissingProject[] = "there is no such project";

}  // namespace

// --- members

Status MemberTable::put(const MemberRecord& member) {
  return write_row(db_, "INSERT OR REPLACE INTO authority_member VALUES (?,?,?,?,?,?)",
                   member.authority, member.identifier, member.added_by, member.added_at,
                   member.is_pre_trusted, ByteSpan(member.attributes));
}

Result<std::optional<MemberRecord>> MemberTable::find(std::string_view authority,
                                                      std::string_view identifier) {
  return find_row(db_, "SELECT * FROM authority_member WHERE authority = ? AND identifier = ?",
                  read_member, authority, identifier);
}

Result<std::vector<MemberRecord>> MemberTable::list(std::string_view authority) {
  return list_rows(db_, "SELECT * FROM authority_member WHERE authority = ?", read_member,
                   authority);
}

Result<bool> MemberTable::remove(std::string_view authority, std::string_view identifier) {
  auto changes = db_.run("DELETE FROM authority_member WHERE authority = ? AND identifier = ?",
                         authority, identifier);
  if (!changes) return pass(changes);
  return *changes != 0;
}

Status MemberTable::replace_pre_trusted(std::string_view authority,
                                        const std::vector<MemberRecord>& members) {
  return in_transaction(db_, [&]() -> Status {
    auto status = write_row(
        db_, "DELETE FROM authority_member WHERE authority = ? AND is_pre_trusted = 1", authority);
    for (const auto& member : members) {
      if (status) status = put(member);
    }
    return status;
  });
}

// --- tokens

Status EnrollmentTokenTable::put(const EnrollmentTokenRecord& token) {
  return in_transaction(db_, [&]() -> Status {
    auto status =
        write_row(db_, "DELETE FROM enrollment_token WHERE expires_at <= ?", token.created_at);
    if (!status) return status;
    return write_row(db_, "INSERT INTO enrollment_token VALUES (?,?,?,?,?,?,?)",
                     token.one_time_code, token.reference, token.issued_by, token.created_at,
                     token.expires_at, std::int64_t{token.uses_left}, ByteSpan(token.attributes));
  });
}

Result<std::optional<EnrollmentTokenRecord>> EnrollmentTokenTable::use(
    std::string_view one_time_code, std::uint64_t now) {
  std::optional<EnrollmentTokenRecord> token;
  Status status = in_transaction(db_, [&]() -> Status {
    auto found = find_row(db_,
                          "SELECT * FROM enrollment_token WHERE one_time_code = ? AND"
                          " expires_at > ? AND uses_left > 0",
                          read_token, one_time_code, now);
    if (!found) return pass(found);
    if (!*found) return {};
    token = std::move(**found);
    const char* sql = --token->uses_left == 0
                          ? "DELETE FROM enrollment_token WHERE one_time_code = ?"
                          : "UPDATE enrollment_token SET uses_left = uses_left - 1"
                            " WHERE one_time_code = ?";
    return write_row(db_, sql, one_time_code);
  });
  if (!status) return pass(status);
  return token;
}

// --- projects

Status ProjectTable::put(ProjectRecord& record, bool make_default) {
  ProjectRecord project = record;
  Status status = in_transaction(db_, [&]() -> Status {
    auto current = find_row(db_, "SELECT project_id FROM project WHERE is_default = 1", read_text);
    if (!current) return pass(current);
    project.is_default = make_default || !*current || **current == project.id;
    if (project.is_default) {
      if (auto reset = db_.execute("UPDATE project SET is_default = 0"); !reset) return reset;
    }
    return write_row(db_,
                     "INSERT INTO project (project_id, name, is_default, json) VALUES (?,?,?,?)"
                     " ON CONFLICT (project_id) DO UPDATE SET name = excluded.name,"
                     " is_default = excluded.is_default, json = excluded.json",
                     project.id, project.name, project.is_default, project.json);
  });
  if (status) record = std::move(project);
  return status;
}

Result<ProjectRecord> ProjectTable::get(std::string_view name) {
  return get_row(db_, kMissingProject, name,
                 "SELECT project_id, name, is_default, json FROM project WHERE name = ?",
                 read_project, name);
}

Result<ProjectRecord> ProjectTable::get_default() {
  return get_row(db_, "There is no default project", {},
                 "SELECT project_id, name, is_default, json FROM project WHERE is_default = 1",
                 read_project);
}

Result<std::vector<ProjectRecord>> ProjectTable::list() {
  return list_rows(db_, "SELECT project_id, name, is_default, json FROM project ORDER BY id",
                   read_project);
}

Status ProjectTable::remove(std::string_view name) {
  return in_transaction(db_, [&]() -> Status {
    auto project = get(name);
    if (!project) return pass(project);
    auto status = write_row(db_, "DELETE FROM project WHERE name = ?", name);
    if (!status || !project->is_default) return status;
    return write_row(db_, "UPDATE project SET is_default = (id = (SELECT min(id) FROM project))");
  });
}

}  // namespace weir
