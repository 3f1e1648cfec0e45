// tests/vectors/vault.json: primitives as the real crates compute them.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/hex.h"

namespace weir {

inline const nlohmann::json& vault_vectors() {
  static const nlohmann::json file = [] {
    std::ifstream in(std::string(WEIR_TEST_VECTORS) + "/vault.json");
    return nlohmann::json::parse(in);
  }();
  return file;
}

inline Bytes hex_field(const nlohmann::json& object, const char* name) {
  return from_hex(object.at(name).get<std::string>()).value();
}

inline std::string text_field(const nlohmann::json& object, const char* name) {
  return object.at(name).get<std::string>();
}

// Says how many vectors ran, so that a suite cannot shrink unseen.
class VectorCount {
 public:
  explicit VectorCount(const char* part, const char* engine = "") : part_(part), engine_(engine) {}
  ~VectorCount() {
    EXPECT_GT(ran, 0);
    std::printf("vault.json %s: %d ran, %d skipped %s\n", part_, ran, skipped, engine_);
  }
  VectorCount(const VectorCount&) = delete;
  VectorCount& operator=(const VectorCount&) = delete;

  int ran = 0;
  int skipped = 0;

 private:
  const char* part_;
  const char* engine_;
};

}  // namespace weir
