#include "tools/drill/script_options.h"

#include <algorithm>
#include <charconv>

#include "tools/drill/scanner.h"

namespace tuntcp::drill {
namespace {

// Documentation addresses: RFC 5737, RFC 3849. Scripts that name addresses in their commands take
// the remote ones to be these.
BackendOptions usual_addresses(IpVersion version) {
  BackendOptions backend{.ip_version = version};
  const bool is_v6 = version == IpVersion::ipv6;
  backend.local = *IpAddress::parse(is_v6 ? "2001:db8:1::1" : "198.51.100.1");
  backend.gateway = *IpAddress::parse(is_v6 ? "2001:db8:1::2" : "198.51.100.2");
  backend.remote = *IpAddress::parse(is_v6 ? "2001:db8::1" : "192.0.2.1");
  backend.local_prefix = is_v6 ? 64 : 24;
  // So that the MSS is 1460 in either family, as scripts expect.
  backend.mtu = is_v6 ? 1520 : 1500;
  return backend;
}

// The gateway, or where the stack was put into another network, another address there.
IpAddress neighbour_of(const BackendOptions& backend) {
  const Prefix network{.address = backend.local, .length = backend.local_prefix};
  if (network.contains(backend.gateway) && backend.gateway != backend.local) {
    return backend.gateway;
  }
  std::uint8_t octets[16] = {};
  std::copy_n(backend.local.octets(), backend.local.size(), octets);
  std::uint8_t& last = octets[backend.local.size() - 1];
  last = last == 1 ? 2 : 1;
  return IpAddress::from_octets(backend.local.family(), octets);
}

class Reader {
 public:
  Reader(const Script& script, ScriptSettings& settings) : script_(script), settings_(settings) {}
  void read(const Option& option);

 private:
  [[noreturn]] void fail(const Option& option) const {
    throw ScriptError(script_.file, option.at,
                      "'" + option.value.substr(0, 40) + "' is not a value of --" + option.name);
  }
  std::uint32_t number(const Option& option, std::uint32_t most) const {
    std::uint32_t value = 0;
    const char* end = option.value.data() + option.value.size();
    const auto result = std::from_chars(option.value.data(), end, value);
    if (result.ec != std::errc() || result.ptr != end || value > most) fail(option);
    return value;
  }
  // One of the other family is for another run of the script.
  void put_address(const Option& option, IpAddress& address) const {
    const auto parsed = IpAddress::parse(option.value);
    if (!parsed) fail(option);
    if (parsed->family() == address.family()) address = *parsed;
  }

  const Script& script_;
  ScriptSettings& settings_;
};

// The echo of a timestamp that the stack never sent is always counted on from those it did.
bool is_without_effect(const std::string& name) {
  return name == "ip_version" || name == "non_fatal" || name == "speed" ||
         name == "tcp_ts_ecr_scaled";
}

void Reader::read(const Option& option) {
  constexpr std::uint32_t kMaxMicroseconds = 1'000'000'000;
  BackendOptions& backend = settings_.backend;
  if (option.name == "local_ip") {
    put_address(option, backend.local);
  } else if (option.name == "remote_ip") {
    put_address(option, backend.remote);
  } else if (option.name == "gateway_ip") {
    put_address(option, backend.gateway);
  } else if (option.name == "tolerance_usecs") {
    settings_.tolerance = Duration::microseconds(number(option, kMaxMicroseconds));
  } else if (option.name == "tcp_ts_tick_usecs") {
    const std::uint32_t tick = number(option, kMaxMicroseconds);
    if (tick != 0) settings_.ts_tick = Duration::microseconds(tick);
  } else if (option.name == "mss") {
    settings_.mss = static_cast<std::uint16_t>(number(option, 65'000));
  } else if (option.name == "mtu") {
    backend.mtu = number(option, 65'535);
    if (backend.mtu < 576) fail(option);
  } else if (option.name == "strict_segments") {
    settings_.strict_segments = true;
  } else if (option.name == "define" || option.name == "D") {
    const std::size_t equals = option.value.find('=');
    if (equals == std::string::npos) fail(option);
    settings_.definitions[option.value.substr(0, equals)] = option.value.substr(equals + 1);
  } else if (!is_without_effect(option.name)) {
    throw Unmapped("the option --" + option.name);
  }
}

}  // namespace

ScriptSettings settings_of(const Script& script, const RunOptions& options) {
  ScriptSettings settings{.backend = usual_addresses(options.ip_version),
                          .tolerance = Duration::milliseconds(4)};
  settings.definitions = options.definitions;
  Reader reader(script, settings);
  for (const Option& option : script.options) reader.read(option);
  if (options.tolerance) settings.tolerance = *options.tolerance;
  settings.backend.gateway = neighbour_of(settings.backend);
  return settings;
}

bool is_for(const Script& script, IpVersion version) {
  const bool is_v6 = version == IpVersion::ipv6;
  for (const Option& option : script.options) {
    if (option.name == "ip_version") return option.value == to_string(version);
  }
  if (script.file.ends_with("v6.pkt")) return is_v6;
  if (script.file.ends_with("v4.pkt")) return version == IpVersion::ipv4;
  return true;
}

const char* to_string(IpVersion version) {
  switch (version) {
    case IpVersion::ipv4:
      return "ipv4";
    case IpVersion::ipv4_mapped_ipv6:
      return "ipv4-mapped-ipv6";
    case IpVersion::ipv6:
      return "ipv6";
  }
  return "";
}

}  // namespace tuntcp::drill
