// A Unix socket's path as the kernel takes it, however long the path is.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

namespace weir::api::internal {

// Keeps a descriptor of the directory while it is needed: sun_path has room for 107 bytes, a
// home directory may be longer. Valid while it lives; not thread-safe to share.
class UnixPath {
 public:
  explicit UnixPath(const std::string& path);
  ~UnixPath();
  UnixPath(const UnixPath&) = delete;
  UnixPath& operator=(const UnixPath&) = delete;

  int error() const { return error_; }  // errno; 0: fine
  const sockaddr* address() const;
  socklen_t size() const { return sizeof(sockaddr_un); }

 private:
  int directory_fd_ = -1;
  int error_ = 0;
  sockaddr_un name_{};
};

// True when the other end runs as this user or as root.
bool peer_is_trusted(int fd);

}  // namespace weir::api::internal
