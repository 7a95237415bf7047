#include "tests/bsd/agreement.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <thread>

namespace tuntcp::test {
namespace {

// The calling thread gets a network of its own, with nothing in it but a loopback device.
bool enter_private_network() {
  if (::unshare(CLONE_NEWNET) != 0) return false;
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  const bool is_up = ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  ::close(fd);
  return is_up;
}

// What both agreed on before.
std::string text_of(std::span<const std::string> record) {
  std::string text;
  for (const std::string& line : record) text += "  " + line + "\n";
  return text;
}

}  // namespace

std::vector<std::string> record_of_kernel(Program program) {
  std::vector<std::string> record;
  std::thread([&] {
    if (!enter_private_network()) return;
    const auto calls = make_kernel_calls();
    World world(*calls);
    program(world);
    record = world.record();
  }).join();
  return record;
}

std::vector<std::string> record_of_engine(Program program) {
  const auto calls = make_engine_calls();
  World world(*calls);
  program(world);
  return world.record();
}

TEST_P(Agreement, WithTheKernel) {
  const std::vector<std::string> engine = record_of_engine(GetParam().run);
  ASSERT_FALSE(engine.empty());
  const std::vector<std::string> kernel = record_of_kernel(GetParam().run);
  if (kernel.empty()) GTEST_SKIP() << "needs root (CAP_SYS_ADMIN) for a network namespace";

  for (std::size_t i = 0; i < std::min(engine.size(), kernel.size()); ++i) {
    ASSERT_EQ(engine[i], kernel[i]) << "call " << i << "; the kernel's record is the expectation\n"
                                    << text_of(std::span(kernel).first(i));
  }
  EXPECT_EQ(engine.size(), kernel.size());
}

}  // namespace tuntcp::test
