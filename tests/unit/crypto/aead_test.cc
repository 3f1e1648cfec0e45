#include "crypto/aead.h"

#include <openssl/err.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "allocation_counter.h"
#include "crypto/internal/ipsec_mb.h"
#include "vectors.h"

namespace weir {
namespace {

std::vector<std::unique_ptr<Aead>> backends() {
  std::vector<std::unique_ptr<Aead>> all;
  all.push_back(Aead::create_openssl());
  for (auto& fast : internal::create_ipsec_mb_every_arch()) all.push_back(std::move(fast));
  return all;
}

struct Sealed {
  Bytes text;
  Bytes tag;
  bool operator==(const Sealed&) const = default;
};

// Cut into `sizes` (their sum is the text's), each segment in memory of its own so that an overrun
// shows.
Sealed seal(const Aead& aead, AeadKey& key, std::uint64_t nonce, ByteSpan aad, ByteSpan plain,
            const std::vector<std::size_t>& sizes) {
  std::vector<Bytes> parts;
  std::vector<AeadSegment> segments;
  std::size_t at = 0;
  for (std::size_t size : sizes) {
    parts.push_back(to_bytes(plain.subspan(at, size)));
    at += size;
  }
  for (Bytes& part : parts) segments.push_back({part.data(), part.size()});
  Sealed out{{}, Bytes(kAeadTagBytes)};
  SealJob job{&key, nonce, segments.data(), segments.size(), aad, out.tag.data()};
  aead.seal({&job, 1});
  for (const Bytes& part : parts) out.text.insert(out.text.end(), part.begin(), part.end());
  return out;
}

// The plaintext, or nothing where the tag does not match.
std::optional<Bytes> open(const Aead& aead, AeadKey& key, std::uint64_t nonce, ByteSpan aad,
                          const Sealed& sealed) {
  Bytes text = sealed.text;
  OpenJob job{&key, nonce, text, aad, sealed.tag.data(), false};
  aead.open({&job, 1});
  if (!job.ok) return std::nullopt;
  return text;
}

std::vector<std::size_t> random_cut(SeededRng& rng, std::size_t total) {
  std::vector<std::size_t> sizes;
  const std::size_t count = 1 + rng.below(kAeadSegmentsMax);
  for (std::size_t i = 0; i + 1 < count; ++i) {
    const std::size_t size = rng.chance(200) ? 0 : rng.below(total + 1);
    sizes.push_back(size);
    total -= size;
  }
  sizes.push_back(total);
  std::ranges::rotate(sizes, sizes.begin() + static_cast<long>(rng.below(sizes.size())));
  return sizes;
}

Bytes random_bytes(SeededRng& rng, std::size_t size) {
  Bytes bytes(size);
  rng.fill(bytes);
  return bytes;
}

// The API takes the counter; GCM's other four bytes are always zero.
std::uint64_t counter_of(ByteSpan nonce12) {
  CHECK(nonce12.size() == 12 && load_be32(nonce12.data()) == 0);
  return load_be64(nonce12.data() + 4);
}

TEST(Aead, SealsExactlyWhatOckamSeals) {
  for (const auto& aead : backends()) {
    VectorCount count("aes256gcm", aead->name());
    AeadKey key = aead->make_key();
    for (const auto& vector : vault_vectors().at("aes256gcm")) {
      aead->set_key(key, hex_field(vector, "key"));
      const std::uint64_t nonce = counter_of(hex_field(vector, "nonce_12"));
      EXPECT_EQ(nonce, load_be64(hex_field(vector, "wire_nonce_8").data()));
      const Bytes aad = hex_field(vector, "aad");
      const Bytes plain = hex_field(vector, "plaintext");
      const Sealed sealed = seal(*aead, key, nonce, aad, plain, {plain.size()});
      EXPECT_EQ(to_hex(sealed.text) + to_hex(sealed.tag), text_field(vector, "ciphertext_and_tag"));
      EXPECT_EQ(open(*aead, key, nonce, aad, sealed), plain);
      ++count.ran;
    }
  }
}

TEST(Aead, OpensExactlyWhatOckamOpens) {
  for (const auto& aead : backends()) {
    VectorCount count("aes256gcm_decrypt", aead->name());
    AeadKey key = aead->make_key();
    for (const auto& vector : vault_vectors().at("aes256gcm_decrypt")) {
      const Bytes whole = hex_field(vector, "ciphertext_and_tag");
      // Neither can be said through this API: its nonces are counters, its tags 16 bytes.
      if (vector.at("what") == "8-byte nonce" || vector.at("what") == "shorter than a tag") {
        ++count.skipped;
        continue;
      }
      aead->set_key(key, hex_field(vector, "key"));
      const auto tag_at = whole.end() - static_cast<long>(kAeadTagBytes);
      const Sealed sealed{Bytes(whole.begin(), tag_at), Bytes(tag_at, whole.end())};
      const auto plain = open(*aead, key, counter_of(hex_field(vector, "nonce_12")),
                              hex_field(vector, "aad"), sealed);
      EXPECT_EQ(plain.has_value(), vector.at("verdict").at("ok").get<bool>()) << vector.at("what");
      if (plain) {
        EXPECT_EQ(*plain, hex_field(vector, "plaintext"));
      }
      ++count.ran;
    }
  }
}

TEST(Aead, RekeysAsOckamDoes) {
  for (const auto& aead : backends()) {
    VectorCount count("rekey", aead->name());
    AeadKey scratch = aead->make_key();
    for (const auto& vector : vault_vectors().at("rekey")) {
      Secret<32> key = Secret<32>::from_span(hex_field(vector, "key"));
      Secret<32> next;
      aead_next_key(*aead, scratch, key.span(), next);
      EXPECT_EQ(to_hex(next.span()), text_field(vector, "next_key"));
      aead_next_key(*aead, scratch, next);  // scratch still holds the old key
      EXPECT_EQ(to_hex(next.span()), text_field(vector, "next_key"));
      aead_next_key(*aead, scratch, key.span(), key);
      EXPECT_EQ(to_hex(key.span()), text_field(vector, "next_key"));
      ++count.ran;
    }
  }
}

TEST(Aead, BackendsAgreeOnAnySizeCutAndAad) {
  const auto all = backends();
  const std::uint64_t seed = 20240607;
  SeededRng rng(seed);
  std::vector<AeadKey> keys;
  for (const auto& aead : all) keys.push_back(aead->make_key());
  for (int round = 0; round < 3000; ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " round " << round);
    const std::size_t bound = round % 50 == 0 ? 70'000 : round % 3 == 0 ? 3000 : 100;
    const Bytes plain = random_bytes(rng, rng.below(bound));
    const Bytes aad = rng.chance(500) ? Bytes() : random_bytes(rng, rng.below(80));
    const Bytes key32 = random_bytes(rng, kAeadKeyBytes);
    const std::uint64_t nonce = rng.next();
    const auto cut = random_cut(rng, plain.size());
    std::optional<Sealed> first;
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i]->set_key(keys[i], key32);
      const Sealed whole = seal(*all[i], keys[i], nonce, aad, plain, {plain.size()});
      if (!first) first = whole;
      ASSERT_EQ(whole, *first) << all[i]->name();
      ASSERT_EQ(seal(*all[i], keys[i], nonce, aad, plain, cut), *first) << all[i]->name();
      ASSERT_EQ(open(*all[i], keys[i], nonce, aad, *first), plain) << all[i]->name();
    }
  }
}

