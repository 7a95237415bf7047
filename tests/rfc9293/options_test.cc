// RFC 9293, 3.1, 3.2 and 3.7.1 (MSS); RFC 7323, 2 (window scale): what the two SYNs agree on. Linux
// rows 26 and 27. Timestamps: timestamps_test.cc; SACK: sack_test.cc.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

// The first segment of a long text.
std::uint32_t segment_length(Drill& d) {
  d.send(8000);
  const std::vector<Sent> sent = d.sent();
  return sent.empty() ? 0 : sent[0].len;
}

// (26) "Options on its SYN: mss, sackOK, ts, nop, wscale 10; window 64240". MUST-14, SHLD-5.
TEST(Offer, SynHasLinuxsOptions) {
  Drill d = Drill::closed();
  ASSERT_TRUE(d.open().has_value());
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, ElementsAre(IsSyn({.window = 64'240})));
  const wire::TcpOptions& options = sent[0].options;
  EXPECT_EQ(options.mss, 1460);
  EXPECT_TRUE(options.sack_permitted);
  ASSERT_TRUE(options.timestamps.has_value());
  EXPECT_EQ(options.timestamps->echo, 0U);
  EXPECT_EQ(options.window_shift, 10);
}
TEST(Offer, SynOfIpv6LeavesRoomForItsHeader) {
  Drill d = Drill::closed({.family = Family::ipv6});
  ASSERT_TRUE(d.open().has_value());
  EXPECT_EQ(d.sent().at(0).options.mss, 1440);
}
// MUST-67: not more than the link can receive.
TEST(Offer, MssFollowsTheLink) {
  Drill d = Drill::closed({.link = {.mtu = 9000}});
  ASSERT_TRUE(d.open().has_value());
  EXPECT_EQ(d.sent().at(0).options.mss, 8960);
}
TEST(Offer, SwitchedOffOptionsAreNotOffered) {
  Drill d = Drill::closed({.set = {"tcp_sack=0", "tcp_timestamps=0", "tcp_window_scaling=0"}});
  ASSERT_TRUE(d.open().has_value());
  const wire::TcpOptions options = d.sent().at(0).options;
  EXPECT_FALSE(options.sack_permitted || options.timestamps || options.window_shift);
  EXPECT_EQ(options.mss, 1460);
}
// A SYN,ACK offers what the SYN offered, and nothing else (RFC 7323, 2.2 and 3.2; RFC 2018, 2).
TEST(Answer, ToAPlainSynIsPlain) {
  Drill d = Drill::listen();
  d.peer_sends(syn());
  const wire::TcpOptions options = d.sent().at(0).options;
  EXPECT_FALSE(options.sack_permitted || options.timestamps || options.window_shift);
  EXPECT_EQ(options.mss, 1460);
}
TEST(Answer, ToEverythingIsEverything) {
  Drill d = Drill::listen({.wscale = 7, .sack = true, .ts = 4711});
  d.peer_sends(syn());
  const wire::TcpOptions options = d.sent().at(0).options;
  EXPECT_TRUE(options.sack_permitted);
  EXPECT_EQ(options.window_shift, 10);
  ASSERT_TRUE(options.timestamps.has_value());
  EXPECT_EQ(options.timestamps->echo, 4711U);
}
TEST(Answer, NeverHasWhatIsSwitchedOff) {
  Drill d = Drill::listen({.set = {"tcp_sack=0", "tcp_timestamps=0", "tcp_window_scaling=0"},
                           .wscale = 7,
                           .sack = true,
                           .ts = 4711});
  d.peer_sends(syn());
  const wire::TcpOptions options = d.sent().at(0).options;
  EXPECT_FALSE(options.sack_permitted || options.timestamps || options.window_shift);
}
// MUST-65: MSS only in SYNs.
TEST(Answer, MssIsNeverSentLater) {
  Drill d = Drill::established({.role = Role::active});
  d.send(3000);
  EXPECT_TRUE(d.close().has_value());
  d.peer_sends(data({.len = 10}));
  for (const Sent& one : d.sent()) EXPECT_EQ(one.options.mss, std::nullopt);
}

// ---- MSS. (27) "Peer's MSS option 0: 536-octet segments; 1: 48; none: 536 (1220 on IPv6)".
struct MssCase {
  const char* name;
  std::optional<std::uint16_t> mss;
  Family family;
  std::uint32_t segment;
};
void PrintTo(const MssCase& c, std::ostream* out) {
  *out << c.name;
}
class PeersMss : public testing::TestWithParam<MssCase> {};
INSTANTIATE_TEST_SUITE_P(
    Values, PeersMss,
    testing::Values(MssCase{"none", std::nullopt, Family::ipv4, 536},  // MUST-15
                    MssCase{"none_v6", std::nullopt, Family::ipv6, 1220},
                    MssCase{"zero", 0, Family::ipv4, 536}, MssCase{"one", 1, Family::ipv4, 48},
                    MssCase{"forty_eight", 48, Family::ipv4, 48},
                    MssCase{"small", 500, Family::ipv4, 500},
                    MssCase{"that_fits", 1460, Family::ipv4, 1460},
                    // MUST-16: the smaller of what the peer takes and what the link carries.
                    MssCase{"beyond_the_link", 65'535, Family::ipv4, 1460},
                    MssCase{"beyond_the_link_v6", 65'535, Family::ipv6, 1440}),
    [](const auto& test) { return test.param.name; });
TEST_P(PeersMss, DecidesTheSegments) {
  Drill d = Drill::established({.family = GetParam().family, .mss = GetParam().mss});
  EXPECT_EQ(segment_length(d), GetParam().segment);
}
TEST_P(PeersMss, DecidesTheSegmentsOfAnActiveOpenToo) {
  Drill d = Drill::established(
      {.role = Role::active, .family = GetParam().family, .mss = GetParam().mss});
  EXPECT_EQ(segment_length(d), GetParam().segment);
}
// 3.7.1, Eff.snd.MSS: options take their room from the text.
TEST(EffectiveMss, TimestampsTakeTwelveOctets) {
  Drill d = Drill::established({.mss = 1460, .ts = 1});
  EXPECT_EQ(segment_length(d), 1448U);
}
TEST(EffectiveMss, SackBlocksTakeTheirRoomToo) {
  Drill d = Drill::established({.mss = 1460, .sack = true});
  d.peer_sends(data({.seq = 101, .len = 10}));
  static_cast<void>(d.sent());
  EXPECT_EQ(segment_length(d), 1448U);  // 4 + 8 octets
}
// A link that shrinks takes its segments along.
TEST(EffectiveMss, FollowsTheLinksMtu) {
  Drill d = Drill::established({.mss = 1460});
  d.set_link({.mtu = 1280});
  EXPECT_EQ(segment_length(d), 1240U);
}
// An MSS option outside SYNs means nothing.
TEST(EffectiveMss, MssOptionOutsideOfSynIsIgnored) {
  Drill d = Drill::established();
  d.peer_sends(ack({.mss = 100}));
  EXPECT_EQ(segment_length(d), 1000U);
}

// ---- Window scale.

// RFC 7323, 2.2: "The Window field in a SYN segment itself is never scaled."
TEST(WindowScale, WindowOfTheSynIsNotScaled) {
  Drill d = Drill::closed({.role = Role::active, .wscale = 7, .window = 500});
  ASSERT_TRUE(d.open().has_value());
  d.peer_sends(syn_ack());
  EXPECT_EQ(d.status().snd_wnd, 500U);
  d.peer_sends(ack());
  EXPECT_EQ(d.status().snd_wnd, 64'000U);
}
TEST(WindowScale, WindowOfTheFirstAckIsScaled) {
  Drill d = Drill::established({.wscale = 7, .window = 500});
  EXPECT_EQ(d.status().snd_wnd, 64'000U);
}
// Our own: 64240 in the SYN,ACK, and from then on in units of 1024.
TEST(WindowScale, OursIsScaledAfterTheSyn) {
  Drill d = Drill::listen({.wscale = 0});
  d.peer_sends(syn());
  EXPECT_THAT(d.sent(), ElementsAre(IsSynAck({.window = 64'240})));
  d.peer_sends(data({.len = 10}));
  // 64240 - 10, rounded up so that the edge does not move left.
  EXPECT_THAT(d.sent(), ElementsAre(IsAck({.window = 63})));
}
// "both sides MUST send Window Scale options in their <SYN> segments to enable window scaling in
// either direction."
TEST(WindowScale, OneSidedOfferIsNone) {
  Drill d = Drill::established({.role = Role::active, .window = 500});
  d.peer_sends(data({.len = 10}));
  EXPECT_EQ(d.status().snd_wnd, 500U);
  EXPECT_GT(d.sent().at(0).window, 60'000);
}
// (27) "Window scale 15 and above is taken as 14" (RFC 7323, 2.3).
class LargeShift : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Shifts, LargeShift, testing::Values(14, 15, 255));
TEST_P(LargeShift, IsTakenAsFourteen) {
  Drill d = Drill::established({.wscale = static_cast<std::uint8_t>(GetParam()), .window = 2});
  EXPECT_EQ(d.status().snd_wnd, 2U << 14);
}
// The largest window: just below 2^30, and it can be filled... here only believed.
TEST(WindowScale, LargestWindowIsBelieved) {
  Drill d = Drill::established({.wscale = 14});
  EXPECT_EQ(d.status().snd_wnd, 65'535U << 14);
}
TEST(WindowScale, OptionOutsideOfSynIsIgnored) {
  Drill d = Drill::established({.wscale = 2, .window = 1000});
  d.peer_sends(ack({.wscale = 7}));
  EXPECT_EQ(d.status().snd_wnd, 4000U);
}

// ---- What was offered holds, whatever is done to the knobs before the handshake is complete: the
// peer knows only what our SYN said (RFC 7323, 2.2 and 3.2; RFC 2018, 2).
void switch_options(Drill& d, int value) {
  const std::string to = "=" + std::to_string(value);
  for (const char* knob : {"tcp_sack", "tcp_timestamps", "tcp_window_scaling"}) d.set(knob + to);
}
TEST(ChangedKnob, TakesNothingBackFromOurSyn) {
  Drill d =
      Drill::closed({.role = Role::active, .wscale = 7, .sack = true, .ts = 4711, .window = 500});
  ASSERT_TRUE(d.open().has_value());
  d.sent();
  switch_options(d, 0);
  d.set("tcp_rmem=4096 131072 200000");
  d.peer_sends(syn_ack());
  const Sent answer = d.sent().at(0);
  EXPECT_TRUE(answer.options.timestamps.has_value());
  EXPECT_EQ(answer.window, 63) << "64,240 octets with the shift of 10 that the SYN stated";
  d.peer_sends(ack());
  EXPECT_EQ(d.status().snd_wnd, 64'000U);
  d.peer_sends(data({.seq = 101, .len = 100}));
  EXPECT_FALSE(d.sent().at(0).sack.empty());
}
TEST(ChangedKnob, AddsNothingToOurSyn) {
  Drill d = Drill::closed({.role = Role::active,
                           .set = {"tcp_sack=0", "tcp_timestamps=0", "tcp_window_scaling=0"},
                           .window = 500});
  ASSERT_TRUE(d.open().has_value());
  d.sent();
  switch_options(d, 1);
  // It may not offer what we did not, but some do.
  d.peer_sends(syn_ack({.wscale = 7, .sack_permitted = true, .ts = wire::Timestamps{4711, 0}}));
  const Sent answer = d.sent().at(0);
  EXPECT_FALSE(answer.options.timestamps.has_value());
  EXPECT_GT(answer.window, 60'000);
  d.peer_sends(ack({.no_ts = true}));
  EXPECT_EQ(d.status().snd_wnd, 500U);
  d.peer_sends(data({.seq = 101, .len = 100, .no_ts = true}));
  EXPECT_TRUE(d.sent().at(0).sack.empty());
}
TEST(ChangedKnob, TakesNothingBackFromOurSynAck) {
  Drill d = Drill::listen({.wscale = 7, .sack = true, .ts = 4711});
  d.peer_sends(syn());
  d.sent();
  switch_options(d, 0);
  d.set("tcp_rmem=4096 131072 200000");
  d.peer_sends(ack());
  d.peer_sends(data({.len = 10}));
  const Sent answer = d.sent().at(0);
  EXPECT_TRUE(answer.options.timestamps.has_value());
  EXPECT_EQ(answer.window, 64)
      << "65,150 octets in units of the shift of 10 that the SYN,ACK stated";
}

// ---- Odd options. MUST-5: in any segment; MUST-6: unknown ones are skipped; MUST-7.
struct OddOptions {
  const char* name;
  Octets octets;
  std::uint32_t segment;  // that results: 700 if the MSS option was found
};
void PrintTo(const OddOptions& c, std::ostream* out) {
  *out << c.name;
}
class SynWith : public testing::TestWithParam<OddOptions> {};
INSTANTIATE_TEST_SUITE_P(
    Options, SynWith,
    testing::Values(OddOptions{"unknown_before", {253, 4, 0, 0, 2, 4, 2, 188}, 700},
                    OddOptions{"nops_before", {1, 1, 1, 1, 2, 4, 2, 188}, 700},
                    OddOptions{"odd_alignment", {1, 2, 4, 2, 188, 1, 1, 0}, 700},  // MUST-64
                    OddOptions{"after_end_of_list", {0, 0, 0, 0, 2, 4, 2, 188}, 536},
                    OddOptions{"after_length_zero", {253, 0, 1, 1, 2, 4, 2, 188}, 536},
                    OddOptions{"after_length_one", {253, 1, 1, 1, 2, 4, 2, 188}, 536},
                    OddOptions{"after_overrun", {253, 9, 1, 1, 2, 4, 2, 188}, 536},
                    OddOptions{"cut_off", {2, 4, 2, 188, 253, 4, 0, 3}, 700}),
    [](const auto& test) { return test.param.name; });
TEST_P(SynWith, OddOptionsIsServed) {
  Drill d = Drill::listen();
  d.peer_sends(syn({.raw_options = GetParam().octets}));
  d.peer_sends(ack());
  ASSERT_TRUE(d.accept());
  static_cast<void>(d.sent());
  EXPECT_EQ(segment_length(d), GetParam().segment);
}
// MUST-5: timestamps, laid out as nobody else does, in a segment with text.
TEST(OptionsLater, KnownOnesAreTakenInAnySegment) {
  Drill d = Drill::established({.ts = 1});
  d.peer_sends(data({.len = 10, .raw_options = {8, 10, 0, 0, 0, 77, 0, 0, 0, 0, 1, 1}}));
  const std::vector<Sent> sent = d.sent();
  ASSERT_THAT(sent, ElementsAre(IsAck({.ack = 11})));
  ASSERT_TRUE(sent[0].options.timestamps.has_value());
  EXPECT_EQ(sent[0].options.timestamps->echo, 77U);
}
TEST(OptionsLater, UnknownOnesAreSkippedInAnySegment) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 10, .raw_options = {253, 4, 1, 2}}));
  d.peer_sends(data({.len = 10, .raw_options = {30, 8, 1, 2, 3, 4, 5, 6}}));
  EXPECT_EQ(d.receive(), 20U);
}
TEST(OptionsLater, MalformedOnesDoNotHurtTheText) {
  Drill d = Drill::established();
  d.peer_sends(data({.len = 10, .raw_options = {253, 0, 1, 2}}));
  d.peer_sends(data({.len = 10, .raw_options = {8, 3, 1, 0}}));
  d.peer_sends(data({.len = 10, .raw_options = {5, 40, 1, 0}}));
  EXPECT_EQ(d.receive(), 30U);
}

}  // namespace
}  // namespace tuntcp::test
