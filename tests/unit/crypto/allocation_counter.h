// Counts every allocation of the test program: C++'s by replacing operator new, OpenSSL's by its
// own hook. (ipsec-mb allocates nothing after its manager.)
#pragma once

#include <atomic>

namespace weir {

extern std::atomic<long> allocation_count;
extern std::atomic<long> openssl_byte_count;  // asked for, ever
extern const bool openssl_is_counted;         // false: OpenSSL allocated before its hook was set

}  // namespace weir
