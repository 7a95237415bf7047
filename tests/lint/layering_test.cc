// Who may include whom: a folder of stack/ sees only folders below it, and the core (base to host)
// nothing of the world. The table is the one in docs/architecture.md. A source file includes its
// own header first, which shows that the header needs no other before it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "tests/lint/source_tree.h"

namespace tuntcp::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// What each folder may include besides itself. An entry that ends in ".h" is one header.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"stack/base", {}},
    {"stack/wire", {"stack/base"}},
    {"stack/buffer", {"stack/base"}},
    // How much may leave, and what was lost: testable with a few integers and an Instant, so
    // neither sees the other or the connection. They share the names of a congestion episode, and
    // recovery names what is to be counted.
    {"stack/tcp/congestion", {"stack/base"}},
    {"stack/tcp/recovery", {"stack/base", "stack/tcp/congestion/episode.h", "stack/tcp/mib.h"}},
    {"stack/tcp",
     {"stack/base", "stack/wire", "stack/buffer", "stack/tcp/congestion", "stack/tcp/recovery"}},
    {"stack/host",
     {"stack/base", "stack/wire", "stack/buffer", "stack/tcp", "stack/tcp/congestion/registry.h",
      "stack/tcp/congestion/episode.h"}},
    {"stack/sim", {"stack/base", "stack/wire", "stack/buffer", "stack/tcp", "stack/host"}},
    // The drivers see of a connection what can be observed and tuned, never its inside.
    {"stack/io",
     {"stack/base", "stack/wire", "stack/buffer", "stack/host", "stack/tcp/events.h",
      "stack/tcp/mib.h", "stack/tcp/state.h", "stack/tcp/sysctl.h"}},
    // ... and so do the sockets, which need no driver.
    {"stack/bsd",
     {"stack/base", "stack/host", "stack/tcp/event_bits.h", "stack/tcp/mtu_discovery.h",
      "stack/tcp/rto_limits.h", "stack/tcp/state.h", "stack/tcp/sysctl.h"}},
    {"stack/api",
     {"stack/base", "stack/buffer", "stack/host", "stack/io", "stack/tcp/mib.h",
      "stack/tcp/state.h", "stack/tcp/sysctl.h"}},
};

// The folders of the core, and what of the C++ library they use: nothing that knows a clock, a
// thread, a file or the surroundings, and nothing that allocates a node for each element.
const std::set<std::string> kCore = {"stack/base", "stack/wire",           "stack/buffer",
                                     "stack/tcp",  "stack/tcp/congestion", "stack/tcp/recovery",
                                     "stack/host"};
const std::set<std::string> kCoreLibrary = {
    "algorithm",   "array",       "bit",          "bitset",
    "charconv",    "cmath",       "compare",      "concepts",
    "cstddef",     "cstdint",     "cstdlib",      "cstring",
    "deque",       "expected",    "functional",   "initializer_list",
    "iterator",    "limits",      "memory",       "new",
    "numeric",     "optional",    "ranges",       "span",
    "string",      "string_view", "system_error", "tuple",
    "type_traits", "utility",     "variant",      "vector"};
// What a file of the core needs from elsewhere, with the reason in that file.
const std::map<std::string, std::string> kCoreExceptions = {
    {"stack/base/address.cc", "arpa/inet.h"}};

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

bool may_include(const std::string& folder, const std::string& header) {
  if (folder_of(header) == folder) return true;
  const auto entry = kMayInclude.find(folder);
  if (entry == kMayInclude.end()) return false;
  return entry->second.contains(header) || entry->second.contains(folder_of(header));
}

Faults layering_faults(const File& file) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  const std::string folder = folder_of(file.path);
  Faults faults;
  if (!kMayInclude.contains(folder)) faults.push_back(file.path + ": a folder the table lacks");
  for_each_line(file.text, [&](int number, std::string_view line) {
    std::match_results<std::string_view::const_iterator> include;
    if (!std::regex_search(line.begin(), line.end(), include, kInclude)) return;
    const std::string header = include.str(2);
    if (include.str(1) == "\"") {
      if (!may_include(folder, header)) {
        faults.push_back(fault(file, number, folder + " may not include " + header));
      }
    } else if (kCore.contains(folder) && !kCoreLibrary.contains(header)) {
      const auto exception = kCoreExceptions.find(file.path);
      if (exception == kCoreExceptions.end() || exception->second != header) {
        faults.push_back(fault(file, number, "the core may not include <" + header + ">"));
      }
    }
  });
  return faults;
}

