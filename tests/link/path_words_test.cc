// The words in which a path is asked for, and what each does to the settings of its directions.
#include "tools/link/path_words.h"

#include <gtest/gtest.h>

#include <string>

namespace tuntcp::link {
namespace {

PathSettings path_of(std::initializer_list<std::pair<const char*, const char*>> words) {
  PathSettings path = perfect_path();
  for (const auto& [name, value] : words) {
    const auto set = set_word(path, name, value);
    EXPECT_TRUE(set) << set.error();
  }
  return path;
}

TEST(PathWords, OfAPerfectPathIsNothingButADelayOfZero) {
  EXPECT_EQ(to_text(perfect_path().ab), "delay 0ms");
  EXPECT_EQ(to_text(perfect_path().ba), "delay 0ms");
}

TEST(PathWords, SetBothDirections) {
  const PathSettings path = path_of({{"delay", "10ms"},
                                     {"jitter", "1.5ms"},
                                     {"loss", "0.25%"},
                                     {"reorder", "1%:4ms"},
                                     {"duplicate", "2%:700us"},
                                     {"corrupt", "0.5%"},
                                     {"rate", "2.5mbit"},
                                     {"queue", "64k"},
                                     {"ecn", "16k"},
                                     {"victims", "text"},
                                     {"mtu", "1400"}});
  for (const sim::LinkSettings& link : {path.ab, path.ba}) {
    EXPECT_EQ(link.delay, 10_ms);
    EXPECT_EQ(link.jitter, 1500_us);
    EXPECT_DOUBLE_EQ(link.loss, 0.0025);
    EXPECT_DOUBLE_EQ(link.reorder, 0.01);
    EXPECT_EQ(link.reorder_by, 4_ms);
    EXPECT_DOUBLE_EQ(link.duplicate, 0.02);
    EXPECT_EQ(link.duplicate_by, 700_us);
    EXPECT_DOUBLE_EQ(link.corrupt, 0.005);
    EXPECT_EQ(link.bits_per_second, 2'500'000U);
    EXPECT_EQ(link.queue_octets, 64'000U);
    EXPECT_EQ(link.mark_above_octets, 16'000U);
    EXPECT_TRUE(link.spares_bare_segments);
    EXPECT_EQ(link.mtu, 1400U);
  }
}

TEST(PathWords, SetOneDirectionAlone) {
  const PathSettings path = path_of({{"delay", "1s"}, {"ab-loss", "5%"}, {"ba-delay", "3us"}});
  EXPECT_EQ(path.ab.delay, 1_s);
  EXPECT_EQ(path.ba.delay, 3_us);
  EXPECT_DOUBLE_EQ(path.ab.loss, 0.05);
  EXPECT_DOUBLE_EQ(path.ba.loss, 0);
}

// The bad state of the chain holds to_bad / (to_bad + to_good) of the packets, for 1 / to_good at a
// time (E. N. Gilbert).
TEST(PathWords, BurstIsAMeanShareAndAMeanLength) {
  const PathSettings path = path_of({{"burst", "1%:4"}});
  ASSERT_TRUE(path.ab.bursts);
  EXPECT_DOUBLE_EQ(path.ab.bursts->to_good, 0.25);
  EXPECT_DOUBLE_EQ(path.ab.bursts->to_bad / (path.ab.bursts->to_bad + 0.25), 0.01);
  EXPECT_DOUBLE_EQ(path.ab.bursts->loss_in_bad, 1);
  EXPECT_DOUBLE_EQ(path.ab.bursts->loss_in_good, 0);
}

TEST(PathWords, QueueIsInOctetsOrInPackets) {
  PathSettings path = path_of({{"queue", "250000"}});
  EXPECT_EQ(path.ab.queue_octets, 250'000U);
  ASSERT_TRUE(set_word(path, "queue", "100p"));
  EXPECT_EQ(path.ab.queue_octets, 0U);
  EXPECT_EQ(path.ab.queue_packets, 100U);
  ASSERT_TRUE(set_word(path, "queue", "1M"));
  EXPECT_EQ(path.ab.queue_octets, 1'000'000U);
  EXPECT_EQ(path.ab.queue_packets, 0U);
}

TEST(PathWords, NoneTakesAWordBack) {
  PathSettings path = path_of({{"delay", "10ms"},
                               {"burst", "1%:4"},
                               {"queue", "9p"},
                               {"rate", "1gbit"},
                               {"loss", "1%"},
                               {"victims", "text"}});
  for (const char* word : {"delay", "burst", "queue", "rate", "loss", "victims"}) {
    EXPECT_TRUE(set_word(path, word, "none"));
  }
  EXPECT_EQ(to_text(path.ab), "delay 0ms");
  EXPECT_EQ(to_text(path.ba), "delay 0ms");
}

// What to_text() says, set_word() takes, and it means the same.
TEST(PathWords, AreReadAsTheyAreShown) {
  const PathSettings path = path_of({{"delay", "12.5ms"},
                                     {"jitter", "30us"},
                                     {"loss", "0.1%"},
                                     {"burst", "3%:2"},
                                     {"reorder", "1%"},
                                     {"duplicate", "1%"},
                                     {"corrupt", "100%"},
                                     {"rate", "56kbit"},
                                     {"queue", "20p"},
                                     {"ecn", "3000"},
                                     {"victims", "text"},
                                     {"mtu", "576"}});
  const std::string text = to_text(path.ab);
  EXPECT_EQ(text,
            "delay 12.5ms jitter 0.03ms loss 0.1% burst 3%:2 reorder 1%:3ms duplicate 1%:5ms "
            "corrupt 100% rate 0.056mbit queue 20p ecn 3000 victims text mtu 576");
  PathSettings again = perfect_path();
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t middle = text.find(' ', begin);
    const std::size_t end = std::min(text.find(' ', middle + 1), text.size());
    EXPECT_TRUE(set_word(again, text.substr(begin, middle - begin),
                         text.substr(middle + 1, end - middle - 1)));
    begin = end + 1;
  }
  EXPECT_EQ(to_text(again.ab), text);
}

TEST(PathWords, WrongValuesAreToldAndChangeNothing) {
  const std::pair<const char*, const char*> wrong[] = {
      {"delay", "10"},    {"delay", "-1ms"},   {"delay", "ms"},     {"delay", "61s"},
      {"delay", "1e3ms"}, {"delay", "10ms "},  {"delay", ""},       {"jitter", "nan"},
      {"delay", "inf"},   {"delay", "-0ms"},   {"loss", "1"},       {"loss", "101%"},
      {"loss", "-1%"},    {"loss", "%"},       {"loss", "1%%"},     {"burst", "1%"},
      {"burst", "1%:"},   {"burst", "1%:0.5"}, {"burst", "100%:4"}, {"burst", "60%:1"},
      {"reorder", "1%:"}, {"reorder", ":3ms"}, {"reorder", "1%:3"}, {"duplicate", "1%:x"},
      {"corrupt", "x"},   {"rate", "100"},     {"rate", "1bit"},    {"rate", "101gbit"},
      {"rate", "0mbit"},  {"queue", "0"},      {"queue", "0p"},     {"queue", "1001M"},
      {"queue", "1kp"},   {"queue", "-5"},     {"ecn", "0"},        {"victims", "acks"},
      {"victims", ""},    {"mtu", "0"},        {"mtu", "70000"},
  };
  for (const auto& [name, value] : wrong) {
    PathSettings path = perfect_path();
    const auto set = set_word(path, name, value);
    ASSERT_FALSE(set) << name << " " << value;
    EXPECT_NE(set.error().find("'" + std::string(value) + "'"), std::string::npos);
    EXPECT_NE(set.error().find(name), std::string::npos);
    EXPECT_EQ(to_text(path.ab) + to_text(path.ba), "delay 0msdelay 0ms");
  }
}

TEST(PathWords, UnknownNamesAreTold) {
  PathSettings path = perfect_path();
  for (const char* name : {"los", "", "ab", "ab-", "ac-loss", "ab-ba-loss", "LOSS"}) {
    const auto set = set_word(path, name, "1%");
    ASSERT_FALSE(set) << name;
    EXPECT_NE(set.error().find("not a setting"), std::string::npos);
  }
}

}  // namespace
}  // namespace tuntcp::link
