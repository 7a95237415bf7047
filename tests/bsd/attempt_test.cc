// Attempt: calls that wait, in virtual time. What waits for what is recv(2)'s, send(2)'s,
// connect(2)'s, poll(2)'s and socket(7)'s.
#include "stack/bsd/attempt.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cerrno>
#include <numeric>

#include "tests/bsd/world.h"

namespace tuntcp::test {
namespace {

using bsd::Attempt;

class NoDevice final : public wire::PacketSink {
 public:
  wire::SendResult send(const wire::OutgoingPacket&) override { return wire::SendResult::down; }
};

// Two ends of a connection of a host with itself; both descriptors block.
class BlockingCalls : public testing::Test {
 protected:
  BlockingCalls() {
    pass(1_s);
    const Address any("0.0.0.0", 7000);
    listener_ = sockets_.socket(AF_INET, SOCK_STREAM, 0);
    sockets_.bind(listener_, any.get(), any.length);
    sockets_.listen(listener_, 5);
  }
  void connect() {
    const Address server("127.0.0.1", 7000);
    client_ = sockets_.socket(AF_INET, SOCK_STREAM, 0);
    Attempt call = Attempt::connect(client_, server.get(), server.length);
    ASSERT_FALSE(call.repeat(sockets_).has_value());
    pass(1_ms);
    ASSERT_EQ(call.repeat(sockets_), 0);
    server_ = sockets_.accept(listener_, nullptr, nullptr);
    ASSERT_GE(server_, 0);
  }
  void pass(Duration duration) {
    now_ += duration;
    sockets_.set_time(now_);
    host_.advance_to(now_);
    host_.packets_out(now_, device_);
  }
  void client_sends(std::size_t octets) {
    const std::string text(octets, 'x');
    ASSERT_EQ(sockets_.send(client_, text.data(), octets, 0), static_cast<ssize_t>(octets));
    pass(1_ms);
  }

