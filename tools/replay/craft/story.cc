#include "tools/replay/craft/story.h"

#include <pcap/pcap.h>
#include <tins/tins.h>

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <stdexcept>

namespace tuntcp::replay::craft {
namespace {

constexpr const char* kClient4 = "198.51.100.1";
constexpr const char* kServer4 = "198.51.100.2";
constexpr const char* kClient6 = "2001:db8::1";
constexpr const char* kServer6 = "2001:db8::2";
constexpr std::uint16_t kClientPort = 40'000;
constexpr std::uint16_t kServerPort = 80;
constexpr std::int64_t kPause = 10'000;
constexpr std::int64_t kAnswer = 20;

// The octet at a sequence number, so that what is sent again is the same.
Octets text_of(const Told& told) {
  Octets text(told.len);
  for (std::uint32_t i = 0; i < told.len; ++i) {
    text[i] = static_cast<std::uint8_t>((told.seq + i) * 7 + 3);
  }
  return text;
}

Tins::TCP segment_of(bool from_client, const Told& told) {
  Tins::TCP tcp(from_client ? kServerPort : kClientPort, from_client ? kClientPort : kServerPort);
  tcp.flags(told.flags);
  tcp.seq(told.seq);
  tcp.ack_seq(told.ack);
  tcp.window(told.window);
  if (told.mss != 0) tcp.mss(told.mss);
  if (told.sack_permitted) tcp.sack_permitted();
  if (!told.sack.empty()) tcp.sack(told.sack);
  return tcp;
}

}  // namespace

Octets Story::packet(bool from_client, const Told& told, bool with_extension_header) const {
  const Tins::RawPDU text(text_of(told));
  const Tins::TCP tcp = segment_of(from_client, told);
  if (!is_v6_) {
    Tins::IP ip(from_client ? kServer4 : kClient4, from_client ? kClient4 : kServer4);
    ip.ttl(64);
    ip.flags(Tins::IP::DONT_FRAGMENT);
    Tins::IP whole = told.len == 0 ? ip / tcp : ip / tcp / text;
    return whole.serialize();
  }
  Tins::IPv6 ip(from_client ? kServer6 : kClient6, from_client ? kClient6 : kServer6);
  ip.hop_limit(64);
  if (with_extension_header) {
    const Octets padding{1, 4, 0, 0, 0, 0};  // PadN, RFC 8200, 4.2
    ip.add_header(Tins::IPv6::ext_header(Tins::IPv6::HOP_BY_HOP, padding.size(), padding.data()));
  }
  Tins::IPv6 whole = told.len == 0 ? ip / tcp : ip / tcp / text;
  return whole.serialize();
}

void Story::client(const Told& told) {
  now_ += kPause;
  frames_.push_back({.microseconds = now_, .octets = packet(true, told, false)});
}

void Story::client_behind_extension_header(const Told& told) {
  now_ += kPause;
  frames_.push_back({.microseconds = now_, .octets = packet(true, told, true)});
}

void Story::server(const Told& told) {
  now_ += kAnswer;
  frames_.push_back({.microseconds = now_, .octets = packet(false, told, false)});
}

void Story::open(std::uint32_t client_iss, std::uint32_t server_iss, bool sack) {
  const std::uint16_t mss = is_v6_ ? 1440 : 1460;
  const std::uint16_t window = is_v6_ ? 64'800 : 64'240;
  client({.flags = kSyn, .seq = client_iss, .mss = mss, .sack_permitted = sack});
  server({.flags = kSyn | kAck,
          .seq = server_iss,
          .ack = client_iss + 1,
          .window = window,
          .mss = mss,
          .sack_permitted = sack});
  client({.seq = client_iss + 1, .ack = server_iss + 1});
}

Octets file_of(const std::vector<Frame>& frames, const Format& format) {
  pcap_t* const pcap = pcap_open_dead_with_tstamp_precision(
      format.link_type, 65'535,
      format.nanoseconds ? PCAP_TSTAMP_PRECISION_NANO : PCAP_TSTAMP_PRECISION_MICRO);
  char* data = nullptr;
  std::size_t size = 0;
  std::FILE* const stream = ::open_memstream(&data, &size);
  pcap_dumper_t* const dumper = pcap_dump_fopen(pcap, stream);
  if (dumper == nullptr) throw std::runtime_error(pcap_geterr(pcap));
  // A date long past, the same each time.
  constexpr std::int64_t kStart = 1'000'000'000;
  for (const Frame& frame : frames) {
    Octets octets = format.link_header;
    octets.insert(octets.end(), frame.octets.begin(), frame.octets.end());
    pcap_pkthdr header{};
    header.ts.tv_sec = kStart + frame.microseconds / 1'000'000;
    header.ts.tv_usec = frame.microseconds % 1'000'000 * (format.nanoseconds ? 1000 : 1);
    header.len = static_cast<bpf_u_int32>(octets.size());
    header.caplen = header.len - frame.lost;
    pcap_dump(reinterpret_cast<u_char*>(dumper), &header, octets.data());
  }
  pcap_dump_close(dumper);
  pcap_close(pcap);
  Octets file(data, data + size);
  std::free(data);
  return file;
}

}  // namespace tuntcp::replay::craft
