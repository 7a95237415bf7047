// Standard input and output for coroutines, whatever they are: terminals, pipes, sockets or files.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>

namespace tuntcp::tools {

// One descriptor, not blocking while this lives; it may be shared with other programs, so its mode
// is given back. Files, which epoll does not take, are read and written at once.
class StandardStream {
 public:
  StandardStream(const boost::asio::any_io_executor& executor, int descriptor);
  StandardStream(const StandardStream&) = delete;
  StandardStream& operator=(const StandardStream&) = delete;
  ~StandardStream();

  // 0 at the end, or after end_input(). Throws boost::system::system_error.
  boost::asio::awaitable<std::size_t> read_some(char* octets, std::size_t size);
  boost::asio::awaitable<void> write(const char* octets, std::size_t size);
  void end_input();

 private:
  int descriptor_;
  int flags_;
  boost::asio::posix::stream_descriptor readiness_;
  bool is_pollable_ = true;
  bool is_ended_ = false;
};

}  // namespace tuntcp::tools
