// The boolean form (spec/04 §9.4): alternatives in order, with backtracking, exactly as Ockam's
// combinators take them. A separator is taken back when no operand follows it, so most errors say
// how far the text could be read. An operand that failed is tried again only as one name, so the
// work is bounded by length times depth.
#include <algorithm>
#include <optional>

#include "control/identity/identifier.h"
#include "control/policy/boolean_expression.h"

namespace weir {
namespace {

enum class Problem { kNone, kName, kValue };

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_name_start(char c) { return is_alpha(c) || c == '_' || c == '-'; }
bool is_name_char(char c) { return is_name_start(c) || (c >= '0' && c <= '9') || c == '.'; }

class BooleanParser {
 public:
  explicit BooleanParser(std::string_view text) : text_(text) {}

  Parsed<BooleanExpr> run(std::vector<std::string>* glued) {
    auto tree = chain("or", BooleanExpr::Kind::kOr, 1);
    if (too_deep_) return std::unexpected(policy_too_deep());
    if (!tree) return std::unexpected(problem_text());
    if (at_ < text_.size()) {
      return std::unexpected("successfully parsed: `" + tree->expr.to_text() + "`, but `" +
                             std::string(text_.substr(at_)) + "` cannot be parsed");
    }
    if (glued != nullptr) glued->insert(glued->end(), glued_.begin(), glued_.end());
    return std::move(tree->expr);
  }

 private:
  using Kind = BooleanExpr::Kind;
  // As an Expr: a name is a list.
  static constexpr std::size_t kNameDepth = 2;

  struct Tree {
    BooleanExpr expr;
    std::size_t depth = kNameDepth;
  };

  // The operation over these; unset when that is too deep.
  template <class... Operands>
  std::optional<Tree> join(Kind kind, Operands&&... operands) {
    Tree tree;
    tree.expr.kind = kind;
    tree.depth = 1 + std::max({operands.depth...});
    (tree.expr.items.push_back(std::move(operands.expr)), ...);
    if (tree.depth > kPolicyDepthMax) too_deep_ = true;
    if (too_deep_) return std::nullopt;
    return tree;
  }

  std::string problem_text() const {
    return problem_ == Problem::kValue
               ? "expected `the value can't be empty`"
               : "expected `an alphanumerical name, separated with '.', '-' or '_'. The first "
                 "character cannot be a digit or a '.'`";
  }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  // With white space on both sides; nothing is taken when the word is not there.
  bool take(std::string_view word) {
    const std::size_t from = at_;
    skip_space();
    if (!text_.substr(at_).starts_with(word)) {
      at_ = from;
      return false;
    }
    const std::size_t word_at = at_;
    at_ += word.size();
    const std::size_t after = at_;
    skip_space();
    if (is_alpha(word[0]) && at_ == after && at_ < text_.size() && is_name_char(text_[at_])) {
      note_glued(word_at);
    }
    return true;
  }
  void note_glued(std::size_t from) {
    std::size_t to = from;
    while (to < text_.size() && is_name_char(text_[to])) ++to;
    glued_.emplace_back(text_.substr(from, to - from));
  }

  // The rules `expr` and `and_expr`: operands between separators, grouped from the left.
  std::optional<Tree> chain(std::string_view word, Kind kind, std::size_t depth) {
    auto left = operand(kind, depth);
    while (left) {
      const std::size_t from = at_;
      const std::size_t noted = glued_.size();
      if (!take(word)) break;
      auto right = operand(kind, depth);
      if (!right) {
        at_ = from;
        glued_.resize(noted);
        break;
      }
      left = join(kind, *left, *right);
    }
    return left;
  }
  std::optional<Tree> operand(Kind kind, std::size_t depth) {
    return kind == Kind::kOr ? chain("and", Kind::kAnd, depth) : not_expr(depth);
  }

  std::optional<Tree> not_expr(std::size_t depth) {
    if (depth >= kPolicyDepthMax) too_deep_ = true;
    if (too_deep_) return std::nullopt;
    const std::size_t from = at_;
    const std::size_t noted = glued_.size();
    if (take("not")) {
      if (auto inner = not_expr(depth + 1)) return join(Kind::kNot, *inner);
    }
    at_ = from;
    glued_.resize(noted);
    if (take("(")) {
      auto inner = chain("or", Kind::kOr, depth + 1);
      if (inner && take(")")) return inner;
    }
    at_ = from;
    glued_.resize(noted);
    if (too_deep_) return std::nullopt;
    auto expr = name();
    if (!expr) at_ = from;
    return expr;
  }

  std::optional<Tree> name() {
    const std::size_t from = at_;
    if (at_ >= text_.size() || !is_name_start(text_[at_])) {
      problem_ = Problem::kName;
      return std::nullopt;
    }
    while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
    BooleanExpr expr;
    expr.kind = Kind::kName;
    expr.name = text_.substr(from, at_ - from);
    if (Identifier::parse(expr.name)) {
      expr.kind = Kind::kIdentifier;
    } else if (at_ < text_.size() && text_[at_] == '=') {
      ++at_;
      expr.kind = Kind::kNameValue;
      if (!value(expr.value)) {
        problem_ = Problem::kValue;
        return std::nullopt;
      }
    }
    return Tree{std::move(expr)};
  }
  bool value(std::string& out) {
    const bool quoted = at_ < text_.size() && text_[at_] == '"';
    if (quoted) ++at_;
    std::size_t end = at_;
    if (quoted) {
      end = text_.find('"', at_);
      if (end == std::string_view::npos) return false;
    } else {
      while (end < text_.size() && is_name_char(text_[end])) ++end;
    }
    out = text_.substr(at_, end - at_);
    at_ = quoted ? end + 1 : end;
    return !out.empty();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Problem problem_ = Problem::kNone;  // of the last name tried
  bool too_deep_ = false;
  std::vector<std::string> glued_;
};

}  // namespace

Parsed<BooleanExpr> BooleanExpr::parse(std::string_view text, std::vector<std::string>* glued) {
  return BooleanParser(text).run(glued);
}

}  // namespace weir
