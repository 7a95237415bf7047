#include "stack/api/error_code.h"

#include <boost/asio/error.hpp>
#include <cerrno>

namespace tuntcp::api {

namespace asio = boost::asio;

boost::system::error_code to_error_code(Error error) {
  const auto of_system = [](int number) {
    return boost::system::error_code(number, boost::system::system_category());
  };
  switch (error) {
    case Error::none:
      return {};
    case Error::connection_reset:
      return asio::error::connection_reset;
    case Error::connection_refused:
      return asio::error::connection_refused;
    case Error::connection_aborted:
      return asio::error::connection_aborted;
    case Error::timed_out:
      return asio::error::timed_out;
    case Error::connection_does_not_exist:
      return asio::error::bad_descriptor;
    // Linux says EADDRNOTAVAIL: with this local endpoint there is no free pair.
    case Error::connection_already_exists:
    case Error::address_not_available:
      return of_system(EADDRNOTAVAIL);
    case Error::connection_closing:
      return asio::error::broken_pipe;
    case Error::not_connected:
      return asio::error::not_connected;
    case Error::insufficient_resources:
      return asio::error::no_buffer_space;
    case Error::address_in_use:
      return asio::error::address_in_use;
    case Error::host_unreachable:
      return asio::error::host_unreachable;
    case Error::network_unreachable:
      return asio::error::network_unreachable;
    case Error::protocol_unreachable:
      return asio::error::no_protocol_option;
    case Error::source_route_failed:
      return asio::error::operation_not_supported;
    case Error::host_down:
      return of_system(EHOSTDOWN);
    case Error::host_isolated:
      return of_system(ENONET);
    case Error::access_denied:
      return asio::error::access_denied;
    case Error::protocol_error:
      return of_system(EPROTO);
    case Error::invalid_argument:
      return asio::error::invalid_argument;
    case Error::would_block:
      return asio::error::would_block;
    case Error::end_of_stream:
      return asio::error::eof;
  }
  return asio::error::fault;
}

}  // namespace tuntcp::api