TEST(Aead, EveryFlippedBitIsRefused) {
  for (const auto& aead : backends()) {
    SeededRng rng(11);
    AeadKey key = aead->make_key();
    aead->set_key(key, random_bytes(rng, kAeadKeyBytes));
    Bytes aad = random_bytes(rng, 5);
    const Bytes plain = random_bytes(rng, 37);
    Sealed sealed = seal(*aead, key, 7, aad, plain, {plain.size()});
    for (Bytes* part : {&sealed.text, &sealed.tag, &aad}) {
      for (std::size_t bit = 0; bit < 8 * part->size(); ++bit) {
        const auto mask = static_cast<std::uint8_t>(1 << bit % 8);
        (*part)[bit / 8] ^= mask;
        EXPECT_FALSE(open(*aead, key, 7, aad, sealed)) << aead->name();
        (*part)[bit / 8] ^= mask;
      }
    }
    EXPECT_FALSE(open(*aead, key, 8, aad, sealed));
    EXPECT_FALSE(open(*aead, key, 7, {}, sealed));
    EXPECT_EQ(open(*aead, key, 7, aad, sealed), plain);  // a refusal does not harm the key
    EXPECT_EQ(ERR_peek_error(), 0U);
  }
}

TEST(Aead, ABatchMixesKeysAndOneBadFrameSpoilsNoOther) {
  constexpr std::size_t kJobs = 64;
  for (const auto& aead : backends()) {
    SeededRng rng(12);
    AeadKey keys[2] = {aead->make_key(), aead->make_key()};
    for (AeadKey& key : keys) aead->set_key(key, random_bytes(rng, kAeadKeyBytes));
    std::vector<Bytes> plains;
    std::vector<Sealed> texts;
    std::vector<AeadSegment> segments;
    for (std::size_t i = 0; i < kJobs; ++i) {
      plains.push_back(random_bytes(rng, rng.below(300)));
      texts.push_back({plains.back(), Bytes(kAeadTagBytes)});
      segments.push_back({texts.back().text.data(), texts.back().text.size()});
    }
    std::vector<SealJob> seals;
    std::vector<OpenJob> opens;
    for (std::size_t i = 0; i < kJobs; ++i) {
      seals.push_back({&keys[i % 2], i, &segments[i], 1, {}, texts[i].tag.data()});
      opens.push_back({&keys[i % 2], i, texts[i].text, {}, texts[i].tag.data(), false});
    }
    aead->seal(seals);
    texts[9].tag[0] ^= 1;
    aead->open(opens);
    for (std::size_t i = 0; i < kJobs; ++i) {
      EXPECT_EQ(opens[i].ok, i != 9);
      if (i != 9) {
        EXPECT_EQ(texts[i].text, plains[i]);
      }
    }
  }
}

