// AES-256-GCM by Intel ipsec-mb's direct calls. Its job interface gains nothing for GCM: the
// multi-buffer part is for modes that cannot fill the pipes with one message.
#include "crypto/aead.h"
#include "crypto/internal/ipsec_mb.h"

#ifdef WEIR_HAVE_IPSEC_MB

#include <intel-ipsec-mb.h>

#include "base/check.h"

namespace weir {
namespace {

constexpr std::uint64_t kNeededFeatures = IMB_CPUFLAGS_SSE;  // SSE4.2, CMOV, AES-NI, PCLMULQDQ

// The library reads the key with aligned 64-byte loads, yet its header aligns the struct only under
// a macro of its own.
struct alignas(64) KeySlot {
  gcm_key_data expanded;
};
struct alignas(64) Context {
  gcm_context_data gcm;
};
static_assert(sizeof(KeySlot) == 1024,
              "key_slot_bytes and the sum of a shard's memory count on it");

void destroy_slot(void* slot) {
  KeySlot* key = static_cast<KeySlot*>(slot);
  wipe({reinterpret_cast<std::uint8_t*>(key), sizeof(KeySlot)});
  delete key;
}

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using ManagerPtr = std::unique_ptr<IMB_MGR, FreeManager>;

const char* name_of(IMB_ARCH arch, std::uint64_t features) {
  switch (arch) {
    case IMB_ARCH_AVX512:
      return (features & IMB_FEATURE_VAES) != 0 ? "ipsec-mb avx512-vaes" : "ipsec-mb avx512";
    case IMB_ARCH_AVX2:
      return "ipsec-mb avx2";
    case IMB_ARCH_AVX:
      return "ipsec-mb avx";
    default:
      return "ipsec-mb sse";
  }
}

class IpsecMbAead final : public Aead {
 public:
  IpsecMbAead(ManagerPtr manager, const char* name) : manager_(std::move(manager)), name_(name) {}
  ~IpsecMbAead() override { wipe({reinterpret_cast<std::uint8_t*>(&context_), sizeof(context_)}); }

  const char* name() const override { return name_; }
  std::size_t key_slot_bytes() const override { return sizeof(KeySlot); }

  AeadKey make_key() const override { return wrap_slot(new KeySlot, destroy_slot); }

  void set_key(AeadKey& key, ByteSpan key32) const override {
    CHECK(key32.size() == kAeadKeyBytes);
    IMB_AES256_GCM_PRE(manager_.get(), key32.data(), expanded(key));
  }

  void seal(std::span<SealJob> jobs) const override {
    for (const SealJob& job : jobs) {
      DCHECK(job.segment_count <= kAeadSegmentsMax);
      AeadSegment only{};
      std::size_t filled = 0;
      for (std::size_t i = 0; i < job.segment_count; ++i) {
        if (job.segments[i].size == 0) continue;
        CHECK(job.segments[i].size <= kAeadTextBytesMax);
        only = job.segments[i];
        ++filled;
      }
      if (filled <= 1)
        seal_one(job, only);
      else
        seal_segments(job);
    }
  }

  void open(std::span<OpenJob> jobs) const override {
    for (OpenJob& job : jobs) {
      CHECK(job.text.size() <= kAeadTextBytesMax);
      const auto nonce = aead_nonce(job.nonce);
      std::uint8_t tag[kAeadTagBytes];
      std::uint8_t* text = job.text.empty() ? nowhere_ : job.text.data();
      IMB_AES256_GCM_DEC(manager_.get(), expanded(*job.key), &context_.gcm, text, text,
                         job.text.size(), nonce.data(), aad_data(job.aad), job.aad.size(), tag,
                         kAeadTagBytes);
      job.ok = equal_constant_time(tag, {job.tag, kAeadTagBytes});
    }
  }

 private:
  static gcm_key_data* expanded(const AeadKey& key) {
    return &static_cast<KeySlot*>(slot_of(key, destroy_slot))->expanded;
  }
  // Some builds of the library refuse null pointers, even for no bytes.
  const std::uint8_t* aad_data(ByteSpan aad) const { return aad.empty() ? nowhere_ : aad.data(); }

