// RFC 9293, 3.1 and 3.9.2: the headers of every segment that is sent, of whatever kind. That
// options are well formed is checked by unit/wire/tcp_options_test.cc.
#include <gtest/gtest.h>

#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

// One of each kind of segment: a SYN, a SYN,ACK, text of an odd and of an even length, an ACK, a
// FIN, a RST from a connection and one without any.
std::vector<Sent> one_of_each(const DrillOptions& options) {
  std::vector<Sent> all;
  const auto collect = [&](Drill& d) {
    for (Sent& one : d.sent()) all.push_back(std::move(one));
  };
  DrillOptions active_options = options;
  active_options.role = Role::active;
  Drill active = Drill::closed(active_options);
  EXPECT_TRUE(active.open().has_value());
  active.peer_sends(syn_ack());
  active.send(333);
  active.peer_sends(data({.len = 10}));
  EXPECT_TRUE(active.close().has_value());
  collect(active);
  Drill passive = Drill::listen(options);
  passive.peer_sends(ack({.ack = 100}));
  passive.peer_sends(syn());
  passive.peer_sends(ack());
  EXPECT_TRUE(passive.accept());
  passive.send(500);
  EXPECT_TRUE(passive.abort().has_value());
  collect(passive);
  return all;
}

class SentHeader : public testing::TestWithParam<Family> {};
INSTANTIATE_TEST_SUITE_P(Families, SentHeader, testing::Values(Family::ipv4, Family::ipv6),
                         [](const auto& test) {
                           return test.param == Family::ipv4 ? "ipv4" : "ipv6";
                         });

// MUST-2: "a sender MUST generate it". The drill checks the checksum of whatever leaves; here it is
// given every kind of segment, with and without a device that completes checksums.
TEST_P(SentHeader, ChecksumIsRightInEverySegment) {
  EXPECT_GE(one_of_each({.family = GetParam(), .ts = 1}).size(), 9U);
  for (const Sent& one : one_of_each({.family = GetParam()})) {
    EXPECT_FALSE(one.needs_checksum) << one;
  }
  for (const Sent& one : one_of_each({.family = GetParam(), .link = {.checksum = true}})) {
    EXPECT_TRUE(one.needs_checksum) << one;
  }
}

// MUST-49: "The Time to Live (TTL) value used to send TCP segments MUST be configurable."
TEST_P(SentHeader, HopLimitIsTheKnobs) {
  for (const Sent& one : one_of_each({.family = GetParam()})) EXPECT_EQ(one.hop_limit, 64) << one;
  for (const Sent& one : one_of_each({.family = GetParam(), .set = {"ip_default_ttl=7"}})) {
    EXPECT_EQ(one.hop_limit, 7) << one;
  }
}

}  // namespace
}  // namespace tuntcp::test
