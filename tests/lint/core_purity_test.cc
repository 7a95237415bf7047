// The linker's word that the core knows no clock, system call, entropy, thread, logger or Boost:
// whatever libtuntcp_core.a does not define itself must be on the short list below. The heap is
// used only by the objects that are named.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
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

// Symbols of libc, libm and the compiler's own that only compute.
const std::set<std::string> kComputes = {"abort",
                                         "bcmp",
                                         "memchr",
                                         "memcmp",
                                         "memcpy",
                                         "memmove",
                                         "memset",
                                         "strlen",
                                         "strcmp",
                                         "inet_ntop",
                                         "inet_pton",
                                         "cbrt",
                                         "cbrtf",
                                         "pow",
                                         "sqrt",
                                         "ldexp",
                                         "__umodti3",
                                         "__udivti3",
                                         "__divti3",
                                         "__modti3",
                                         "_GLOBAL_OFFSET_TABLE_",
                                         "__stack_chk_fail",
                                         "__dso_handle",
                                         "__cxa_pure_virtual",
                                         "__cxa_guard_acquire",
                                         "__cxa_guard_release",
                                         "__cxa_atexit"};

// Of libstdc++: strings, allocators, number formatting, error categories, and the functions that
// containers call to throw (compiled without exceptions, the core cannot catch: they end it).
const std::regex kLibrary(
    "_ZNK?Sa.*|_ZNK?St7__cxx1112basic_stringI.*|_ZNK?St17basic_string_viewI.*|"
    "_ZSt[0-9]+__throw_[a-z_]+.*|"
    "_ZSt(7nothrow|9terminatev)|_ZNSt9exceptionD[0-2]Ev|_ZNKSt9exception4whatEv|"
    "_ZNK?St3_V2.*error_category.*|_ZNKSt10error_code.*|_ZNK?St14error_condition.*|_ZT[VIS].*|"
    "_ZSt(8to_chars|10from_chars).*|_ZNSt8__detail.*to_chars.*");

const std::regex kHeap("_Zn[wa]m.*|_Zd[la]Pv.*|malloc|free|calloc|realloc|aligned_alloc");
// A heap function that takes memory; objects that only give it back are harmless.
const std::regex kTakesMemory("_Zn[wa]m.*|malloc|calloc|realloc|aligned_alloc");

// The objects that may take memory, and what for. None of it is for each packet: what a packet
// needs comes from the arena and the pools, which grow until they are warm.
const std::map<std::string, std::string> kMayTakeMemory = {
    {"address.cc.o", "the text of an address"},
    {"arena.cc.o", "blocks for packets"},
    {"canonical.cc.o", "the numbers of a state, for a search"},
    {"registry.cc.o", "the list of controllers, made with the host"},
    {"connections.cc.o", "slabs of connections, queues of replies and of listeners"},
    {"demux.cc.o", "the table of connections"},
    {"egress.cc.o", "the queue of packets to the host's own addresses"},
    {"error.cc.o", "the text of an error"},
    {"host.cc.o", "the host's tables"},
    {"inconsistency.cc.o", "the text of what is wrong, for tests"},
    {"ingress.cc.o", "slabs of half-open connections, queues of replies"},
    {"listening.cc.o", "slabs of half-open connections, queues of replies"},
    {"path_mtu.cc.o", "what routers said, a path each"},
    {"reassembler.cc.o", "fragments that wait for the rest of their packet"},
    {"segment_arrives.cc.o", "the queue of replies"},
    {"send_buffer.cc.o", "the chunks of the pool"},
    {"source_routes.cc.o", "source routes of connections, which few have"},
    {"statuses.cc.o", "a list of connections for the one who asks"},
    {"sysctl.cc.o", "the text of a setting"},
    {"sysctl_text.cc.o", "the text of a setting"},
    {"transitions.cc.o", "the record of changes of state, and the queue of replies"},
    {"transmissions.cc.o", "the pool of ranges in flight, while it grows"},
    {"wire_packets.cc.o", "copies for those who look on: captures and simulated links"},
};

struct Symbols {
  std::set<std::string> defined;
  std::map<std::string, std::set<std::string>> undefined;  // symbol -> objects that need it
};

