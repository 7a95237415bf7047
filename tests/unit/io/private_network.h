// A network namespace per test, so that no packet of a test leaves it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace tuntcp::io {

// Every test runs in an empty network namespace of its own, which goes away with the test's
// sockets. Skipped where the machine does not allow that.
class PrivateNetwork : public testing::Test {
 protected:
  void SetUp() override;
};

// Runs a shell command; what it wrote to both outputs, and its exit status in `status` if wanted.
std::string output_of(const std::string& command, int* status = nullptr);

// Runs `body` in a child process, so that what it does to the process (its user, a system call
// filter, a namespace) ends with it. True if `body` returned true.
bool in_child(const std::function<bool()>& body);

// In a child: gives up root for good (user and group "nobody", no capabilities).
void become_nobody();

// In a child: from now on ioctl(any, request, argument & mask) fails with EINVAL where not zero;
// mask 0 refuses every such request.
void refuse_ioctl(unsigned request, unsigned mask);
// In a child: writev() with at least this many pieces fails with EINVAL.
void refuse_long_writev(unsigned pieces);

}  // namespace tuntcp::io
