// Endpoints of the core and of Boost.Asio, one as the other.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "stack/base/address.h"

namespace tuntcp::api {

// IPv6 scopes are dropped: the core has none.
IpAddress from_asio(const boost::asio::ip::address& address);
Endpoint from_asio(const boost::asio::ip::tcp::endpoint& endpoint);
boost::asio::ip::address to_asio(const IpAddress& address);
boost::asio::ip::tcp::endpoint to_asio(const Endpoint& endpoint);

}  // namespace tuntcp::api
