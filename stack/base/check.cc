#include "stack/base/check.h"

#include <cstdlib>

namespace tuntcp {
namespace {
CheckFailedHook the_hook = nullptr;
}  // namespace

void set_check_failed_hook(CheckFailedHook hook) {
  the_hook = hook;
}

void check_failed(const char* expression, const char* file, int line) {
  if (the_hook != nullptr) the_hook(expression, file, line);
  std::abort();
}

}  // namespace tuntcp
