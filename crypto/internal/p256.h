// ECDSA on P-256 with SHA-256, as crypto/sign.h describes it.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "crypto/sign.h"

namespace weir::internal {

// In [1, n). The other functions require it of a secret.
bool p256_scalar_valid(const Secret<32>& secret);
// Writes the uncompressed point; `out65` is 65 bytes.
void p256_public(const Secret<32>& secret, MutableByteSpan out65);
Signature p256_sign(const Secret<32>& secret, ByteSpan message);
// Lengths are already checked.
Result<bool> p256_verify(ByteSpan public65, ByteSpan message, ByteSpan signature64);

}  // namespace weir::internal
