// Code in scripts: what it computes is Python's; what it refuses is refused where it stands.
#include "tools/drill/code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/drill/backend.h"
#include "tools/drill/scanner.h"

namespace tuntcp::drill {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::map<std::string, std::int64_t> kInfo = {{"tcpi_unacked", 2}, {"tcpi_rtt", 12'345}};

// What "print(expression)" writes, or the error.
std::string printed(const std::string& code) {
  std::string text;
  try {
    Evaluator("x.pkt").run(parse_code({.at = {.line = 7, .column = 3}, .text = code}, "x.pkt"),
                           kInfo, text);
  } catch (const AssertionFailure& failure) {
    return "assertion: " + std::string(failure.what());
  } catch (const std::exception& error) {
    return error.what();
  }
  return text;
}
std::string value(const std::string& expression) {
  return printed("print(" + expression + ")");
}

TEST(Code, ComputesAsPythonDoes) {
  EXPECT_EQ(value("1 + 2 * 3 - 4"), "3\n");
  EXPECT_EQ(value("(1 + 2) * 3"), "9\n");
  EXPECT_EQ(value("7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 % -3"), "3 -4 1 2 -2\n");
  EXPECT_EQ(value("1 << 4 | 3 & 2 ^ 1, ~5"), "19 -6\n");
  EXPECT_EQ(value("0x10 == 16, 1 != 1, not 0, not 3"), "1 0 1 0\n");
  EXPECT_EQ(value("1 < 2 < 3, 1 < 3 < 2, 5 >= 5"), "1 0 1\n");
  EXPECT_EQ(value("0 or 7, 3 and 0, 1 and 2"), "7 0 2\n");
  EXPECT_EQ(value("min(3, 1, 2), max(1, 2), abs(-4), int(7.9)"), "1 2 4 7\n");
  EXPECT_EQ(value("7 / 2 == 3.5"), "1\n");
  EXPECT_EQ(value("'rtt=%d of %s%%' % (tcpi_rtt, 'x')"), "rtt=12345 of x%\n");
}

TEST(Code, KnowsTheNamesOfTcpInfoAndItsConstants) {
  EXPECT_EQ(value("tcpi_unacked"), "2\n");
  EXPECT_EQ(value("TCP_ESTABLISHED, TCP_CA_Recovery, TCPI_OPT_SYN_DATA"), "1 3 32\n");
  std::string text;
  const auto program = parse_code({.text = "assert tcpi_unheard_of == 1"}, "x.pkt");
  EXPECT_THROW(Evaluator("x.pkt").run(program, kInfo, text), Unmapped);
}

TEST(Code, VariablesLiveFromOnePieceToTheNext) {
  Evaluator evaluator("x.pkt");
  std::string text;
  evaluator.run(parse_code({.text = "cwnd = 10"}, "x.pkt"), kInfo, text);
  evaluator.run(parse_code({.text = "cwnd += 5; print(cwnd)"}, "x.pkt"), kInfo, text);
  EXPECT_EQ(text, "15\n");
}

TEST(Code, StatementsEndAtLinesAndSemicolonsUnlessJoined) {
  EXPECT_EQ(printed("print(1); print(2)\n# a comment\nprint(3)"), "1\n2\n3\n");
  EXPECT_EQ(printed("print(1 + \\\n 2)"), "3\n");
  EXPECT_EQ(printed("print(1 +\n 2)"), "3\n");
}

TEST(Code, FailedAssertionSaysWhatTheNamesAre) {
  EXPECT_EQ(printed("assert tcpi_unacked == 2, tcpi_unacked"), "");
  EXPECT_EQ(printed("assert tcpi_unacked == 3, tcpi_unacked"),
            "assertion: assert tcpi_unacked == 3: tcpi_unacked is 2");
  EXPECT_EQ(printed("assert 0 <= tcpi_rtt <= 10, 'rtt=%d' % tcpi_rtt"),
            "assertion: assert 0 <= tcpi_rtt <= 10: tcpi_rtt is 12345 (rtt=12345)");
}

// The code begins at line 7, column 3 of the script.
TEST(Code, MistakesAreNamedWhereTheyAre) {
  EXPECT_THAT(printed("assert"), StartsWith("x.pkt:7:9: "));
  EXPECT_THAT(printed("print(1"), StartsWith("x.pkt:7:10: "));
  EXPECT_THAT(printed("x = 1\nprint(x y)"), StartsWith("x.pkt:8:9: 'y' where ')'"));
  EXPECT_THAT(printed("if 1: pass"), StartsWith("x.pkt:7:3: if is not understood"));
  EXPECT_THAT(printed("print(nobody)"), StartsWith("x.pkt:7:9: nobody knows the name"));
  EXPECT_THAT(printed("print('abc)"), StartsWith("x.pkt:7:9: text without an end"));
  EXPECT_THAT(printed("print(1 @ 2)"), StartsWith("x.pkt:7:11: "));
}

TEST(Code, WhatPythonCouldAndSixtyFourBitsCannotIsAnError) {
  EXPECT_THAT(value("1 // 0"), HasSubstr("division by zero"));
  EXPECT_THAT(value("1 % 0"), HasSubstr("division by zero"));
  EXPECT_THAT(value("9223372036854775807 + 1"), HasSubstr("64 bits"));
  EXPECT_THAT(value("9223372036854775808"), HasSubstr("64 bits"));
  EXPECT_THAT(value("1 << 80"), HasSubstr("shift"));
  EXPECT_EQ(value("(-9223372036854775807 - 1) // 3"), "-3074457345618258603\n");
  EXPECT_THAT(value("(-9223372036854775807 - 1) // -1"), HasSubstr("64 bits"));
  EXPECT_THAT(value("'a' < 1"), HasSubstr("compared"));
  EXPECT_THAT(value("'%d %d' % 1"), HasSubstr("more conversions"));
  EXPECT_THAT(value("'%s' % (1, 2)"), HasSubstr("more values"));
}

TEST(Code, BoundsHold) {
  EXPECT_THAT(value(std::string(100'000, '(')), HasSubstr("nested too deep"));
  EXPECT_THAT(value(std::string(100'000, '~') + "1"), HasSubstr("nested too deep"));
  std::string sum = "1";
  for (int i = 0; i < 5'000; ++i) sum += "+1";
  EXPECT_THAT(value(sum), HasSubstr("too long"));
  std::string doubling = "x = 'abcdefgh'\n";
  for (int i = 0; i < 40; ++i) doubling += "x = x + x\n";
  EXPECT_THAT(printed(doubling), HasSubstr("grows too long"));
}

}  // namespace
}  // namespace tuntcp::drill
