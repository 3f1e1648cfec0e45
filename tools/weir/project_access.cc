#include "tools/weir/project_access.h"

#include <fmt/core.h>

#include "tools/weir/failure.h"
#include "tools/weir/identity_access.h"

namespace weir::cli {

Project stored_project(Context& context, const std::optional<std::string>& name) {
  auto record =
      name ? context.state().projects().get(*name) : context.state().projects().get_default();
  if (!record && record.error().code == Errc::kNotFound) {
    if (name) {
      give_up(fmt::format("There is no project with name {}", *name), "see `weir project list`");
    }
    give_up(Failure{
        "There is no default project defined. Please enroll or create a project.",
        {},
        "enroll with `weir project enroll TICKET`, or make one with `weir project create NAME`",
        "OCK401",
        kExitFailed});
  }
  return must(Project::parse(must(std::move(record)).json));
}

void store_project(Context& context, const Project& project) {
  ProjectRecord record;
  record.id = project.id;
  record.name = project.name;
  record.json = project.document().dump();
  must(context.state().projects().put(record));
}

AuthorityAccess::AuthorityAccess(Context& context, const Project& project,
                                 const IdentityRecord& who)
    : context_(context),
      node_(must(start_temporary_node(context, who))),
      project_(must(ProjectAccess::of(project, node_->identities()))),
      timeout_ms_(default_timeout_ms(context.env())) {
  if (project_.authority && project_.authority_route) return;
  give_up(fmt::format("Project {} has no authority", project.name),
          "import one with authority_identity and authority_access_route");
}

Result<Bytes> AuthorityAccess::try_ask(const std::string& service, wire::Method method,
                                       const std::string& path, const std::optional<Bytes>& body) {
  status_.reset();
  wire::MultiAddr to = project_.authority_route->slice(0, project_.authority_route->size() - 1);
  to.push_back(wire::Proto::kSecure, project_.authority_route->parts().back().value());
  to.push_back(wire::Proto::kService, service);
  wire::Request request;
  request.id = static_cast<std::uint32_t>(context_.rng().next_u64() | 1);
  request.path = path;
  request.method = method;
  request.has_body = body.has_value();
  if (body) request.body = *body;
  auto answer = node_->send_message(to, wire::encode_request(request), timeout_ms_,
                                    std::vector<Identifier>{*project_.authority});
  if (!answer) {
    return fail(answer.error().code, "the authority cannot be asked", answer.error().text());
  }
  auto response = wire::decode_response(*answer);
  if (!response) return pass(response);
  status_ = response->status;
  if (status_ == wire::ApiStatus::kOk) return std::move(response->body);
  const wire::ErrorBody error = wire::response_error(*response);
  return fail(Errc::kRefused, "refused", error.message.value_or("without a reason"));
}

Bytes AuthorityAccess::ask(const std::string& service, wire::Method method, const std::string& path,
                           const std::optional<Bytes>& body) {
  auto answer = try_ask(service, method, path, body);
  if (answer) return std::move(*answer);
  if (answer.error().code == Errc::kRefused) give_up(answer.error().detail);
  give_up(answer.error());
}

}  // namespace weir::cli
