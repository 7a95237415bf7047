#include "tools/drill/code.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "tools/drill/backend.h"
#include "tools/drill/scanner.h"

namespace tuntcp::drill {
namespace {

// Texts may grow by being added to themselves.
constexpr std::size_t kMaxTextOctets = std::size_t{1} << 16;

// What scripts compare tcpi_state, tcpi_ca_state and tcpi_options with.
const std::map<std::string, std::int64_t>& constants() {
  static const std::map<std::string, std::int64_t> kConstants = {
      {"True", 1},
      {"False", 0},
      {"None", 0},
      {"TCP_ESTABLISHED", TCP_ESTABLISHED},
      {"TCP_SYN_SENT", TCP_SYN_SENT},
      {"TCP_SYN_RECV", TCP_SYN_RECV},
      {"TCP_FIN_WAIT1", TCP_FIN_WAIT1},
      {"TCP_FIN_WAIT2", TCP_FIN_WAIT2},
      {"TCP_TIME_WAIT", TCP_TIME_WAIT},
      {"TCP_CLOSE", TCP_CLOSE},
      {"TCP_CLOSE_WAIT", TCP_CLOSE_WAIT},
      {"TCP_LAST_ACK", TCP_LAST_ACK},
      {"TCP_LISTEN", TCP_LISTEN},
      {"TCP_CLOSING", TCP_CLOSING},
      {"TCP_CA_Open", TCP_CA_Open},
      {"TCP_CA_Disorder", TCP_CA_Disorder},
      {"TCP_CA_CWR", TCP_CA_CWR},
      {"TCP_CA_Recovery", TCP_CA_Recovery},
      {"TCP_CA_Loss", TCP_CA_Loss},
      {"TCPI_OPT_TIMESTAMPS", 1},
      {"TCPI_OPT_SACK", 2},
      {"TCPI_OPT_WSCALE", 4},
      {"TCPI_OPT_ECN", 8},
      {"TCPI_OPT_ECN_SEEN", 16},
      {"TCPI_OPT_SYN_DATA", 32},
      {"TCPI_OPT_USEC_TS", 64},
      {"TCPI_OPT_TFO_CHILD", 128},
      {"TCP_INFINITE_SSTHRESH", 0x7fffffff},
  };
  return kConstants;
}

// One run over one program.
class Run {
 public:
  Run(const std::string& file, std::map<std::string, CodeValue>& variables,
      const std::map<std::string, std::int64_t>& info)
      : file_(file), variables_(variables), info_(info) {}

  CodeValue value_of(const CodeNode& node);
  bool is_true(const CodeNode& node) { return is_true(value_of(node)); }
  // The names in an expression and what they are: "tcpi_unacked is 2".
  std::string names_of(const CodeNode& node);

 private:
  [[noreturn]] void fail(const CodeNode& node, const std::string& message) const {
    throw ScriptError(file_, node.at, message);
  }
  static bool is_true(const CodeValue& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return !text->empty();
    if (const auto* real = std::get_if<double>(&value)) return *real != 0;
    return std::get<std::int64_t>(value) != 0;
  }
  CodeValue name(const CodeNode& node);
  CodeValue call(const CodeNode& node);
  CodeValue unary(const CodeNode& node);
  CodeValue binary(const CodeNode& node);
  CodeValue comparison(const CodeNode& node);
  CodeValue of_integers(const CodeNode& node, std::int64_t a, std::int64_t b);
  CodeValue of_reals(const CodeNode& node, double a, double b);
  std::string formatted(const CodeNode& node, const std::string& format);
  double real_of(const CodeNode& node, const CodeValue& value) const {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      return static_cast<double>(*integer);
    }
    if (const auto* real = std::get_if<double>(&value)) return *real;
    fail(node, "a text where a number should be");
  }
  std::int64_t integer_of(const CodeNode& node, const CodeValue& value) const {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
    fail(node, "something else where a whole number should be");
  }

