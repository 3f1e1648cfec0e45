// A credential as commands print it (spec/03 section 5).
#pragma once

#include <string>

#include "control/identity/credential.h"
#include "tools/weir/output.h"

namespace weir::cli {

// {"attributes", "created_at", "credential", "expires_at", "issuer", "subject"}
Json credential_json(const CredentialAndPurposeKey& credential);
// The same for people.
std::string credential_text(const CredentialAndPurposeKey& credential);
// With the envelope and the purpose key, as `credential issue` describes it on a pipe.
std::string credential_description(const CredentialAndPurposeKey& credential);

}  // namespace weir::cli
