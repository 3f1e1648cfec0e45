// Signing keys that are made and used where this process cannot read them: in a token or a service.
// They are named by ids of that place. Calls may block for as long as it takes to answer.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/rng.h"
#include "crypto/sign.h"

namespace weir {

// One thread at a time.
class RemoteKeys {
 public:
  struct NewKey {
    VerifyingKey key;
    Bytes id;
  };

  virtual ~RemoteKeys() = default;
  // The key has signed and the signature was right when this returns. kUnsupported: not this kind.
  virtual Result<NewKey> create_signing_key(KeyKind kind, Rng& rng) = 0;
  // As crypto/sign.h. kNotFound: the key is gone.
  virtual Result<Signature> sign(KeyKind kind, ByteSpan id, ByteSpan message) = 0;
  // Whether it existed.
  virtual Result<bool> remove_signing_key(ByteSpan id) = 0;

 protected:
  // kUnsupported unless a signature of the new key is what Ockam's identities need.
  Status try_new_key(const NewKey& made);
};

}  // namespace weir