  const std::string& file_;
  std::map<std::string, CodeValue>& variables_;
  const std::map<std::string, std::int64_t>& info_;
};

CodeValue Run::value_of(const CodeNode& node) {
  switch (node.kind) {
    case CodeNode::Kind::integer:
      return node.integer;
    case CodeNode::Kind::real:
      return node.real;
    case CodeNode::Kind::text:
      return node.text;
    case CodeNode::Kind::name:
      return name(node);
    case CodeNode::Kind::tuple:
      fail(node, "a tuple belongs behind a text and '%'");
    case CodeNode::Kind::call:
      return call(node);
    case CodeNode::Kind::unary:
      return unary(node);
    case CodeNode::Kind::binary:
      return binary(node);
    case CodeNode::Kind::comparison:
      return comparison(node);
  }
  fail(node, "no value");
}

CodeValue Run::name(const CodeNode& node) {
  if (const auto it = variables_.find(node.text); it != variables_.end()) return it->second;
  if (const auto it = info_.find(node.text); it != info_.end()) return it->second;
  if (const auto it = constants().find(node.text); it != constants().end()) return it->second;
  if (node.text.starts_with("tcpi_")) throw Unmapped(node.text + " in code");
  fail(node, "nobody knows the name '" + node.text + "'");
}

CodeValue Run::call(const CodeNode& node) {
  const bool is_min = node.text == "min";
  if (is_min || node.text == "max") {
    if (node.parts.size() < 2) fail(node, node.text + "() takes two values or more");
    CodeValue best = value_of(node.parts[0]);
    for (std::size_t i = 1; i < node.parts.size(); ++i) {
      const CodeValue other = value_of(node.parts[i]);
      const bool is_less = real_of(node, other) < real_of(node, best);
      if (is_less == is_min) best = other;
    }
    return best;
  }
  if (node.parts.size() != 1) fail(node, "nobody knows '" + node.text + "()' with these values");
  const CodeValue value = value_of(node.parts[0]);
  if (node.text == "abs") {
    if (std::holds_alternative<double>(value)) return std::fabs(std::get<double>(value));
    const std::int64_t integer = integer_of(node, value);
    return integer < 0 ? of_integers({.kind = CodeNode::Kind::binary, .at = node.at, .text = "-"},
                                     0, integer)
                       : integer;
  }
  if (node.text == "int") {
    const double real = real_of(node, value);
    if (!(std::fabs(real) < 9e18)) fail(node, "too large");
    if (std::holds_alternative<std::int64_t>(value)) return value;
    return static_cast<std::int64_t>(real);
  }
  if (node.text == "float") return real_of(node, value);
  if (node.text == "str") return to_string(value);
  fail(node, "nobody knows '" + node.text + "()'");
}

CodeValue Run::unary(const CodeNode& node) {
  if (node.text == "not") return std::int64_t{!is_true(node.parts[0])};
  const CodeValue value = value_of(node.parts[0]);
  if (node.text == "~") return ~integer_of(node, value);
  if (node.text == "+") return value;
  if (std::holds_alternative<double>(value)) return -std::get<double>(value);
  return of_integers({.kind = CodeNode::Kind::binary, .at = node.at, .text = "-"}, 0,
                     integer_of(node, value));
}

CodeValue Run::binary(const CodeNode& node) {
  if (node.text == "or" || node.text == "and") {
    CodeValue left = value_of(node.parts[0]);
    return is_true(left) == (node.text == "or") ? left : value_of(node.parts[1]);
  }
  const CodeValue left = value_of(node.parts[0]);
  if (const auto* text = std::get_if<std::string>(&left)) {
    if (node.text == "%") return formatted(node, *text);
    const CodeValue right = value_of(node.parts[1]);
    if (node.text != "+" || !std::holds_alternative<std::string>(right)) {
      fail(node, "'" + node.text + "' with a text");
    }
    std::string sum = *text + std::get<std::string>(right);
    if (sum.size() > kMaxTextOctets) fail(node, "the text grows too long");
    return sum;
  }
  const CodeValue right = value_of(node.parts[1]);
  if (std::holds_alternative<std::int64_t>(left) && std::holds_alternative<std::int64_t>(right) &&
      node.text != "/") {
    return of_integers(node, std::get<std::int64_t>(left), std::get<std::int64_t>(right));
  }
  return of_reals(node, real_of(node, left), real_of(node, right));
}

CodeValue Run::of_integers(const CodeNode& node, std::int64_t a, std::int64_t b) {
  const std::string& symbol = node.text;
  std::int64_t result = 0;
  bool overflows = false;
  if (symbol == "+") {
    overflows = __builtin_add_overflow(a, b, &result);
  } else if (symbol == "-") {
    overflows = __builtin_sub_overflow(a, b, &result);
  } else if (symbol == "*") {
    overflows = __builtin_mul_overflow(a, b, &result);
  } else if (symbol == "|") {
    result = a | b;
  } else if (symbol == "&") {
    result = a & b;
  } else if (symbol == "^") {
    result = a ^ b;
  } else if (symbol == "<<" || symbol == ">>") {
    if (b < 0 || b > 62) fail(node, "a shift by " + std::to_string(b));
    if (symbol == ">>") return a >> b;
    overflows = __builtin_mul_overflow(a, std::int64_t{1} << b, &result);
  } else {  // "//" and "%": the quotient is rounded down
    if (b == 0) fail(node, "a division by zero");
    if (b == -1)
      return symbol == "%"
                 ? CodeValue{std::int64_t{0}}
                 : of_integers({.kind = CodeNode::Kind::binary, .at = node.at, .text = "-"}, 0, a);
    std::int64_t quotient = a / b;
    std::int64_t remainder = a % b;
    if (remainder != 0 && (remainder < 0) != (b < 0)) {
      --quotient;
      remainder += b;
    }
    result = symbol == "%" ? remainder : quotient;
  }
  if (overflows) fail(node, "a number that needs more than 64 bits");
  return result;
}

CodeValue Run::of_reals(const CodeNode& node, double a, double b) {
  if (node.text == "+") return a + b;
  if (node.text == "-") return a - b;
  if (node.text == "*") return a * b;
  if (node.text == "/" || node.text == "//") {
    if (b == 0) fail(node, "a division by zero");
    return node.text == "/" ? a / b : std::floor(a / b);
  }
  fail(node, "'" + node.text + "' with a fraction");
}

CodeValue Run::comparison(const CodeNode& node) {
  CodeValue left = value_of(node.parts[0]);
  for (std::size_t i = 0; i < node.operators.size(); ++i) {
    CodeValue right = value_of(node.parts[i + 1]);
    std::partial_ordering order = std::partial_ordering::unordered;
    if (left.index() == right.index()) {
      order = left <=> right;
    } else if (std::holds_alternative<std::string>(left) ||
               std::holds_alternative<std::string>(right)) {
      fail(node, "a text compared with a number");
    } else {
      order = real_of(node, left) <=> real_of(node, right);
    }
    const std::string& symbol = node.operators[i];
    const bool holds = symbol == "=="   ? order == 0
                       : symbol == "!=" ? order != 0
                       : symbol == "<=" ? order <= 0
                       : symbol == ">=" ? order >= 0
                       : symbol == "<"  ? order < 0
                                        : order > 0;
    if (!holds) return std::int64_t{0};
    left = std::move(right);
  }
  return std::int64_t{1};
}

// 'cwnd=%d' % x, with %d %i %u %x %s %f and no widths.
std::string Run::formatted(const CodeNode& node, const std::string& format) {
  const CodeNode& right = node.parts[1];
  std::vector<CodeValue> values;
  if (right.kind == CodeNode::Kind::tuple) {
    for (const CodeNode& part : right.parts) values.push_back(value_of(part));
  } else {
    values.push_back(value_of(right));
  }
  std::string text;
  std::size_t used = 0;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      text += format[i];
      continue;
    }
    const char kind = ++i < format.size() ? format[i] : '\0';
    if (kind == '%') {
      text += '%';
      continue;
    }
    if (std::string_view("diuxsf").find(kind) == std::string_view::npos || kind == '\0') {
      fail(node, "a conversion other than %d %i %u %x %s %f");
    }
    if (used == values.size()) fail(node, "more conversions than values");
    text += to_string(values[used++]);
  }
  if (used != values.size()) fail(node, "more values than conversions");
  return text;
}

