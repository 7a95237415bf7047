// Packet scripts on this machine's kernel, in real time: that a handful of our scripts say what
// Linux does, and that the backend does what backend.h promises. Times are wide: the machine may be
// busy with other things.
#include "tools/drill/kernel_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <fstream>
#include <string>

#include "tools/drill/parser.h"
#include "tools/drill/suite.h"

namespace tuntcp::drill {
namespace {

BackendOptions ipv4() {
  return {.local = IpAddress::v4(0xc6336402),    // 198.51.100.2
          .gateway = IpAddress::v4(0xc6336401),  // 198.51.100.1
          .remote = IpAddress::v4(0xcb007101)};  // 203.0.113.1
}

std::unique_ptr<Backend> kernel_or_reason(const BackendOptions& options, std::string& reason) {
  try {
    return make_kernel_backend(options);
  } catch (const BackendFailure& failure) {
    reason = failure.what();
    return nullptr;
  }
}

class OnTheKernel : public testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    backend_ = kernel_or_reason(ipv4(), reason);
    if (!backend_) GTEST_SKIP() << reason;
  }
  CallReply call(const CallRequest& request) {
    const auto reply = backend_->take_reply(backend_->begin_call(request), backend_->now() + 10_s);
    return reply.value_or(CallReply{.result = -1});
  }
  int socket(int flags = 0) {
    return static_cast<int>(
        call({.name = "socket", .domain = AF_INET, .type = SOCK_STREAM | flags}).result);
  }
  std::unique_ptr<Backend> backend_;
};

TEST_F(OnTheKernel, ASynLeavesByTheDeviceAndItsAnswerComesIn) {
  const int fd = socket(SOCK_NONBLOCK);
  const CallReply connecting = call(
      {.name = "connect", .fd = fd, .address = Endpoint{.address = ipv4().remote, .port = 80}});
  EXPECT_EQ(connecting.error, EINPROGRESS);
  const auto syn = backend_->take_packet(backend_->now() + 10_s);
  ASSERT_TRUE(syn.has_value());
  EXPECT_EQ(syn->octets[9], 6);
  EXPECT_EQ(backend_->tcp_info(fd)["tcpi_state"], TCP_SYN_SENT);
}

// The machine's default may be anything; scripts are written for CUBIC.
TEST_F(OnTheKernel, ConnectionsUseCubicUnlessAScriptSaysOtherwise) {
  const auto name_of_new = [&] {
    const int fd = socket(SOCK_NONBLOCK);
    call({.name = "connect", .fd = fd, .address = Endpoint{.address = ipv4().remote, .port = 80}});
    const CallReply reply = call({.name = "getsockopt",
                                  .fd = fd,
                                  .level = IPPROTO_TCP,
                                  .option = TCP_CONGESTION,
                                  .value = Octets(16, 0)});
    return std::string(reinterpret_cast<const char*>(reply.value.data()));
  };
  EXPECT_EQ(name_of_new(), "cubic");
  ASSERT_TRUE(backend_->run_command("sysctl -q net.ipv4.tcp_congestion_control=reno", "/"));
  EXPECT_EQ(name_of_new(), "reno");
}

TEST_F(OnTheKernel, SettingsHoldInTheNamespaceOnly) {
  std::string before;
  std::ifstream("/proc/sys/net/ipv4/tcp_retries2") >> before;
  const std::string other = before == "7" ? "8" : "7";
  EXPECT_TRUE(backend_->run_command("sysctl -q net.ipv4.tcp_retries2=" + other, "/"));
  EXPECT_TRUE(backend_->run_command("test $(cat /proc/sys/net/ipv4/tcp_retries2) = " + other, "/"));
  EXPECT_FALSE(backend_->run_command("false", "/"));
  std::string after;
  std::ifstream("/proc/sys/net/ipv4/tcp_retries2") >> after;
  EXPECT_EQ(after, before);
}

TEST_F(OnTheKernel, ACallThatWaitsDoesNotHoldUpOthersAndEndsWithTheBackend) {
  const int fd = socket();
  EXPECT_EQ(call({.name = "listen", .fd = fd, .backlog = 5}).result, 0);
  const CallId waiting = backend_->begin_call({.name = "accept", .fd = fd});
  EXPECT_FALSE(backend_->take_reply(waiting, backend_->now() + 20_ms).has_value());
  EXPECT_GE(socket(), 0);
  backend_.reset();
}

TEST_F(OnTheKernel, ACallNobodyKnowsIsUnmapped) {
  const CallId id = backend_->begin_call({.name = "reboot"});
  EXPECT_THROW(backend_->take_reply(id, backend_->now() + 10_s), Unmapped);
}

// Scripts of each subject, short ones.
class KernelScript : public testing::TestWithParam<const char*> {};

TEST_P(KernelScript, Passes) {
  std::string reason;
  if (!kernel_or_reason(ipv4(), reason)) GTEST_SKIP() << reason;
  const std::string file = std::string(TUNTCP_SOURCE_DIR "/tests/scripts/") + GetParam();
  const Script script = parse(read_script(file), file);
  for (const IpVersion version : {IpVersion::ipv4, IpVersion::ipv6}) {
    if (!is_for(script, version)) continue;
    const RunOptions options{.ip_version = version, .tolerance = 300_ms};
    const Outcome outcome = run(script, options, make_kernel_backend);
    EXPECT_EQ(outcome.verdict, Outcome::Verdict::passed)
        << report(script, to_string(version), outcome, true);
  }
}

std::string name_of_script(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  for (char& c : name) {
    if (c == '/' || c == '.') c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(OfEachSubject, KernelScript,
                         testing::Values("close/fin_with_text.pkt",
                                         "handshake/third_segment_with_data.pkt",
                                         "options/all_agreed.pkt", "reset/reset_in_last_ack.pkt",
                                         "rfc5961/ack_of_the_future.pkt",
                                         "window/update_lets_go_at_once.pkt"),
                         name_of_script);

}  // namespace
}  // namespace tuntcp::drill
