#include "control/policy/evaluate.h"

#include <algorithm>
#include <iterator>

namespace weir {

const Expr* Environment::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

void Environment::add_attributes(const AttributeMap& attributes) {
  for (const auto& [key, value] : attributes) {
    if (!wire::valid_utf8(key) || !wire::valid_utf8(value)) continue;
    values_.try_emplace("subject." + std::string(as_text(key)),
                        Expr::str(std::string(as_text(value))));
  }
}

namespace {

using Kind = EvalError::Kind;

class Evaluator {
 public:
  Evaluator(const Environment& environment, Trace* trace) : names_(environment), trace_(trace) {}

  Evaluated run(const Expr& expr) {
    // Values of names are evaluated again: a cycle of names ends here.
    if (++steps_ > kPolicyStepsMax || depth_ > 2 * kPolicyDepthMax) {
      return failed(expr, Kind::kMalformed, "malformed expression: too much to evaluate");
    }
    ++depth_;
    Evaluated result = step(expr);
    --depth_;
    return result;
  }

 private:
  Evaluated step(const Expr& expr) {
    switch (expr.kind) {
      case Expr::Kind::kIdent:
        return leaf(expr, &Evaluator::name);
      case Expr::Kind::kSeq:
        return leaf(expr, &Evaluator::sequence);
      case Expr::Kind::kList:
        return expr.items.empty() ? leaf(expr, &Evaluator::constant) : operation(expr);
      default:
        return leaf(expr, &Evaluator::constant);
    }
  }

  Evaluated operation(const Expr& expr) {
    const Expr& head = expr.items.front();
    if (!head.is(Expr::Kind::kIdent)) return invalid_type(expr, head, "expected (op ...)");
    const std::string& op = head.text;
    const std::size_t count = expr.items.size() - 1;
    if (op == "and") return count == 0 ? leaf(expr, &Evaluator::yes) : lazy(expr, false);
    if (op == "or") return count == 0 ? leaf(expr, &Evaluator::no) : lazy(expr, true);
    if (op == "not")
      return count == 1 ? negation(expr) : wrong_count(expr, "'not' requires one argument");
    if (op == "if")
      return count == 3 ? choice(expr) : wrong_count(expr, "'if' requires three arguments");
    if (op == "exists?") return leaf(expr, &Evaluator::exists);
    if (op == "!=") return leaf(expr, &Evaluator::comparison);
    if (op == "member?") {
      return count == 2 ? leaf(expr, &Evaluator::member)
                        : wrong_count(expr, "'member?' requires two arguments");
    }
    if (op == "=" || op == "<" || op == ">") {
      return count >= 2 ? leaf(expr, &Evaluator::comparison)
                        : wrong_count(expr, "'" + op + "' requires at least two arguments");
    }
    return failed(expr, Kind::kUnknown, "unknown operator: " + op);
  }

  // --- what decides inside
  // `and` (stops at false) and `or` (stops at true). The last argument is the result, whatever its
  // type.
  Evaluated lazy(const Expr& expr, bool stop) {
    const std::size_t before = terms();
    for (std::size_t i = 1;; ++i) {
      const std::size_t from = terms();
      Evaluated value = run(expr.items[i]);
      if (!value) return value;
      const bool stopped = value->is_bool(stop);
      if (stopped && trace_ != nullptr && leaves_ == 0) {
        trace_->terms.erase(trace_->terms.begin() + static_cast<std::ptrdiff_t>(before),
                            trace_->terms.begin() + static_cast<std::ptrdiff_t>(from));
      }
      if (stopped || i + 1 == expr.items.size()) return value;
      if (!value->is(Expr::Kind::kBool)) {
        return invalid_type(
            expr, *value,
            stop ? "'or' expects boolean arguments" : "'and' expects boolean arguments");
      }
    }
  }
  Evaluated negation(const Expr& expr) {
    Evaluated value = run(expr.items[1]);
    if (!value) return value;
    if (!value->is(Expr::Kind::kBool)) {
      return invalid_type(expr, *value, "'not' expects boolean arguments");
    }
    value->boolean = !value->boolean;
    return value;
  }
  Evaluated choice(const Expr& expr) {
    Evaluated test = run(expr.items[1]);
    if (!test) return test;
    if (!test->is(Expr::Kind::kBool)) {
      return invalid_type(expr, *test, "'if' expects test to evaluate to bool");
    }
    return run(expr.items[test->boolean ? 2 : 3]);
  }

