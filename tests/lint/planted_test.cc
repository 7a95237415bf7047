// Planted faults and mutations still fit the code: tools/planted and tools/mutate can put each of
// them in. That every MUST has its mutation is seen to by compliance_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lint/source_tree.h"

namespace tuntcp::lint {
namespace {

Faults patch_faults(const File& patch) {
  // Its first line says what is wrong with the code then; the tools put that into their tables.
  if (patch.text.starts_with("--- ") || !patch.text.contains("\n\n--- a/stack/")) {
    return {fault(patch, 1, "needs a sentence, an empty line and a patch to stack/")};
  }
  const CommandResult tried = run("patch --dry-run --force -p1 < '" + patch.path + "'");
  if (tried.exit_status == 0) return {};
  return {fault(patch, 1, "does not apply any more:\n" + tried.output)};
}

TEST(Planted, FaultsCanStillBePlanted) {
  if (run("command -v patch").exit_status != 0) GTEST_SKIP() << "patch is not installed";
  for (const char* folder : {"tests/planted", "tests/mutations"}) {
    const std::vector<File> patches = files(folder);
    EXPECT_GE(patches.size(), 12U) << folder;
    EXPECT_THAT(faults_in(patches, patch_faults), testing::IsEmpty());
  }
}

TEST(Planted, APatchWithoutASentenceIsAFault) {
  const File patch{"tests/planted/x.patch", "--- a/stack/base/time.h\n+++ b/stack/base/time.h\n"};
  EXPECT_THAT(patch_faults(patch), testing::SizeIs(1));
}

}  // namespace
}  // namespace tuntcp::lint
