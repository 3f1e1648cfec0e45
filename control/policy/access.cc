#include "control/policy/access.h"

#include "control/store/knowledge.h"

namespace weir {
namespace {

const char* scope_words(PolicyScope scope) {
  return scope == PolicyScope::kResourceType ? "resource type " : "resource ";
}

Environment environment_of(const AccessRequest& request) {
  Environment names;
  names.put("resource.id", Expr::str(std::string(request.resource)));
  names.put("action.id", Expr::str(std::string(request.action)));
  if (request.subject) names.put("subject.identifier", Expr::str(request.subject->text()));
  if (request.authority) {
    names.put("subject.has_credential", Expr::of(request.attributes != nullptr));
    if (request.attributes != nullptr) names.add_attributes(*request.attributes);
  }
  return names;
}

std::string reason_of(const Evaluated& value) {
  if (!value) return value.error().text;
  if (!value->is(Expr::Kind::kBool)) {
    return "the policy gives " + value->to_text() + ", which is neither true nor false";
  }
  return value->boolean ? "the policy holds" : "the policy does not hold";
}

}  // namespace

Expr default_type_policy() {
  return Expr::list({Expr::ident("="), Expr::ident("subject.has_credential"), Expr::of(true)});
}

Decision decide_by(const Expr& expr, const AccessRequest& request, Trace* trace) {
  Decision decision;
  decision.source = Decision::Source::kGiven;
  decision.expression = expr.to_text();
  if (!request.subject) {
    if (trace != nullptr) trace->terms.clear();
    decision.reason =
        "the subject has no identity: its messages do not come through a secure channel";
    return decision;
  }
  const Evaluated value = evaluate(expr, environment_of(request), trace);
  decision.allow = value && value->is_bool(true);
  decision.reason = reason_of(value);
  return decision;
}

Status Policies::load() {
  std::map<Key, Policy> loaded;
  if (table_ != nullptr) {
    auto rows = table_->list(node_name_);
    if (!rows) return pass(rows);
    for (PolicyRecord& row : *rows) {
      if (row.action != kActionHandleMessage) continue;
      Policy policy{row.scope, row.subject, std::move(row.expression), std::nullopt};
      if (auto expr = Expr::parse(policy.text)) policy.expr = std::move(*expr);
      loaded.insert_or_assign({row.scope, row.subject}, std::move(policy));
    }
  }
  for (const std::string_view type : kResourceTypeTexts) {
    Expr expr = default_type_policy();
    std::string text = expr.to_text();
    loaded.try_emplace(
        {PolicyScope::kResourceType, std::string(type)},
        Policy{PolicyScope::kResourceType, std::string(type), std::move(text), std::move(expr)});
  }
  policies_ = std::move(loaded);
  notify();
  return {};
}

Status Policies::put(PolicyScope scope, const std::string& subject, const Expr& expr) {
  Policy policy{scope, subject, expr.to_text(), expr};
  const auto again = Expr::parse(policy.text);
  if (!again) return fail(Errc::kInvalid, "the policy cannot be stored", again.error());
  if (again->encode() != expr.encode()) {
    return fail(Errc::kInvalid, "the policy cannot be stored", "its text means something else");
  }
  if (table_ != nullptr) {
    Status done =
        table_->put({node_name_, scope, subject, std::string(kActionHandleMessage), policy.text});
    if (!done) return done;
  }
  policies_.insert_or_assign({scope, subject}, std::move(policy));
  notify();
  return {};
}

Status Policies::remove(PolicyScope scope, const std::string& subject) {
  if (table_ != nullptr) {
    Status done = table_->remove(node_name_, scope, subject, kActionHandleMessage);
    if (!done && done.error().code != Errc::kNotFound) return done;
  }
  if (policies_.erase({scope, subject}) > 0) notify();
  return {};
}

const Policy* Policies::find(PolicyScope scope, std::string_view subject) const {
  const auto found = policies_.find({scope, std::string(subject)});
  return found == policies_.end() ? nullptr : &found->second;
}

std::vector<Policy> Policies::list() const {
  std::vector<Policy> out;
  for (const auto& [key, policy] : policies_) out.push_back(policy);
  return out;
}

const Policy* Policies::in_effect(const AccessRequest& request) const {
  if (const Policy* named = find(PolicyScope::kResource, request.resource)) return named;
  return request.type ? find(PolicyScope::kResourceType, resource_type_text(*request.type))
                      : nullptr;
}

Decision Policies::decide(const AccessRequest& request, Trace* trace) const {
  Decision decision;
  const Policy* policy = in_effect(request);
  if (policy == nullptr || !policy->expr) {
    if (trace != nullptr) trace->terms.clear();
    decision.reason = "there is no policy for this resource or its type";
    if (policy == nullptr) return decision;
    decision.expression = policy->text;
    decision.reason = "the stored policy cannot be read";
  } else if (!request.authority && policy->scope == PolicyScope::kResourceType &&
             policy->text == default_type_policy().to_text()) {
    // Ockam guards nothing without an authority. A policy that somebody has set counts, though.
    if (trace != nullptr) trace->terms.clear();
    decision.allow = true;
    decision.source = Decision::Source::kNoAuthority;
    decision.reason = "nobody has set a policy, and the node has no authority";
    return decision;
  } else {
    decision = decide_by(*policy->expr, request, trace);
  }
  const bool named = policy->scope == PolicyScope::kResource;
  decision.source = named ? Decision::Source::kResource : Decision::Source::kResourceType;
  decision.policy = policy->subject;
  decision.reason +=
      std::string(" (policy of ") + scope_words(policy->scope) + policy->subject + ")";
  return decision;
}

void Policies::notify() const {
  for (const auto& changed : changed_) changed();
}

}  // namespace weir
