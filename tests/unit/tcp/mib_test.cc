#include "stack/tcp/mib.h"

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tuntcp {
namespace {

// /proc/net/snmp and netstat have lines "Tcp: ActiveOpens ..."; snmp6 has "Ip6InReceives  1".
void add_names_of(const char* path, std::set<std::string>& names) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string group;
    words >> group;
    if (!group.ends_with(':')) {
      names.insert(group);
      continue;
    }
    group.pop_back();
    for (std::string word; words >> word;) names.insert(group + word);
  }
}

// The kernel is the authority on what nstat prints. Ours alone says so in its name.
TEST(Mib, NamesAreTheKernels) {
  std::set<std::string> kernel;
  add_names_of("/proc/net/snmp", kernel);
  add_names_of("/proc/net/netstat", kernel);
  add_names_of("/proc/net/snmp6", kernel);
  ASSERT_TRUE(kernel.contains("TcpActiveOpens"));
  ASSERT_TRUE(kernel.contains("Ip6InReceives")) << "no IPv6 in this kernel";

  for (std::size_t i = 0; i < kCounterCount; ++i) {
    const std::string name = nstat_name(static_cast<Counter>(i));
    if (name.find("Tuntcp") != std::string::npos) continue;
    EXPECT_TRUE(kernel.contains(name)) << name;
  }
}

TEST(Mib, NamesAreUniqueAndEveryCounterSaysWhatItCounts) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < kCounterCount; ++i) {
    const auto counter = static_cast<Counter>(i);
    EXPECT_TRUE(names.insert(nstat_name(counter)).second) << nstat_name(counter);
    EXPECT_STRNE(meaning(counter), "");
  }
}

TEST(Mib, AddCountsOnlyTheCounterNamed) {
  Mib mib;
  mib.add(Counter::tcp_out_segs);
  mib.add(Counter::tcp_out_segs, 44);

  EXPECT_EQ(mib[Counter::tcp_out_segs], 45U);
  EXPECT_EQ(mib[Counter::tcp_in_segs], 0U);
  EXPECT_EQ(mib[Counter::tcp_retrans_segs], 0U);
}

}  // namespace
}  // namespace tuntcp
