#include "control/vault/remote_keys.h"

namespace weir {

Status RemoteKeys::try_new_key(const NewKey& made) {
  const ByteSpan message = as_bytes("weir tries a new key");
  auto signature = sign(made.key.kind, made.id, message);
  if (!signature) return pass(signature);
  auto right = verify(made.key, message, *signature);
  if (right && *right) return {};
  return fail(Errc::kUnsupported,
              "signatures of the new key are not those that Ockam's identities need");
}

}  // namespace weir
