// Knobs under Linux's names. Ranges and defaults were read from and tried on Linux 6.18's
// /proc/sys.
#include "stack/tcp/sysctl.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stack/tcp/rtt.h"

namespace tuntcp {
namespace {

std::string value_of(const Sysctl& sysctl, std::string_view name) {
  const auto value = get_sysctl(sysctl, name);
  return value ? *value : "error: " + value.error();
}

// The error, or "" when the value was taken.
std::string error_of(Sysctl& sysctl, std::string_view name, std::string_view value) {
  const auto result = set_sysctl(sysctl, name, value);
  return result ? "" : result.error();
}

// All that can be tuned as text, so that "nothing changed" can be compared.
std::string dump(const Sysctl& sysctl) {
  std::string text;
  for (const Knob& knob : knobs()) {
    if (knob.reason != nullptr) continue;
    text += std::string(knob.name) + " = " + value_of(sysctl, knob.name) + "\n";
  }
  return text;
}

// `sysctl net.ipv4 net.core.somaxconn` of Linux 6.18, for the knobs there are here.
TEST(Sysctl, DefaultsAreLinuxs) {
  EXPECT_EQ(dump(Sysctl{}),
            "net.core.somaxconn = 4096\n"
            "net.ipv4.conf.all.accept_source_route = 0\n"
            "net.ipv4.ip_default_ttl = 64\n"
            "net.ipv4.ip_local_port_range = 32768\t60999\n"
            "net.ipv4.ip_local_reserved_ports = \n"
            "net.ipv4.ip_no_pmtu_disc = 0\n"
            "net.ipv4.ipfrag_high_thresh = 4194304\n"
            "net.ipv4.ipfrag_low_thresh = 3145728\n"
            "net.ipv4.ipfrag_time = 30\n"
            "net.ipv4.tcp_abort_on_overflow = 0\n"
            "net.ipv4.tcp_adv_win_scale = 1\n"
            "net.ipv4.tcp_app_win = 31\n"
            "net.ipv4.tcp_challenge_ack_limit = 2147483647\n"
            "net.ipv4.tcp_comp_sack_delay_ns = 1000000\n"
            "net.ipv4.tcp_comp_sack_nr = 44\n"
            "net.ipv4.tcp_comp_sack_slack_ns = 100000\n"
            "net.ipv4.tcp_congestion_control = cubic\n"
            "net.ipv4.tcp_dsack = 1\n"
            "net.ipv4.tcp_early_retrans = 3\n"
            "net.ipv4.tcp_ecn = 2\n"
            "net.ipv4.tcp_ecn_fallback = 1\n"
            "net.ipv4.tcp_fin_timeout = 60\n"
            "net.ipv4.tcp_frto = 2\n"
            "net.ipv4.tcp_invalid_ratelimit = 500\n"
            "net.ipv4.tcp_keepalive_intvl = 75\n"
            "net.ipv4.tcp_keepalive_probes = 9\n"
            "net.ipv4.tcp_keepalive_time = 7200\n"
            "net.ipv4.tcp_max_orphans = 131072\n"
            "net.ipv4.tcp_max_reordering = 300\n"
            "net.ipv4.tcp_max_syn_backlog = 2048\n"
            "net.ipv4.tcp_max_tw_buckets = 131072\n"
            "net.ipv4.tcp_min_rtt_wlen = 300\n"
            "net.ipv4.tcp_min_snd_mss = 48\n"
            "net.ipv4.tcp_moderate_rcvbuf = 1\n"
            "net.ipv4.tcp_notsent_lowat = 4294967295\n"
            "net.ipv4.tcp_orphan_retries = 0\n"
            "net.ipv4.tcp_pacing_ca_ratio = 120\n"
            "net.ipv4.tcp_pacing_ss_ratio = 200\n"
            "net.ipv4.tcp_recovery = 1\n"
            "net.ipv4.tcp_reordering = 3\n"
            "net.ipv4.tcp_retries1 = 3\n"
            "net.ipv4.tcp_retries2 = 15\n"
            "net.ipv4.tcp_rfc1337 = 0\n"
            "net.ipv4.tcp_rmem = 4096\t131072\t33554432\n"
            "net.ipv4.tcp_rto_max_ms = 120000\n"
            "net.ipv4.tcp_rto_min_us = 200000\n"
            "net.ipv4.tcp_sack = 1\n"
            "net.ipv4.tcp_slow_start_after_idle = 1\n"
            "net.ipv4.tcp_stdurg = 0\n"
            "net.ipv4.tcp_syn_linear_timeouts = 4\n"
            "net.ipv4.tcp_syn_retries = 6\n"
            "net.ipv4.tcp_synack_retries = 5\n"
            "net.ipv4.tcp_syncookies = 1\n"
            "net.ipv4.tcp_thin_linear_timeouts = 0\n"
            "net.ipv4.tcp_timestamps = 1\n"
            "net.ipv4.tcp_tw_reuse = 2\n"
            "net.ipv4.tcp_tw_reuse_delay = 1000\n"
            "net.ipv4.tcp_window_scaling = 1\n"
            "net.ipv4.tcp_wmem = 4096\t16384\t4194304\n"
            "net.ipv6.ip6frag_high_thresh = 4194304\n"
            "net.ipv6.ip6frag_low_thresh = 3145728\n"
            "net.ipv6.ip6frag_time = 60\n"
            "net.tuntcp.tcp_abe = 0\n"
            "net.tuntcp.tcp_cubic_hystart = 1\n"
            "net.tuntcp.tcp_rescue = 0\n"
            "net.tuntcp.tcp_simultaneous_refused = 0\n"
            "net.tuntcp.tcp_soft_errors_end_open = 1\n"
            "net.tuntcp.tcp_time_wait_ms = 60000\n");
}

struct Range {
  const char* name;
  const char* below;  // refused
  const char* least;
  const char* most;
  const char* above;  // refused
};
constexpr Range kRanges[] = {
    {"net.core.somaxconn", "-1", "0", "2147483647", "2147483648"},
    {"net.ipv4.conf.all.accept_source_route", "-1", "0", "1", "2"},
    {"net.ipv4.ip_default_ttl", "0", "1", "255", "256"},
    {"net.ipv4.ip_no_pmtu_disc", "-1", "0", "3", "4"},
    {"net.ipv4.ipfrag_high_thresh", "3145727", "3145728", "2147483647", "2147483648"},
    {"net.ipv4.ipfrag_low_thresh", "-1", "0", "4194304", "4194305"},
    {"net.ipv4.ipfrag_time", "-1", "0", "2147483", "2147484"},
    {"net.ipv6.ip6frag_high_thresh", "3145727", "3145728", "2147483647", "2147483648"},
    {"net.ipv6.ip6frag_low_thresh", "-1", "0", "4194304", "4194305"},
    {"net.ipv6.ip6frag_time", "-1", "0", "2147483", "2147484"},
    {"net.tuntcp.tcp_abe", "-1", "0", "1", "2"},
    {"net.tuntcp.tcp_cubic_hystart", "-1", "0", "2", "3"},
    {"net.tuntcp.tcp_rescue", "-1", "0", "1", "2"},
    {"net.tuntcp.tcp_soft_errors_end_open", "-1", "0", "1", "2"},
    {"net.ipv4.tcp_abort_on_overflow", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_adv_win_scale", "-32", "-31", "31", "32"},
    {"net.ipv4.tcp_app_win", "-1", "0", "31", "32"},
    {"net.ipv4.tcp_challenge_ack_limit", "-1", "0", "2147483647", "2147483648"},
    {"net.ipv4.tcp_comp_sack_delay_ns", "-1", "0", "4294967295", "4294967296"},
    {"net.ipv4.tcp_comp_sack_nr", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_comp_sack_slack_ns", "-1", "0", "4294967295", "4294967296"},
    {"net.ipv4.tcp_dsack", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_ecn", "-1", "0", "2", "3"},
    {"net.ipv4.tcp_ecn_fallback", "-1", "0", "1", "2"},
    {"net.ipv4.tcp_syncookies", "-1", "0", "255", "256"},
    {"net.tuntcp.tcp_simultaneous_refused", "-1", "0", "1", "2"},
    {"net.ipv4.tcp_fin_timeout", "0", "1", "2147483", "2147484"},
    {"net.ipv4.tcp_invalid_ratelimit", "-1", "0", "2147483647", "2147483648"},
    {"net.ipv4.tcp_keepalive_intvl", "0", "1", "2147483", "2147484"},
    {"net.ipv4.tcp_keepalive_probes", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_keepalive_time", "0", "1", "2147483", "2147484"},
    {"net.ipv4.tcp_stdurg", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_thin_linear_timeouts", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_max_orphans", "-1", "0", "2147483647", "2147483648"},
    {"net.ipv4.tcp_max_syn_backlog", "-1", "0", "2147483647", "2147483648"},
    {"net.ipv4.tcp_max_tw_buckets", "-1", "0", "2147483647", "2147483648"},
    {"net.ipv4.tcp_min_rtt_wlen", "-1", "0", "86400", "86401"},
    {"net.ipv4.tcp_min_snd_mss", "47", "48", "65535", "65536"},
    {"net.ipv4.tcp_moderate_rcvbuf", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_notsent_lowat", "-1", "0", "4294967295", "4294967296"},
    {"net.ipv4.tcp_orphan_retries", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_reordering", "0", "1", "300", "301"},
    {"net.ipv4.tcp_max_reordering", "0", "1", "2147483647", "2147483648"},
    {"net.ipv4.tcp_recovery", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_early_retrans", "-1", "0", "4", "5"},
    {"net.ipv4.tcp_frto", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_pacing_ca_ratio", "-1", "0", "1000", "1001"},
    {"net.ipv4.tcp_pacing_ss_ratio", "-1", "0", "1000", "1001"},
    {"net.ipv4.tcp_retries1", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_retries2", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_rfc1337", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_rto_max_ms", "999", "1000", "120000", "120001"},
    {"net.ipv4.tcp_rto_min_us", "0", "1", "2147483647", "2147483648"},
    {"net.ipv4.tcp_sack", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_slow_start_after_idle", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_syn_linear_timeouts", "-1", "0", "127", "128"},
    {"net.ipv4.tcp_syn_retries", "0", "1", "127", "128"},
    {"net.ipv4.tcp_synack_retries", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_timestamps", "-1", "0", "255", "256"},
    {"net.ipv4.tcp_tw_reuse", "-1", "0", "2", "3"},
    {"net.ipv4.tcp_tw_reuse_delay", "0", "1", "60000", "60001"},
    {"net.ipv4.tcp_window_scaling", "-1", "0", "255", "256"},
    {"net.tuntcp.tcp_time_wait_ms", "0", "1", "86400000", "86400001"},
    {"net.ipv4.ip_local_reserved_ports", "-1", "0", "65535", "65536"},
    {"net.ipv4.ip_local_port_range", "1023 2000", "1024\t1024", "65535\t65535", "1024 65536"},
    {"net.ipv4.tcp_rmem", "0 1 2", "1\t1\t1", "2147483647\t2147483647\t2147483647",
     "1 2 2147483648"},
    {"net.ipv4.tcp_wmem", "0 1 2", "1\t1\t1", "2147483647\t2147483647\t2147483647",
     "1 2 2147483648"},
};
class RangeOfAKnob : public testing::TestWithParam<Range> {};
INSTANTIATE_TEST_SUITE_P(Sysctl, RangeOfAKnob, testing::ValuesIn(kRanges), [](const auto& row) {
  std::string name = row.param.name;
  std::ranges::replace(name, '.', '_');
  return name;
});

TEST(KnobRanges, AreThereForEveryKnobThatCanBeTuned) {
  for (const Knob& knob : knobs()) {
    const auto is_of_knob = [&](const Range& range) {
      return std::string_view(range.name) == knob.name;
    };
    const bool has_range = knob.reason == nullptr && knob.text == nullptr;
    EXPECT_EQ(std::ranges::count_if(kRanges, is_of_knob), has_range ? 1 : 0) << knob.name;
  }
}

TEST_P(RangeOfAKnob, IsTakenAtItsEndsAndRefusedBeyond) {
  const Range& range = GetParam();
  Sysctl sysctl;

  EXPECT_EQ(error_of(sysctl, range.name, range.most), "");
  EXPECT_EQ(value_of(sysctl, range.name), range.most);
  EXPECT_EQ(error_of(sysctl, range.name, range.least), "");
  EXPECT_EQ(value_of(sysctl, range.name), range.least);

  const std::string before = dump(sysctl);
  const KnobRange bounds = range_of(**find_knob(range.name), sysctl);
  const std::string told =
      "is out of range " + std::to_string(bounds.least) + " to " + std::to_string(bounds.most);
  EXPECT_THAT(error_of(sysctl, range.name, range.below), testing::HasSubstr(told));
  EXPECT_THAT(error_of(sysctl, range.name, range.above), testing::HasSubstr(told));
  EXPECT_EQ(dump(sysctl), before);
}

// Measured on Linux 6.18: memory for fragments of IP is no less than its low mark, which is no more
// than the high one. So it is by two steps that it becomes 0.
TEST(SysctlErrors, MarksOfMemoryForFragmentsDoNotCross) {
  for (const std::string name : {"net.ipv4.ipfrag_", "net.ipv6.ip6frag_"}) {
    Sysctl sysctl;
    EXPECT_EQ(error_of(sysctl, name + "high_thresh", "0"),
              name + "high_thresh: 0 is out of range 3145728 to 2147483647; " + name +
                  "low_thresh is the least");
    EXPECT_EQ(error_of(sysctl, name + "low_thresh", "4194305"),
              name + "low_thresh: 4194305 is out of range 0 to 4194304; " + name +
                  "high_thresh is the most");
    EXPECT_EQ(error_of(sysctl, name + "low_thresh", "0"), "");
    EXPECT_EQ(error_of(sysctl, name + "high_thresh", "0"), "");
    EXPECT_EQ(error_of(sysctl, name + "low_thresh", "1"),
              name + "low_thresh: 1 is out of range 0 to 0; " + name + "high_thresh is the most");
  }
}

TEST_P(RangeOfAKnob, ChangesNoOtherKnob) {
  const Range& range = GetParam();
  Sysctl sysctl;
  const std::string old_line = std::string(range.name) + " = " + value_of(sysctl, range.name);
  std::string expected = dump(sysctl);
  expected.replace(expected.find(old_line), old_line.size(),
                   std::string(range.name) + " = " + range.most);

  ASSERT_EQ(error_of(sysctl, range.name, range.most), "");

  EXPECT_EQ(dump(sysctl), expected);
}

// Of those that can be tuned.
TEST_P(RangeOfAKnob, IsWhatTheTableSays) {
  const Range& range = GetParam();
  const Knob& knob = **find_knob(range.name);
  const auto is_last_word = [](std::string_view text, std::int64_t number) {
    return std::string_view(text.substr(text.find_last_of("\t ") + 1)) == std::to_string(number);
  };
  const KnobRange bounds = range_of(knob, Sysctl{});
  EXPECT_TRUE(is_last_word(range.least, bounds.least)) << bounds.least;
  EXPECT_TRUE(is_last_word(range.most, bounds.most)) << bounds.most;
}

TEST(Sysctl, EveryKnobIsSortedHasAMeaningAndSaysWhoFollowsOrWhyNobody) {
  std::string before;
  for (const Knob& knob : knobs()) {
    EXPECT_LT(before, knob.name);
    before = knob.name;
    EXPECT_STRNE(knob.meaning, "") << knob.name;
    EXPECT_EQ((knob.values != nullptr) + (knob.ports != nullptr) + (knob.text != nullptr) +
                  (knob.only != nullptr),
              1)
        << knob.name;
    if (knob.only != nullptr) {
      EXPECT_NE(knob.reason, nullptr) << knob.name;
    }
  }
}

// What is missing is refused with the reason, whatever the value; its one value may be set.
TEST(Sysctl, KnobWithoutItsFeatureTakesOnlyTheValueItHas) {
  for (const Knob& knob : knobs()) {
    if (knob.reason == nullptr) continue;
    Sysctl sysctl;
    const std::string is = value_of(sysctl, knob.name);
    if (knob.only != nullptr) {
      EXPECT_EQ(is, knob.only);
    }
    EXPECT_EQ(error_of(sysctl, knob.name, is), "") << knob.name;
    for (const char* value : {"4711", "-1", "vegas", "", "1 2 3"}) {
      const std::string error = error_of(sysctl, knob.name, value);
      EXPECT_THAT(error, testing::AnyOf(testing::HasSubstr(": not yet: "),
                                        testing::HasSubstr(": not here: ")));
      EXPECT_THAT(error, testing::HasSubstr("; it is " + is));
    }
    EXPECT_EQ(dump(sysctl), dump(Sysctl{}));
  }
}

// Linux answers ENOENT to a name that it does not know, and changes nothing.
TEST(CongestionControl, IsOneOfTheAvailable) {
  Sysctl sysctl;
  EXPECT_EQ(value_of(sysctl, "tcp_available_congestion_control"), "reno cubic");
  EXPECT_EQ(value_of(sysctl, "tcp_allowed_congestion_control"), "reno cubic");
  EXPECT_EQ(error_of(sysctl, "tcp_congestion_control", "reno"), "");
  EXPECT_EQ(value_of(sysctl, "tcp_congestion_control"), "reno");
  EXPECT_EQ(error_of(sysctl, "tcp_congestion_control", "vegas"),
            "net.ipv4.tcp_congestion_control: 'vegas' is not known; there are reno cubic");
  for (const char* value : {"", "ren", "renoo", "reno cubic"}) {
    EXPECT_THAT(error_of(sysctl, "tcp_congestion_control", value),
                testing::HasSubstr("is not known"));
  }
  EXPECT_EQ(value_of(sysctl, "tcp_congestion_control"), "reno");
}

// As Linux 6.18 prints what was written to it: ranges in order, those that touch made one.
TEST(ReservedPorts, ArePrintedInOrder) {
  Sysctl sysctl;
  EXPECT_EQ(error_of(sysctl, "ip_local_reserved_ports", "8080,9148-9150"), "");
  EXPECT_EQ(value_of(sysctl, "ip_local_reserved_ports"), "8080,9148-9150");
  EXPECT_EQ(error_of(sysctl, "ip_local_reserved_ports", "3,1-2,9,4"), "");
  EXPECT_EQ(value_of(sysctl, "ip_local_reserved_ports"), "1-4,9");
  EXPECT_EQ(error_of(sysctl, "ip_local_reserved_ports", "1-65535"), "");
  EXPECT_TRUE(is_reserved(sysctl, 1));
  EXPECT_TRUE(is_reserved(sysctl, 65535));
  EXPECT_FALSE(is_reserved(sysctl, 0));
  EXPECT_EQ(error_of(sysctl, "ip_local_reserved_ports", ""), "");
  EXPECT_FALSE(is_reserved(sysctl, 1));
}

TEST(ReservedPorts, ThatAreNoneLeaveTheOldOnes) {
  Sysctl sysctl;
  ASSERT_EQ(error_of(sysctl, "ip_local_reserved_ports", "7000-7010"), "");
  EXPECT_EQ(error_of(sysctl, "ip_local_reserved_ports", "8000,5-4"),
            "net.ipv4.ip_local_reserved_ports: 4 is less than the value before it");
  EXPECT_EQ(error_of(sysctl, "ip_local_reserved_ports", "70000"),
            "net.ipv4.ip_local_reserved_ports: 70000 is out of range 0 to 65535");
  EXPECT_EQ(error_of(sysctl, "ip_local_reserved_ports", "1-"),
            "net.ipv4.ip_local_reserved_ports: '' is not a whole number");
  EXPECT_EQ(error_of(sysctl, "ip_local_reserved_ports", "ssh"),
            "net.ipv4.ip_local_reserved_ports: 'ssh' is not a whole number");
  EXPECT_EQ(value_of(sysctl, "ip_local_reserved_ports"), "7000-7010");
}

TEST(SysctlErrors, NameTheKnobTheValueAndTheRange) {
  Sysctl sysctl;
  EXPECT_EQ(error_of(sysctl, "net.ipv4.tcp_fin_timeout", "0"),
            "net.ipv4.tcp_fin_timeout: 0 is out of range 1 to 2147483");
  EXPECT_EQ(error_of(sysctl, "tcp_tw_reuse", "-1"),
            "net.ipv4.tcp_tw_reuse: -1 is out of range 0 to 2");
  EXPECT_EQ(error_of(sysctl, "tcp_tw_reuse", "99999999999999999999999"),
            "net.ipv4.tcp_tw_reuse: 99999999999999999999999 is out of range 0 to 2");
}

class NotANumber : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(SysctlErrors, NotANumber,
                         testing::Values("abc", "1x", "0x1", "1.5", "+1", "-", "--1"));

TEST_P(NotANumber, IsRefusedAndShown) {
  Sysctl sysctl;
  EXPECT_EQ(error_of(sysctl, "tcp_sack", GetParam()),
            std::string("net.ipv4.tcp_sack: '") + GetParam() + "' is not a whole number");
}

TEST(SysctlErrors, CountOfValuesMustFit) {
  Sysctl sysctl;
  EXPECT_EQ(error_of(sysctl, "tcp_sack", ""), "net.ipv4.tcp_sack: takes 1 value, not 0");
  EXPECT_EQ(error_of(sysctl, "tcp_sack", "1 1"), "net.ipv4.tcp_sack: takes 1 value, not 2");
  EXPECT_EQ(error_of(sysctl, "tcp_rmem", "1 2"), "net.ipv4.tcp_rmem: takes 3 values, not 2");
}

// Linux takes these and then behaves oddly; here they are mistakes.
TEST(SysctlErrors, ValuesOfOneKnobMustNotFall) {
  Sysctl sysctl;
  const std::string before = dump(sysctl);

  EXPECT_EQ(error_of(sysctl, "tcp_wmem", "1 3 2"),
            "net.ipv4.tcp_wmem: 2 is less than the value before it");
  EXPECT_EQ(error_of(sysctl, "ip_local_port_range", "3000 2999"),
            "net.ipv4.ip_local_port_range: 2999 is less than the value before it");

  EXPECT_EQ(dump(sysctl), before);
}

// The first two values are good. They must not be written when the third is not.
TEST(SysctlErrors, LastValueOutOfRangeLeavesTheFirstOnesAlone) {
  Sysctl sysctl;
  const std::string before = dump(sysctl);
  EXPECT_NE(error_of(sysctl, "tcp_rmem", "8192 16384 2147483648"), "");
  EXPECT_EQ(dump(sysctl), before);
}

TEST(SysctlNames, AreTakenWithAndWithoutTheirPrefix) {
  Sysctl sysctl;
  EXPECT_EQ(error_of(sysctl, "net.ipv4.tcp_retries2", "7"), "");
  EXPECT_EQ(value_of(sysctl, "tcp_retries2"), "7");
  EXPECT_EQ(error_of(sysctl, "net.core.somaxconn", "17"), "");
  EXPECT_EQ(value_of(sysctl, "somaxconn"), "17");
  EXPECT_EQ(error_of(sysctl, "tcp_time_wait_ms", "250"), "");
  EXPECT_EQ(value_of(sysctl, "net.tuntcp.tcp_time_wait_ms"), "250");
}

TEST(SysctlNames, UnknownOnesAreRefusedAndWrongPrefixesMended) {
  Sysctl sysctl;
  EXPECT_EQ(error_of(sysctl, "net.ipv4.tcp_fin", "1"), "net.ipv4.tcp_fin: no such knob");
  EXPECT_EQ(error_of(sysctl, "", "1"), ": no such knob");
  EXPECT_EQ(error_of(sysctl, "net.ipv4.tcp_time_wait_ms", "1"),
            "net.ipv4.tcp_time_wait_ms: no such knob; it is net.tuntcp.tcp_time_wait_ms");
  EXPECT_EQ(value_of(sysctl, "nothing"), "error: nothing: no such knob");
}

TEST(SysctlValues, MayBeSeparatedByAnyBlanks) {
  Sysctl sysctl;
  EXPECT_EQ(error_of(sysctl, "tcp_rmem", "  4096\t 65536   131072\n"), "");
  EXPECT_EQ(value_of(sysctl, "tcp_rmem"), "4096\t65536\t131072");
}

TEST(Profile, LinuxIsTheDefault) {
  EXPECT_EQ(dump(Sysctl::profile("linux").value()), dump(Sysctl{}));
}

TEST(Profile, UnknownOneIsRefused) {
  EXPECT_EQ(Sysctl::profile("bsd").error(), "bsd: no such profile; there are linux and rfc");
}

// How long something is retransmitted: from its first transmission to the last retransmission.
Duration time_to_last_retransmission(const Sysctl& sysctl, unsigned retries) {
  const tcp::Rtt rtt;
  Duration total;
  for (unsigned i = 0; i < retries; ++i) {
    total += rtt.rto(tcp::rto_limits(sysctl), i);
  }
  return total;
}

// MUST-23: "R2 for a SYN segment MUST be set large enough to provide retransmission of the segment
// for at least 3 minutes"; of both kinds of SYN.
TEST(Profile, RfcRetransmitsASynForThreeMinutes) {
  const Sysctl rfc = Sysctl::profile("rfc").value();
  EXPECT_EQ(rfc.tcp_syn_linear_timeouts, 0U);
  EXPECT_GE(time_to_last_retransmission(rfc, rfc.tcp_syn_retries), 180_s);
  EXPECT_GE(time_to_last_retransmission(rfc, rfc.tcp_synack_retries), 180_s);
}

// SHLD-10, SHLD-11.
TEST(Profile, RfcGivesUpAfterAHundredSecondsAtTheEarliest) {
  const Sysctl rfc = Sysctl::profile("rfc").value();
  EXPECT_GE(rfc.tcp_retries1, 3U);
  EXPECT_GE(time_to_last_retransmission(rfc, rfc.tcp_retries2), 100_s);
}

// MUST-13, with the MSL of 3.4.2; RFC 6298, 2.4 and 2.5.
TEST(Profile, RfcHasTheTimesOfTheRfcs) {
  const Sysctl rfc = Sysctl::profile("rfc").value();
  EXPECT_EQ(Duration::milliseconds(rfc.tcp_time_wait_ms), 2 * 120_s);
  EXPECT_EQ(rfc.tcp_tw_reuse, 0U);
  EXPECT_EQ(Duration::microseconds(rfc.tcp_rto_min_us), 1_s);
  EXPECT_GE(Duration::milliseconds(rfc.tcp_rto_max_ms), 60_s);
}

}  // namespace
}  // namespace tuntcp
