#include "control/store/fault_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <map>
#include <new>
#include <vector>

#include "base/check.h"

namespace weir {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kSectorBytes = 512;  // what a disk writes as a whole

// One change that is seen but not yet durable.
struct Change {
  bool truncate = false;
  std::size_t offset = 0;  // of a write; the new size of a truncation
  Bytes data;
};

struct Content {
  Bytes seen;
  Bytes durable;
  std::vector<Change> pending;
  int open_handles = 0;
  // SQLite's lock states, over all handles.
  int shared = 0;
  const void* reserved = nullptr;
  const void* pending_lock = nullptr;
  const void* exclusive = nullptr;
};
using ContentPtr = std::shared_ptr<Content>;

void apply(Bytes& content, const Change& change, std::size_t size_max) {
  if (change.truncate) {
    content.resize(change.offset);
    return;
  }
  const std::size_t size = std::min(change.data.size(), size_max);
  if (size == 0) return;
  if (content.size() < change.offset + size) content.resize(change.offset + size);
  std::memcpy(content.data() + change.offset, change.data.data(), size);
}

}  // namespace

struct FaultVfs::Disk {
  sqlite3_vfs vfs{};
  std::string name;
  std::map<std::string, ContentPtr> seen_names;
  std::map<std::string, ContentPtr> durable_names;
  std::uint64_t operations = 0;
  std::uint64_t full_at = kNever;
  std::uint64_t cut_at = kNever;
  std::uint64_t random_state = 1;

  bool cut() const { return operations > cut_at; }
  // Counts one change of the disk. False: the power is gone.
  bool count() {
    if (!cut()) ++operations;
    return !cut();
  }
  bool full() const { return operations > full_at; }
};

// What SQLite holds of an open file. The callbacks are its static members.
struct FaultFile {
  sqlite3_file base;
  FaultVfs::Disk* disk;
  ContentPtr* content;  // owned; the struct itself is raw memory of SQLite
  std::string* name;
  bool delete_on_close;
  int lock;

  static FaultFile& of(sqlite3_file* file) { return *reinterpret_cast<FaultFile*>(file); }
  static FaultVfs::Disk& disk_of(sqlite3_vfs* vfs) {
    return *static_cast<FaultVfs::Disk*>(vfs->pAppData);
  }

  static int close(sqlite3_file* file) {
    FaultFile& self = of(file);
    unlock(file, SQLITE_LOCK_NONE);
    --(*self.content)->open_handles;
    if (self.delete_on_close) self.disk->seen_names.erase(*self.name);
    delete self.content;
    delete self.name;
    self.base.pMethods = nullptr;
    return SQLITE_OK;
  }

