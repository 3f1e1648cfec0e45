// weir enroll: with an identity provider in Ockam's Orchestrator; here a project is joined with a
// ticket (providers are not built yet).
#include "tools/weir/commands.h"
#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

void run_enroll(Context&, const Arguments&) {
  give_up(Failure{"No identity provider is configured",
                  {"enrolment with a provider is not built yet in weir"},
                  "ask an enroller of the project for a ticket (`weir project ticket`), then run "
                  "`weir project enroll TICKET`",
                  {},
                  kExitFailed});
}

}  // namespace

CommandSpec enroll_command() {
  return command("enroll",
                 "Join a project by an identity provider; not built yet: see project enroll",
                 run_enroll)
      .with(option("identity", "IDENTITY_NAME", "Who enrols"))
      .with(flag("authorization-code-flow", "No effect").hidden())
      .with(flag("force", "No effect").hidden())
      .with(flag("skip-resource-creation", "No effect").hidden());
}

}  // namespace weir::cli
