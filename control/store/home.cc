#include "control/store/home.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unictype.h>
#include <unistd.h>
#include <unistr.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/hex.h"
#include "crypto/hash.h"

namespace weir {
namespace {

constexpr std::size_t kNameBytesMax = 200;  // with "vault-" and "-journal" still below NAME_MAX
constexpr std::size_t kSocketPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

std::unexpected<Error> io_error(const char* what, const std::string& path) {
  const Errc code = errno == ENOSPC || errno == EDQUOT ? Errc::kExhausted : Errc::kIo;
  return fail(code, what, path + ": " + std::strerror(errno));
}

Result<std::string> absolute(const std::string& path) {
  std::error_code error;
  std::string result =
      std::filesystem::absolute(path.empty() ? "." : path, error).lexically_normal().string();
  if (error) return fail(Errc::kIo, "the current directory is gone", error.message());
  while (result.size() > 1 && result.back() == '/') result.pop_back();
  return result;
}

// Creates one directory; an existing one is fine.
Status make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) {
    const std::string parent = path.substr(0, path.rfind('/') + 1);
    const int fd = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
      ::fsync(fd);  // the new name must be as durable as what is stored under it
      ::close(fd);
    }
    return {};
  }
  const int reason = errno;
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return {};
    return fail(Errc::kIo, "not a directory", path);
  }
  errno = reason;
  return io_error("cannot create the directory", path);
}

// A directory of ours for sockets, under a name that others could have taken first.
Status make_runtime_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return io_error("cannot create the directory", path);
  }
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return io_error("cannot read the directory", path);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0) {
    return fail(Errc::kRefused, "the directory for sockets is not private to this user", path);
  }
  return {};
}

bool is_word_character(ucs4_t c) {
  return c == '-' || c == '_' || uc_is_property_alphabetic(c) ||
         uc_is_general_category_withtable(
             c, UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Pc);
}

template <typename Accept>
bool all_characters(std::string_view text, Accept accept) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(text.data());
  std::size_t left = text.size();
  while (left > 0) {
    ucs4_t c = 0;
    const int size = u8_mbtoucr(&c, at, left);
    if (size <= 0 || !accept(c)) return false;
    at += size;
    left -= static_cast<std::size_t>(size);
  }
  return true;
}

}  // namespace

EnvLookup process_environment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

Result<std::string> home_directory(const EnvLookup& env) {
  if (const auto own = env("WEIR_HOME"); own && !own->empty()) return absolute(*own);
  if (const auto ockam = env("OCKAM_HOME")) return absolute(*ockam);
  const auto user = env("HOME");
  if (!user || user->empty()) {
    return fail(Errc::kInvalid, "HOME is not set; set WEIR_HOME to a directory for weir's state");
  }
  return absolute(*user + "/.weir");
}

Status create_home(const std::string& home, std::string_view keep_mode) {
  if (home.empty() || home.front() != '/') {
    return fail(Errc::kInvalid, "the home directory must be an absolute path", home);
  }
  for (std::size_t slash = home.find('/', 1); slash != std::string::npos;
       slash = home.find('/', slash + 1)) {
    if (auto status = make_directory(home.substr(0, slash), 0777); !status) return status;
  }
  if (auto status = make_directory(home, 0700); !status) return status;
  struct stat info{};
  if (::stat(home.c_str(), &info) != 0) return io_error("cannot read the directory", home);
  const bool leave = info.st_uid != ::geteuid() || (info.st_mode & S_ISVTX) != 0 || home == "/" ||
                     home == keep_mode;
  if (leave || (info.st_mode & 077) == 0) return {};
  if (::chmod(home.c_str(), info.st_mode & 0700) != 0) {
    return io_error("cannot make the directory private", home);
  }
  return {};
}

Status check_node_name(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax || !all_characters(name, is_word_character)) {
    return fail(Errc::kInvalid, "a node's name has letters, digits, '-' and '_' only",
                std::string(name));
  }
  return {};
}

Status check_name(std::string_view name) {
  const auto printable = [](ucs4_t c) {
    return c != '/' && c >= 0x20 &&
           !uc_is_general_category_withtable(
               c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp);
  };
  if (name.empty() || name.size() > kNameBytesMax || name == "." || name == ".." ||
      !all_characters(name, printable)) {
    return fail(Errc::kInvalid, "not a valid name", std::string(name));
  }
  return {};
}

Result<std::string> create_node_directory(const std::string& home, std::string_view node) {
  if (auto status = check_node_name(node); !status) return pass(status);
  if (auto status = make_directory(home + "/nodes", 0700); !status) return pass(status);
  std::string path = node_directory(home, node);
  if (auto status = make_directory(path, 0700); !status) return pass(status);
  return path;
}

Status remove_node_directory(const std::string& home, std::string_view node) {
  // An unchecked name could lead out of the home.
  if (auto status = check_node_name(node); !status) return status;
  std::error_code error;
  std::filesystem::remove_all(node_directory(home, node), error);
  if (error) return fail(Errc::kIo, "cannot remove the node's folder", error.message());
  return {};
}

Result<std::string> node_socket_path(const std::string& home, std::string_view node,
                                     const EnvLookup& env) {
  if (auto status = check_node_name(node); !status) return pass(status);
  std::string path = node_directory(home, node) + "/api.sock";
  if (path.size() <= kSocketPathBytesMax) return path;

  const Hash256 hash = sha256(as_bytes(path));
  const std::string file = "/" + to_hex(ByteSpan(hash).first(16)) + ".sock";
  const std::string fallback = "/tmp/weir-" + std::to_string(::geteuid());
  const auto runtime = env("XDG_RUNTIME_DIR");
  if (runtime && !runtime->empty() && runtime->front() == '/') {
    const std::string directory = *runtime + "/weir";
    // A stale variable (su, sudo) is common: then the other place serves.
    if (directory.size() + file.size() <= kSocketPathBytesMax &&
        make_runtime_directory(directory)) {
      return directory + file;
    }
  }
  if (auto status = make_runtime_directory(fallback); !status) return pass(status);
  return fallback + file;
}

}  // namespace weir
