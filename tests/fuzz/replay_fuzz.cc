// libFuzzer's door into tools/replay: any octets as a capture file. They may be refused, but
// nothing may crash, hang or ask for memory without bound. Built with -DTUNTCP_FUZZ=ON (clang); the
// corpus is run by tests/replay as well.
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "tools/replay/replay.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tuntcp::replay;
  if (size == 0) return 0;
  // fmemopen() only reads from it.
  File file(::fmemopen(const_cast<std::uint8_t*>(data), size, "rb"));
  try {
    const Report report = replay(read_capture(std::move(file), "fuzz"), {});
    if (report.text.empty() && report.faults.empty()) __builtin_trap();
  } catch (const CaptureError&) {
    return 0;
  }
  return 0;
}
