#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>

#include "control/store/home.h"
#include "control/store/internal/file_probe.h"
#include "control/store/internal/rows.h"
#include "control/store/internal/schema.h"
#include "control/store/state.h"

namespace weir {
namespace {

constexpr char kMissing[] = "there is no such vault";
#define WEIR_SELECT_VAULT "SELECT name, path, is_default, is_kms FROM vault "

VaultRecord read_vault(const Statement& row) {
  return {row.text(0), row.text(1), row.flag(2), row.flag(3)};
}

// Through the VFS, so that it works on a simulated disk as well. An empty file counts as missing.
bool file_exists(const char* vfs_name, const std::string& path) {
  sqlite3_vfs* vfs = sqlite3_vfs_find(vfs_name);
  int found = 0;
  return vfs != nullptr &&
         vfs->xAccess(vfs, path.c_str(), SQLITE_ACCESS_EXISTS, &found) == SQLITE_OK && found != 0;
}

Status remove_file(const char* vfs_name, const std::string& path) {
  sqlite3_vfs* vfs = sqlite3_vfs_find(vfs_name);
  for (const std::string& file : {path + "-journal", path}) {
    const int code = vfs->xDelete(vfs, file.c_str(), 1);
    if (code != SQLITE_OK && code != SQLITE_IOERR_DELETE_NOENT) {
      return fail(Errc::kIo, "the vault's file with its secrets could not be removed", file);
    }
  }
  return {};
}

Status sync_path(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!synced) return fail(Errc::kIo, "cannot write the vault's file to the disk", path);
  return {};
}

// VACUUM INTO reads under SQLite's locks, so the copy is consistent even while others write; it
// does not sync in the SQLite that we must run with, so that is done here.
Status copy_vault(const char* vfs_name, const std::string& from, const std::string& to) {
  auto source = Database::open({.path = from, .vfs = vfs_name}, vault_schema());
  if (!source) return pass(source);
  if (vfs_name == nullptr) {
    if (auto status = protect_file(to); !status) return status;
  }
  if (auto status = write_row(**source, "VACUUM INTO ?", to); !status) return status;
  if (vfs_name != nullptr) return {};
  if (auto status = sync_path(to); !status) return status;
  return sync_path(to.substr(0, to.rfind('/') + 1));
}

Result<std::string> absolute(std::string_view path) {
  std::error_code error;
  auto result = std::filesystem::absolute(path, error).lexically_normal().string();
  if (error || path.find('\0') != std::string_view::npos) {
    return fail(Errc::kInvalid, "not a valid path", std::string(path));
  }
  return result;
}

}  // namespace

Result<VaultRecord> VaultTable::create(std::string_view name, std::string_view path, bool kms,
                                       const Prepare& prepare) {
  if (auto status = check_name(name); !status) return pass(status);
  VaultRecord vault{std::string(name), {}, false, kms};
  if (!path.empty()) {
    auto full = absolute(path);
    if (!full) return pass(full);
    vault.path = std::move(*full);
  }
  Status status = in_transaction(db_, [&]() -> Status {
    auto vaults = list();
    if (!vaults) return pass(vaults);
    bool main_taken = false;
    for (const auto& other : *vaults) {
      if (other.name == name || (!vault.path.empty() && other.path == vault.path)) {
        return fail(Errc::kAlreadyExists, "a vault of this name or path exists", other.name);
      }
      main_taken = main_taken || other.path.empty();
    }
    vault.is_default = vaults->empty();
    if (vault.path.empty() && (main_taken || prepare)) {
      if (home_.empty()) return fail(Errc::kUnsupported, "a state in memory has one vault");
      vault.path = vault_path(home_, name);
    }
    if (!vault.path.empty()) {
      if (file_exists(vfs_, vault.path)) {
        return fail(Errc::kAlreadyExists, "the vault's file exists", vault.path);
      }
      if (vfs_ == nullptr) {
        if (auto made = protect_file(vault.path); !made) return made;
      }
    }
    if (prepare) {
      if (auto prepared = prepare(vault.path); !prepared) {
        (void)remove_file(vfs_, vault.path);
        return prepared;
      }
    }
    return write_row(db_, "INSERT INTO vault (name, path, is_default, is_kms) VALUES (?,?,?,?)",
                     vault.name, vault.path, vault.is_default, vault.is_kms);
  });
  if (!status) return pass(status);
  return vault;
}

Result<VaultRecord> VaultTable::get(std::string_view name) {
  return get_row(db_, kMissing, name, WEIR_SELECT_VAULT "WHERE name = ?", read_vault, name);
}

Result<std::vector<VaultRecord>> VaultTable::list() {
  return list_rows(db_, WEIR_SELECT_VAULT "ORDER BY id", read_vault);
}

Result<VaultRecord> VaultTable::get_default_or_create() {
  auto vaults = list();
  if (!vaults) return pass(vaults);
  if (vaults->empty()) return get_or_create("default");
  if (vaults->size() == 1) return std::move(vaults->front());
  return fail(Errc::kRefused, "please specify which vault should be used",
              "there are " + std::to_string(vaults->size()) + " vaults");
}

Result<VaultRecord> VaultTable::get_or_create(std::string_view name) {
  auto vault = get(name);
  if (vault || vault.error().code != Errc::kNotFound) return vault;
  vault = create(name);
  // Another process may have been faster.
  if (!vault && vault.error().code == Errc::kAlreadyExists) {
    if (auto theirs = get(name)) return theirs;
  }
  return vault;
}

Status VaultTable::remove(std::string_view name) {
  std::string path;
  Status status = in_transaction(db_, [&]() -> Status {
    auto vault = get(name);
    if (!vault) return pass(vault);
    auto users =
        join_texts(db_, "SELECT name FROM identity WHERE vault_name = ? ORDER BY id", name);
    if (!users) return pass(users);
    if (!users->empty()) return fail(Errc::kRefused, "the vault is used by identities", *users);
    path = vault->path;
    if (path.empty()) {
      auto erased = db_.execute(
          "DELETE FROM signing_secret; DELETE FROM x25519_secret; DELETE FROM purpose_key");
      if (!erased) return erased;
    }
    return write_row(db_, "DELETE FROM vault WHERE name = ?", name);
  });
  if (!status || path.empty()) return status;
  return remove_file(vfs_, path);
}

Status VaultTable::move(std::string_view name, const std::string& path) {
  auto target = absolute(path);
  if (!target) return pass(target);
  std::string old_path;
  Status status = in_transaction(db_, [&]() -> Status {
    auto vault = get(name);
    if (!vault) return pass(vault);
    if (vault->path.empty()) {
      return fail(Errc::kUnsupported, "a vault in the main database cannot be moved",
                  std::string(name));
    }
    if (file_exists(vfs_, *target)) {
      return fail(Errc::kAlreadyExists, "the file exists", *target);
    }
    old_path = vault->path;
    if (auto copied = copy_vault(vfs_, old_path, *target); !copied) {
      (void)remove_file(vfs_, *target);
      return copied;
    }
    return write_row(db_, "UPDATE vault SET path = ? WHERE name = ?", *target, name);
  });
  if (!status) return status;
  return remove_file(vfs_, old_path);
}

#undef WEIR_SELECT_VAULT

}  // namespace weir
