#include "tests/api/worlds.h"

#include <gtest/gtest.h>

namespace tuntcp::test {

bool Loop::run(asio::awaitable<void> program) {
  bool is_done = false;
  bool is_well = true;
  asio::co_spawn(io, std::move(program), [&](const std::exception_ptr& thrown) {
    is_done = true;
    if (!thrown) return;
    is_well = false;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& problem) {
      ADD_FAILURE() << problem.what();
    }
  });
  if (!run_until([&] { return is_done; })) {
    ADD_FAILURE() << "the program hangs";
    return false;
  }
  return is_well;
}

namespace {

stack_config make_config(const char* address, std::uint64_t seed) {
  stack_config config;
  config.host.addresses.push_back(*Prefix::parse(address));
  config.random = std::make_unique<SeededRandom>(seed);
  return config;
}

}  // namespace

TwinWorld::TwinWorld(const wire::LinkCapabilities& capabilities) {
  auto ends = MemoryDevice::make_pair(capabilities);
  client_device = std::move(ends.first);
  server_device = std::move(ends.second);
  client_stack =
      std::make_unique<stack_context>(loop.io, client_device, make_config("198.51.100.1/24", 1));
  server_stack =
      std::make_unique<stack_context>(loop.io, server_device, make_config("198.51.100.2/24", 2));
}

}  // namespace tuntcp::test
