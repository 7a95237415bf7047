// What stands between %{ and }% in a script: assertions about a connection, in the part of Python
// that scripts use. Statements: assert, print(), assignment. Expressions: numbers, texts, names,
// or/and/not, comparisons (chained as well), | ^ & << >> + - * / // %, texts with %, min() max()
// abs() int(). Everything else is refused where it stands.
//
// Unlike Python: integers have 64 bits, and an overflow is an error.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tools/drill/script.h"

namespace tuntcp::drill {

// A parsed expression. Operators have their operands as `parts`; comparisons chain: parts[0]
// operators[0] parts[1] operators[1] parts[2].
struct CodeNode {
  enum class Kind : std::uint8_t {
    integer,
    real,
    text,
    name,
    tuple,
    call,        // text(parts)
    unary,       // text: "-", "+", "~", "not"
    binary,      // text: "+", "and", ...
    comparison,  // operators
  };
  Kind kind = Kind::integer;
  Position at{};
  std::int64_t integer = 0;
  double real = 0;
  std::string text{};
  std::vector<CodeNode> parts{};
  std::vector<std::string> operators{};
};

struct CodeStatement {
  enum class Kind : std::uint8_t { assertion, print, assignment, expression };
  Kind kind = Kind::expression;
  Position at{};
  std::string source{};  // of the asserted expression
  std::string target{};  // of an assignment, and its operator: "=", "+="
  std::string assignment{};
  // assertion: condition, perhaps a message; print: the arguments; else one expression.
  std::vector<CodeNode> parts{};
};

using CodeProgram = std::vector<CodeStatement>;

// ScriptError with the position in the script. Bounded as parse() is.
CodeProgram parse_code(const CodeSpec& code, const std::string& file);

using CodeValue = std::variant<std::int64_t, double, std::string>;
std::string to_string(const CodeValue& value);

// An assertion that did not hold.
class AssertionFailure : public std::runtime_error {
 public:
  AssertionFailure(Position at, const std::string& message)
      : std::runtime_error(message), at_(at) {}
  Position at() const { return at_; }

 private:
  Position at_;
};

// Runs one script's code, piece by piece: variables live from one piece to the next.
class Evaluator {
 public:
  explicit Evaluator(std::string file) : file_(std::move(file)) {}
  // `info` are the values of TCP_INFO by name; Unmapped where code asks for one that is not there.
  // AssertionFailure, or ScriptError (a name nobody knows, a division by zero). What print() wrote
  // is appended to `printed`.
  void run(const CodeProgram& program, const std::map<std::string, std::int64_t>& info,
           std::string& printed);

 private:
  std::string file_;
  std::map<std::string, CodeValue> variables_;
};

}  // namespace tuntcp::drill
