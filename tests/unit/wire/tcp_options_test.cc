// wire/tcp_options.h: RFC 9293, 3.2; RFC 7323, 2 and 3; RFC 2018, 2 and 3.
#include "stack/wire/tcp_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/hex.h"

namespace tuntcp::wire {
namespace {

using test::from_hex;
using test::Octets;
using test::operator+;

SeqRange block(std::uint32_t begin, std::uint32_t end) {
  return {.begin = SeqNum(begin), .end = SeqNum(end)};
}

struct Read {
  const char* name;
  const char* octets;
  TcpOptions expected;
};
void PrintTo(const Read& row, std::ostream* out) {
  *out << row.name << ": " << row.octets;
}
class ParseOptions : public testing::TestWithParam<Read> {};
TEST_P(ParseOptions, GivesWhatTheRfcsSay) {
  EXPECT_EQ(parse_options(from_hex(GetParam().octets)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    WellFormed, ParseOptions,
    testing::Values(Read{"nothing", "", {}}, Read{"MSS", "0204 05b4", {.mss = 1460}},
                    Read{"MSS of 0 is a value", "0204 0000", {.mss = 0}},
                    Read{"largest MSS", "0204 ffff", {.mss = 65'535}},
                    Read{"window scale", "0103 030a", {.window_shift = 10}},
                    Read{"window scale above 14 as received", "0103 03ff", {.window_shift = 255}},
                    Read{"SACK permitted", "0101 0402", {.sack_permitted = true}},
                    Read{"timestamps, aligned as usual",
                         "0101 080a 0000 0001 ffff fffe",
                         {.timestamps = Timestamps{.value = 1, .echo = 0xfffffffe}}},
                    Read{"timestamps, not aligned",
                         "080a 0000 0001 ffff fffe 0101",
                         {.timestamps = Timestamps{.value = 1, .echo = 0xfffffffe}}},
                    Read{"timestamps with the padding on both sides",
                         "0108 0a00 0000 01ff ffff fe01",
                         {.timestamps = Timestamps{.value = 1, .echo = 0xfffffffe}}},
                    Read{"one SACK block",
                         "0101 050a 0000 0001 0000 0002",
                         {.sack_count = 1, .sack = {block(1, 2)}}},
                    Read{"four SACK blocks",
                         "0101 0522 0000 0001 0000 0002 0000 0003 0000 0004"
                         "0000 0005 0000 0006 ffff ffff 0000 0000",
                         {.sack_count = 4,
                          .sack = {block(1, 2), block(3, 4), block(5, 6), block(0xffffffff, 0)}}},
                    Read{"timestamps and three SACK blocks",
                         "0101 080a 0000 0007 0000 0008"
                         "0101 051a 0000 0001 0000 0002 0000 0003 0000 0004 0000 0005 0000 0006",
                         {.timestamps = Timestamps{.value = 7, .echo = 8},
                          .sack_count = 3,
                          .sack = {block(1, 2), block(3, 4), block(5, 6)}}},
                    Read{"only NOP", "0101 0101", {}}));

// Captured: Linux 6.18, macOS-like orders and Windows-like orders differ; all are in RFC terms.
INSTANTIATE_TEST_SUITE_P(
    Syns, ParseOptions,
    testing::Values(Read{"Linux",
                         "0204 05b4 0402 080a 71e6 8cc8 0000 0000 0103 030a",
                         {.mss = 1460,
                          .window_shift = 10,
                          .timestamps = Timestamps{.value = 0x71e68cc8, .echo = 0},
                          .sack_permitted = true}},
                    Read{"window scale first, ended by EOL",
                         "0204 05b4 0103 0306 0101 080a 0000 0001 0000 0000 0402 0000",
                         {.mss = 1460,
                          .window_shift = 6,
                          .timestamps = Timestamps{.value = 1, .echo = 0},
                          .sack_permitted = true}},
                    Read{"no timestamps",
                         "0204 05b4 0103 0308 0101 0402",
                         {.mss = 1460, .window_shift = 8, .sack_permitted = true}}));

// RFC 9293, 3.2: EOL ends the list; what follows is padding, whatever it holds.
INSTANTIATE_TEST_SUITE_P(
    EndOfOptions, ParseOptions,
    testing::Values(Read{"alone", "00", {}}, Read{"options behind it", "0002 0405 b400 0000", {}},
                    Read{"garbage behind it", "0204 05b4 00ff ffff", {.mss = 1460}}));

// MUST-6: unknown options are skipped by their length.
INSTANTIATE_TEST_SUITE_P(
    Unknown, ParseOptions,
    testing::Values(Read{"of two octets", "fd02 0204 05b4 0000", {.mss = 1460}},
                    Read{"of all forty octets",
                         "fe28 0000 0000 0000 0000 0000 0000 0000 0000 0000"
                         "0000 0000 0000 0000 0000 0000 0000 0000 0000 0000",
                         {}},
                    Read{"MD5 signature before MSS (RFC 2385)",
                         "1312 0000 0000 0000 0000 0000 0000 0000 0000 0204 05b4",
                         {.mss = 1460}},
                    Read{"obsolete kinds 6 and 7 (echo)", "0606 0000 0001 0706 0000 0001", {}}));

// MUST-7: an illegal length ends the parsing; what came before counts.
INSTANTIATE_TEST_SUITE_P(
    LengthLeadsNowhere, ParseOptions,
    testing::Values(
        Read{"0", "0204 05b4 fd00 0402", {.mss = 1460, .malformed = true}},
        Read{"1", "0204 05b4 fd01 0402", {.mss = 1460, .malformed = true}},
        Read{"0 of a known kind", "0200 05b4", {.malformed = true}},
        Read{"one past the end", "0402 fd03", {.sack_permitted = true, .malformed = true}},
        Read{"255", "0402 fdff", {.sack_permitted = true, .malformed = true}},
        Read{"missing, kind is the last octet", "0101 01fd", {.malformed = true}},
        Read{"missing, of a known kind", "0101 0102", {.malformed = true}},
        Read{"MSS cut", "0204 05", {.malformed = true}},
        Read{"window scale cut", "0303", {.malformed = true}},
        Read{"timestamps cut", "0101 080a 0000 0001", {.malformed = true}},
        Read{"SACK cut", "0101 0512 0000 0001 0000 0002", {.malformed = true}}));

// A length that is wrong for its kind skips that option only.
INSTANTIATE_TEST_SUITE_P(
    LengthWrongForItsKind, ParseOptions,
    testing::Values(
        Read{"MSS of 2", "0202 0402", {.sack_permitted = true, .malformed = true}},
        Read{"MSS of 3", "0203 0504 0200", {.sack_permitted = true, .malformed = true}},
        Read{"MSS of 5", "0205 05b4 0004 0200", {.sack_permitted = true, .malformed = true}},
        Read{"window scale of 2", "0302 0402", {.sack_permitted = true, .malformed = true}},
        Read{"window scale of 4", "0304 0a0a 0402", {.sack_permitted = true, .malformed = true}},
        Read{"SACK permitted of 3", "0403 0002 0405 b400", {.mss = 1460, .malformed = true}},
        Read{"timestamps of 2", "0802 0204 05b4", {.mss = 1460, .malformed = true}},
        Read{"timestamps of 9",
             "0809 0000 0001 0000 0002 0405 b4",
             {.mss = 1460, .malformed = true}},
        Read{"timestamps of 11",
             "080b 0000 0001 0000 0002 0002 0405 b4",
             {.mss = 1460, .malformed = true}},
        Read{"SACK without a block", "0502 0204 05b4", {.mss = 1460, .malformed = true}},
        Read{"SACK of half a block", "0506 0000 0001 0204 05b4", {.mss = 1460, .malformed = true}},
        Read{"SACK of a block and a half",
             "050e 0000 0001 0000 0002 0000 0003 0402",
             {.sack_permitted = true, .malformed = true}},
        Read{"SACK of five blocks, in a space that TCP cannot have",
             "052a 0000 0001 0000 0002 0000 0003 0000 0004 0000 0005 0000 0006"
             "0000 0007 0000 0008 0000 0009 0000 000a",
             {.malformed = true}}));

INSTANTIATE_TEST_SUITE_P(
    Repeated, ParseOptions,
    testing::Values(Read{"MSS", "0204 05b4 0204 0218", {.mss = 536}},
                    Read{"timestamps",
                         "0101 080a 0000 0001 0000 0002 0101 080a 0000 0003 0000 0004",
                         {.timestamps = Timestamps{.value = 3, .echo = 4}}},
                    Read{"SACK, the second with fewer blocks",
                         "0512 0000 0001 0000 0002 0000 0003 0000 0004 050a 0000 0005 0000 0006",
                         {.sack_count = 1, .sack = {block(5, 6)}}}));

// Cut anywhere, the options give what was whole before the cut and read nothing behind it.
class CutOptionList : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(EveryLength, CutOptionList, testing::Range<std::size_t>(0, 21));
TEST_P(CutOptionList, GivesWhatWasWholeBeforeTheCut) {
  const Octets whole = from_hex("0204 05b4 0402 080a 71e6 8cc8 0000 0000 0103 030a");
  const Octets cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(GetParam()));
  const TcpOptions options = parse_options(cut);
  EXPECT_EQ(options.mss.has_value(), cut.size() >= 4);
  EXPECT_EQ(options.sack_permitted, cut.size() >= 6);
  EXPECT_EQ(options.timestamps.has_value(), cut.size() >= 16);
  EXPECT_EQ(options.window_shift.has_value(), cut.size() == 20);
  const bool ends_between_options = cut.empty() || cut.size() == 4 || cut.size() == 6 ||
                                    cut.size() == 16 || cut.size() == 17 || cut.size() == 20;
  EXPECT_EQ(options.malformed, !ends_between_options);
}

// Every kind with every length octet: linear, and nothing read behind the end (see the sanitizers).
TEST(ParseOptionsOfEveryKindAndLength, TerminatesAndSkipsOrEnds) {
  Octets octets(40, 1);
  for (unsigned kind = 2; kind < 256; ++kind) {
    for (unsigned length = 0; length < 256; ++length) {
      octets[0] = static_cast<std::uint8_t>(kind);
      octets[1] = static_cast<std::uint8_t>(length);
      const TcpOptions options = parse_options(octets);
      const bool leads_nowhere = length < 2 || length > octets.size();
      if (leads_nowhere) {
        ASSERT_EQ(options, TcpOptions{.malformed = true}) << kind << " " << length;
      }
      if (kind > 8) {
        ASSERT_EQ(options, TcpOptions{.malformed = leads_nowhere}) << kind << " " << length;
      }
    }
  }
}

struct Written {
  const char* name;
  TcpOptions options;
  const char* octets;
};
void PrintTo(const Written& row, std::ostream* out) {
  *out << row.name;
}
class WriteOptions : public testing::TestWithParam<Written> {};
TEST_P(WriteOptions, GivesTheOctetsExpected) {
  Octets out(kMaxOptionOctets, 0xaa);
  const std::uint32_t octets = write_options(GetParam().options, out.data());
  out.resize(octets);
  EXPECT_EQ(out, from_hex(GetParam().octets));
}
TEST_P(WriteOptions, WritesNothingBehindThem) {
  Octets out(kMaxOptionOctets, 0xaa);
  const std::uint32_t octets = write_options(GetParam().options, out.data());
  EXPECT_THAT(Octets(out.begin() + octets, out.end()), testing::Each(0xaa));
}

constexpr Timestamps kStamps{.value = 0x71e68cc8, .echo = 0};

// Captured SYNs of Linux 6.18, net.ipv4.tcp_{timestamps,sack,window_scaling} switched off in turn.
INSTANTIATE_TEST_SUITE_P(
    LinuxSyns, WriteOptions,
    testing::Values(
        Written{"all",
                {.mss = 1460, .window_shift = 10, .timestamps = kStamps, .sack_permitted = true},
                "0204 05b4 0402 080a 71e6 8cc8 0000 0000 0103 030a"},
        Written{"no timestamps",
                {.mss = 1460, .window_shift = 10, .sack_permitted = true},
                "0204 05b4 0101 0402 0103 030a"},
        Written{"no SACK",
                {.mss = 1460, .window_shift = 10, .timestamps = kStamps},
                "0204 05b4 0101 080a 71e6 8cc8 0000 0000 0103 030a"},
        Written{"no window scaling",
                {.mss = 1460, .timestamps = kStamps, .sack_permitted = true},
                "0204 05b4 0402 080a 71e6 8cc8 0000 0000"},
        Written{"window scaling only", {.mss = 1460, .window_shift = 10}, "0204 05b4 0103 030a"},
        Written{"SACK only", {.mss = 1460, .sack_permitted = true}, "0204 05b4 0101 0402"},
        Written{"timestamps only",
                {.mss = 1460, .timestamps = kStamps},
                "0204 05b4 0101 080a 71e6 8cc8 0000 0000"},
        Written{"none", {.mss = 1460}, "0204 05b4"}));

// RFC 2018, 3: four blocks fit, three beside timestamps; the first ones say most and stay.
INSTANTIATE_TEST_SUITE_P(
    Acks, WriteOptions,
    testing::Values(
        Written{"nothing", {}, ""},
        Written{"timestamps", {.timestamps = kStamps}, "0101 080a 71e6 8cc8 0000 0000"},
        Written{
            "one block", {.sack_count = 1, .sack = {block(1, 2)}}, "0101 050a 0000 0001 0000 0002"},
        Written{"four blocks",
                {.sack_count = 4, .sack = {block(1, 2), block(3, 4), block(5, 6), block(7, 8)}},
                "0101 0522 0000 0001 0000 0002 0000 0003 0000 0004"
                "0000 0005 0000 0006 0000 0007 0000 0008"},
        Written{"timestamps and one block",
                {.timestamps = kStamps, .sack_count = 1, .sack = {block(1, 2)}},
                "0101 080a 71e6 8cc8 0000 0000 0101 050a 0000 0001 0000 0002"},
        Written{"timestamps and four blocks, of which three fit",
                {.timestamps = kStamps,
                 .sack_count = 4,
                 .sack = {block(1, 2), block(3, 4), block(5, 6), block(7, 8)}},
                "0101 080a 71e6 8cc8 0000 0000"
                "0101 051a 0000 0001 0000 0002 0000 0003 0000 0004 0000 0005 0000 0006"},
        Written{"a SYN's options and four blocks, of which two fit",
                {.mss = 1460,
                 .window_shift = 10,
                 .timestamps = kStamps,
                 .sack_permitted = true,
                 .sack_count = 4,
                 .sack = {block(1, 2), block(3, 4), block(5, 6), block(7, 8)}},
                "0204 05b4 0402 080a 71e6 8cc8 0000 0000 0103 030a"
                "0101 0512 0000 0001 0000 0002 0000 0003 0000 0004"}));

// MUST-68: "all TCP Options except End of Option List Option (EOL) and No-Operation (NOP) have
// length fields"; MUST-69: "the content of the header beyond the End of Option List Option MUST be
// header padding of zeros". Read as the RFC says, whatever is written.
TEST(WrittenOptionsOfEveryKind, HaveLengthsAndOnlyZerosBehindTheirEnd) {
  for (unsigned set = 0; set < 16 * 5; ++set) {
    TcpOptions options{.sack_permitted = (set & 1) != 0};
    if ((set & 2) != 0) options.mss = 1460;
    if ((set & 4) != 0) options.window_shift = 10;
    if ((set & 8) != 0) options.timestamps = kStamps;
    options.sack_count = static_cast<std::uint8_t>(set / 16);
    for (std::uint32_t i = 0; i < options.sack_count; ++i) options.sack[i] = block(i, i + 1);

    Octets out(kMaxOptionOctets, 0xaa);
    out.resize(write_options(options, out.data()));
    ASSERT_EQ(out.size() % 4, 0U) << set;
    std::size_t at = 0;
    while (at < out.size() && out[at] != 0) {
      if (out[at] == 1) {
        ++at;
      } else {
        ASSERT_LT(at + 1, out.size()) << set;
        ASSERT_GE(out[at + 1], 2U) << set;
        at += out[at + 1];
      }
    }
    ASSERT_LE(at, out.size()) << set;
    EXPECT_THAT(Octets(out.begin() + static_cast<std::ptrdiff_t>(at), out.end()), testing::Each(0))
        << set;
  }
}

}  // namespace
}  // namespace tuntcp::wire
