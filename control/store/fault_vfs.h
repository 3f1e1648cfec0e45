// A disk in memory that fails on purpose: a SQLite VFS for the simulator and for tests of the
// store. Pass name() as StateOptions::vfs.
//
// The disk keeps two things: what programs see, and what has reached the platter. A write is seen
// at once and becomes durable with the sync of its file; creating or removing a file becomes
// durable with the sync of its directory. crash() throws away what is not durable, or keeps a
// seeded random part of it with the last kept write torn, which is what real disks do. Locks are
// within the process: two Databases on one FaultVfs exclude each other as two processes would.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/rng.h"

namespace weir {

class FaultVfs {
 public:
  // Registers under a process-wide unique name; destroy after every Database on it. One thread.
  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  const char* name() const;

  // Operations that change the disk (write, truncate, sync, create, remove) since the start.
  std::uint64_t operations() const;
  // From the n-th such operation from now on (0 = the next), writes that need room fail: disk full.
  void fill_up_after(std::uint64_t operations);
  // From the n-th from now on, everything fails as if the power were gone: nothing reaches the
  // disk.
  void cut_power_after(std::uint64_t operations);
  bool power_is_cut() const;
  // Back to a healthy disk with room; what programs saw stays.
  void heal();

  // Power loss and restart. kNothing: only the durable survives. kEverything: as if all had been
  // written in time (kill -9). kSome: each pending change survives by the toss of a coin, in order
  // within a file or not, and one write may be torn at a 512-byte boundary. No Database may be open
  // on the disk: its process died with it (close it first; after a cut its close changes nothing).
  enum class Survives : std::uint8_t { kNothing, kEverything, kSome };
  void crash(Survives survives, SeededRng& rng);

  bool exists(const std::string& path) const;
  // Content as seen; empty if there is no such file.
  Bytes read(const std::string& path) const;
  // Plants a durable file.
  void plant(const std::string& path, ByteSpan content);

 private:
  struct Disk;
  std::unique_ptr<Disk> disk_;
  friend struct FaultFile;
};

}  // namespace weir
