// Which worker an address names, and which flows may reach it. Flat tables, one probe run each:
// cost does not depend on how many workers or connections exist.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
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
  AddressBytes() = default;
  AddressBytes(AddressBytes&& other) noexcept { swap(other); }
  AddressBytes& operator=(AddressBytes&& other) noexcept {
    swap(other);
    return *this;
  }
  ~AddressBytes() {
    if (size_ > sizeof(here_)) delete[] elsewhere();
  }
  // Once, while empty.
  std::uint8_t* resize(std::size_t size) {
    DCHECK(size_ == 0);
    size_ = static_cast<std::uint32_t>(size);
    if (size <= sizeof(here_)) return here_;
    auto* bytes = new std::uint8_t[size];  // tidy: allow heap: a long name, when it is made
    std::memcpy(here_, &bytes, sizeof bytes);
    return bytes;
  }
  ByteSpan span() const { return {size_ > sizeof(here_) ? elsewhere() : here_, size_}; }

 private:
  std::uint8_t* elsewhere() const {
    std::uint8_t* bytes = nullptr;
    std::memcpy(&bytes, here_, sizeof bytes);
    return bytes;
  }
  void swap(AddressBytes& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(here_, other.here_);
  }
  std::uint32_t size_ = 0;
  std::uint8_t here_[36] = {};  // wire::kRandomAddressBytes, or a pointer to more
};

struct Entry {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  EntryKind kind : 4 = EntryKind::kFree;
  std::uint8_t value_at : 4 = 0;  // where the value starts in `encoded`
  std::uint8_t gate = kOpenGate;  // that a foreign message's peer must have
  std::uint16_t flow_count = 0;   // that may reach it; one that gets to the top stays there
  std::uint32_t object = 0;       // index in the table of its kind
  std::uint32_t home = 0;         // lower half of the hash
  std::uint32_t grants = 0;       // first of the flows that may reach it, + 1
  ControlId worker = 0;           // control's name for kControl, kHandshake
  RouteUser* users = nullptr;
  AddressBytes encoded;  // canonical CBOR of the address

  ByteSpan encoded_bytes() const { return encoded.span(); }
  ByteSpan value() const { return encoded.span().subspan(value_at); }
};

static_assert(sizeof(Entry) == 80);  // four for every tunnel

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
  // One flow may reach one entry: in two lists, the entry's and the flow's. Numbers are + 1.
  struct Grant {
    FlowId flow = kNoFlow;
    std::uint32_t entry = 0;
    std::uint32_t next_of_entry = 0;  // of a free one: the next free one
    std::uint32_t previous_of_entry = 0;
    std::uint32_t next_of_flow = 0;
    std::uint32_t previous_of_flow = 0;
  };
  static constexpr std::uint32_t kGrantChunk = 256;

  void grow_slots();
  void insert_slot(std::uint32_t home, std::uint32_t tag, std::uint32_t index);
  Grant& grant(std::uint32_t number) {
    return grants_[(number - 1) / kGrantChunk][(number - 1) % kGrantChunk];
  }
  std::uint32_t find_grant(FlowId flow, const Entry& entry);
  std::uint32_t new_grant();
  void revoke(std::uint32_t number);
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
  std::vector<std::unique_ptr<Grant[]>> grants_;
  std::uint32_t free_grant_ = 0;
  std::unordered_map<FlowId, std::uint32_t> by_flow_;  // first grant
};

}  // namespace weir
