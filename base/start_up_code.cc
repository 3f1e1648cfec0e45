#include "base/start_up_code.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace weir {

void give_back_start_up_code() {
  const auto each = [](dl_phdr_info* object, std::size_t, void*) {
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    for (int i = 0; i < object->dlpi_phnum; ++i) {
      const auto& segment = object->dlpi_phdr[i];
      // Never what was written to: relocated pages cannot be read again from their file.
      if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
      const std::uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
      const std::uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
      // The loader names addresses by numbers. A refusal (the vDSO) costs nothing.
      void* const at = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr)
      madvise(at, end - begin, MADV_DONTNEED);
    }
    return 0;
  };
  dl_iterate_phdr(each, nullptr);
}

}  // namespace weir
