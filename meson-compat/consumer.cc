// The smallest program of a stranger that uses the library: proves that headers, libraries and
// their dependencies arrive together. Exit code 0 when SHA-256("weir") is what it should be.
#include <cstdio>

#include "base/bytes.h"
#include "base/hex.h"
#include "crypto/hash.h"

int main() {
  const std::string digest = weir::to_hex(weir::sha256(weir::as_bytes("weir")));
  std::printf("sha256(weir) = %s\n", digest.c_str());
  return digest == "9e1bd4e58bdc27cb9abf4c558b21963a3f3fb6b08c715e8e2bb6c795162994bc" ? 0 : 1;
}
