// A project as commands use it: the stored document, and requests to its authority, made by a node
// in this process for a moment.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "control/project/project.h"
#include "control/store/records.h"
#include "dataplane/wire/envelope.h"
#include "tools/weir/context.h"
#include "tools/weir/engine.h"

namespace weir::cli {

// By name, or the default project; gives up with what to do.
Project stored_project(Context& context, const std::optional<std::string>& name);
// Checks it as `project import` does, then stores it; an older one of the same id is replaced.
void store_project(Context& context, const Project& project);

class AuthorityAccess {
 public:
  // `who` asks. Gives up when the project has no authority.
  AuthorityAccess(Context& context, const Project& project, const IdentityRecord& who);

  // The body of a 200; else the authority's words, or why there is no answer.
  Result<Bytes> try_ask(const std::string& service, wire::Method method, const std::string& path,
                        const std::optional<Bytes>& body = std::nullopt);
  // Gives up with them.
  Bytes ask(const std::string& service, wire::Method method, const std::string& path,
            const std::optional<Bytes>& body = std::nullopt);
  void set_timeout_ms(std::uint64_t timeout_ms) { timeout_ms_ = timeout_ms; }
  // Of the last answer; unset: there was none.
  std::optional<wire::ApiStatus> status() const { return status_; }

  const ProjectAccess& project() const { return project_; }
  Identities& identities() { return node_->identities(); }

 private:
  Context& context_;
  std::unique_ptr<TemporaryNode> node_;
  ProjectAccess project_;
  std::uint64_t timeout_ms_;
  std::optional<wire::ApiStatus> status_;
};

}  // namespace weir::cli
