#include "tools/drill/packet_matcher.h"

#include <algorithm>

#include "tools/drill/packet_codec.h"

namespace tuntcp::drill {
namespace {

std::string sorted(std::string flags, bool without_psh) {
  if (without_psh) std::erase(flags, 'P');
  std::sort(flags.begin(), flags.end());
  return flags;
}

std::optional<std::string> differs(const std::string& field, std::uint64_t expected,
                                   std::uint64_t actual) {
  if (expected == actual) return std::nullopt;
  return field + ": " + std::to_string(expected) + ", not " + std::to_string(actual);
}

std::optional<std::string> ip_difference(const IpSpec& expected, const IpSpec& actual) {
  if (expected.ecn && expected.ecn != actual.ecn) return "the ECN codepoint";
  if (expected.any_ect && actual.ecn != Ecn::ect0 && actual.ecn != Ecn::ect1) {
    return "the ECN codepoint: neither ect0 nor ect1";
  }
  if (expected.tos) {
    if (auto wrong = differs("tos", *expected.tos, actual.tos.value_or(0))) return wrong;
  }
  if (expected.ttl) {
    if (auto wrong = differs("ttl", *expected.ttl, actual.ttl.value_or(0))) return wrong;
  }
  return std::nullopt;
}

std::optional<std::string> option_difference(const TcpSpec& expected, const TcpSpec& actual) {
  if (expected.any_options) return std::nullopt;
  if (expected.options.size() != actual.options.size()) return "the options";
  for (std::size_t i = 0; i < expected.options.size(); ++i) {
    OptionSpec wanted = expected.options[i];
    const OptionSpec& sent = actual.options[i];
    if (wanted.kind == OptionSpec::Kind::timestamps) {
      wanted.value = sent.value;
    }
    if (describe(wanted) != describe(sent)) {
      return "the options: " + describe(expected.options[i]) + ", not " + describe(sent);
    }
  }
  return std::nullopt;
}

std::optional<std::string> tcp_difference(const TcpSpec& expected, const TcpSpec& actual,
                                          const MatchRules& rules) {
  const bool may_lack_psh = rules.has_text_behind && actual.flags.find('P') == std::string::npos;
  if (sorted(expected.flags, rules.is_super || may_lack_psh) !=
      sorted(actual.flags, rules.is_super)) {
    return "flags: " + (expected.flags.empty() ? "-" : expected.flags) + ", not " +
           (actual.flags.empty() ? "-" : actual.flags);
  }
  if (auto wrong = differs("sequence number", expected.seq.begin, actual.seq.begin)) return wrong;
  if (auto wrong = differs("octets", expected.seq.length, actual.seq.length)) return wrong;
  if (expected.ack) {
    if (auto wrong = differs("ack", *expected.ack, actual.ack.value_or(0))) return wrong;
  }
  if (expected.window) {
    if (auto wrong = differs("win", *expected.window, actual.window.value_or(0))) return wrong;
  }
  if (auto wrong = differs("urg", expected.urgent.value_or(0), actual.urgent.value_or(0))) {
    return wrong;
  }
  return option_difference(expected, actual);
}

}  // namespace

std::optional<std::string> difference(const PacketSpec& expected, const PacketSpec& actual,
                                      const MatchRules& rules) {
  if (expected.body.index() != actual.body.index()) return "TCP or ICMP";
  if (auto wrong = ip_difference(expected.ip, actual.ip)) return wrong;
  if (const auto* tcp = std::get_if<TcpSpec>(&expected.body)) {
    return tcp_difference(*tcp, std::get<TcpSpec>(actual.body), rules);
  }
  return "an ICMP message from the stack cannot be described";
}

}  // namespace tuntcp::drill
