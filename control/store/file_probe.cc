#include "control/store/internal/file_probe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "control/store/internal/sqlite_error.h"

namespace weir {
namespace {

constexpr std::size_t kHeaderBytes = 100;  // SQLite file format §1.3
constexpr std::size_t kUserVersionOffset = 60;
constexpr std::size_t kApplicationIdOffset = 68;
constexpr char kMagic[] = "SQLite format 3";  // with its NUL: 16 bytes

enum class Kind : std::uint8_t { kAbsent, kSqlite, kOther };
struct Header {
  Kind kind = Kind::kAbsent;
  std::uint32_t application_id = 0;
  std::uint32_t user_version = 0;
};

bool exists(sqlite3_vfs* vfs, const char* path) {
  int found = 0;
  return vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &found) == SQLITE_OK && found != 0;
}

Result<Header> read_header(sqlite3_vfs* vfs, const std::string& path) {
  if (!exists(vfs, path.c_str())) return Header{};
  const auto memory =
      std::make_unique<std::uint64_t[]>(static_cast<std::size_t>(vfs->szOsFile) / 8 + 1);
  auto* file = reinterpret_cast<sqlite3_file*>(memory.get());
  const char* name = sqlite3_create_filename(path.c_str(), "", "", 0, nullptr);
  if (name == nullptr) return sqlite_error(nullptr, SQLITE_NOMEM);
  int flags = 0;
  int code = vfs->xOpen(vfs, name, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, &flags);
  std::uint8_t bytes[kHeaderBytes] = {};
  if (code == SQLITE_OK) code = file->pMethods->xRead(file, bytes, kHeaderBytes, 0);
  if (file->pMethods != nullptr) file->pMethods->xClose(file);
  sqlite3_free_filename(const_cast<char*>(name));
  if (code == SQLITE_IOERR_SHORT_READ) return Header{Kind::kOther, 0, 0};
  if (code != SQLITE_OK) return fail(Errc::kIo, "cannot read the database file", path);
  if (std::memcmp(bytes, kMagic, sizeof kMagic) != 0) return Header{Kind::kOther, 0, 0};
  return Header{Kind::kSqlite, load_be32(bytes + kApplicationIdOffset),
                load_be32(bytes + kUserVersionOffset)};
}

// Looks for the migration table of a real ockam, without locks, journals or writes.
bool is_ockam_database(const DatabaseOptions& options) {
  std::string uri = "file:";
  for (const char c : options.path) {
    if (c == '%' || c == '?' || c == '#') {
      constexpr char kDigits[] = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      uri += '%';
      uri += kDigits[byte >> 4];
      uri += kDigits[byte & 15];
    } else {
      uri += c;
    }
  }
  uri += "?immutable=1";
  sqlite3* db = nullptr;
  bool found = false;
  const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
  if (sqlite3_open_v2(uri.c_str(), &db, flags, options.vfs) == SQLITE_OK) {
    sqlite3_stmt* stmt = nullptr;
    constexpr char kSql[] =
        "SELECT 1 FROM sqlite_master WHERE name IN ('_sqlx_migrations', '_rust_migrations')";
    if (sqlite3_prepare_v2(db, kSql, -1, &stmt, nullptr) == SQLITE_OK) {
      found = sqlite3_step(stmt) == SQLITE_ROW;
    }
    sqlite3_finalize(stmt);
  }
  sqlite3_close_v2(db);
  return found;
}

Status sync_directory_of(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(Errc::kIo, "cannot open the directory", directory);
  ::fsync(fd);  // some file systems cannot: then nothing better exists
  ::close(fd);
  return {};
}

}  // namespace

Result<bool> probe_database(const DatabaseOptions& options, const Schema& schema) {
  sqlite3_vfs* vfs = sqlite3_vfs_find(options.vfs);
  if (vfs == nullptr) return fail(Errc::kInternal, "no such SQLite VFS", options.vfs);
  auto header = read_header(vfs, options.path);
  if (!header) return pass(header);
  if (header->kind == Kind::kOther) {
    // Our own first commit that was cut short: SQLite rolls it back by its journal. Or one that is
    // under way in another process, and perhaps just ended: look twice.
    if (exists(vfs, (options.path + "-journal").c_str())) return true;
    header = read_header(vfs, options.path);
    if (!header) return pass(header);
  }
  if (header->kind == Kind::kAbsent) return false;
  if (header->kind == Kind::kOther) {
    return fail(Errc::kInvalid, "this file is not a SQLite database; move it away", options.path);
  }
  if (header->application_id == schema.application_id) {
    if (header->user_version <= schema.migrations.size()) return true;
    return fail(Errc::kUnsupported,
                "this database was made by a newer weir; upgrade, or set WEIR_HOME to another "
                "directory",
                options.path);
  }
  if (is_ockam_database(options)) {
    return fail(
        Errc::kRefused,
        "this database belongs to ockam and was left as it is; set WEIR_HOME to a directory "
        "of weir's own",
        options.path);
  }
  return fail(Errc::kRefused,
              "this database belongs to another program and was left as it is; set WEIR_HOME to a "
              "directory of weir's own",
              options.path);
}

Status protect_file(const std::string& path) {
  if (::mknod(path.c_str(), S_IFREG | 0600, 0) == 0) return sync_directory_of(path);
  if (errno != EEXIST) {
    const bool full = errno == ENOSPC || errno == EDQUOT;
    return fail(full ? Errc::kExhausted : Errc::kIo, "cannot create the database",
                path + ": " + std::strerror(errno));
  }
  for (const std::string& file : {path, path + "-journal"}) {
    struct stat info{};
    if (::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if ((info.st_mode & 077) == 0 || info.st_uid != ::geteuid()) continue;
    if (::chmod(file.c_str(), info.st_mode & 0700) != 0) {
      return fail(Errc::kIo, "cannot make the database private", file);
    }
  }
  return {};
}

}  // namespace weir
