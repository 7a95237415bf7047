#include "stack/api/endpoint.h"

#include <algorithm>

namespace tuntcp::api {

namespace ip = boost::asio::ip;

IpAddress from_asio(const ip::address& address) {
  if (address.is_v4()) return IpAddress::v4(address.to_v4().to_uint());
  return IpAddress::v6(address.to_v6().to_bytes());
}

Endpoint from_asio(const ip::tcp::endpoint& endpoint) {
  return {.address = from_asio(endpoint.address()), .port = endpoint.port()};
}

ip::address to_asio(const IpAddress& address) {
  if (address.is_v4()) return ip::address_v4(address.v4_host_order());
  ip::address_v6::bytes_type octets{};
  std::copy_n(address.octets(), octets.size(), octets.begin());
  return ip::address_v6(octets);
}

ip::tcp::endpoint to_asio(const Endpoint& endpoint) {
  return {to_asio(endpoint.address), endpoint.port};
}

}  // namespace tuntcp::api