  static int read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
    const Bytes& seen = (*of(file).content)->seen;
    const auto want = static_cast<std::size_t>(size);
    const auto from = std::min(static_cast<std::size_t>(offset), seen.size());
    const std::size_t have = std::min(want, seen.size() - from);
    std::memset(out, 0, want);
    if (have > 0) std::memcpy(out, seen.data() + from, have);
    return have == want ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  }

  static int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    FaultFile& self = of(file);
    Content& content = **self.content;
    if (self.disk->cut()) return SQLITE_IOERR_WRITE;
    const bool alive = self.disk->count();
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    Change change{false, static_cast<std::size_t>(offset), Bytes(bytes, bytes + size)};
    const bool grows = change.offset + change.data.size() > content.seen.size();
    if (grows && self.disk->full()) return SQLITE_FULL;
    // The write during which the power goes may still reach the disk, in part.
    apply(content.seen, change, change.data.size());
    content.pending.push_back(std::move(change));
    return alive ? SQLITE_OK : SQLITE_IOERR_WRITE;
  }

  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    FaultFile& self = of(file);
    if (!self.disk->count()) return SQLITE_IOERR_TRUNCATE;
    Change change{true, static_cast<std::size_t>(size), {}};
    apply((*self.content)->seen, change, 0);
    (*self.content)->pending.push_back(std::move(change));
    return SQLITE_OK;
  }

  // Also makes the file's name durable, as SQLite's unix VFS and ours (protect_file) do for files
  // that they create.
  static int sync(sqlite3_file* file, int) {
    FaultFile& self = of(file);
    if (!self.disk->count()) return SQLITE_IOERR_FSYNC;
    Content& content = **self.content;
    content.durable = content.seen;
    content.pending.clear();
    self.disk->durable_names[*self.name] = *self.content;
    return SQLITE_OK;
  }

  static int file_size(sqlite3_file* file, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>((*of(file).content)->seen.size());
    return SQLITE_OK;
  }

  static int lock_to(sqlite3_file* file, int level) {
    FaultFile& self = of(file);
    Content& content = **self.content;
    if (self.lock >= level) return SQLITE_OK;
    const auto others = [&](const void* holder) { return holder != nullptr && holder != file; };
    if (self.lock == SQLITE_LOCK_NONE) {
      if (others(content.pending_lock) || others(content.exclusive)) return SQLITE_BUSY;
      ++content.shared;
      self.lock = SQLITE_LOCK_SHARED;
    }
    if (level == SQLITE_LOCK_RESERVED) {
      if (others(content.reserved)) return SQLITE_BUSY;
      content.reserved = file;
      self.lock = level;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE) {
      if (others(content.reserved) || others(content.pending_lock)) return SQLITE_BUSY;
      content.pending_lock = file;
      if (self.lock < SQLITE_LOCK_PENDING) self.lock = SQLITE_LOCK_PENDING;
      if (content.shared > 1) return SQLITE_BUSY;
      content.exclusive = file;
      self.lock = level;
    }
    return SQLITE_OK;
  }

  static int unlock(sqlite3_file* file, int level) {
    FaultFile& self = of(file);
    Content& content = **self.content;
    if (self.lock <= level) return SQLITE_OK;
    for (const void** holder : {&content.reserved, &content.pending_lock, &content.exclusive}) {
      if (*holder == file) *holder = nullptr;
    }
    if (level == SQLITE_LOCK_NONE) --content.shared;
    self.lock = level;
    return SQLITE_OK;
  }

  static int check_reserved(sqlite3_file* file, int* result) {
    const Content& content = **of(file).content;
    *result = content.reserved != nullptr || content.exclusive != nullptr;
    return SQLITE_OK;
  }

  static int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
  static int sector_size(sqlite3_file*) { return static_cast<int>(kSectorBytes); }
  static int characteristics(sqlite3_file*) { return 0; }

  static const sqlite3_io_methods* methods() {
    static const sqlite3_io_methods kMethods = [] {
      sqlite3_io_methods m{};
      m.iVersion = 1;
      m.xClose = close;
      m.xRead = read;
      m.xWrite = write;
      m.xTruncate = truncate;
      m.xSync = sync;
      m.xFileSize = file_size;
      m.xLock = lock_to;
      m.xUnlock = unlock;
      m.xCheckReservedLock = check_reserved;
      m.xFileControl = control;
      m.xSectorSize = sector_size;
      m.xDeviceCharacteristics = characteristics;
      return m;
    }();
    return &kMethods;
  }

  // --- the file system

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out) {
    FaultFile& self = of(file);
    self.base.pMethods = nullptr;
    FaultVfs::Disk& disk = disk_of(vfs);
    const std::string name = path != nullptr ? path : "";
    ContentPtr content;
    if (const auto found = disk.seen_names.find(name); found != disk.seen_names.end()) {
      content = found->second;
    } else {
      if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
      if (!disk.count()) return SQLITE_CANTOPEN;
      content = std::make_shared<Content>();
      if (path != nullptr) disk.seen_names[name] = content;
    }
    ++content->open_handles;
    self.disk = &disk;
    self.content = new ContentPtr(std::move(content));
    self.name = new std::string(name);
    self.delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    self.lock = SQLITE_LOCK_NONE;
    self.base.pMethods = methods();
    if (out != nullptr) *out = flags;
    return SQLITE_OK;
  }

  static int remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
    FaultVfs::Disk& disk = disk_of(vfs);
    if (disk.seen_names.count(path) == 0) return SQLITE_IOERR_DELETE_NOENT;
    if (!disk.count()) return SQLITE_IOERR_DELETE;
    disk.seen_names.erase(path);
    // Removing and syncing the directory are two steps; the power may go in between.
    if (sync_directory != 0) {
      if (!disk.count()) return SQLITE_IOERR_DIR_FSYNC;
      disk.durable_names.erase(path);
    }
    return SQLITE_OK;
  }

  // As the unix VFS: an empty file does not exist.
  static int access(sqlite3_vfs* vfs, const char* path, int, int* result) {
    const auto& names = disk_of(vfs).seen_names;
    const auto found = names.find(path);
    *result = found != names.end() && !found->second->seen.empty();
    return SQLITE_OK;
  }

  static int full_path(sqlite3_vfs*, const char* path, int size, char* out) {
    return sqlite3_snprintf(size, out, "%s", path) != nullptr ? SQLITE_OK : SQLITE_CANTOPEN;
  }

  static int randomness(sqlite3_vfs* vfs, int size, char* out) {
    FaultVfs::Disk& disk = disk_of(vfs);
    for (int i = 0; i < size; ++i) {
      disk.random_state = disk.random_state * 6364136223846793005u + 1442695040888963407u;
      out[i] = static_cast<char>(disk.random_state >> 56);
    }
    return size;
  }

  // Nothing waits: SQLite's own count of slept time ends a busy wait.
  static int sleep(sqlite3_vfs*, int microseconds) { return microseconds; }
  static int current_time(sqlite3_vfs*, double* days) {
    *days = 2460000.5;
    return SQLITE_OK;
  }
  static int last_error(sqlite3_vfs*, int, char*) { return 0; }
};