  SeededRandom random_{1};
  Host host_{HostConfig{}, random_};
  bsd::Sockets sockets_{host_};
  NoDevice device_;
  Instant now_;
  int listener_ = -1;
  int client_ = -1;
  int server_ = -1;
};

struct Message {
  explicit Message(std::size_t octets) : text(octets, '\0'), piece{text.data(), octets} {
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
  }
  std::string text;
  iovec piece;
  msghdr header{};
};

TEST_F(BlockingCalls, AcceptWaitsForAConnection) {
  Attempt call = Attempt::accept4(listener_, nullptr, nullptr, 0);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  const Address server("127.0.0.1", 7000);
  const int client = sockets_.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  EXPECT_EQ(sockets_.connect(client, server.get(), server.length), -EINPROGRESS);
  pass(1_ms);
  EXPECT_GE(call.repeat(sockets_).value_or(-1), 0);
}

TEST_F(BlockingCalls, ConnectTellsWhyItFailed) {
  const Address nobody("127.0.0.1", 7999);
  const int fd = sockets_.socket(AF_INET, SOCK_STREAM, 0);
  Attempt call = Attempt::connect(fd, nobody.get(), nobody.length);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  pass(1_ms);
  EXPECT_EQ(call.repeat(sockets_), -ECONNREFUSED);
}

// connect(2) under SO_SNDTIMEO: the attempt goes on without the thread.
TEST_F(BlockingCalls, ConnectThatTimesOutIsInProgress) {
  sockets_.listen(listener_, 0);
  const Address server("127.0.0.1", 7000);
  const int first = sockets_.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  EXPECT_EQ(sockets_.connect(first, server.get(), server.length), -EINPROGRESS);
  pass(1_ms);
  const int fd = sockets_.socket(AF_INET, SOCK_STREAM, 0);
  const timeval limit{.tv_sec = 0, .tv_usec = 52'000};  // whole ticks
  EXPECT_EQ(sockets_.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
  Attempt call = Attempt::connect(fd, server.get(), server.length);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  EXPECT_EQ(call.deadline(), now_ + 52_ms);
  pass(52_ms);
  EXPECT_EQ(call.repeat(sockets_), -EINPROGRESS);
}

TEST_F(BlockingCalls, RecvReturnsWithTheFirstOctets) {
  connect();
  Message message(100);
  Attempt call = Attempt::recvmsg(server_, &message.header, 0);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  client_sends(10);
  EXPECT_EQ(call.repeat(sockets_), 10);
}

TEST_F(BlockingCalls, RecvOfAllWaitsForAll) {
  connect();
  Message message(100);
  Attempt call = Attempt::recvmsg(server_, &message.header, MSG_WAITALL);
  client_sends(60);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  client_sends(40);
  EXPECT_EQ(call.repeat(sockets_), 100);
  EXPECT_EQ(message.text, std::string(100, 'x'));
}

// recv(2), MSG_WAITALL: "may still return less data than requested if [...] disconnect occurs".
TEST_F(BlockingCalls, RecvOfAllEndsWithTheStream) {
  connect();
  Message message(100);
  Attempt call = Attempt::recvmsg(server_, &message.header, MSG_WAITALL);
  client_sends(60);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  sockets_.close(client_);
  pass(1_ms);
  EXPECT_EQ(call.repeat(sockets_), 60);
}

// As Linux's tcp_recvmsg (tests/scripts/urgent_receive/wait_for_all_stops_at_the_mark): what was
// read in front of urgent data is told at once.
TEST_F(BlockingCalls, RecvOfAllEndsAtTheUrgentMark) {
  connect();
  Message message(100);
  Attempt call = Attempt::recvmsg(server_, &message.header, MSG_WAITALL);
  client_sends(30);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  ASSERT_EQ(sockets_.send(client_, "abc", 3, MSG_OOB), 3);
  pass(1_ms);
  EXPECT_EQ(call.repeat(sockets_), 32);
  Attempt next = Attempt::recvmsg(server_, &message.header, MSG_WAITALL);
  client_sends(10);
  EXPECT_FALSE(next.repeat(sockets_).has_value());
  client_sends(90);
  EXPECT_EQ(next.repeat(sockets_), 100);
}

// As Linux's tcp_recvmsg: who looks at all of it waits as who takes it, and for no more than comes.
TEST_F(BlockingCalls, LookAtAllWaitsForAll) {
  connect();
  Message message(100);
  Attempt call = Attempt::recvmsg(server_, &message.header, MSG_WAITALL | MSG_PEEK);
  client_sends(60);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  client_sends(50);
  EXPECT_EQ(call.repeat(sockets_), 100);
  EXPECT_EQ(sockets_.recvmsg(server_, &message.header, MSG_TRUNC), 100);
}

TEST_F(BlockingCalls, LookAtAllEndsWithTheStream) {
  connect();
  Message message(100);
  Attempt call = Attempt::recvmsg(server_, &message.header, MSG_WAITALL | MSG_PEEK);
  client_sends(60);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  sockets_.close(client_);
  pass(1_ms);
  EXPECT_EQ(call.repeat(sockets_), 60);
}

TEST_F(BlockingCalls, LookAtAllEndsAtItsTimeout) {
  connect();
  const timeval limit{.tv_sec = 2, .tv_usec = 0};
  sockets_.setsockopt(server_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  Message message(100);
  Attempt call = Attempt::recvmsg(server_, &message.header, MSG_WAITALL | MSG_PEEK);
  client_sends(60);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  pass(2_s);
  EXPECT_EQ(call.repeat(sockets_), 60);
}

TEST_F(BlockingCalls, LookAtAllEndsAtTheUrgentMark) {
  connect();
  for (const int is_inline : {0, 1}) {
    sockets_.setsockopt(server_, SOL_SOCKET, SO_OOBINLINE, &is_inline, sizeof is_inline);
    Message message(100);
    Attempt call = Attempt::recvmsg(server_, &message.header, MSG_WAITALL | MSG_PEEK);
    client_sends(30);
    EXPECT_FALSE(call.repeat(sockets_).has_value());
    ASSERT_EQ(sockets_.send(client_, "abc", 3, MSG_OOB), 3);
    pass(1_ms);
    EXPECT_EQ(call.repeat(sockets_), 32);
    EXPECT_EQ(sockets_.recvmsg(server_, &message.header, 0), 32);
    // The mark is where it begins: it goes on behind it.
    Attempt next = Attempt::recvmsg(server_, &message.header, MSG_WAITALL | MSG_PEEK);
    client_sends(10);
    EXPECT_FALSE(next.repeat(sockets_).has_value());
    client_sends(90);
    EXPECT_EQ(next.repeat(sockets_), 100);
    EXPECT_EQ(sockets_.recvmsg(server_, &message.header, 0), 100);
    sockets_.recvmsg(server_, &message.header, 0);
  }
}

// socket(7), SO_RCVLOWAT: "read will block until the specified amount is available".
TEST_F(BlockingCalls, RecvWaitsForTheLowWaterMark) {
  connect();
  const int mark = 40;
  sockets_.setsockopt(server_, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark);
  Message message(100);
  Attempt call = Attempt::recvmsg(server_, &message.header, 0);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  client_sends(30);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  client_sends(30);
  EXPECT_EQ(call.repeat(sockets_), 60);
  // No more than is asked for.
  Message less(20);
  client_sends(20);
  EXPECT_EQ(Attempt::recvmsg(server_, &less.header, 0).repeat(sockets_), 20);
}

TEST_F(BlockingCalls, RecvOfErrorsDoesNotWait) {
  connect();
  Message message(100);
  EXPECT_EQ(Attempt::recvmsg(server_, &message.header, MSG_ERRQUEUE).repeat(sockets_), -EAGAIN);
  EXPECT_EQ(Attempt::recvmsg(server_, &message.header, MSG_OOB).repeat(sockets_), -EINVAL);
}

// Measured on Linux 6.18, with a thread in each call while another closes the descriptor: the call
// goes on with what it has, whoever has the number next, and only then the connection ends.
TEST_F(BlockingCalls, RecvOutlivesItsDescriptor) {
  connect();
  Message message(100);
  Attempt call = Attempt::recvmsg(server_, &message.header, 0);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  ASSERT_EQ(sockets_.close(server_), 0);
  EXPECT_EQ(sockets_.send(server_, "x", 1, 0), -EBADF);
  EXPECT_EQ(sockets_.socket(AF_INET, SOCK_STREAM, 0), server_);
  pass(1_ms);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  char octet = 0;
  EXPECT_EQ(sockets_.recv(client_, &octet, 1, 0), -EAGAIN);  // no FIN
  client_sends(10);
  EXPECT_EQ(call.repeat(sockets_), 10);
  pass(1_ms);
  EXPECT_EQ(sockets_.recv(client_, &octet, 1, 0), 0);
}

TEST_F(BlockingCalls, CallThatIsGivenUpLetsGo) {
  connect();
  Message message(100);
  {
    Attempt call = Attempt::recvmsg(server_, &message.header, 0);
    EXPECT_FALSE(call.repeat(sockets_).has_value());
    ASSERT_EQ(sockets_.close(server_), 0);
    pass(1_ms);
  }
  pass(1_ms);
  char octet = 0;
  EXPECT_EQ(sockets_.recv(client_, &octet, 1, 0), 0);
}

TEST_F(BlockingCalls, AcceptOutlivesItsDescriptor) {
  Attempt call = Attempt::accept4(listener_, nullptr, nullptr, 0);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  ASSERT_EQ(sockets_.close(listener_), 0);
  const Address server("127.0.0.1", 7000);
  const int client = sockets_.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  EXPECT_EQ(sockets_.connect(client, server.get(), server.length), -EINPROGRESS);
  pass(1_ms);
  EXPECT_GE(call.repeat(sockets_).value_or(-1), 0);
  // Now nobody listens.
  const int next = sockets_.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  EXPECT_EQ(sockets_.connect(next, server.get(), server.length), -EINPROGRESS);
  pass(1_ms);
  EXPECT_EQ(sockets_.connect(next, server.get(), server.length), -ECONNREFUSED);
}

TEST_F(BlockingCalls, EpollOutlivesItsDescriptor) {
  connect();
  const int epoll = sockets_.epoll_create1(0);
  epoll_event event{.events = EPOLLIN, .data = {.u32 = 7}};
  ASSERT_EQ(sockets_.epoll_ctl(epoll, EPOLL_CTL_ADD, server_, &event), 0);
  Attempt call = Attempt::epoll_wait(epoll, &event, 1, -1);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  ASSERT_EQ(sockets_.close(epoll), 0);
  client_sends(1);
  EXPECT_EQ(call.repeat(sockets_), 1);
}

TEST_F(BlockingCalls, CallOfNoDescriptorSaysSo) {
  Message message(1);
  EXPECT_EQ(Attempt::recvmsg(900, &message.header, 0).repeat(sockets_), -EBADF);
  EXPECT_EQ(Attempt::sendmsg(-1, &message.header, 0).repeat(sockets_), -EBADF);
  EXPECT_EQ(Attempt::accept4(900, nullptr, nullptr, 0).repeat(sockets_), -EBADF);
}

TEST_F(BlockingCalls, RecvGivesUpAtItsTimeout) {
  connect();
  const timeval limit{.tv_sec = 2, .tv_usec = 0};
  sockets_.setsockopt(server_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  Message message(100);
  Attempt call = Attempt::recvmsg(server_, &message.header, 0);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  pass(1_s);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  pass(1_s);
  EXPECT_EQ(call.repeat(sockets_), -EAGAIN);
}

TEST_F(BlockingCalls, FlagsDoNotWaitWhereToldSo) {
  connect();
  Message message(100);
  EXPECT_EQ(Attempt::recvmsg(server_, &message.header, MSG_DONTWAIT).repeat(sockets_), -EAGAIN);
}

TEST_F(BlockingCalls, SendWaitsUntilAllIsTaken) {
  connect();
  Message message(3'000'000);
  std::iota(message.text.begin(), message.text.end(), char{0});
  Attempt call = Attempt::sendmsg(client_, &message.header, 0);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  std::string received;
  std::optional<std::int64_t> result;
  for (int i = 0; i < 10'000 && received.size() < message.text.size(); ++i) {
    Message room(100'000);
    pass(1_ms);
    const ssize_t octets = sockets_.recvmsg(server_, &room.header, 0);
    if (octets > 0) received.append(room.text, 0, static_cast<std::size_t>(octets));
    if (!result) result = call.repeat(sockets_);
  }
  EXPECT_EQ(result, 3'000'000);
  EXPECT_TRUE(received == message.text);
}

TEST_F(BlockingCalls, SendTellsOfAResetThatCameMeanwhile) {
  connect();
  Message message(10'000'000);
  Attempt call = Attempt::sendmsg(client_, &message.header, 0);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  pass(1_ms);
  sockets_.close(server_);  // with octets unread
  pass(1_ms);
  const auto result = call.repeat(sockets_);
  ASSERT_TRUE(result.has_value());
  EXPECT_GT(*result, 0);  // what was taken before
  EXPECT_EQ(sockets_.send(client_, "x", 1, 0), -ECONNRESET);
}

// As Linux's tcp_sendmsg, which tells what it took and leaves the error for the next call, whether
// or not there is something to be read.
TEST_F(BlockingCalls, SendLeavesTheErrorToTheNextCall) {
  connect();
  Message message(10'000'000);
  Attempt call = Attempt::sendmsg(client_, &message.header, 0);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  pass(1_ms);
  ASSERT_EQ(sockets_.send(server_, "unread", 6, 0), 6);
  pass(1_ms);
  sockets_.close(server_);
  pass(1_ms);
  EXPECT_GT(call.repeat(sockets_).value_or(0), 0);
  int error = 0;
  socklen_t length = sizeof error;
  EXPECT_EQ(sockets_.getsockopt(client_, SOL_SOCKET, SO_ERROR, &error, &length), 0);
  EXPECT_EQ(error, ECONNRESET);
}

// socket(7), SO_LINGER: "close(2) or shutdown(2) will not return until all queued messages for the
// socket have been successfully sent or the linger timeout has been reached".
TEST_F(BlockingCalls, CloseLingersUntilTheFinIsAcknowledged) {
  connect();
  const linger three{.l_onoff = 1, .l_linger = 3};
  ASSERT_EQ(sockets_.setsockopt(client_, SOL_SOCKET, SO_LINGER, &three, sizeof three), 0);
  Attempt call = Attempt::close(client_);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  EXPECT_EQ(call.deadline(), now_ + 3_s);
  // It names nothing any more.
  EXPECT_EQ(sockets_.send(client_, "x", 1, 0), -EBADF);
  EXPECT_NE(sockets_.socket(AF_INET, SOCK_STREAM, 0), client_);
  pass(1_ms);
  EXPECT_EQ(call.repeat(sockets_), 0);
  EXPECT_EQ(sockets_.close(client_), -EBADF);
  Message room(1);
  EXPECT_EQ(sockets_.recvmsg(server_, &room.header, 0), 0);
}

TEST_F(BlockingCalls, CloseLingersNoLongerThanItsTime) {
  connect();
  const linger one{.l_onoff = 1, .l_linger = 1};
  ASSERT_EQ(sockets_.setsockopt(client_, SOL_SOCKET, SO_LINGER, &one, sizeof one), 0);
  Attempt call = Attempt::close(client_);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  // Nothing is delivered, for no output is asked for.
  now_ += 1_s;
  sockets_.set_time(now_);
  EXPECT_EQ(call.repeat(sockets_), 0);
}

// A negative time has no end (measured on Linux 6.18).
TEST_F(BlockingCalls, CloseLingersForEverIfItsTimeIsNegative) {
  connect();
  const linger ever{.l_onoff = 1, .l_linger = -1};
  ASSERT_EQ(sockets_.setsockopt(client_, SOL_SOCKET, SO_LINGER, &ever, sizeof ever), 0);
  Attempt call = Attempt::close(client_);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  EXPECT_EQ(call.deadline(), Instant::never());
  pass(1_ms);
  EXPECT_EQ(call.repeat(sockets_), 0);
}

TEST_F(BlockingCalls, CloseWaitsForNothingWhereNothingIsSent) {
  const int fd = sockets_.socket(AF_INET, SOCK_STREAM, 0);
  const linger three{.l_onoff = 1, .l_linger = 3};
  ASSERT_EQ(sockets_.setsockopt(fd, SOL_SOCKET, SO_LINGER, &three, sizeof three), 0);
  EXPECT_EQ(Attempt::close(fd).repeat(sockets_), 0);
}

TEST_F(BlockingCalls, PollWaitsForItsTimeAndNoLonger) {
  connect();
  pollfd entry{.fd = server_, .events = POLLIN, .revents = 0};
  EXPECT_EQ(Attempt::poll(&entry, 1, 0).repeat(sockets_), 0);
  Attempt call = Attempt::poll(&entry, 1, 100);
  EXPECT_FALSE(call.repeat(sockets_).has_value());
  EXPECT_EQ(call.deadline(), now_ + 100_ms);
  pass(100_ms);
  EXPECT_EQ(call.repeat(sockets_), 0);
  Attempt forever = Attempt::poll(&entry, 1, -1);
  EXPECT_FALSE(forever.repeat(sockets_).has_value());
  EXPECT_EQ(forever.deadline(), Instant::never());
  client_sends(1);
  EXPECT_EQ(forever.repeat(sockets_), 1);
  EXPECT_EQ(entry.revents, POLLIN);
}

}  // namespace
}  // namespace tuntcp::test
