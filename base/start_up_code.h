// An edge node is small: what only its start needed need not stay resident.
#pragma once

namespace weir {

// Gives the pages of code and constants (of the program and its libraries) back to the kernel.
// Those still in use come back from the page cache at the next touch. Safe while other threads run.
void give_back_start_up_code();

}  // namespace weir
