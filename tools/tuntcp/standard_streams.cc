#include "tools/tuntcp/standard_streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>

namespace tuntcp::tools {

namespace asio = boost::asio;

namespace {

bool has_to_wait(ssize_t result) {
  if (result >= 0 || errno == EINTR) return false;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
  throw boost::system::system_error(errno, boost::system::system_category());
}

}  // namespace

StandardStream::StandardStream(const asio::any_io_executor& executor, int descriptor)
    : descriptor_(descriptor), flags_(::fcntl(descriptor, F_GETFL)), readiness_(executor) {
  struct stat file{};
  is_pollable_ = ::fstat(descriptor, &file) == 0 && !S_ISREG(file.st_mode);
  if (!is_pollable_) return;
  boost::system::error_code error;
  readiness_.assign(descriptor, error);
  if (error) {
    is_pollable_ = false;  // Some devices cannot be waited for, /dev/null for one.
  } else {
    ::fcntl(descriptor, F_SETFL, flags_ | O_NONBLOCK);
  }
}

StandardStream::~StandardStream() {
  if (!is_pollable_) return;
  readiness_.release();
  ::fcntl(descriptor_, F_SETFL, flags_);
}

asio::awaitable<std::size_t> StandardStream::read_some(char* octets, std::size_t size) {
  while (!is_ended_) {
    const ssize_t result = ::read(descriptor_, octets, size);
    if (result >= 0) co_return static_cast<std::size_t>(result);
    if (has_to_wait(result)) {
      // Ends early, with operation_aborted, only after end_input().
      co_await readiness_.async_wait(asio::posix::descriptor_base::wait_read,
                                     asio::as_tuple(asio::use_awaitable));
    }
  }
  co_return 0;
}

asio::awaitable<void> StandardStream::write(const char* octets, std::size_t size) {
  while (size != 0) {
    const ssize_t result = ::write(descriptor_, octets, size);
    if (result >= 0) {
      octets += result;
      size -= static_cast<std::size_t>(result);
    } else if (has_to_wait(result)) {
      co_await readiness_.async_wait(asio::posix::descriptor_base::wait_write, asio::use_awaitable);
    }
  }
}

void StandardStream::end_input() {
  is_ended_ = true;
  if (is_pollable_) readiness_.cancel();
}

}  // namespace tuntcp::tools
