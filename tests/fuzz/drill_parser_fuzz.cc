// Fuzzes what reads packet scripts: any octets are a script or a ScriptError, and the code in it
// comes to an end. Built with
// -DTUNTCP_FUZZ=ON by clang; without it tests/drill plays the corpus.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/drill/backend.h"
#include "tools/drill/code.h"
#include "tools/drill/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tuntcp::drill;
  try {
    const Script script = parse({reinterpret_cast<const char*>(data), size}, "input");
    Evaluator evaluator("input");
    std::string printed;
    for (const Event& event : script.events) {
      const auto* code = std::get_if<CodeSpec>(&event.action);
      if (code != nullptr) evaluator.run(parse_code(*code, "input"), {}, printed);
    }
  } catch (const ScriptError&) {  // what() names the place
  } catch (const AssertionFailure&) {
  } catch (const Unmapped&) {
  }
  return 0;
}
