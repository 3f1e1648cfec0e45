// The vector files of tests/vectors, and the words they use for bytes and routes.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hex.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/route.h"

namespace weir::wire {

using Json = nlohmann::json;

inline Json load_vectors(const std::string& name) {
  std::ifstream file(std::string(WEIR_TEST_VECTORS) + "/" + name);
  CHECK(file.good());
  return Json::parse(file);
}

inline Bytes hex(std::string_view text) {
  auto bytes = from_hex(text);
  CHECK(bytes.has_value());
  return *bytes;
}

// "0a0b", or {"hex", "then_byte", "then_count", "then_hex"}, or {"byte", "count"}.
inline Bytes vector_bytes(const Json& value) {
  if (value.is_string()) return hex(value.get<std::string>());
  if (value.contains("count")) return Bytes(value["count"], value["byte"].get<std::uint8_t>());
  Bytes out = hex(value["hex"].get<std::string>());
  if (value.contains("then_count")) {
    out.insert(out.end(), value["then_count"].get<std::size_t>(),
               value["then_byte"].get<std::uint8_t>());
  }
  if (value.contains("then_hex")) {
    const Bytes tail = hex(value["then_hex"].get<std::string>());
    out.insert(out.end(), tail.begin(), tail.end());
  }
  return out;
}

inline Address vector_address(const Json& value) {
  return Address(value["type"].get<std::uint8_t>(),
                 std::string(as_text(vector_bytes(value["bytes"]))));
}

inline Route vector_route(const Json& value) {
  Route route;
  for (const Json& address : value) route.push_back(vector_address(address));
  return route;
}

// Says how many vectors of a part ran; a part that ran none is a failure.
class VectorCount {
 public:
  explicit VectorCount(const char* part) : part_(part) {}
  ~VectorCount() {
    std::printf("[ VECTORS  ] %s: %d ran\n", part_, count_);
    EXPECT_GT(count_, 0) << part_;
  }
  void operator++() { ++count_; }

 private:
  const char* part_;
  int count_ = 0;
};

}  // namespace weir::wire
