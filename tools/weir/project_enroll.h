// Becoming a member with a ticket: `project enroll`, and `node create --enrollment-ticket`.
#pragma once

#include <optional>
#include <string>

#include "control/project/ticket.h"
#include "tools/weir/context.h"
#include "tools/weir/project_access.h"

namespace weir::cli {

// A ticket as a text, the name of a file, or a URL (spec/03 9.4). Gives up on anything else.
Ticket read_ticket(Context& context, const std::string& given);

// Gives up when the histories do not verify or a route does not parse.
void check_project(Context& context, const Project& project);

inline constexpr std::uint64_t kEnrollTimeoutMs = 240'000;

struct Enrolled {
  std::optional<CredentialAndPurposeKey> credential;
  std::string project_name;
  bool was_member = false;
};
// Stores the project, redeems the code, and gets a first credential unless told not to.
Enrolled enroll(Context& context, const Ticket& ticket, const IdentityRecord& identity,
                std::uint64_t timeout_ms, bool with_credential);
// A first or another credential of a member; gives up when it is none or the credential is wrong.
CredentialAndPurposeKey fetch_credential(AuthorityAccess& authority,
                                         const IdentityRecord& identity);
// The authority's words for who has nothing to gain: for clients that is a success.
bool says_already_member(const Error& refusal);
// What `project enroll` and `enroll` print.
void print_enrolled(Context& context, const Enrolled& enrolled, const IdentityRecord& identity);
// The JSON of `project enroll`.
Json enrolled_json(const Enrolled& enrolled, const IdentityRecord& identity);

}  // namespace weir::cli
