// Signing keys in AWS KMS, by its HTTPS API: P-256 only (spec 02 section 12.3). Deleting one means
// that KMS deletes it in 7 days. Calls block.
//
// Region from AWS_REGION or AWS_DEFAULT_REGION, credentials from AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; WEIR_AWS_ENDPOINT is another server than Amazon's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "control/vault/remote_keys.h"

namespace weir {

// A variable of the environment; as EnvLookup of control/store/home.h.
using AwsSettings = std::function<std::optional<std::string>(const char* name)>;

// Asks KMS once, so that wrong settings are noticed. kRefused names what is missing or what KMS
// refuses; kIo, kTimeout: it cannot be reached. `clock` must outlive it.
Result<std::unique_ptr<RemoteKeys>> open_kms_keys(const AwsSettings& settings, Clock& clock);

}  // namespace weir
