// A SoftHSM2 token in a directory of its own, for one test at a time.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/check.h"

namespace weir {

class SoftHsm {
 public:
  static constexpr char kModule[] = "/usr/lib/softhsm/libsofthsm2.so";
  static constexpr char kUtility[] = "/usr/bin/softhsm2-util";
  static constexpr char kPin[] = "5678";

  // Why there is none here; null: there is.
  static const char* missing() {
    const bool here = std::filesystem::exists(kModule) && std::filesystem::exists(kUtility);
    return here ? nullptr : "SoftHSM2 is not installed (Debian: softhsm2)";
  }

  explicit SoftHsm(const std::string& folder) : tokens_(folder + "/tokens") {
    const std::string config = folder + "/softhsm2.conf";
    std::ofstream(config) << "directories.tokendir = " << tokens_
                          << "\nobjectstore.backend = file\nlog.level = ERROR\n";
    ::setenv("SOFTHSM2_CONF", config.c_str(), 1);
    make_token();
  }
  void make_token_again() {
    std::filesystem::remove_all(tokens_);
    make_token();
  }

 private:
  void make_token() const {
    std::filesystem::create_directory(tokens_);
    std::vector<std::string> words = {kUtility, "--init-token", "--free",   "--label", "weir",
                                      "--pin",  kPin,           "--so-pin", "1234"};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      (void)!::freopen("/dev/null", "w", stdout);
      ::execv(kUtility, argv.data());
      ::_exit(127);
    }
    int status = 0;
    CHECK(child > 0 && ::waitpid(child, &status, 0) == child && status == 0);
  }

  std::string tokens_;
};

}  // namespace weir
