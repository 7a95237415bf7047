// A connection's addresses and ports in as few octets as its family needs, for the two small kinds
// of connection.
#pragma once

#include <array>
#include <cstring>

#include "stack/base/address.h"

namespace tuntcp::tcp {

template <Family family>
class CompactTuple {
 public:
  explicit CompactTuple(const FourTuple& tuple)
      : local_port_(tuple.local.port), remote_port_(tuple.remote.port) {
    std::memcpy(local_.data(), tuple.local.address.octets(), kOctets);
    std::memcpy(remote_.data(), tuple.remote.address.octets(), kOctets);
  }
  FourTuple whole() const {
    return {.local = {IpAddress::from_octets(family, local_.data()), local_port_},
            .remote = {IpAddress::from_octets(family, remote_.data()), remote_port_}};
  }
  bool is(const FourTuple& tuple) const {
    return tuple.local.port == local_port_ && tuple.remote.port == remote_port_ &&
           tuple.family() == family &&
           std::memcmp(local_.data(), tuple.local.address.octets(), kOctets) == 0 &&
           std::memcmp(remote_.data(), tuple.remote.address.octets(), kOctets) == 0;
  }

 private:
  static constexpr std::size_t kOctets = family == Family::ipv4 ? 4 : 16;
  std::array<std::uint8_t, kOctets> local_;
  std::array<std::uint8_t, kOctets> remote_;
  Port local_port_;
  Port remote_port_;
};

}  // namespace tuntcp::tcp