FaultVfs::FaultVfs() : disk_(std::make_unique<Disk>()) {
  static std::atomic<std::uint64_t> next{0};
  disk_->name = "weir-fault-" + std::to_string(next++);
  sqlite3_vfs& vfs = disk_->vfs;
  vfs.iVersion = 1;
  vfs.szOsFile = static_cast<int>(sizeof(FaultFile));
  vfs.mxPathname = 1024;
  vfs.zName = disk_->name.c_str();
  vfs.pAppData = disk_.get();
  vfs.xOpen = FaultFile::open;
  vfs.xDelete = FaultFile::remove;
  vfs.xAccess = FaultFile::access;
  vfs.xFullPathname = FaultFile::full_path;
  vfs.xRandomness = FaultFile::randomness;
  vfs.xSleep = FaultFile::sleep;
  vfs.xCurrentTime = FaultFile::current_time;
  vfs.xGetLastError = FaultFile::last_error;
  CHECK(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(&disk_->vfs); }

const char* FaultVfs::name() const { return disk_->name.c_str(); }
std::uint64_t FaultVfs::operations() const { return disk_->operations; }
void FaultVfs::fill_up_after(std::uint64_t operations) {
  disk_->full_at = disk_->operations + operations;
}
void FaultVfs::cut_power_after(std::uint64_t operations) {
  disk_->cut_at = disk_->operations + operations;
}
bool FaultVfs::power_is_cut() const { return disk_->cut(); }

void FaultVfs::heal() {
  disk_->full_at = kNever;
  disk_->cut_at = kNever;
}

void FaultVfs::crash(Survives survives, SeededRng& rng) {
  auto& seen = disk_->seen_names;
  auto& durable = disk_->durable_names;
  if (survives == Survives::kEverything) durable = seen;
  if (survives == Survives::kSome) {
    auto merged = durable;
    for (const auto& [name, content] : seen) {
      if (rng.chance(500)) merged[name] = content;
    }
    for (const auto& [name, content] : durable) {
      if (seen.count(name) == 0 && rng.chance(500)) merged.erase(name);
    }
    durable = std::move(merged);
  }
  for (auto& [name, pointer] : durable) {
    Content& content = *pointer;
    CHECK(content.open_handles == 0);
    if (survives == Survives::kEverything) content.durable = content.seen;
    if (survives == Survives::kSome && !content.pending.empty()) {
      const std::size_t torn = rng.below(content.pending.size());
      for (std::size_t i = 0; i < content.pending.size(); ++i) {
        const Change& change = content.pending[i];
        const std::size_t sectors = change.data.size() / kSectorBytes;
        std::size_t size = change.data.size();
        if (i == torn && sectors > 0) size = rng.below(sectors) * kSectorBytes;
        if (rng.chance(500)) apply(content.durable, change, size);
      }
    }
    content.pending.clear();
    content.seen = content.durable;
  }
  seen = durable;
  heal();
}

bool FaultVfs::exists(const std::string& path) const { return disk_->seen_names.count(path) != 0; }

Bytes FaultVfs::read(const std::string& path) const {
  const auto found = disk_->seen_names.find(path);
  return found == disk_->seen_names.end() ? Bytes() : found->second->seen;
}

void FaultVfs::plant(const std::string& path, ByteSpan content) {
  auto file = std::make_shared<Content>();
  file->seen = file->durable = to_bytes(content);
  disk_->seen_names[path] = file;
  disk_->durable_names[path] = file;
}

}  // namespace weir
