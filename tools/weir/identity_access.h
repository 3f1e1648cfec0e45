// Identities and vaults as commands need them: by name, made when missing (spec/03 6, spec/07 1.7).
#pragma once

#include <optional>
#include <string>

#include "control/identity/change_history.h"
#include "control/identity/credential.h"
#include "control/store/records.h"
#include "crypto/sign.h"
#include "tools/weir/context.h"

namespace weir::cli {

// Who hears about an implicit creation: `node create` and `identity create` tell, others are
// silent.
enum class Tell : bool { kNo, kYes };

// The only vault; `default` is made when there is none. Several: gives up, one must be named.
VaultRecord default_vault(Context& context, Tell tell);
// The default identity; made with a random name, in the default vault, when there is none.
IdentityRecord default_identity(Context& context, Tell tell);
// By name, made when missing.
IdentityRecord identity_or_new(Context& context, const std::string& name, Tell tell);
// By name; gives up when there is none.
IdentityRecord named_identity(Context& context, const std::string& name);
// A new one. `vault` is made when missing; unset: the default vault.
IdentityRecord create_identity(Context& context, const std::string& name,
                               const std::optional<std::string>& vault, Tell tell,
                               std::optional<KeyKind> kind = std::nullopt);
// A new key for an identity, in its vault; `kind` unset: of the old one's kind. Its new history.
IdentityPtr rotate_identity(Context& context, const IdentityRecord& identity,
                            std::optional<KeyKind> kind);
// A known identity's verified history, whoever's it is.
IdentityPtr known_identity(Context& context, const std::string& identifier);
// From the hex of a change history, which is verified and stored; gives up when it is none.
IdentityPtr import_history(Context& context, const std::string& hex);
// By an identity of ours, for a known one; gives up when the subject was never seen here.
CredentialAndPurposeKey issue_credential(Context& context, const IdentityRecord& issuer,
                                         const Identifier& subject, AttributeMap attributes,
                                         std::uint64_t life_s);
// For any subject.
Result<VerifiedCredential> verify_credential(Context& context,
                                             const CredentialAndPurposeKey& credential,
                                             const Identifier& issuer);
// From the hex of a change history, without keys.
IdentityRecord import_identity(Context& context, const std::string& name, const std::string& hex);

}  // namespace weir::cli