// Reads `nm -A` over an archive: "lib.a:object.cc.o:0000 T name" or "lib.a:object.cc.o: U name".
Symbols parse_nm(const std::string& output) {
  static const std::regex kLine(R"(^[^:]+:([^:]+):[0-9a-f]*\s+([A-Za-z])\s+(\S+))");
  Symbols symbols;
  for_each_line(output, [&](int, std::string_view line) {
    std::match_results<std::string_view::const_iterator> match;
    if (!std::regex_search(line.begin(), line.end(), match, kLine)) return;
    const char kind = match.str(2)[0];
    if (kind == 'U' || kind == 'w' || kind == 'v') {
      symbols.undefined[match.str(3)].insert(match.str(1));
    } else if (kind >= 'A' && kind <= 'Z') {  // small letters are local to their object
      symbols.defined.insert(match.str(3));
    }
  });
  return symbols;
}

Faults purity_faults(const Symbols& symbols) {
  Faults faults;
  for (const auto& [symbol, objects] : symbols.undefined) {
    if (symbols.defined.contains(symbol) || kComputes.contains(symbol) ||
        std::regex_match(symbol, kLibrary) || std::regex_match(symbol, kHeap)) {
      continue;
    }
    faults.push_back(*objects.begin() + " needs " + symbol);
  }
  return faults;
}

Faults heap_faults(const Symbols& symbols) {
  Faults faults;
  for (const auto& [symbol, objects] : symbols.undefined) {
    if (!std::regex_match(symbol, kTakesMemory)) continue;
    for (const std::string& object : objects) {
      if (!kMayTakeMemory.contains(object)) faults.push_back(object + " takes memory: " + symbol);
    }
  }
  return faults;
}

const Symbols& core() {
  static const Symbols symbols = parse_nm(run("nm -A '" TUNTCP_CORE_ARCHIVE "'").output);
  return symbols;
}

TEST(CorePurity, TheArchiveNeedsNothingButComputation) {
  ASSERT_FALSE(core().defined.empty());
  EXPECT_THAT(purity_faults(core()), IsEmpty());
}

TEST(CorePurity, OnlyNamedObjectsTakeMemory) {
  EXPECT_THAT(heap_faults(core()), IsEmpty());
}

TEST(CorePurity, EveryObjectThatMayTakeMemoryExists) {
  const std::string members = run("ar t '" TUNTCP_CORE_ARCHIVE "'").output;
  for (const auto& [object, reason] : kMayTakeMemory) EXPECT_THAT(members, HasSubstr(object));
}

// A program that does all the core must not do, compiled here and now.
TEST(CorePurity, ReportsAClockASystemCallAndTheHeap) {
  const std::string folder =
      ::testing::TempDir() + "tuntcp_core_purity_" + std::to_string(getpid());
  const std::string code =
      R"(#include <chrono>
#include <random>
#include <thread>
#include <unistd.h>
long f(int fd) { char c; std::random_device r; std::this_thread::yield();
  return std::chrono::steady_clock::now().time_since_epoch().count() + read(fd, &c, 1) + r(); }
int* g() { return new int(4); })";
  const CommandResult built =
      run("mkdir -p " + folder + " && cat >" + folder + "/x.cc <<'END'\n" + code + "\nEND\n" +
          TUNTCP_CXX " -c -o " + folder + "/x.cc.o " + folder + "/x.cc && ar rc " + folder +
          "/libx.a " + folder + "/x.cc.o");
  ASSERT_EQ(built.exit_status, 0) << built.output;

  const Symbols symbols = parse_nm(run("nm -A " + folder + "/libx.a").output);
  const Faults faults = purity_faults(symbols);
  EXPECT_THAT(faults, ::testing::Contains("x.cc.o needs read"));
  EXPECT_THAT(faults, ::testing::Contains(HasSubstr("steady_clock")));
  EXPECT_THAT(faults, ::testing::Contains(HasSubstr("random_device")));
  EXPECT_THAT(faults, ::testing::Contains(HasSubstr("sched_yield")));
  EXPECT_THAT(heap_faults(symbols), ElementsAre("x.cc.o takes memory: _Znwm"));
  run("rm -r " + folder);
}

TEST(CorePurity, AcceptsWhatAnotherObjectOfTheArchiveDefines) {
  const Symbols symbols = parse_nm(
      "lib.a:a.cc.o:                 U _Zf\n"
      "lib.a:b.cc.o:0000000000000000 T _Zf\n");

  ASSERT_THAT(symbols.undefined, SizeIs(1));
  EXPECT_THAT(purity_faults(symbols), IsEmpty());
}

}  // namespace
}  // namespace tuntcp::lint
