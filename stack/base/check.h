// Assertions about ourselves. A peer or an application can never cause one to fail.
#pragma once

namespace tuntcp {

// Called once when a check fails, before abort(): the driver prints the expression and what it
// knows (the core has no output of its own). Null means only abort.
using CheckFailedHook = void (*)(const char* expression, const char* file, int line);
void set_check_failed_hook(CheckFailedHook hook);

[[noreturn]] void check_failed(const char* expression, const char* file, int line);

}  // namespace tuntcp

// Always on: for what is cheap to look at.
#define TUNTCP_CHECK(condition)                      \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::tuntcp::check_failed(#condition, __FILE__, __LINE__))

// On unless NDEBUG: for what costs time.
#ifdef NDEBUG
#define TUNTCP_DCHECK(condition) static_cast<void>(sizeof(static_cast<bool>(condition)))
#else
#define TUNTCP_DCHECK(condition) TUNTCP_CHECK(condition)
#endif
