#include "control/store/internal/rows.h"
#include "control/store/knowledge.h"

namespace weir {
namespace {

ProjectRecord read_project(const Statement& row) {
  return {row.text(0), row.text(1), row.flag(2), row.text(3)};
}

constexpr char kMissingProject[] = "there is no such project";

}  // namespace

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
    return write_row(db_,
                     "UPDATE project SET is_default = CASE WHEN id = (SELECT min(id) FROM project)"
                     " THEN 1 ELSE 0 END");
  });
}

}  // namespace weir
