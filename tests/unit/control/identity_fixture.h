// Shared by the identity and handshake suites: vectors, fixed clock and randomness, a node's
// identities in memory.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/rng.h"
#include "control/identity/identities.h"

namespace weir::test {

using Json = nlohmann::json;

inline constexpr std::uint64_t kVectorTimeSeconds = 1'750'000'000;

inline const Json& vectors(const char* name) {
  static std::map<std::string, Json> loaded;
  Json& json = loaded[name];
  if (json.is_null()) {
    std::ifstream file(std::string(WEIR_TEST_VECTORS) + "/" + name);
    CHECK(file.is_open());
    json = Json::parse(file);
  }
  return json;
}

inline Bytes hex(const Json& text) {
  std::optional<Bytes> raw = from_hex(text.get<std::string>());
  CHECK(raw.has_value());
  return *raw;
}

inline KeyKind kind_of(const Json& type) {
  const std::string text = type.get<std::string>();
  CHECK(text == "EdDSACurve25519" || text == "ECDSASHA256CurveP256");
  return text == "EdDSACurve25519" ? KeyKind::kEd25519 : KeyKind::kP256;
}

inline SigningKey signing_key(KeyKind kind, const Json& secret) {
  return SigningKey{kind, Secret<32>::from_span(hex(secret))};
}

inline Identifier identifier(const Json& text) {
  Result<Identifier> id = Identifier::parse(text.get<std::string>());
  CHECK(id.has_value());
  return *id;
}

class FixedClock final : public Clock {
 public:
  std::uint64_t now_ns() override { return now_s * kNsPerSecond; }
  std::uint64_t unix_seconds() override { return now_s; }
  std::uint64_t now_s = kVectorTimeSeconds;
};

// Gives exactly these bytes and fails when asked for more.
class ScriptedRng final : public Rng {
 public:
  explicit ScriptedRng(Bytes bytes) : bytes_(std::move(bytes)) {}
  void fill(MutableByteSpan out) override {
    CHECK(out.size() <= bytes_.size() - used_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(used_), out.size(), out.begin());
    used_ += out.size();
  }

 private:
  Bytes bytes_;
  std::size_t used_ = 0;
};

// One node's identities, in memory.
struct MemoryNode {
  explicit MemoryNode(std::uint64_t seed = 1) : rng(seed) {}

  SeededRng rng;
  FixedClock clock;
  MemoryIdentityStore store;
  MemorySecretStore secrets{rng};
  Identities identities{store, secrets, clock};
};

}  // namespace weir::test