  // --- what decides as a whole
  using Leaf = Evaluated (Evaluator::*)(const Expr&);
  Evaluated leaf(const Expr& expr, Leaf evaluate_it) {
    ++leaves_;
    Evaluated result = (this->*evaluate_it)(expr);
    --leaves_;
    if (trace_ == nullptr || leaves_ > 0) return result;
    if (!result) trace_->terms.clear();
    note(expr, result ? result->to_text() : result.error().text);
    return result;
  }
  Evaluated constant(const Expr& expr) { return expr; }
  Evaluated yes(const Expr&) { return Expr::of(true); }
  Evaluated no(const Expr&) { return Expr::of(false); }
  Evaluated name(const Expr& expr) {
    const Expr* value = names_.find(expr.text);
    if (value == nullptr) return failed(expr, Kind::kUnbound, "unbound identifier: " + expr.text);
    return run(*value);
  }
  Evaluated sequence(const Expr& expr) {
    Expr out = Expr::seq({});
    for (const Expr& item : expr.items) {
      Evaluated value = run(item);
      if (!value) return value;
      out.items.push_back(std::move(*value));
    }
    return out;
  }
  Evaluated exists(const Expr& expr) {
    for (std::size_t i = 1; i < expr.items.size(); ++i) {
      const Expr& item = expr.items[i];
      if (!item.is(Expr::Kind::kIdent)) {
        return invalid_type(expr, item, "'exists?' expects identifiers as arguments");
      }
      if (names_.find(item.text) == nullptr) return Expr::of(false);
    }
    return Expr::of(true);
  }
  // The values of the arguments, left to right.
  std::expected<std::vector<Expr>, EvalError> arguments(const Expr& expr) {
    std::vector<Expr> out;
    for (std::size_t i = 1; i < expr.items.size(); ++i) {
      Evaluated value = run(expr.items[i]);
      if (!value) return std::unexpected(std::move(value.error()));
      out.push_back(std::move(*value));
    }
    return out;
  }
  // = < > over neighbours, up to the first that does not hold; != is not =.
  Evaluated comparison(const Expr& expr) {
    const std::string& op = expr.items.front().text;
    const auto values = arguments(expr);
    if (!values) return std::unexpected(values.error());
    bool holds = true;
    for (std::size_t i = 1; holds && i < values->size(); ++i) {
      const auto order = compare((*values)[i - 1], (*values)[i]);
      if (!order) return failed(expr, Kind::kTypeMismatch, order.error().text());
      holds = op == "<"   ? *order == std::partial_ordering::less
              : op == ">" ? *order == std::partial_ordering::greater
                          : *order == std::partial_ordering::equivalent;
    }
    return Expr::of(op == "!=" ? !holds : holds);
  }
  Evaluated member(const Expr& expr) {
    const auto values = arguments(expr);
    if (!values) return std::unexpected(values.error());
    const Expr& all = (*values)[1];
    if (!all.is(Expr::Kind::kSeq)) {
      return invalid_type(expr, all, "'member?' expects sequence as second argument");
    }
    for (const Expr& item : all.items) {
      const auto same = equals((*values)[0], item);
      if (!same) return failed(expr, Kind::kTypeMismatch, same.error().text());
      if (*same) return Expr::of(true);
    }
    return Expr::of(false);
  }

  // --- errors
  Evaluated failed(const Expr& term, Kind kind, std::string text) {
    if (trace_ != nullptr && leaves_ == 0) {
      trace_->terms.clear();
      note(term, text);
    }
    return std::unexpected(EvalError{kind, std::move(text)});
  }
  Evaluated invalid_type(const Expr& term, const Expr& value, const char* what) {
    return failed(term, Kind::kInvalidType,
                  "invalid type of expression " + value.to_text() + ": " + what);
  }
  Evaluated wrong_count(const Expr& term, const std::string& what) {
    return failed(term, Kind::kMalformed, "malformed expression: " + what);
  }

  // --- trace
  std::size_t terms() const { return trace_ == nullptr ? 0 : trace_->terms.size(); }
  void note(const Expr& term, std::string result) {
    Trace::Term out{term.to_text(), std::move(result)};
    collect_names(term, out);
    trace_->terms.push_back(std::move(out));
  }
  void collect_names(const Expr& expr, Trace::Term& out) {
    if (expr.is(Expr::Kind::kIdent)) {
      const Expr* value = names_.find(expr.text);
      std::pair<std::string, std::string> named(expr.text,
                                                value == nullptr ? "not set" : value->to_text());
      if (std::find(out.names.begin(), out.names.end(), named) == out.names.end()) {
        out.names.push_back(std::move(named));
      }
    }
    for (std::size_t i = expr.is(Expr::Kind::kList) ? 1 : 0; i < expr.items.size(); ++i) {
      collect_names(expr.items[i], out);
    }
  }

  const Environment& names_;
  Trace* trace_;
  std::size_t leaves_ = 0;  // open terms that decide as a whole
  std::size_t depth_ = 0;
  std::size_t steps_ = 0;
};

}  // namespace

Evaluated evaluate(const Expr& expr, const Environment& environment, Trace* trace) {
  if (trace != nullptr) trace->terms.clear();
  return Evaluator(environment, trace).run(expr);
}

}  // namespace weir
