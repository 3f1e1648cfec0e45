// Which worker an address names, and which flows may reach it. Flat tables, one probe run each:
// cost does not depend on how many workers or connections exist.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/bytes.h"
#include "dataplane/contract.h"
#include "dataplane/shard/slab.h"

namespace weir {

enum class EntryKind : std::uint8_t {
  kFree,
  kControl,
  kHandshake,
  kEcho,
  kHop,
  kRelay,
  kOutlet,
  kLink,  // the sender side of a connection
  kEncryptor,
  kDecryptor,
  kStream,
};

// What hangs on an entry because its route starts there (channels, streams): told when it goes
// away.
struct RouteUser {
  enum class Kind : std::uint8_t { kChannel, kStream };
  Kind kind = Kind::kChannel;
  std::uint32_t object = 0;
  std::uint32_t entry = 0xffffffff;  // index in the table; 0xffffffff: none
  RouteUser* previous = nullptr;
  RouteUser* next = nullptr;
};

// The bytes of an address, in place where it is of the usual size: a look-up among a million
// touches no memory beyond slot and entry.
class AddressBytes {
 public:
  std::uint8_t* resize(std::size_t size) {
    size_ = static_cast<std::uint32_t>(size);
    heap_ = size > sizeof(here_) ? std::make_unique<std::uint8_t[]>(size) : nullptr;
    return heap_ != nullptr ? heap_.get() : here_;
  }
  ByteSpan span() const { return {heap_ != nullptr ? heap_.get() : here_, size_}; }

 private:
  std::uint32_t size_ = 0;
  std::uint8_t here_[36] = {};  // wire::kRandomAddressBytes
  std::unique_ptr<std::uint8_t[]> heap_;
};

struct Entry {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  EntryKind kind = EntryKind::kFree;
  std::uint32_t object = 0;  // index in the table of its kind
  std::uint64_t hash = 0;
  ControlId worker = 0;        // control's name for kControl, kHandshake
  AddressBytes encoded;        // canonical CBOR of the address
  std::uint32_t value_at = 0;  // where the value starts in `encoded`
  std::vector<FlowId> flows;   // allowed, for clean-up
  RouteUser* users = nullptr;

  ByteSpan encoded_bytes() const { return encoded.span(); }
  ByteSpan value() const { return encoded.span().subspan(value_at); }
};

class AddressTable {
 public:
  explicit AddressTable(std::uint64_t seed);

  // nullptr if the address is taken.
  Entry* add(ByteSpan value, EntryKind kind, std::uint32_t object);
  // Takes back everything that was allowed for it.
  void remove(Entry& entry);
  Entry* find(ByteSpan value);
  Entry* find(std::uint32_t index, std::uint32_t generation) {
    return entries_.find(index, generation);
  }
  Entry& at(std::uint32_t index) { return entries_.at(index); }
  std::uint32_t size() const { return entries_.size(); }
  template <typename F>
  void for_each(F&& visit) {
    entries_.for_each(visit);
  }

  void allow(FlowId flow, Entry& entry);
  void deny(FlowId flow, Entry& entry);
  bool allowed(FlowId flow, const Entry& entry) const;
  // The producer is gone: everything that was allowed for it.
  void forget_flow(FlowId flow);

  static void add_user(Entry& entry, RouteUser& user);
  void remove_user(RouteUser& user);

 private:
  std::uint64_t hash_of(ByteSpan value) const;
  void grow_slots();
  void insert_slot(std::uint64_t hash, std::uint32_t index);
  void ungrant(FlowId flow, std::uint32_t index);
  void gate_insert(std::uint64_t key);
  void gate_erase(std::uint64_t key);
  static std::uint64_t gate_hash(std::uint64_t key);

  Slab<Entry> entries_;
  std::uint64_t seed_;
  struct Slot {
    std::uint32_t tag = 0;    // upper half of the hash
    std::uint32_t index = 0;  // entry index + 1; 0 = empty
  };
  std::vector<Slot> slots_;
  std::vector<std::uint64_t> gates_;  // (flow << 32 | entry index) + 1; 0 = empty
  std::size_t gate_count_ = 0;
  std::unordered_map<FlowId, std::unordered_set<std::uint32_t>> granted_;  // flow -> entries
};

}  // namespace weir
