// Echo, RFC 862. Half-close aware: the peer may end its side and still gets everything back.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <memory>

#include "tools/tuntcp/services.h"

namespace tuntcp::tools {

namespace asio = boost::asio;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

asio::awaitable<void> serve_echo(tcp::socket peer) {
  constexpr std::size_t kOctets = 64 * 1024;
  const auto octets = std::make_unique_for_overwrite<char[]>(kOctets);
  while (true) {
    const auto [read_error, size] =
        co_await peer.async_read_some(asio::buffer(octets.get(), kOctets), use_tuple);
    if (read_error) break;
    const auto [write_error, written] =
        co_await asio::async_write(peer, asio::buffer(octets.get(), size), use_tuple);
    if (write_error) break;
  }
  // The socket closes here: a FIN follows what was written.
}

}  // namespace tuntcp::tools
