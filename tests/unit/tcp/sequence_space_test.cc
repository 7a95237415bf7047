// RFC 9293, 3.4: SYN, text and FIN are one row of numbers, in which SND.UNA and SND.NXT say what is
// acknowledged and what is sent.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "stack/base/random.h"
#include "stack/host/tables.h"
#include "stack/tcp/segment_arrives.h"
#include "stack/tcp/transitions.h"
#include "stack/tcp/user_calls.h"

namespace tuntcp::tcp {
namespace {

// In SYN-SENT, with an ISS from which the numbers wrap around soon or later.
class SequenceSpace : public testing::TestWithParam<std::uint32_t> {
 protected:
  SequenceSpace() {
    HostConfig config;
    config.addresses = {*Prefix::parse("198.51.100.1/24")};
    tables_ = std::make_unique<HostTables>(config, random_);
    const auto endpoint = [](std::uint32_t last, Port port) {
      return Endpoint{.address = IpAddress::v4(0xc6336400U + last), .port = port};
    };
    tcb_ = tables_->make_tcb({.local = endpoint(1, 1'000), .remote = endpoint(2, 80)}, {});
    tcb_->snd.iss = SeqNum(GetParam());
    open(*tcb_, 0, now_);
  }
  ~SequenceSpace() override { tables_->destroy(*tcb_); }

  SeqNum number(std::uint32_t after_iss) const { return SeqNum(GetParam()) + after_iss; }
  // As if output() had sent what lies before this number.
  void send_to(std::uint32_t after_iss) {
    const SeqRange range{later_of(tcb_->snd.nxt, number(1)), number(after_iss)};
    tcb_->snd.nxt = range.end;
    tcb_->recovery.on_sent({.range = range, .mss = 1460, .segments = 1, .now = now_});
  }
  void syn_ack_arrives(std::uint32_t acknowledged) {
    Segment seg;
    seg.flags = Flag::syn | Flag::ack;
    seg.seq = SeqNum(7'000);
    seg.ack = number(acknowledged);
    seg.len = 1;
    seg.wnd = 10'000;
    segment_arrives(*tcb_, seg, now_);
  }
  void ack_arrives(std::uint32_t acknowledged) {
    Segment seg;
    seg.flags = Flag::ack;
    seg.seq = SeqNum(7'001);
    seg.ack = number(acknowledged);
    seg.wnd = 10'000;
    segment_arrives(*tcb_, seg, now_);
  }

  SeededRandom random_{1};
  std::unique_ptr<HostTables> tables_;
  Instant now_ = Instant::from_ns(1'000'000'000);
  Tcb* tcb_ = nullptr;
  const std::vector<std::uint8_t> text_ = std::vector<std::uint8_t>(100, 'x');
};
INSTANTIATE_TEST_SUITE_P(Iss, SequenceSpace,
                         testing::Values(0U, 1'000U, 0x7fff'fff0U, 0xffff'ff00U, 0xffff'ff9cU,
                                         0xffff'ffffU));

TEST_P(SequenceSpace, SynIsFirstThenTextThenFin) {
  EXPECT_EQ(tcb_->snd.nxt, number(1));
  EXPECT_EQ(send(*tcb_, text_), 100U);
  EXPECT_EQ(tcb_->send_buffer.begin(), number(1));
  EXPECT_EQ(tcb_->send_buffer.end(), number(101));
  EXPECT_EQ(tcb_->unsent(), 100U);
  EXPECT_TRUE(is_consistent(*tcb_));

  syn_ack_arrives(1);
  send_to(101);
  EXPECT_FALSE(tcb_->has_unsent());
  EXPECT_TRUE(close(*tcb_).has_value());
  EXPECT_EQ(tcb_->unsent(), 0U);
  EXPECT_TRUE(tcb_->has_unsent());
  EXPECT_TRUE(tcb_->fin_is_unsent());
  send_to(102);
  EXPECT_FALSE(tcb_->has_unsent());
  EXPECT_FALSE(tcb_->fin_is_unsent());
  EXPECT_TRUE(is_consistent(*tcb_));

  ack_arrives(101);
  EXPECT_EQ(tcb_->send_buffer.size(), 0U);
  EXPECT_FALSE(tcb_->fin_is_acked());
  EXPECT_EQ(tcb_->state, State::fin_wait_1);
  ack_arrives(102);
  EXPECT_TRUE(tcb_->fin_is_acked());
  EXPECT_EQ(tcb_->state, State::fin_wait_2);
  EXPECT_EQ(tcb_->octets_acked, 100U);
}
// Nothing of ours sends text with a SYN yet; RFC 9293, 3.4 allows it, and the numbers have room.
TEST_P(SequenceSpace, TextOnTheSynMayBeAcknowledgedWithIt) {
  EXPECT_EQ(send(*tcb_, text_), 100U);
  send_to(101);
  EXPECT_TRUE(is_consistent(*tcb_));
  EXPECT_EQ(tcb_->unsent(), 0U);

  syn_ack_arrives(101);
  EXPECT_EQ(tcb_->state, State::established);
  EXPECT_EQ(tcb_->snd.una, number(101));
  EXPECT_EQ(tcb_->send_buffer.size(), 0U);
  EXPECT_FALSE(tcb_->recovery.has_outstanding());
  EXPECT_EQ(tcb_->octets_acked, 100U);
}
TEST_P(SequenceSpace, TextOnTheSynMayBeLeftUnacknowledged) {
  EXPECT_EQ(send(*tcb_, text_), 100U);
  send_to(61);
  EXPECT_EQ(tcb_->unsent(), 40U);

  syn_ack_arrives(1);
  EXPECT_EQ(tcb_->state, State::established);
  EXPECT_EQ(tcb_->snd.una, number(1));
  EXPECT_EQ(tcb_->send_buffer.size(), 100U);
  EXPECT_TRUE(tcb_->recovery.has_outstanding());
  EXPECT_EQ(tcb_->unsent(), 40U);
}
// What was discarded with the connection is neither unsent nor taken for a FIN that was sent.
TEST_P(SequenceSpace, EndOfTheConnectionLeavesNothing) {
  EXPECT_EQ(send(*tcb_, text_), 100U);
  end(*tcb_, Error::timed_out, Cause::timeout);
  EXPECT_EQ(tcb_->unsent(), 0U);
  EXPECT_FALSE(tcb_->has_unsent());
  EXPECT_FALSE(tcb_->fin_is_acked());
  EXPECT_EQ(tables_->shared.chunks.octets_in_use(), 0U);
}

}  // namespace
}  // namespace tuntcp::tcp