Faults own_header_faults(const File& file) {
  if (!file.path.ends_with(".cc")) return {};
  const std::string header = file.path.substr(0, file.path.size() - 2) + "h";
  if (!std::filesystem::exists(source_root() / header)) return {};
  const std::size_t first = file.text.find("#include ");
  if (file.text.substr(first).starts_with("#include \"" + header + "\"")) return {};
  return {file.path + ": does not include its own header first"};
}

TEST(Layering, EverySourceFileIncludesItsOwnHeaderFirst) {
  EXPECT_THAT(faults_in(cpp_files(""), own_header_faults), IsEmpty());
}

TEST(Layering, ReportsASourceFileThatIncludesAnotherHeaderFirst) {
  const std::string own = "#include \"stack/base/time.h\"\n";
  const File right{"stack/base/time.cc", "// Time.\n" + own + "#include <array>\n"};
  const File wrong{"stack/base/time.cc", "#include <array>\n" + own};

  EXPECT_THAT(own_header_faults(right), IsEmpty());
  EXPECT_THAT(own_header_faults(wrong), SizeIs(1));
}

TEST(Layering, HoldsInTheTree) {
  EXPECT_THAT(faults_in(cpp_files("stack"), layering_faults), IsEmpty());
}

TEST(Layering, LooksAtEveryFolderOfTheStack) {
  std::set<std::string> folders;
  for (const File& file : cpp_files("stack")) folders.insert(folder_of(file.path));
  for (const std::string& folder : kCore) EXPECT_TRUE(folders.contains(folder)) << folder;
}

TEST(Layering, ReportsAFolderThatIncludesOneAboveIt) {
  const File file{"stack/base/time.h", "#pragma once\n#include \"stack/tcp/tcb.h\"\n"};

  EXPECT_THAT(layering_faults(file),
              ElementsAre("stack/base/time.h:2: stack/base may not include stack/tcp/tcb.h"));
}

TEST(Layering, ReportsADriverThatLooksInsideAConnection) {
  const File file{"stack/io/reactor.cc",
                  "#include \"stack/tcp/mib.h\"\n#include \"stack/tcp/tcb.h\"\n"};

  EXPECT_THAT(layering_faults(file), ElementsAre(HasSubstr("reactor.cc:2:")));
}

TEST(Layering, ReportsRecoveryAndCongestionThatSeeEachOtherOrTheConnection) {
  const File recovery{"stack/tcp/recovery/recovery.h",
                      "#include \"stack/tcp/congestion/controller.h\"\n"
                      "#include \"stack/tcp/tcb.h\"\n#include \"stack/base/seq_num.h\"\n"};
  const File congestion{"stack/tcp/congestion/reno.h",
                        "#include \"stack/tcp/recovery/recovery.h\"\n"};

  EXPECT_THAT(layering_faults(recovery),
              ElementsAre(HasSubstr("recovery.h:1:"), HasSubstr("recovery.h:2:")));
  EXPECT_THAT(layering_faults(congestion), ElementsAre(HasSubstr("reno.h:1:")));
}

TEST(Layering, ReportsACoreThatCouldTellTheTime) {
  const File file{"stack/host/host.cc",
                  "#include <chrono>\n#include <vector>\n#  include <boost/asio.hpp>\n"
                  "#include <sys/socket.h>\n"};

  EXPECT_THAT(layering_faults(file),
              ElementsAre(HasSubstr("<chrono>"), HasSubstr("<boost/asio.hpp>"),
                          HasSubstr("<sys/socket.h>")));
}

TEST(Layering, ReportsAnIncludeThatDoesNotSayItsFolder) {
  const File file{"stack/wire/ip.cc", "#include \"ip.h\"\n"};

  EXPECT_THAT(layering_faults(file), ElementsAre(HasSubstr("may not include ip.h")));
}

TEST(Layering, ReportsAFolderNobodyPlaced) {
  EXPECT_THAT(layering_faults({"stack/misc/x.h", ""}), ElementsAre(HasSubstr("table lacks")));
}

TEST(Layering, LetsDriversUseTheWorld) {
  EXPECT_THAT(layering_faults({"stack/io/reactor.h", "#include <boost/asio.hpp>\n"}), IsEmpty());
}

}  // namespace
}  // namespace tuntcp::lint
