// What the wire formats cost, beside libtins: a 1,460-octet segment and one of 64 KB, both with
// timestamps as nearly all data segments have them. Run it from a release build.
#include <benchmark/benchmark.h>
#include <tins/tins.h>
#include <tins/utils/checksum_utils.h>

#include <algorithm>

#include "stack/base/checksum.h"
#include "stack/base/siphash.h"
#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/tcp_options.h"
#include "tests/support/hex.h"

namespace {

using namespace tuntcp;
using test::Octets;

constexpr int kMss = 1'448;
constexpr int kSuperPacket = 65'483;
constexpr wire::Timestamps kStamps{.value = 0x12345678, .echo = 0x9abcdef0};

Octets payload_of(std::int64_t octets) {
  SeededRandom random(1);
  Octets payload(static_cast<std::size_t>(octets));
  std::ranges::generate(payload, [&] { return static_cast<std::uint8_t>(random.next()); });
  return payload;
}

struct Segment {
  IpAddress source;
  IpAddress destination;
  Octets payload;

  Segment(Family family, std::int64_t octets)
      : source(*IpAddress::parse(family == Family::ipv4 ? "198.51.100.1" : "2001:db8::1")),
        destination(*IpAddress::parse(family == Family::ipv4 ? "203.0.113.2" : "2001:db8:1::2")),
        payload(payload_of(octets)) {}

  // Everything that goes out without offloads: headers, options, data, checksums.
  std::size_t write(std::uint8_t* out) const {
    const std::uint32_t tcp_octets = 32 + static_cast<std::uint32_t>(payload.size());
    const std::uint32_t ip_octets = wire::write_ip(
        {.source = source, .destination = destination, .payload_octets = tcp_octets}, out);
    std::uint8_t* tcp = out + ip_octets;
    wire::write_tcp({.source = 40'000,
                     .destination = 80,
                     .seq = SeqNum(1),
                     .ack = SeqNum(2),
                     .window = 501,
                     .flags = wire::Flag::ack,
                     .header_octets = 32},
                    tcp);
    wire::write_options({.timestamps = kStamps}, tcp + wire::kTcpHeaderOctets);
    std::memcpy(tcp + 32, payload.data(), payload.size());
    ChecksumSum sum = pseudo_header_sum(source, destination, wire::kProtocolTcp, tcp_octets);
    sum.add({tcp, tcp_octets});
    store_be16(tcp + wire::kTcpChecksumOffset, sum.checksum());
    return ip_octets + tcp_octets;
  }
  Octets written() const {
    Octets packet(payload.size() + 100);
    packet.resize(write(packet.data()));
    return packet;
  }
};

template <Family family>
void ParseOurs(benchmark::State& state) {
  const Octets packet = Segment(family, state.range(0)).written();
  for (auto _ : state) {
    Bytes octets = packet;
    benchmark::DoNotOptimize(octets);
    const auto ip = wire::parse_ip(octets);
    const Bytes segment = octets.first(ip->total_octets).subspan(ip->header_octets);
    const auto tcp = wire::parse_tcp(segment);
    const auto options =
        wire::parse_options(segment.first(tcp->header_octets).subspan(wire::kTcpHeaderOctets));
    FourTuple tuple{.local = {.address = ip->destination, .port = tcp->destination},
                    .remote = {.address = ip->source, .port = tcp->source}};
    benchmark::DoNotOptimize(tuple);
    benchmark::DoNotOptimize(tcp->seq);
    benchmark::DoNotOptimize(options.timestamps);
  }
}

template <class LibtinsIp, Family family>
void ParseLibtins(benchmark::State& state) {
  const Octets packet = Segment(family, state.range(0)).written();
  for (auto _ : state) {
    const LibtinsIp ip(packet.data(), static_cast<std::uint32_t>(packet.size()));
    const Tins::TCP& tcp = ip.template rfind_pdu<Tins::TCP>();
    benchmark::DoNotOptimize(tcp.seq());
    benchmark::DoNotOptimize(tcp.timestamp());
  }
}

template <Family family>
void BuildOurs(benchmark::State& state) {
  const Segment segment(family, state.range(0));
  Octets out(segment.payload.size() + 100);
  for (auto _ : state) {
    benchmark::DoNotOptimize(segment.write(out.data()));
    benchmark::ClobberMemory();
  }
}

template <class LibtinsIp, Family family>
void BuildLibtins(benchmark::State& state) {
  const Segment segment(family, state.range(0));
  const auto source = typename LibtinsIp::address_type(segment.source.to_string());
  const auto destination = typename LibtinsIp::address_type(segment.destination.to_string());
  for (auto _ : state) {
    LibtinsIp ip(destination, source);
    Tins::TCP tcp(80, 40'000);
    tcp.seq(1);
    tcp.ack_seq(2);
    tcp.window(501);
    tcp.flags(Tins::TCP::ACK);
    tcp.add_option(Tins::TCP::option(Tins::TCP::NOP));
    tcp.add_option(Tins::TCP::option(Tins::TCP::NOP));
    tcp.timestamp(kStamps.value, kStamps.echo);
    tcp.inner_pdu(Tins::RawPDU(segment.payload));
    ip.inner_pdu(tcp);
    benchmark::DoNotOptimize(ip.serialize());
  }
}

void SetRate(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void ChecksumOurs(benchmark::State& state) {
  const Octets octets = payload_of(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(checksum(octets));
  SetRate(state);
}

void ChecksumLibtins(benchmark::State& state) {
  const Octets octets = payload_of(state.range(0));
  for (auto _ : state) {
    benchmark::DoNotOptimize(Tins::Utils::sum_range(octets.data(), octets.data() + octets.size()));
  }
  SetRate(state);
}

template <Family family>
void SipHashOfTuple(benchmark::State& state) {
  const Segment segment(family, 0);
  const SipKey key{.k0 = 1, .k1 = 2};
  FourTuple tuple{.local = {.address = segment.source, .port = 80},
                  .remote = {.address = segment.destination, .port = 40'000}};
  for (auto _ : state) {
    benchmark::DoNotOptimize(tuple);
    benchmark::DoNotOptimize(siphash(key, tuple));
  }
}

BENCHMARK(ParseOurs<Family::ipv4>)->Arg(kMss)->Arg(kSuperPacket);
BENCHMARK(ParseLibtins<Tins::IP, Family::ipv4>)->Arg(kMss)->Arg(kSuperPacket);
BENCHMARK(ParseOurs<Family::ipv6>)->Arg(kMss)->Arg(kSuperPacket);
BENCHMARK(ParseLibtins<Tins::IPv6, Family::ipv6>)->Arg(kMss)->Arg(kSuperPacket);
BENCHMARK(BuildOurs<Family::ipv4>)->Arg(kMss)->Arg(kSuperPacket);
BENCHMARK(BuildLibtins<Tins::IP, Family::ipv4>)->Arg(kMss)->Arg(kSuperPacket);
BENCHMARK(BuildOurs<Family::ipv6>)->Arg(kMss)->Arg(kSuperPacket);
BENCHMARK(BuildLibtins<Tins::IPv6, Family::ipv6>)->Arg(kMss)->Arg(kSuperPacket);
BENCHMARK(ChecksumOurs)->Arg(20)->Arg(1'460)->Arg(65'536);
BENCHMARK(ChecksumLibtins)->Arg(20)->Arg(1'460)->Arg(65'536);
BENCHMARK(SipHashOfTuple<Family::ipv4>);
BENCHMARK(SipHashOfTuple<Family::ipv6>);

}  // namespace
