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
#include "control/vault/remote_keys.h"
#include "crypto/secret.h"
#include "crypto/secret_bytes.h"
#include "crypto/sign.h"

namespace weir {

// One thread at a time.
class Pkcs11Token : public RemoteKeys {
 public:
  // Logs in. Modules stay loaded until the last token of theirs is closed.
  static Result<std::unique_ptr<Pkcs11Token>> open(const TokenPlace& place, SecretBytes pin);

  virtual Status create_mac_key(ByteSpan id, std::string_view label) = 0;
  // HMAC-SHA256.
  virtual Result<Secret<32>> mac(ByteSpan id, ByteSpan message) = 0;
};

}  // namespace weir
