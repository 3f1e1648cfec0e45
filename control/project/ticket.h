// Enrollment tickets: a one-time code and what is needed to reach and trust a project and its
// authority, in four text forms (spec/03 9.3, 9.4). Reading is total and verifies nothing: the
// histories are checked when the project is used (ProjectAccess).
//
// Better than Ockam: white space around a ticket is ignored (`echo` adds a newline, with which
// Ockam hangs or complains).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "control/authority/requests.h"
#include "control/project/project.h"
#include "dataplane/wire/multiaddr.h"

namespace weir {

inline constexpr std::size_t kTicketBytesMax = 1 << 20;

struct Ticket {
  wire::MultiAddr project_route;
  std::string project_id;
  Identifier project_identifier;  // not compared with the history
  std::string project_name;
  OneTimeCode code;
  std::string project_change_history;    // hex
  std::string authority_change_history;  // hex
  wire::MultiAddr authority_route;

  // Any of the four forms.
  static Result<Ticket> parse(std::string_view text);

  std::string text() const;  // seven fields with commas between
  std::string hex() const;   // of text()
  std::string json() const;
  std::string legacy_json() const;
  std::string legacy_hex() const;

  Project project() const;
  // kInvalid when the project has no authority, no history or a route without a service.
  static Result<Ticket> of(const Project& project, const OneTimeCode& code);
};

}  // namespace weir
