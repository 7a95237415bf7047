// The control socket: who may use it, and what becomes of its file.
#include "stack/io/control.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <string>
#include <thread>

namespace tuntcp::io {
namespace {

class ControlTest : public testing::Test {
 protected:
  ControlTest() {
    char name[] = "/tmp/tuntcp-control-XXXXXX";
    if (::mkdtemp(name) == nullptr) std::abort();
    folder = name;
    path = folder + "/socket";
  }
  ~ControlTest() override {
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());
  }
  Outcome<std::unique_ptr<ControlServer>> open() {
    return ControlServer::open(
        io, path, [](std::string_view request) -> std::expected<std::string, std::string> {
          if (request == "fail") return std::unexpected("it failed");
          return "asked: " + std::string(request) + "\n";
        });
  }
  bool exists() const { return ::access(path.c_str(), F_OK) == 0; }
  // Asks from another thread while the server runs in this one.
  Outcome<std::string> ask(const std::string& request) {
    auto answer = std::async(std::launch::async, [&] {
      auto result = ask_control(path, request);
      io.stop();
      return result;
    });
    io.restart();
    io.run_for(std::chrono::seconds(20));
    return answer.get();
  }

  std::string folder, path;
  boost::asio::io_context io;
};

TEST_F(ControlTest, AnswersOneLine) {
  const auto server = open();
  ASSERT_TRUE(server);
  EXPECT_EQ(*ask("ss -a"), "asked: ss -a\n");
  EXPECT_EQ(*ask("nstat"), "asked: nstat\n");
}

TEST_F(ControlTest, PassesOnWhyNot) {
  const auto server = open();
  ASSERT_TRUE(server);
  const auto answer = ask("fail");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().text, "it failed");
}

TEST_F(ControlTest, OnlyTheOwnerMayConnect) {
  const auto server = open();
  ASSERT_TRUE(server);
  struct stat file{};
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777, 0600U);
}

TEST_F(ControlTest, TheFileGoesWithTheServer) {
  auto server = open();
  ASSERT_TRUE(server);
  EXPECT_TRUE(exists());
  server->reset();
  EXPECT_FALSE(exists());
}

TEST_F(ControlTest, ASocketInUseIsNotTaken) {
  const auto server = open();
  ASSERT_TRUE(server);
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, std::errc::address_in_use);
  EXPECT_EQ(*ask("still there"), "asked: still there\n");
}

// As SIGKILL leaves it.
TEST_F(ControlTest, ASocketWithoutAProcessIsReplaced) {
  const int left = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(left);
  ASSERT_TRUE(exists());
  const auto server = open();
  ASSERT_TRUE(server);
  EXPECT_EQ(*ask("ss"), "asked: ss\n");
}

TEST_F(ControlTest, AnotherKindOfFileIsLeftAlone) {
  std::ofstream(path) << "precious";
  EXPECT_FALSE(open());
  std::ifstream file(path);
  std::string text;
  file >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(ControlTest, ARequestWithoutAnEndIsCutOff) {
  const auto server = open();
  ASSERT_TRUE(server);
  EXPECT_FALSE(ask(std::string(10'000, 'x')));
  EXPECT_EQ(*ask("ss"), "asked: ss\n");
}

TEST_F(ControlTest, ClientsSayWhenNobodyIsThere) {
  const auto answer = ask_control(path, "ss");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().text, "cannot ask the stack at " + path +
                                     ": No such file or directory; is 'tuntcp up --control " +
                                     path + "' running?");
}

}  // namespace
}  // namespace tuntcp::io
