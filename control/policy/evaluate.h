// Evaluating a policy over what is known about a message (spec/04 §9.5). Total: an unbound name or
// a wrong type is an EvalError, which denies; work and depth are bounded (limits.h).
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/identity/credential.h"
#include "control/policy/expression.h"

namespace weir {

// Names and what they stand for.
class Environment {
 public:
  void put(std::string name, Expr value) {
    values_.insert_or_assign(std::move(name), std::move(value));
  }
  const Expr* find(std::string_view name) const;
  // Every attribute whose key and value are UTF-8, as subject.KEY. Never replaces a value: no
  // attribute can forge subject.identifier or subject.has_credential, provided that they are put
  // first (spec/04 §12 item 4).
  void add_attributes(const AttributeMap& attributes);

 private:
  std::map<std::string, Expr, std::less<>> values_;
};

struct EvalError {
  enum class Kind : std::uint8_t { kUnbound, kUnknown, kInvalidType, kTypeMismatch, kMalformed };
  Kind kind;
  std::string text;  // Ockam's
};

// Which terms decided: those without which the result would not follow. Of an `and` that is false
// and of an `or` that is true it is one argument, else all; of an error the term that failed.
struct Trace {
  struct Term {
    std::string text;                                             // "(= subject.role \"member\")"
    std::string result;                                           // "false", or what is wrong
    std::vector<std::pair<std::string, std::string>> names = {};  // and what they stand for
  };
  std::vector<Term> terms;
};

using Evaluated = std::expected<Expr, EvalError>;
// `trace` may be null; it is written anew.
Evaluated evaluate(const Expr& expr, const Environment& environment, Trace* trace = nullptr);

}  // namespace weir
