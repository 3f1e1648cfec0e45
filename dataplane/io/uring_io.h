// The io_uring back end's fallbacks, so that tests can force each of them on a kernel that needs
// none.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "dataplane/io/io.h"

namespace weir {

struct UringOptions {
  bool no_multishot_accept = false;  // one accept per completion (before Linux 5.19)
  bool no_provided_buffers = false;  // poll, then receive into a pool buffer (before 5.19)
  bool no_defer_taskrun = false;     // before 6.1
  bool no_coop_taskrun = false;      // before 5.19; implies no_defer_taskrun
  bool no_poll_first = false;        // before 5.19
  bool queued_send = false;  // not tried at once: sends leave with the next reap(), in one enter
  bool tiny_rings = false;   // for tests: rings that overflow all the time
};

// Of a comma list of the words multishot_accept, provided_buffers, defer_taskrun, coop_taskrun,
// poll_first, direct_send: each switches that feature off. Unknown words are ignored.
UringOptions uring_options_without(std::string_view list);

// What make_uring_io(pool) does with the options of the environment variable WEIR_URING_DISABLE.
// The Io must be used and destroyed by one thread, the one of the first reap(), or be destroyed
// after that thread has ended.
Result<std::unique_ptr<Io>> make_uring_io(BufferPool& pool, const UringOptions& options);

// WEIR_IO=epoll|uring decides; otherwise uring where this machine can have it, else epoll. `note`
// is empty, or one line for the log that says why it is not uring. Fails only if what WEIR_IO
// demands cannot be had.
Result<std::unique_ptr<Io>> make_best_io(BufferPool& pool, std::string& note);

}  // namespace weir
