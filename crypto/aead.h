// AES-256-GCM in batches, in place: the data plane's only cipher (spec 02 sections 5.1, 6.1, 6.3).
//
// Nonce: 4 zero bytes || big-endian u64. Tag: 16 bytes. Neither key nor nonce rules live here:
// whoever fills a job has taken the nonce and chosen the key of its interval.
//
// Two back ends behind one interface, tested against each other: Intel ipsec-mb (x86-64 with AES-NI
// and PCLMULQDQ, widest instructions the CPU has), OpenSSL everywhere else. A batch costs one
// virtual call. GCM fills the CPU's pipes within one message, so both work job by job; the batch
// shape is for the caller's cache and for engines that do better.
//
// Thread: an Aead and its keys belong to one thread (a shard); control makes its own. After
// make_key nothing allocates, locks or throws. There is no global state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "crypto/secret.h"

namespace weir {

inline constexpr std::size_t kAeadTagBytes = 16;
inline constexpr std::size_t kAeadKeyBytes = 32;
inline constexpr std::size_t kAeadSegmentsMax = 8;
// One text or segment. Frames end at 16 MiB; the interfaces below us count in int.
inline constexpr std::size_t kAeadTextBytesMax = std::size_t{1} << 30;

// GCM's 12 bytes for a counter of the wire.
inline std::array<std::uint8_t, 12> aead_nonce(std::uint64_t nonce) {
  std::array<std::uint8_t, 12> out{};
  store_be64(out.data() + 4, nonce);
  return out;
}

// A slot for one expanded key. Move-only; made once by a back end (this allocates), keyed as often
// as needed by the same kind of back end, wiped on destruction. Use before the first set_key is our
// mistake. Memory: see Aead::key_slot_bytes.
class AeadKey {
 public:
  AeadKey() = default;  // empty: may only be assigned to
  AeadKey(AeadKey&& other) noexcept
      : slot_(std::exchange(other.slot_, nullptr)), destroy_(other.destroy_) {}
  AeadKey& operator=(AeadKey&& other) noexcept {
    std::swap(slot_, other.slot_);
    std::swap(destroy_, other.destroy_);
    return *this;
  }
  ~AeadKey() {
    if (slot_ != nullptr) destroy_(slot_);
  }
  explicit operator bool() const { return slot_ != nullptr; }

 private:
  friend class Aead;
  using Destroy = void (*)(void*);
  AeadKey(void* slot, Destroy destroy) : slot_(slot), destroy_(destroy) {}

  void* slot_ = nullptr;
  Destroy destroy_ = nullptr;
};

struct AeadSegment {
  std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

// Encrypts the concatenation of the segments where they lie. Any sizes: 0 and odd ones too. One
// segment that is not empty is the fast case.
struct SealJob {
  AeadKey* key = nullptr;
  std::uint64_t nonce = 0;
  const AeadSegment* segments = nullptr;  // at most kAeadSegmentsMax
  std::size_t segment_count = 0;
  ByteSpan aad = {};
  std::uint8_t* tag = nullptr;  // out, kAeadTagBytes
};

// Decrypts `text` where it lies. ok = false: the tag is wrong; the content of `text` is then
// unspecified and must not be used.
struct OpenJob {
  AeadKey* key = nullptr;
  std::uint64_t nonce = 0;
  MutableByteSpan text = {};
  ByteSpan aad = {};
  const std::uint8_t* tag = nullptr;  // kAeadTagBytes
  bool ok = false;                    // out
};

class Aead {
 public:
  virtual ~Aead() = default;
  Aead(const Aead&) = delete;
  Aead& operator=(const Aead&) = delete;

  virtual const char* name() const = 0;  // "ipsec-mb avx512", "openssl"
  // Heap that one key slot takes, for the sum of a shard's memory.
  virtual std::size_t key_slot_bytes() const = 0;

  virtual AeadKey make_key() const = 0;
  virtual void set_key(AeadKey& key, ByteSpan key32) const = 0;
  // Jobs of a batch may share a key; their memory must not overlap.
  virtual void seal(std::span<SealJob> jobs) const = 0;
  virtual void open(std::span<OpenJob> jobs) const = 0;

  // ipsec-mb where library and CPU have it, else OpenSSL. The environment's WEIR_AEAD=openssl or
  // =ipsec-mb chooses; what it names but this machine lacks falls back to OpenSSL (print name()).
  // Never null.
  static std::unique_ptr<Aead> create_best();
  static std::unique_ptr<Aead> create_openssl();
  static std::unique_ptr<Aead> create_ipsec_mb();  // null if absent

 protected:
  Aead() = default;
  static AeadKey wrap_slot(void* slot, AeadKey::Destroy destroy) { return {slot, destroy}; }
  // The slot, if `destroy` says that this kind of back end made it.
  static void* slot_of(const AeadKey& key, AeadKey::Destroy destroy) {
    DCHECK(key.slot_ != nullptr && key.destroy_ == destroy);
    return key.slot_;
  }
  using Destroy = AeadKey::Destroy;
};

// The key of the next interval of 32 nonces (spec 02 section 6.3): the first 32 bytes of sealing 32
// zeros under the reserved nonce 2^64-1. `scratch` is left holding key32. `next` may be the memory
// of key32.
void aead_next_key(const Aead& aead, AeadKey& scratch, ByteSpan key32, Secret<32>& next);
// The same where `current` already holds the key: saves its expansion.
void aead_next_key(const Aead& aead, AeadKey& current, Secret<32>& next);

}  // namespace weir
