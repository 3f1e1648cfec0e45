// A private directory that is removed afterwards, and shorthand for the store's tests.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/check.h"
#include "control/store/state.h"

namespace weir {

class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-store-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline mode_t mode_of(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

inline std::unique_ptr<State> open_state(const StateOptions& options) {
  auto state = State::open(options);
  EXPECT_TRUE(state) << (state ? "" : state.error().text());
  return state ? std::move(*state) : nullptr;
}

inline NodeRecord make_node(const std::string& name, std::int64_t pid = 0) {
  NodeRecord node;
  node.name = name;
  node.identifier = "I" + std::string(64, 'a');
  node.identity_name = "id";
  node.pid = pid;
  return node;
}

inline std::string identifier_of(char digit) { return "I" + std::string(64, digit); }

}  // namespace weir
