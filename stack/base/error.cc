#include "stack/base/error.h"

namespace tuntcp {

const char* to_string(Error error) {
  switch (error) {
    case Error::none:
      return "no error";
    case Error::connection_reset:
      return "connection reset";
    case Error::connection_refused:
      return "connection refused";
    case Error::connection_aborted:
      return "connection aborted";
    case Error::timed_out:
      return "connection aborted due to user timeout";
    case Error::connection_does_not_exist:
      return "connection does not exist";
    case Error::connection_already_exists:
      return "connection already exists";
    case Error::connection_closing:
      return "connection closing";
    case Error::not_connected:
      return "not connected";
    case Error::insufficient_resources:
      return "insufficient resources";
    case Error::address_in_use:
      return "address in use";
    case Error::address_not_available:
      return "address not available";
    case Error::host_unreachable:
      return "host unreachable";
    case Error::network_unreachable:
      return "network unreachable";
    case Error::protocol_unreachable:
      return "protocol unreachable";
    case Error::source_route_failed:
      return "source route failed";
    case Error::host_down:
      return "host down";
    case Error::host_isolated:
      return "host isolated";
    case Error::access_denied:
      return "access denied on the way";
    case Error::protocol_error:
      return "packet not understood on the way";
    case Error::invalid_argument:
      return "invalid argument";
    case Error::would_block:
      return "would block";
    case Error::end_of_stream:
      return "end of stream";
  }
  return "unknown error";
}

}  // namespace tuntcp
