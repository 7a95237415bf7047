// base/seq_num.h: RFC 9293, 3.4. Comparison is modulo 2^32.
#include "stack/base/seq_num.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace tuntcp {
namespace {

// Sorting by a modular order would be wrong, so it must not compile.
static_assert(!std::is_invocable_v<std::less<SeqNum>, SeqNum, SeqNum>);

// The bases around which a comparison of plain integers, signed or not, would go wrong.
class SeqNumAround : public testing::TestWithParam<std::uint32_t> {
 protected:
  const SeqNum base_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Wraps, SeqNumAround,
                         testing::Values(0U, 1U, 0x7ffffffeU, 0x7fffffffU, 0x80000000U, 0x80000001U,
                                         0xfffffffeU, 0xffffffffU));

TEST_P(SeqNumAround, NextNumberIsLater) {
  EXPECT_LT(base_, base_ + 1);
  EXPECT_LE(base_, base_ + 1);
  EXPECT_GT(base_ + 1, base_);
  EXPECT_GE(base_ + 1, base_);
  EXPECT_FALSE(base_ + 1 < base_);
  EXPECT_FALSE(base_ + 1 <= base_);
}

TEST_P(SeqNumAround, FarthestComparableNumberIsStillLater) {
  EXPECT_LT(base_, base_ + 0x7fffffff);
  EXPECT_GT(base_, base_ - 0x7fffffff);
  EXPECT_FALSE(base_ + 0x7fffffff < base_);
}

TEST_P(SeqNumAround, EqualNumbersAreNeitherEarlierNorLater) {
  EXPECT_EQ(base_, base_);
  EXPECT_FALSE(base_ < base_);
  EXPECT_FALSE(base_ > base_);
  EXPECT_LE(base_, base_);
  EXPECT_GE(base_, base_);
}

TEST_P(SeqNumAround, AddedOctetsAreTheOctetsBetween) {
  EXPECT_EQ(octets_between(base_, base_ + 65'535), 65'535U);
  EXPECT_EQ(octets_between(base_ - 65'535, base_), 65'535U);
  EXPECT_EQ(octets_between(base_, base_), 0U);
}

TEST_P(SeqNumAround, EarlierAndLaterOfTwoAreFoundInEitherOrder) {
  EXPECT_EQ(earlier_of(base_, base_ + 10), base_);
  EXPECT_EQ(earlier_of(base_ + 10, base_), base_);
  EXPECT_EQ(later_of(base_, base_ + 10), base_ + 10);
  EXPECT_EQ(later_of(base_ + 10, base_), base_ + 10);
}

TEST_P(SeqNumAround, RangeHoldsItsBeginAndNotItsEnd) {
  const SeqRange range{.begin = base_, .end = base_ + 100};
  EXPECT_EQ(range.octets(), 100U);
  EXPECT_FALSE(range.is_empty());
  EXPECT_TRUE(range.contains(base_));
  EXPECT_TRUE(range.contains(base_ + 99));
  EXPECT_FALSE(range.contains(base_ + 100));
  EXPECT_FALSE(range.contains(base_ - 1));
}

TEST_P(SeqNumAround, EmptyRangeHoldsNothing) {
  const SeqRange range{.begin = base_, .end = base_};
  EXPECT_TRUE(range.is_empty());
  EXPECT_FALSE(range.contains(base_));
}

TEST(SeqNum, AdditionWrapsToZero) {
  SeqNum seq(0xffffffff);
  seq += 2;
  EXPECT_EQ(seq.value(), 1U);
  EXPECT_EQ((SeqNum(1) - 2).value(), 0xffffffffU);
}

}  // namespace
}  // namespace tuntcp
