// The S-expression form (spec/04 §9.4), without recursion: one frame per open bracket.
#include "control/policy/internal/lexer.h"

namespace weir {
namespace {

using policy::Token;

bool starts_with_operator(const Expr& expr) {
  if (expr.is(Expr::Kind::kIdent)) return is_policy_operator(expr.text);
  return expr.is(Expr::Kind::kList) && !expr.items.empty() &&
         starts_with_operator(expr.items.front());
}

class ExprParser {
 public:
  explicit ExprParser(std::string_view text) : text_(text), lexer_(text) {}

  Parsed<Expr> run() {
    for (;;) {
      Parsed<Token> token = lexer_.next();
      if (!token) return std::unexpected(token.error());
      if (token->kind == Token::Kind::kEnd) return finish();
      const std::string problem = take(std::move(*token));
      if (!problem.empty()) return std::unexpected(problem);
    }
  }

 private:
  struct Frame {
    bool list = true;
    std::vector<Expr> items = {};
  };

  std::string take(Token token) {
    if (++nodes_ > kPolicyNodesMax) return "the expression is too long";
    switch (token.kind) {
      case Token::Kind::kOpenList:
      case Token::Kind::kOpenSeq:
        frames_.push_back({token.kind == Token::Kind::kOpenList});
        return frames_.size() > kPolicyDepthMax ? policy_too_deep() : std::string();
      case Token::Kind::kCloseList:
        return close(true);
      case Token::Kind::kCloseSeq:
        return close(false);
      default:
        frames_.back().items.push_back(std::move(token.value));
        return {};
    }
  }

  std::string close(bool list) {
    Frame& frame = frames_.back();
    std::vector<Expr> items = std::move(frame.items);
    frame.items.clear();
    if (frames_.size() > 1) {
      if (frame.list != list) {
        return frame.list ? "'(' without matching ')'" : "'[' without matching ']'";
      }
      frames_.pop_back();
    } else if (std::exchange(surplus_, true)) {
      return surplus_text();
    }
    if (!list) {
      for (std::size_t i = 1; i < items.size(); ++i) {
        const auto same = equals(items[i - 1], items[i]);
        if (!same) return same.error().text();
      }
    }
    frames_.back().items.push_back(list ? Expr::list(std::move(items))
                                        : Expr::seq(std::move(items)));
    return {};
  }

  Parsed<Expr> finish() {
    if (frames_.size() > 1) {
      return std::unexpected(frames_.back().list ? "unclosed '('" : "unclosed '['");
    }
    std::vector<Expr>& items = frames_.back().items;
    if (items.empty()) return std::unexpected("empty expression value");
    Expr expr = items.size() == 1 ? std::move(items.front()) : Expr::list(std::move(items));
    if (!starts_with_operator(expr)) {
      return std::unexpected("The first identifier of the expression: `" + std::string(text_) +
                             "` must be an operation. The available operations are: and, or, not, "
                             "if, <, >, =, !=, member?, exists?");
    }
    if (deeper_than(expr, kPolicyDepthMax)) return std::unexpected(policy_too_deep());
    // A list around a whole expression, which would deny everybody.
    if (surplus_ && !expr.items.empty() && !expr.items.front().is(Expr::Kind::kIdent)) {
      return std::unexpected(surplus_text());
    }
    return expr;
  }

  static std::string surplus_text() { return "')' or ']' without an opening bracket"; }

  std::string_view text_;
  policy::Lexer lexer_;
  std::vector<Frame> frames_ = std::vector<Frame>(1);
  std::size_t nodes_ = 0;
  bool surplus_ = false;
};

}  // namespace

Parsed<Expr> Expr::parse(std::string_view text) {
  if (text.size() > kPolicyTextBytesMax) return std::unexpected("the expression is too long");
  if (!wire::valid_utf8(as_bytes(text))) return std::unexpected("the expression is not UTF-8");
  return ExprParser(text).run();
}

}  // namespace weir
