// Which back end a shard gets, and what the environment may say about it.
#include <cstdlib>
#include <cstring>

#include "dataplane/io/uring_io.h"

namespace weir {

UringOptions uring_options_without(std::string_view list) {
  static constexpr struct {
    std::string_view word;
    bool UringOptions::* member;
  } kWords[] = {
      {"multishot_accept", &UringOptions::no_multishot_accept},
      {"provided_buffers", &UringOptions::no_provided_buffers},
      {"defer_taskrun", &UringOptions::no_defer_taskrun},
      {"coop_taskrun", &UringOptions::no_coop_taskrun},
      {"poll_first", &UringOptions::no_poll_first},
      {"direct_send", &UringOptions::queued_send},
  };
  UringOptions options;
  while (!list.empty()) {
    const std::string_view word = list.substr(0, list.find(','));
    for (const auto& known : kWords) {
      if (known.word == word) options.*known.member = true;
    }
    list.remove_prefix(std::min(list.size(), word.size() + 1));
  }
  return options;
}

Result<std::unique_ptr<Io>> make_uring_io(BufferPool& pool) {
  const char* disabled = std::getenv("WEIR_URING_DISABLE");
  return make_uring_io(pool, uring_options_without(disabled != nullptr ? disabled : ""));
}

Result<std::unique_ptr<Io>> make_best_io(BufferPool& pool, std::string& note) {
  note.clear();
  const char* wanted = std::getenv("WEIR_IO");
  if (wanted != nullptr && std::strcmp(wanted, "epoll") == 0) return make_epoll_io(pool);
  Result<std::unique_ptr<Io>> uring = make_uring_io(pool);
  if (uring || (wanted != nullptr && std::strcmp(wanted, "uring") == 0)) return uring;
  note = "epoll instead of io_uring: " + uring.error().text();
  return make_epoll_io(pool);
}

}  // namespace weir
