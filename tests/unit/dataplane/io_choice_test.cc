// Which back end a shard gets.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "dataplane/io/uring_io.h"

namespace weir {
namespace {

constexpr BufferLimits kLimits = {{64, 16, 4, 0}};

// From now on this process gets EPERM from io_uring_setup, as in most containers.
bool forbid_io_uring() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(code), code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Runs the check in a child process; true if it returned true there.
template <typename Check>
bool in_child(Check check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(IoChoice, ContainerWithoutIoUringGetsEpollAndTheReason) {
  EXPECT_TRUE(in_child([] {
    if (!forbid_io_uring()) return false;
    unsetenv("WEIR_IO");
    BufferPool pool(kLimits);
    std::string note;
    const auto io = make_best_io(pool, note);
    const auto uring = make_uring_io(pool, {});
    return io.has_value() && std::strcmp((*io)->name(), "epoll") == 0 && !note.empty() &&
           note.find('\n') == std::string::npos && !uring.has_value() &&
           uring.error().code == Errc::kUnsupported;
  }));
}

TEST(IoChoice, DemandForIoUringIsNotQuietlyAnsweredWithEpoll) {
  EXPECT_TRUE(in_child([] {
    if (!forbid_io_uring()) return false;
    setenv("WEIR_IO", "uring", 1);
    BufferPool pool(kLimits);
    std::string note;
    return !make_best_io(pool, note).has_value();
  }));
}

TEST(IoChoice, EnvironmentCanForceEpoll) {
  EXPECT_TRUE(in_child([] {
    setenv("WEIR_IO", "epoll", 1);
    BufferPool pool(kLimits);
    std::string note;
    const auto io = make_best_io(pool, note);
    return io.has_value() && std::strcmp((*io)->name(), "epoll") == 0 && note.empty();
  }));
}

TEST(IoChoice, ListOfDisabledFeaturesIsUnderstood) {
  const UringOptions options = uring_options_without("defer_taskrun,,nonsense,direct_send");
  EXPECT_TRUE(options.no_defer_taskrun);
  EXPECT_TRUE(options.queued_send);
  EXPECT_FALSE(options.no_multishot_accept);
  EXPECT_FALSE(options.no_provided_buffers);
  EXPECT_FALSE(options.tiny_rings);
}

}  // namespace
}  // namespace weir
