#include "tests/unit/io/private_network.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>

namespace tuntcp::io {
namespace {

constexpr unsigned kNobody = 65'534;

unsigned argument_offset(std::size_t index) {
  return static_cast<unsigned>(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t));
}

void install(std::span<sock_filter> filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::perror("seccomp");
    std::_Exit(2);
  }
}

constexpr sock_filter statement(int code, unsigned k) {
  return {static_cast<unsigned short>(code), 0, 0, k};
}
constexpr sock_filter jump(int code, unsigned k, std::uint8_t if_true, std::uint8_t if_false) {
  return {static_cast<unsigned short>(code), if_true, if_false, k};
}
constexpr int kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr int kIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr int kIfAtLeast = BPF_JMP | BPF_JGE | BPF_K;
constexpr int kReturn = BPF_RET | BPF_K;

}  // namespace

void PrivateNetwork::SetUp() {
  if (::unshare(CLONE_NEWNET) != 0) {
    GTEST_SKIP() << "needs root (CAP_SYS_ADMIN) for a network namespace: " << std::strerror(errno);
  }
  if (::access("/dev/net/tun", R_OK | W_OK) != 0) {
    GTEST_SKIP() << "needs /dev/net/tun: " << std::strerror(errno);
  }
}

std::string output_of(const std::string& command, int* status) {
  std::string output;
  std::FILE* pipe = ::popen(("exec 2>&1; " + command).c_str(), "re");
  if (pipe == nullptr) return output;
  std::array<char, 4096> room{};
  while (const std::size_t octets = std::fread(room.data(), 1, room.size(), pipe)) {
    output.append(room.data(), octets);
  }
  const int result = ::pclose(pipe);
  if (status != nullptr) *status = WIFEXITED(result) ? WEXITSTATUS(result) : -1;
  return output;
}

bool in_child(const std::function<bool()>& body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool result = body();
    std::fflush(nullptr);
    std::_Exit(result ? 0 : 1);
  }
  int status = -1;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void become_nobody() {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
      ::setresuid(kNobody, kNobody, kNobody) != 0) {
    std::perror("setresuid");
    std::_Exit(2);
  }
}

void refuse_ioctl(unsigned request, unsigned mask) {
  std::array filter{
      statement(kLoad, offsetof(seccomp_data, nr)),
      jump(kIfEqual, SYS_ioctl, 0, 6),
      statement(kLoad, argument_offset(1)),
      jump(kIfEqual, request, 0, 4),
      statement(kLoad, argument_offset(2)),
      statement(BPF_ALU | BPF_AND | BPF_K, mask),
      // With no mask every argument gives zero, and every argument is refused.
      mask == 0 ? jump(kIfEqual, 0, 0, 1) : jump(kIfEqual, 0, 1, 0),
      statement(kReturn, SECCOMP_RET_ERRNO | EINVAL),
      statement(kReturn, SECCOMP_RET_ALLOW),
  };
  install(filter);
}

void refuse_long_writev(unsigned pieces) {
  std::array filter{
      statement(kLoad, offsetof(seccomp_data, nr)),   jump(kIfEqual, SYS_writev, 0, 3),
      statement(kLoad, argument_offset(2)),           jump(kIfAtLeast, pieces, 0, 1),
      statement(kReturn, SECCOMP_RET_ERRNO | EINVAL), statement(kReturn, SECCOMP_RET_ALLOW),
  };
  install(filter);
}

}  // namespace tuntcp::io
