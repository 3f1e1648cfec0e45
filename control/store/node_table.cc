#include "control/store/internal/rows.h"
#include "control/store/process.h"
#include "control/store/state.h"

namespace weir {
namespace {

constexpr char kMissing[] = "there is no such node";
#define WEIR_NODE_COLUMNS                                                                    \
  "name, identifier, identity_name, pid, pid_start_ticks, tcp_listener_address, api_socket," \
  " status_endpoint, is_default, is_authority, created_at, options"

NodeRecord read_node(const Statement& row) {
  NodeRecord node;
  node.name = row.text(0);
  node.identifier = row.text(1);
  node.identity_name = row.text(2);
  node.pid = row.integer(3);
  node.pid_start_ticks = static_cast<std::uint64_t>(row.integer(4));
  node.tcp_listener_address = row.text(5);
  node.api_socket = row.text(6);
  node.status_endpoint = row.text(7);
  node.is_default = row.flag(8);
  node.is_authority = row.flag(9);
  node.created_at = static_cast<std::uint64_t>(row.integer(10));
  node.options = row.text(11);
  return node;
}

Result<std::optional<NodeRecord>> find_node(Database& db, std::string_view name) {
  return find_row(db, "SELECT " WEIR_NODE_COLUMNS " FROM node WHERE name = ?", read_node, name);
}

Status make_default(Database& db, std::string_view name) {
  return write_row(db, "UPDATE node SET is_default = CASE WHEN name = ? THEN 1 ELSE 0 END", name);
}

bool is_alive_elsewhere(const NodeRecord& stored, const NodeRecord& claimed) {
  const bool same = stored.pid == claimed.pid && stored.pid_start_ticks == claimed.pid_start_ticks;
  return stored.pid != 0 && !same &&
         process_status(stored.pid, stored.pid_start_ticks) == ProcessStatus::kRunning;
}

}  // namespace

Status NodeTable::claim(NodeRecord& record, bool skip_running_check) {
  NodeRecord node = record;
  Status status = in_transaction(db_, [&]() -> Status {
    auto stored = find_node(db_, node.name);
    if (!stored) return pass(stored);
    if (*stored && !skip_running_check && is_alive_elsewhere(**stored, node)) {
      return fail(Errc::kAlreadyExists, "the node is already running", node.name);
    }
    auto other = find_row(db_, "SELECT pid FROM node WHERE is_default = 1",
                          [](const Statement& row) { return row.integer(0); });
    if (!other) return pass(other);
    // Without a default there is no node at all: remove() always names another one.
    node.is_default = (*stored && (*stored)->is_default) || !*other || **other == 0;
    if (*stored) {
      if (node.tcp_listener_address.empty()) {
        node.tcp_listener_address = (*stored)->tcp_listener_address;
      }
      node.created_at = (*stored)->created_at;
    }
    auto insert =
        write_row(db_,
                  "INSERT INTO node (" WEIR_NODE_COLUMNS
                  ") VALUES (?,?,?,?,?,?,?,?,0,?,?,?)"
                  " ON CONFLICT (name) DO UPDATE SET identifier = excluded.identifier,"
                  " identity_name = excluded.identity_name, pid = excluded.pid,"
                  " pid_start_ticks = excluded.pid_start_ticks,"
                  " tcp_listener_address = excluded.tcp_listener_address,"
                  " api_socket = excluded.api_socket, status_endpoint = excluded.status_endpoint,"
                  " is_authority = excluded.is_authority, options = excluded.options",
                  node.name, node.identifier, node.identity_name, node.pid, node.pid_start_ticks,
                  node.tcp_listener_address, node.api_socket, node.status_endpoint,
                  node.is_authority, node.created_at, node.options);
    if (!insert || !node.is_default) return insert;
    return make_default(db_, node.name);
  });
  if (status) record = std::move(node);
  return status;
}

Status NodeTable::update(const NodeRecord& node) {
  return write_existing(db_, kMissing, node.name,
                        "UPDATE node SET identifier = ?, identity_name = ?, pid = ?,"
                        " pid_start_ticks = ?, tcp_listener_address = ?, api_socket = ?,"
                        " status_endpoint = ?, is_authority = ?, options = ? WHERE name = ?",
                        node.identifier, node.identity_name, node.pid, node.pid_start_ticks,
                        node.tcp_listener_address, node.api_socket, node.status_endpoint,
                        node.is_authority, node.options, node.name);
}

Status NodeTable::set_stopped(std::string_view name, std::int64_t pid) {
  return write_row(db_,
                   "UPDATE node SET pid = 0, pid_start_ticks = 0"
                   " WHERE name = ?1 AND (?2 = 0 OR pid = ?2)",
                   name, pid);
}

Result<NodeRecord> NodeTable::get(std::string_view name) {
  return get_row(db_, kMissing, name, "SELECT " WEIR_NODE_COLUMNS " FROM node WHERE name = ?",
                 read_node, name);
}

Result<std::vector<NodeRecord>> NodeTable::list() {
  return list_rows(db_, "SELECT " WEIR_NODE_COLUMNS " FROM node ORDER BY id", read_node);
}

Result<NodeRecord> NodeTable::get_default() {
  return get_row(db_, "There is no default node", {},
                 "SELECT " WEIR_NODE_COLUMNS " FROM node WHERE is_default = 1", read_node);
}

Status NodeTable::set_default(std::string_view name) {
  return in_transaction(db_, [&]() -> Status {
    auto node = find_node(db_, name);
    if (!node) return pass(node);
    if (!*node) return fail(Errc::kNotFound, kMissing, std::string(name));
    return make_default(db_, name);
  });
}

Status NodeTable::remove(std::string_view name) {
  return in_transaction(db_, [&]() -> Status {
    auto status = write_existing(db_, kMissing, name, "DELETE FROM node WHERE name = ?", name);
    for (const char* sql :
         {"DELETE FROM node_resource WHERE node_name = ?", "DELETE FROM policy WHERE node_name = ?",
          "DELETE FROM credential WHERE node_name = ?",
          "DELETE FROM identity_attributes WHERE node_name = ?"}) {
      if (status) status = write_row(db_, sql, name);
    }
    if (!status) return status;
    return write_row(db_,
                     "UPDATE node SET is_default = CASE WHEN id = (SELECT min(id) FROM node)"
                     " THEN 1 ELSE 0 END");
  });
}

#undef WEIR_NODE_COLUMNS

// --- resources

namespace {

constexpr char kMissingResource[] = "the node has no such resource";

NodeResource read_resource(const Statement& row) {
  return {row.text(0), row.text(1), row.text(2), row.text(3)};
}

}  // namespace

Status ResourceTable::put(const NodeResource& resource) {
  return write_row(db_,
                   "INSERT INTO node_resource (node_name, kind, name, options) VALUES (?,?,?,?)"
                   " ON CONFLICT (node_name, kind, name) DO UPDATE SET options = excluded.options",
                   resource.node_name, resource.kind, resource.name, resource.options);
}

Result<NodeResource> ResourceTable::get(std::string_view node, std::string_view kind,
                                        std::string_view name) {
  return get_row(db_, kMissingResource, name,
                 "SELECT node_name, kind, name, options FROM node_resource"
                 " WHERE node_name = ? AND kind = ? AND name = ?",
                 read_resource, node, kind, name);
}

Result<std::vector<NodeResource>> ResourceTable::list(std::string_view node,
                                                      std::string_view kind) {
  return list_rows(db_,
                   "SELECT node_name, kind, name, options FROM node_resource"
                   " WHERE node_name = ?1 AND (?2 = '' OR kind = ?2) ORDER BY id",
                   read_resource, node, kind);
}

Status ResourceTable::remove(std::string_view node, std::string_view kind, std::string_view name) {
  return write_existing(db_, kMissingResource, name,
                        "DELETE FROM node_resource WHERE node_name = ? AND kind = ? AND name = ?",
                        node, kind, name);
}

Status ResourceTable::clear(std::string_view node) {
  return write_row(db_, "DELETE FROM node_resource WHERE node_name = ?", node);
}

}  // namespace weir