  void seal_one(const SealJob& job, AeadSegment text) const {
    const auto nonce = aead_nonce(job.nonce);
    if (text.data == nullptr) text.data = nowhere_;
    IMB_AES256_GCM_ENC(manager_.get(), expanded(*job.key), &context_.gcm, text.data, text.data,
                       text.size, nonce.data(), aad_data(job.aad), job.aad.size(), job.tag,
                       kAeadTagBytes);
  }

  void seal_segments(const SealJob& job) const {
    const auto nonce = aead_nonce(job.nonce);
    const gcm_key_data* key = expanded(*job.key);
    IMB_AES256_GCM_INIT(manager_.get(), key, &context_.gcm, nonce.data(), aad_data(job.aad),
                        job.aad.size());
    for (std::size_t i = 0; i < job.segment_count; ++i) {
      const AeadSegment& segment = job.segments[i];
      if (segment.size != 0)
        IMB_AES256_GCM_ENC_UPDATE(manager_.get(), key, &context_.gcm, segment.data, segment.data,
                                  segment.size);
    }
    IMB_AES256_GCM_ENC_FINALIZE(manager_.get(), key, &context_.gcm, job.tag, kAeadTagBytes);
  }

  ManagerPtr manager_;
  const char* name_;
  // State of the message in hand. Here and not on the stack, so that keystream left in it is wiped
  // once, at the end.
  mutable Context context_{};
  mutable std::uint8_t nowhere_[16] = {};  // stands for null where there are no bytes
};

bool has(const IMB_MGR& manager, std::uint64_t features) {
  return (manager.features & features) == features;
}

// Null: the CPU lacks what `init` needs, or the library does not trust itself here.
template <typename Init>
std::unique_ptr<Aead> create(std::uint64_t needed_features, Init init) {
  ManagerPtr manager(alloc_mb_mgr(0));
  if (manager == nullptr || !has(*manager, needed_features)) return nullptr;
  const IMB_ARCH arch = init(manager.get());
  const bool self_test_failed =
      has(*manager, IMB_FEATURE_SELF_TEST) && !has(*manager, IMB_FEATURE_SELF_TEST_PASS);
  if (arch == IMB_ARCH_NONE || arch == IMB_ARCH_NOAESNI || self_test_failed ||
      imb_get_errno(manager.get()) != 0)
    return nullptr;
  const char* name = name_of(arch, manager->features);
  return std::make_unique<IpsecMbAead>(std::move(manager), name);
}

}  // namespace

std::unique_ptr<Aead> Aead::create_ipsec_mb() {
  return create(kNeededFeatures, [](IMB_MGR* manager) {
    IMB_ARCH arch = IMB_ARCH_NONE;
    init_mb_mgr_auto(manager, &arch);
    return arch;
  });
}

std::vector<std::unique_ptr<Aead>> internal::create_ipsec_mb_every_arch() {
  struct Arch {
    std::uint64_t features;
    void (*init)(IMB_MGR*);
    IMB_ARCH arch;
  };
  std::vector<std::unique_ptr<Aead>> all;
  for (const Arch& each : {Arch{IMB_CPUFLAGS_SSE, init_mb_mgr_sse, IMB_ARCH_SSE},
                           Arch{IMB_CPUFLAGS_AVX, init_mb_mgr_avx, IMB_ARCH_AVX},
                           Arch{IMB_CPUFLAGS_AVX2, init_mb_mgr_avx2, IMB_ARCH_AVX2},
                           Arch{IMB_CPUFLAGS_AVX512, init_mb_mgr_avx512, IMB_ARCH_AVX512}}) {
    auto aead = create(each.features, [&each](IMB_MGR* manager) {
      each.init(manager);
      return each.arch;
    });
    if (aead != nullptr) all.push_back(std::move(aead));
  }
  return all;
}

}  // namespace weir

#else

std::unique_ptr<weir::Aead> weir::Aead::create_ipsec_mb() { return nullptr; }
std::vector<std::unique_ptr<weir::Aead>> weir::internal::create_ipsec_mb_every_arch() { return {}; }

#endif
