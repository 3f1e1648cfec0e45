#include "control/node/api/internal/unix_path.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir::api::internal {

UnixPath::UnixPath(const std::string& path) {
  name_.sun_family = AF_UNIX;
  std::string shown = path;
  if (path.size() >= sizeof name_.sun_path) {
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    directory_fd_ = ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd_ < 0) {
      error_ = errno;
      return;
    }
    shown = "/proc/self/fd/" + std::to_string(directory_fd_) + "/" + path.substr(slash + 1);
  }
  if (shown.empty() || shown.size() >= sizeof name_.sun_path) {
    error_ = shown.empty() ? ENOENT : ENAMETOOLONG;
    return;
  }
  std::memcpy(name_.sun_path, shown.data(), shown.size());
}

UnixPath::~UnixPath() {
  if (directory_fd_ >= 0) ::close(directory_fd_);
}

const sockaddr* UnixPath::address() const {
  const void* name = &name_;
  return static_cast<const sockaddr*>(name);
}

bool peer_is_trusted(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == ::geteuid() || peer.uid == 0;
}

}  // namespace weir::api::internal
