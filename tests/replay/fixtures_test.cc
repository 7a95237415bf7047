// Every capture in pcap-fixtures/ against the .expect beside it: the capture is the expectation,
// and the file names what is known to differ. A pair of files added to the folder is a test added
// here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tools/replay/replay.h"

namespace tuntcp::replay {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

const fs::path kFixtures = fs::path(TUNTCP_SOURCE_DIR) / "pcap-fixtures";

// "close/half-close", of each file with this extension.
std::vector<std::string> fixtures(const std::string& extension) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(kFixtures)) {
    if (entry.path().extension() != extension) continue;
    names.push_back(fs::relative(entry.path(), kFixtures).replace_extension().string());
  }
  std::ranges::sort(names);
  return names;
}

std::string case_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace_if(name, [](char c) { return c == '/' || c == '-'; }, '_');
  return name;
}

class Fixture : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Folder, Fixture, testing::ValuesIn(fixtures(".pcap")), case_name);

TEST_P(Fixture, IsAsItsExpectSays) {
  const std::string path = (kFixtures / GetParam()).string();
  const Expect expect = read_expect(path + ".expect");
  if (expect.refusal) {
    try {
      replay(read_capture(path + ".pcap"), expect);
      ADD_FAILURE() << "the capture was not refused";
    } catch (const CaptureError& error) {
      EXPECT_THAT(error.what(), HasSubstr(*expect.refusal));
    }
    return;
  }
  const Report report = replay(read_capture(path + ".pcap"), expect);
  for (const std::string& fault : report.faults) ADD_FAILURE() << fault;
  if (!report.faults.empty()) std::printf("%s", report.text.c_str());
}

TEST(Fixtures, EachExpectBelongsToACapture) {
  EXPECT_THAT(fixtures(".expect"), ElementsAreArray(fixtures(".pcap")));
}

// ORIGIN says of each capture in its folder who made it; what the kernel did is two thirds of all.
TEST(Fixtures, EachHasALineOfProvenance) {
  std::size_t kernel = 0;
  const auto names = fixtures(".pcap");
  for (const std::string& name : names) {
    const fs::path path = kFixtures / name;
    std::ifstream origin(path.parent_path() / "ORIGIN");
    std::string found;
    for (std::string line; std::getline(origin, line);) {
      if (line.starts_with(path.filename().string() + ".pcap: ")) found = line;
    }
    EXPECT_FALSE(found.empty()) << name;
    if (found.find(".pcap: kernel: Linux ") != std::string::npos) ++kernel;
  }
  EXPECT_GE(names.size(), 30U);
  EXPECT_GE(3 * kernel, 2 * names.size());
}

TEST(Fixtures, AreSmall) {
  for (const std::string& name : fixtures(".pcap")) {
    EXPECT_LE(fs::file_size((kFixtures / name).string() + ".pcap"), 64U * 1024) << name;
  }
}

}  // namespace
}  // namespace tuntcp::replay
