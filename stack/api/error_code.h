// How an Error of the core looks to a program that uses Boost.Asio.
#pragma once

#include <boost/system/error_code.hpp>

#include "stack/base/error.h"

namespace tuntcp::api {

// The very codes that Asio gives for a kernel's socket, so that comparisons such as
// `error == boost::asio::error::connection_reset` and `error == boost::asio::error::eof` hold for
// both. would_block and none have codes too, although no operation ends with them.
boost::system::error_code to_error_code(Error error);

}  // namespace tuntcp::api
