// Policies (spec/04 5.12). Expressions are those of control/policy.
#pragma once

#include "control/node/api/models_common.h"
#include "control/policy/policy_expression.h"
#include "control/policy/resource.h"

namespace weir::api {

// An enum whose only field has index 1: 82 01 82 f6 <type>, 82 02 82 f6 <name>.
struct ResourceTypeOrName {
  std::optional<ResourceType> type;
  std::string name;  // without a type

  // A word that is a type's name means the type.
  static ResourceTypeOrName of(std::string_view word);
  // The type's text, or the name.
  std::string text() const;
  Bytes encode() const;
  static Result<ResourceTypeOrName> decode(ByteSpan body);
};

struct SetPolicy {
  ResourceTypeOrName resource;
  PolicyExpression expression;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.resource);
    field(2, m.expression);
  }
  Bytes encode() const;
  static Result<SetPolicy> decode(ByteSpan body);
};

struct PolicyInfo {
  ResourceTypeOrName resource;
  std::uint64_t action = kActionHandleMessageNumber;
  Expr expression;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.resource);
    field(2, m.action);
    field(3, m.expression);
  }
  Bytes encode() const;
  static Result<PolicyInfo> decode(ByteSpan body);
};

// The body of GET /policy: null stands for all.
struct PolicyFilter {
  std::optional<ResourceTypeOrName> resource;
  Bytes encode() const;
  static Result<PolicyFilter> decode(ByteSpan body);
};

struct PoliciesList {
  struct OfName {
    std::string resource;
    std::uint64_t action = kActionHandleMessageNumber;
    Expr expression;

    template <class Self, class Field>
    static void visit(Self& m, Field&& field) {
      field(1, m.resource);
      field(2, m.action);
      field(3, m.expression);
    }
  };
  struct OfType {
    ResourceType resource = ResourceType::kTcpInlet;
    std::uint64_t action = kActionHandleMessageNumber;
    Expr expression;

    template <class Self, class Field>
    static void visit(Self& m, Field&& field) {
      field(1, m.resource);
      field(2, m.action);
      field(3, m.expression);
    }
  };
  std::vector<OfName> names;
  std::vector<OfType> types;

  template <class Self, class Field>
  static void visit(Self& m, Field&& field) {
    field(1, m.names);
    field(2, m.types);
  }
  // Names first, as `policy list` shows them.
  std::vector<PolicyInfo> all() const;
  Bytes encode() const;
  static Result<PoliciesList> decode(ByteSpan body);
};

}  // namespace weir::api
