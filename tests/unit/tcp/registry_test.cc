// Controllers by their names, and where their state lives.
#include "stack/tcp/congestion/registry.h"

#include <gtest/gtest.h>

#include "stack/tcp/congestion/cubic.h"

namespace tuntcp::tcp::congestion {
namespace {

int large_ones = 0;  // that live

class Large final : public LossBased {
 public:
  Large() noexcept { ++large_ones; }
  ~Large() override { --large_ones; }
  Large(const Large&) = delete;
  Large& operator=(const Large&) = delete;
  const char* name() const override { return "large"; }

 protected:
  std::uint32_t reduced(Cause) override { return 2; }
  void avoid_congestion(const AckSample&, std::uint32_t) override {}

 private:
  [[maybe_unused]] std::byte state_[AnyController::kMostOctets]{};
};

// Another one by a name that is taken.
class OtherReno final : public LossBased {
 public:
  const char* name() const override { return "reno"; }

 protected:
  std::uint32_t reduced(Cause) override { return 3; }
  void avoid_congestion(const AckSample&, std::uint32_t) override {}
};

TEST(Registry, HasRenoAndCubic) {
  const Registry registry;
  EXPECT_EQ(registry.names(), "reno cubic");
  for (const char* name : {"reno", "cubic"}) {
    AnyController controller;
    ControllerBlocks blocks(1);
    registry.find(name)->become(controller, blocks);
    EXPECT_STREQ(controller->name(), name);
  }
  EXPECT_EQ(registry.find("vegas"), nullptr);
  EXPECT_EQ(registry.find(""), nullptr);
}

TEST(Registry, TakesAnotherOneInThePlaceOfItsName) {
  Registry registry;
  registry.add<OtherReno>();
  EXPECT_EQ(registry.names(), "reno cubic");
  AnyController controller;
  ControllerBlocks blocks(1);
  registry.find("reno")->become(controller, blocks);
  controller->init({.mss = 1000});
  controller->on_loss({});
  EXPECT_EQ(controller->window().cwnd, 3000U);
}

TEST(Registry, LargeStateLivesInABlockThatIsGivenBack) {
  Registry registry;
  registry.add<Large>();
  EXPECT_EQ(large_ones, 0);
  ControllerBlocks blocks(2);
  {
    AnyController one;
    AnyController other;
    registry.find("large")->become(one, blocks);
    registry.find("large")->become(other, blocks);
    EXPECT_STREQ(one->name(), "large");
    EXPECT_EQ(blocks.size(), 2U);
    EXPECT_EQ(large_ones, 2);
    registry.find("cubic")->become(one, blocks);
    EXPECT_EQ(blocks.size(), 1U);
    EXPECT_EQ(large_ones, 1);
    registry.find("large")->become(one, blocks);
    registry.find("large")->become(one, blocks);
    EXPECT_EQ(blocks.size(), 2U);
  }
  EXPECT_EQ(blocks.size(), 0U);
  EXPECT_EQ(large_ones, 0);
}

}  // namespace
}  // namespace tuntcp::tcp::congestion
