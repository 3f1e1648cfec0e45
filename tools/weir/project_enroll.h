// Becoming a member with a ticket: `project enroll`, and `node create --enrollment-ticket`.
#pragma once

#include <optional>
#include <string>

#include "control/project/ticket.h"
#include "tools/weir/context.h"

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
// The JSON of `project enroll`.
Json enrolled_json(const Enrolled& enrolled, const IdentityRecord& identity);

}  // namespace weir::cli
