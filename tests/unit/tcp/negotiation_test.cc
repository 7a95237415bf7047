// What two SYNs agree on: RFC 9293, 3.7.1; RFC 7323, 2 and 3; RFC 2018, 2.
#include "stack/tcp/negotiation.h"

#include <gtest/gtest.h>

#include "tests/support/dice.h"
#include "tests/support/seeds.h"

namespace tuntcp::tcp {
namespace {

// MUST-67: MMS_R - 20, with MMS_R the MTU less the IP header.
TEST(Negotiation, AdvertisesWhatTheLinkCarriesLessTheFixedHeaders) {
  const auto mss = [](std::uint32_t mtu, Family family) {
    return advertised_mss({.mtu = mtu}, family);
  };
  EXPECT_EQ(mss(1500, Family::ipv4), 1460);
  EXPECT_EQ(mss(1500, Family::ipv6), 1440);
  EXPECT_EQ(mss(576, Family::ipv4), 536);    // MUST-15's default is the same
  EXPECT_EQ(mss(1280, Family::ipv6), 1220);  // likewise
  EXPECT_EQ(mss(9000, Family::ipv4), 8960);
  EXPECT_EQ(mss(65'535, Family::ipv4), 65'495);
  EXPECT_EQ(mss(200'000, Family::ipv4), 65'495) << "no packet states more than 65,535 octets";
}

TEST(Negotiation, OffersWhatIsTurnedOn) {
  const Sysctl defaults;
  Offered offered = offered_by(defaults);
  offered.window_shift = 10;
  const wire::TcpOptions all = offer(offered, 1460, 4711);
  EXPECT_EQ(all.mss, 1460);
  EXPECT_TRUE(all.sack_permitted);
  EXPECT_EQ(all.timestamps, (wire::Timestamps{.value = 4711, .echo = 0}));
  EXPECT_EQ(all.window_shift, 10);

  Sysctl off;
  off.tcp_sack = off.tcp_timestamps = off.tcp_window_scaling = 0;
  const wire::TcpOptions few = offer(offered_by(off), 1460, 4711);
  EXPECT_EQ(few.mss, 1460) << "SHLD-5: always";
  EXPECT_FALSE(few.sack_permitted);
  EXPECT_FALSE(few.timestamps);
  EXPECT_FALSE(few.window_shift);
}

PeerOffer read_mss(std::optional<std::uint16_t> mss, Family family) {
  wire::TcpOptions options;
  options.mss = mss;
  return read_offer(options, offered_by(Sysctl()), Sysctl(), family);
}

// MUST-15; the rest as the kernel was measured to do.
TEST(Negotiation, ReadsThePeersMss) {
  EXPECT_EQ(read_mss(std::nullopt, Family::ipv4).mss, 536);
  EXPECT_EQ(read_mss(std::nullopt, Family::ipv6).mss, 1220);
  EXPECT_EQ(read_mss(0, Family::ipv4).mss, 536);
  EXPECT_EQ(read_mss(1, Family::ipv4).mss, 48) << "tcp_min_snd_mss";
  EXPECT_EQ(read_mss(48, Family::ipv4).mss, 48);
  EXPECT_EQ(read_mss(1460, Family::ipv4).mss, 1460);
  EXPECT_EQ(read_mss(65'535, Family::ipv4).mss, 65'535);
}

// RFC 7323, 2.3: "If a Window Scale option is received with a shift.cnt value larger than 14, the
// TCP SHOULD log the error but MUST use 14".
TEST(Negotiation, TakesALargerShiftThanFourteenForFourteen) {
  for (const std::uint8_t shift : std::initializer_list<std::uint8_t>{14, 15, 255}) {
    wire::TcpOptions options;
    options.window_shift = shift;
    const PeerOffer peer = read_offer(options, offered_by(Sysctl()), Sysctl(), Family::ipv4);
    EXPECT_EQ(peer.window_shift, 14);
  }
}

// RFC 7323, 1.3 and RFC 2018, 2: an option is in force only if both SYNs have it; a SYN,ACK never
// has one that the SYN had not.
TEST(Negotiation, TheAnswerIsTheIntersection) {
  test::for_seeds(500, [](std::uint64_t seed) {
    test::Dice dice(seed);
    Sysctl ours;
    ours.tcp_sack = dice.below(2);
    ours.tcp_timestamps = dice.below(2);
    ours.tcp_window_scaling = dice.below(2);
    wire::TcpOptions theirs;
    theirs.sack_permitted = dice.chance(0.5);
    if (dice.chance(0.5)) theirs.timestamps = {.value = 7, .echo = 0};
    if (dice.chance(0.5)) theirs.window_shift = static_cast<std::uint8_t>(dice.below(15));
    Offered offered = offered_by(ours);
    offered.window_shift = static_cast<std::uint8_t>(dice.below(15));
    const PeerOffer peer = read_offer(theirs, offered, ours, Family::ipv4);
    const wire::TcpOptions answered =
        answer(peer, offered.window_shift, 1460, {.value = 9, .echo = 7});

    EXPECT_EQ(answered.mss, 1460);
    EXPECT_EQ(answered.sack_permitted, theirs.sack_permitted && ours.tcp_sack != 0);
    EXPECT_EQ(answered.timestamps.has_value(), theirs.timestamps && ours.tcp_timestamps != 0);
    EXPECT_EQ(answered.window_shift.has_value(),
              theirs.window_shift && ours.tcp_window_scaling != 0);

    SeededRandom random(seed);
    Shared shared(ours, 1 << 20, random);
    Tcb tcb(shared);
    tcb.offered = offered;
    agree(tcb, peer);
    EXPECT_EQ(tcb.agreed.sack, answered.sack_permitted);
    EXPECT_EQ(tcb.agreed.timestamps, answered.timestamps.has_value());
    EXPECT_EQ(tcb.agreed.window_scaling, answered.window_shift.has_value());
    // Either both windows are scaled or neither is.
    const bool scales = answered.window_shift.has_value();
    EXPECT_EQ(tcb.snd.wscale, scales ? *theirs.window_shift : 0);
    EXPECT_EQ(tcb.rcv.wscale, answered.window_shift.value_or(0));
  });
}

// MUST-16: Eff.snd.MSS = min(SendMSS + 20, MMS_S) - TCPhdrsize - IPoptionsize.
TEST(Negotiation, SendsNoMoreThanThePeerAndTheLinkTakeWithTheOptions) {
  SeededRandom random(1);
  Shared shared(Sysctl(), 1 << 20, random);
  Tcb tcb(shared);
  tcb.tuple = {.local = {IpAddress::v4(0xC6336401), 1}, .remote = {IpAddress::v4(0xC6336402), 2}};
  shared.link.mtu = 1500;
  tcb.agreed.peer_mss = 1400;
  EXPECT_EQ(effective_send_mss(tcb, 0), 1400U);
  EXPECT_EQ(effective_send_mss(tcb, 12), 1388U);
  tcb.agreed.peer_mss = 9000;
  EXPECT_EQ(effective_send_mss(tcb, 12), 1448U);
  shared.link.mtu = 576;
  EXPECT_EQ(effective_send_mss(tcb, 40), 496U);
  // The least MSS leaves room for text beside every option.
  tcb.agreed.peer_mss = 48;
  EXPECT_EQ(effective_send_mss(tcb, 40), 8U);
}

// Linux (tcp_bound_to_half_wnd), measured: half of the largest window beside the timestamps; SACK
// blocks are taken from that.
TEST(Negotiation, SegmentsAreBoundToHalfOfThePeersLargestWindow) {
  SeededRandom random(1);
  Shared shared(Sysctl(), 1 << 20, random);
  Tcb tcb(shared);
  tcb.tuple = {.local = {IpAddress::v4(0xC6336401), 1}, .remote = {IpAddress::v4(0xC6336402), 2}};
  shared.link.mtu = 1500;
  tcb.agreed.peer_mss = 1460;
  tcb.agreed.timestamps = true;
  tcb.snd.max_wnd = 1000;
  EXPECT_EQ(effective_send_mss(tcb, 12), 500U);
  EXPECT_EQ(effective_send_mss(tcb, 24), 488U);
  tcb.snd.max_wnd = 1;
  EXPECT_EQ(effective_send_mss(tcb, 12), 36U);
  tcb.snd.max_wnd = 2896;
  EXPECT_EQ(effective_send_mss(tcb, 12), 1448U);
}

}  // namespace
}  // namespace tuntcp::tcp