TEST(Aead, ASlotMovesWithItsKeyAndTakesNewOnes) {
  for (const auto& aead : backends()) {
    AeadKey key = aead->make_key();
    aead->set_key(key, Bytes(kAeadKeyBytes, 1));
    const Sealed before = seal(*aead, key, 1, {}, Bytes(20), {20});
    AeadKey moved = std::move(key);
    EXPECT_FALSE(key);  // NOLINT(bugprone-use-after-move): that is the point
    EXPECT_EQ(seal(*aead, moved, 1, {}, Bytes(20), {20}), before);
    aead->set_key(moved, Bytes(kAeadKeyBytes, 2));
    EXPECT_NE(seal(*aead, moved, 1, {}, Bytes(20), {20}), before);
    EXPECT_FALSE(open(*aead, moved, 1, {}, before));
    aead->set_key(moved, Bytes(kAeadKeyBytes, 1));
    EXPECT_EQ(open(*aead, moved, 1, {}, before), Bytes(20));
  }
}

TEST(Aead, SteadyStateAllocatesNothing) {
  ASSERT_TRUE(openssl_is_counted);
  for (const auto& aead : backends()) {
    const long bytes_before = openssl_byte_count;
    const long made_before = allocation_count;
    AeadKey key = aead->make_key();
    ASSERT_GT(allocation_count, made_before);  // the counter counts
    const long slot_bytes = openssl_byte_count - bytes_before;
    if (slot_bytes > 0)
      std::printf("%s: %ld bytes asked for one key slot\n", aead->name(), slot_bytes);
    EXPECT_LE(slot_bytes, static_cast<long>(aead->key_slot_bytes()));

    std::uint8_t key32[kAeadKeyBytes] = {1};
    std::uint8_t text[1000] = {};
    std::uint8_t tag[kAeadTagBytes];
    const AeadSegment segments[] = {{text, 61}, {text + 61, 0}, {text + 61, sizeof text - 61}};
    bool opened = false;
    bool refused = false;
    Secret<32> next;
    const long before = allocation_count;
    for (std::uint64_t nonce = 0; nonce < 100; ++nonce) {
      aead->set_key(key, key32);
      SealJob seal_job{&key, nonce, segments, 3, key32, tag};
      aead->seal({&seal_job, 1});
      OpenJob open_job{&key, nonce, text, key32, tag, false};
      aead->open({&open_job, 1});
      opened = open_job.ok;
      aead->open({&open_job, 1});  // its own plaintext: refused
      refused = !open_job.ok;
      aead_next_key(*aead, key, next);
    }
    const long after = allocation_count;
    EXPECT_EQ(after, before) << aead->name();
    EXPECT_TRUE(opened && refused);
  }
}

TEST(Aead, TheEnvironmentCanForceABackend) {
  ASSERT_EQ(setenv("WEIR_AEAD", "openssl", 1), 0);
  EXPECT_STREQ(Aead::create_best()->name(), "openssl");
  const auto fast = Aead::create_ipsec_mb();
  const std::string best = fast ? fast->name() : "openssl";
  ASSERT_EQ(setenv("WEIR_AEAD", "ipsec-mb", 1), 0);
  EXPECT_EQ(Aead::create_best()->name(), best);
  ASSERT_EQ(unsetenv("WEIR_AEAD"), 0);
  EXPECT_EQ(Aead::create_best()->name(), best);
  std::printf("best backend here: %s\n", best.c_str());
}

}  // namespace
}  // namespace weir
