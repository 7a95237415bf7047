// Discard, RFC 863.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

#include "tools/tuntcp/services.h"

namespace tuntcp::tools {

namespace asio = boost::asio;

asio::awaitable<void> serve_discard(tcp::socket peer) {
  // One buffer serves all connections: nobody looks at what was read, and it stays in the cache.
  constexpr std::size_t kOctets = 256 * 1024;
  static const auto octets = std::make_unique_for_overwrite<char[]>(kOctets);
  while (true) {
    const auto [error, size] = co_await peer.async_read_some(asio::buffer(octets.get(), kOctets),
                                                             asio::as_tuple(asio::use_awaitable));
    if (error) break;
  }
}

}  // namespace tuntcp::tools
