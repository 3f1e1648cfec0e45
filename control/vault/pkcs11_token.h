// One token (smart card, HSM, SoftHSM) behind a PKCS#11 module: a library that this process loads.
// Keys are made in it and named by CKA_ID; secret halves never leave. Calls may block for as long
// as the token takes.
//
// A session that was lost (token pulled and put back, HSM restarted) is opened again once per call,
// for which the PIN is kept, wiped with the object. Errors: kNotFound no such module, token or key
// · kRefused wrong or locked PIN · kUnsupported the token cannot do it · kIo what else it says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "control/vault/protection.h"
#include "crypto/secret.h"
#include "crypto/secret_bytes.h"
#include "crypto/sign.h"

namespace weir {

// One thread at a time.
class Pkcs11Token {
 public:
  // Logs in. Modules stay loaded until the last token of theirs is closed.
  static Result<std::unique_ptr<Pkcs11Token>> open(const TokenPlace& place, SecretBytes pin);
  virtual ~Pkcs11Token() = default;

  // `id` must be new. The key has signed and the signature was right when this returns.
  virtual Result<VerifyingKey> create_signing_key(KeyKind kind, ByteSpan id,
                                                  std::string_view label) = 0;
  // As crypto/sign.h: the message itself for Ed25519, its SHA-256 is signed for P-256.
  virtual Result<Signature> sign(KeyKind kind, ByteSpan id, ByteSpan message) = 0;
  // Whether it existed.
  virtual Result<bool> remove_signing_key(ByteSpan id) = 0;

  virtual Status create_mac_key(ByteSpan id, std::string_view label) = 0;
  // HMAC-SHA256.
  virtual Result<Secret<32>> mac(ByteSpan id, ByteSpan message) = 0;
};

}  // namespace weir
