// The process behind a node: starting one in the background, telling the starter that it is up, and
// stopping one without ever signalling a foreign process.
//
// A background node is this program again, with `node create --foreground --child-process FD`, in a
// session of its own. FD is a pipe to the starter: the word "ready" on it means that the node
// answers its API; its end without that word means that the node failed, and has said why on
// stderr.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/store/process.h"
#include "control/store/records.h"

namespace weir::cli {

struct BackgroundStart {
  std::vector<std::string> words;  // behind the program's name, without --child-process
  std::string home;                // absolute; the child's WEIR_HOME
  std::uint64_t timeout_ms = 120'000;
};
// Returns when the node is up. Gives up silently with the child's exit code when the child failed.
void start_in_background(const BackgroundStart& start);

// --- in the child
// Raises the soft limit of descriptors to the hard one and sets the umask to 077.
void prepare_node_process();
// Says "ready" to the starter and closes the pipe. kIo: nobody waits any more.
Status report_ready(int pipe_fd);
// stdin from /dev/null, stdout and stderr to the end of `path` (made with 0600).
Status redirect_to_log(const std::string& path);
// nodes/<name>/stdout.YYYY-MM-DD.log of a day in UTC.
std::string log_file_path(const std::string& node_directory, std::uint64_t unix_seconds);

// --- any process
ProcessStatus node_status(const NodeRecord& node);
// SIGTERM, and after 5 s SIGKILL. True: it runs no more. The signal goes through a descriptor of
// the process (pidfd) whose start time was compared, so a reused pid is never hit.
bool stop_process(std::int64_t pid, std::uint64_t start_ticks);

}  // namespace weir::cli
