#include "tools/weir/trust.h"

namespace weir::cli {

Result<ProjectAccess> project_access(State& state, Identities& identities,
                                     const std::string& name) {
  auto record = state.projects().get(name);
  if (!record) return pass(record);
  const auto project = Project::parse(record->json);
  if (!project) return fail(project.error().code, project.error().what, project.error().detail);
  return ProjectAccess::of(*project, identities);
}

Status add_trust(State& state, Identities& identities, const NodeOptions& options,
                 NodeConfig& config) {
  config.find_project = [&state, &identities](const std::string& name) {
    return project_access(state, identities, name);
  };
  if (!options.authority_identity.empty()) {
    if (!options.project.empty()) {
      return fail(Errc::kInvalid, "--project cannot be used with --authority-identity");
    }
    const auto authority = identities.import_hex(options.authority_identity);
    if (!authority)
      return fail(authority.error().code, authority.error().what, authority.error().detail);
    config.authorities.assign(1, (*authority)->identifier());
    if (!options.authority_route.empty() && options.credential_scope.empty()) {
      return fail(Errc::kInvalid, "--authority-route needs --credential-scope");
    }
    if (options.credential_scope.empty()) return {};
    CredentialSource source{(*authority)->identifier(), std::nullopt, options.credential_scope};
    if (!options.authority_route.empty()) {
      auto route = wire::MultiAddr::parse(options.authority_route);
      if (!route) return pass(route);
      source.listener = std::move(*route);
    }
    config.credential_source = std::move(source);
    return {};
  }
  if (!options.authority_route.empty()) {
    return fail(Errc::kInvalid, "--authority-route needs --authority-identity");
  }
  if (options.project.empty()) return {};
  const auto project = project_access(state, identities, options.project);
  if (!project) return fail(project.error().code, project.error().what, project.error().detail);
  if (project->authority) {
    config.authorities.assign(1, *project->authority);
    config.credential_source =
        CredentialSource{*project->authority, project->authority_route, project->scope()};
  }
  if (project->identity == config.identity) {
    config.project_id = project->id;
    config.relays_are_guarded = true;
  }
  return {};
}

}  // namespace weir::cli
