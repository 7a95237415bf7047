// base/slab.h: objects at stable places, found by handle for as long as they live.
#include "stack/base/slab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tuntcp {
namespace {

using testing::ElementsAre;

// Counts its destructions.
struct Witness {
  Witness(int the_value, int& destroyed) : value(the_value), destroyed_(&destroyed) {}
  ~Witness() { ++*destroyed_; }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  int value;

 private:
  int* destroyed_;
};

TEST(Slab, HandleFindsTheObjectWhileItLives) {
  Slab<std::string> slab(10);
  std::string* object = slab.emplace("alive");
  const SlabHandle handle = slab.handle_of(*object);

  EXPECT_TRUE(handle.is_set());
  EXPECT_EQ(slab.find(handle), object);
  EXPECT_EQ(&slab.at(handle.index), object);
  EXPECT_EQ(slab.size(), 1U);
}

TEST(Slab, HandleOfADeadObjectFindsNothing) {
  Slab<std::string> slab(10);
  std::string* object = slab.emplace("dead");
  const SlabHandle handle = slab.handle_of(*object);
  slab.erase(*object);

  EXPECT_EQ(slab.find(handle), nullptr);
  EXPECT_EQ(slab.size(), 0U);
}

TEST(Slab, HandleOfADeadObjectDoesNotFindItsSuccessor) {
  Slab<std::string> slab(10);
  std::string* first = slab.emplace("first");
  const SlabHandle stale = slab.handle_of(*first);
  slab.erase(*first);
  std::string* second = slab.emplace("second");

  EXPECT_EQ(slab.handle_of(*second).index, stale.index);
  EXPECT_EQ(slab.find(stale), nullptr);
  EXPECT_EQ(slab.find(slab.handle_of(*second)), second);
}

TEST(Slab, UnsetOrForeignHandleFindsNothing) {
  Slab<std::string> slab(10);
  EXPECT_FALSE(SlabHandle{}.is_set());
  EXPECT_EQ(slab.find(SlabHandle{}), nullptr);
  EXPECT_EQ(slab.find({.index = 0, .generation = 0}), nullptr);

  slab.emplace("one");
  EXPECT_EQ(slab.find({.index = 1, .generation = 0}), nullptr);
  EXPECT_EQ(slab.find({.index = 64, .generation = 0}), nullptr);
}

TEST(Slab, FreedPlacesAreReusedLastInFirstOut) {
  Slab<int> slab(10);
  int* a = slab.emplace(1);
  int* b = slab.emplace(2);
  int* c = slab.emplace(3);
  slab.erase(*a);
  slab.erase(*c);
  slab.erase(*b);

  EXPECT_EQ(slab.emplace(4), b);
  EXPECT_EQ(slab.emplace(5), c);
  EXPECT_EQ(slab.emplace(6), a);
}

TEST(Slab, FreshPlacesComeInIndexOrder) {
  Slab<int> slab(1'000);
  std::vector<std::uint32_t> indices;
  for (int i = 0; i < 130; ++i) indices.push_back(slab.handle_of(*slab.emplace(i)).index);

  EXPECT_EQ(indices.front(), 0U);
  EXPECT_EQ(indices[63], 63U);
  EXPECT_EQ(indices[64], 64U);
  EXPECT_EQ(indices.back(), 129U);
}

TEST(Slab, AtItsLimitRefusesUntilOneDies) {
  Slab<int> slab(2);
  int* first = slab.emplace(1);
  slab.emplace(2);

  EXPECT_EQ(slab.emplace(3), nullptr);
  EXPECT_EQ(slab.size(), 2U);
  slab.erase(*first);
  EXPECT_NE(slab.emplace(3), nullptr);
}

TEST(Slab, LimitOfZeroHoldsNothing) {
  Slab<int> slab(0);
  EXPECT_EQ(slab.emplace(1), nullptr);
}

TEST(Slab, LimitIsNotLoweredBelowWhatLives) {
  Slab<int> slab(3);
  slab.emplace(1);
  slab.emplace(2);
  slab.set_limit(1);
  EXPECT_EQ(slab.limit(), 2U);
  EXPECT_EQ(slab.emplace(3), nullptr);
  slab.set_limit(3);
  EXPECT_NE(slab.emplace(3), nullptr);
}

TEST(Slab, ObjectsKeepTheirPlacesWhenItGrows) {
  Slab<int> slab(10'000);
  int* first = slab.emplace(42);
  const SlabHandle handle = slab.handle_of(*first);
  for (int i = 1; i < 10'000; ++i) slab.emplace(i);

  EXPECT_EQ(*first, 42);
  EXPECT_EQ(slab.find(handle), first);
  EXPECT_EQ(slab.size(), 10'000U);
}

TEST(Slab, VisitsTheLivingInIndexOrder) {
  Slab<int> slab(200);
  std::vector<int*> objects;
  for (int i = 0; i < 70; ++i) objects.push_back(slab.emplace(i));
  for (int i = 1; i < 69; ++i) slab.erase(*objects[static_cast<std::size_t>(i)]);

  std::vector<int> seen;
  slab.for_each([&](int& object) { seen.push_back(object); });
  EXPECT_THAT(seen, ElementsAre(0, 69));
}

TEST(Slab, VisitorMayEraseWhatItIsGiven) {
  Slab<int> slab(10);
  slab.emplace(1);
  slab.emplace(2);
  slab.emplace(3);
  slab.for_each([&](int& object) {
    if (object != 2) slab.erase(object);
  });

  std::vector<int> seen;
  slab.for_each([&](int& object) { seen.push_back(object); });
  EXPECT_THAT(seen, ElementsAre(2));
}

TEST(Slab, DestroysEachObjectOnce) {
  int destroyed = 0;
  {
    Slab<Witness> slab(10);
    Witness* erased = slab.emplace(1, destroyed);
    slab.emplace(2, destroyed);
    slab.emplace(3, destroyed);
    slab.erase(*erased);
    EXPECT_EQ(destroyed, 1);
  }
  EXPECT_EQ(destroyed, 3);
}

struct alignas(64) CacheLine {
  int value = 0;
};

TEST(Slab, KeepsTheAlignmentOfItsType) {
  Slab<CacheLine> slab(3);
  slab.emplace();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slab.emplace()) % 64, 0U);
}

TEST(SlabDeathTest, ErasingTwiceIsCaught) {
  Slab<int> slab(2);
  int* object = slab.emplace(1);
  slab.erase(*object);
  EXPECT_DEATH(slab.erase(*object), "");
}

}  // namespace
}  // namespace tuntcp
