// The character generator, RFC 864: sends without pause and throws away what it receives.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tools/tuntcp/character_stream.h"
#include "tools/tuntcp/services.h"

namespace tuntcp::tools {

namespace asio = boost::asio;

asio::awaitable<void> serve_chargen(tcp::socket peer) {
  boost::system::error_code ignored;
  peer.shutdown(tcp::socket::shutdown_receive, ignored);
  for (std::uint64_t offset = 0;;) {
    const auto piece = characters(offset, UINT64_MAX);
    const auto [error, size] = co_await peer.async_write_some(
        asio::buffer(piece.data(), piece.size()), asio::as_tuple(asio::use_awaitable));
    if (error) break;
    offset += size;
  }
}

}  // namespace tuntcp::tools