std::string Run::names_of(const CodeNode& node) {
  if (node.kind == CodeNode::Kind::name) {
    if (constants().contains(node.text)) return {};
    return node.text + " is " + to_string(value_of(node));
  }
  std::string all;
  for (const CodeNode& part : node.parts) {
    const std::string names = names_of(part);
    if (names.empty() || all.find(names) != std::string::npos) continue;
    all += (all.empty() ? "" : ", ") + names;
  }
  return all;
}

}  // namespace

std::string to_string(const CodeValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  return std::to_string(std::get<double>(value));
}

void Evaluator::run(const CodeProgram& program, const std::map<std::string, std::int64_t>& info,
                    std::string& printed) {
  Run run(file_, variables_, info);
  for (const CodeStatement& statement : program) {
    switch (statement.kind) {
      case CodeStatement::Kind::assertion: {
        if (run.is_true(statement.parts[0])) break;
        std::string message =
            "assert " + statement.source + ": " + run.names_of(statement.parts[0]);
        if (statement.parts.size() > 1 && statement.parts[1].kind != CodeNode::Kind::name) {
          message += " (" + to_string(run.value_of(statement.parts[1])) + ")";
        }
        throw AssertionFailure(statement.at, message);
      }
      case CodeStatement::Kind::print:
        for (const CodeNode& part : statement.parts) {
          printed += to_string(run.value_of(part));
          printed += &part == &statement.parts.back() ? "\n" : " ";
        }
        break;
      case CodeStatement::Kind::assignment: {
        if (statement.assignment == "=") {
          variables_[statement.target] = run.value_of(statement.parts[0]);
          break;
        }
        CodeNode sum{.kind = CodeNode::Kind::binary, .at = statement.at};
        sum.text = statement.assignment.substr(0, statement.assignment.size() - 1);
        sum.parts.push_back(
            {.kind = CodeNode::Kind::name, .at = statement.at, .text = statement.target});
        sum.parts.push_back(statement.parts[0]);
        variables_[statement.target] = run.value_of(sum);
        break;
      }
      case CodeStatement::Kind::expression:
        run.value_of(statement.parts[0]);
        break;
    }
  }
}

}  // namespace tuntcp::drill
