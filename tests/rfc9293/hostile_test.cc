// Whatever octets arrive, in whatever state: nothing crashes or grows without bound, each packet is
// delivered or counted under one reason, and the connection beside lives on. RFC 1122, 1.2.2 ("be
// liberal in what you accept": every option and flag a wire can carry will come); RFC 9293, 3.1.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/dice.h"
#include "tests/support/drill.h"

namespace tuntcp::test {
namespace {

// A packet at a time is answered with a few at most; more would be an amplifier.
class CountingSink final : public wire::PacketSink {
 public:
  wire::SendResult send(const wire::OutgoingPacket& packet) override {
    ++packets;
    octets += packet.total_octets;
    return wire::SendResult::sent;
  }
  std::size_t packets = 0;
  std::size_t octets = 0;
};

void put_be16(Octets& packet, std::size_t at, std::uint32_t value) {
  packet[at] = static_cast<std::uint8_t>(value >> 8 & 0xff);
  packet[at + 1] = static_cast<std::uint8_t>(value & 0xff);
}

std::uint32_t be16(const Octets& packet, std::size_t at) {
  return std::uint32_t{packet[at]} << 8 | packet[at + 1];
}

// Makes lengths and checksums right again, as far as there is a header to make them right in, so
// that a fault gets past the first checks.
void mend(Octets& packet) {
  if (packet.empty()) return;
  const bool v4 = packet[0] >> 4 == 4;
  const std::size_t ip_octets = v4 ? std::size_t{packet[0] & 15U} * 4 : 40;
  if (packet.size() < ip_octets + 20 || ip_octets < 20) return;
  const std::size_t tcp_octets = packet.size() - ip_octets;
  if (v4) {
    put_be16(packet, 2, static_cast<std::uint32_t>(packet.size()));
    put_be16(packet, 10, 0);
    const Octets header(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(ip_octets));
    put_be16(packet, 10, ~std::uint32_t{sum_of_words(header)});
  } else {
    put_be16(packet, 4, static_cast<std::uint32_t>(tcp_octets));
  }
  put_be16(packet, ip_octets + 16, 0);
  const auto from = packet.begin();
  Octets summed(from + (v4 ? 12 : 8), from + (v4 ? 20 : 40));
  const auto length = static_cast<std::uint8_t>(tcp_octets >> 8);
  summed.insert(summed.end(), {0, 6, length, static_cast<std::uint8_t>(tcp_octets & 0xff)});
  summed.insert(summed.end(), from + static_cast<std::ptrdiff_t>(ip_octets), packet.end());
  put_be16(packet, ip_octets + 16, ~std::uint32_t{sum_of_words(summed)});
}

// Every way in which a packet is counted on its way to a connection; exactly one must count it,
// and of a fragment perhaps more: that it came, and what became of it.
std::uint64_t fates(const Mib& mib) {
  std::uint64_t sum = 0;
  for (const Counter counter :
       {Counter::ip_in_truncated_pkts, Counter::ip6_in_truncated_pkts, Counter::ip_in_hdr_errors,
        Counter::ip6_in_hdr_errors, Counter::ip_in_addr_errors, Counter::ip6_in_addr_errors,
        Counter::ip_reasm_reqds, Counter::ip6_reasm_reqds, Counter::ip_in_unknown_protos,
        Counter::ip6_in_unknown_protos, Counter::icmp_in_msgs, Counter::icmp6_in_msgs,
        Counter::tcp_in_segs}) {
    sum += mib[counter];
  }
  return sum;
}
std::uint64_t fragments(const Mib& mib) {
  return mib[Counter::ip_reasm_reqds] + mib[Counter::ip6_reasm_reqds];
}
std::uint64_t receives(const Mib& mib) {
  return mib[Counter::ip_in_receives] + mib[Counter::ip6_in_receives];
}

class Storm {
 public:
  Storm(State state, Family family, std::uint64_t seed)
      : dice_(seed),
        target_(Drill::in(state, options(family))),
        bystander_(Drill::beside(target_, {.role = Role::active,
                                           .family = family,
                                           .irs = 0x1000,
                                           .peer_port = 7777,
                                           .local_port = 8888})) {
    EXPECT_TRUE(bystander_.open().has_value());
    bystander_.peer_sends(syn_ack());
    EXPECT_EQ(bystander_.state(), State::established);
    static_cast<void>(bystander_.sent());
  }

  void run(int packets) {
    for (int i = 0; i < packets && !testing::Test::HasFailure(); ++i) {
      if (i % 50 == 0) target_.advance(dice_.up_to(2_s));
      shoot(hostile_packet());
      if (i % 25 == 0) check_bounds();
    }
    check_bounds();
    check_bystander();
  }

  // How many segments got as far as a connection.
  std::uint64_t delivered() const {
    return target_.count(Counter::tcp_in_segs) - target_.count(Counter::tcp_in_errs);
  }

 private:
  DrillOptions options(Family family) {
    return {.family = family,
            .socket = {.receive_buffer = 65'536},
            .wscale = 7,
            .sack = dice_.chance(0.5),
            .ts = dice_.chance(0.5) ? std::optional(4000U) : std::nullopt};
  }

  // Something the target's honest peer could say next, or its dishonest one.
  Octets honest_packet() {
    const std::int64_t next = target_.peer_next();
    const auto seq = [&]() -> std::optional<std::int64_t> {
      if (dice_.chance(0.5)) return std::nullopt;
      return next + dice_.between(0, 4000) - 1000;
    };
    const Seg some{.seq = seq(), .len = dice_.chance(0.7) ? dice_.below(1400) : 0};
    switch (dice_.below(9)) {
      case 0:
        return target_.packet_of(syn({.seq = seq()}));
      case 1:
        return target_.packet_of(syn_ack({.seq = seq()}));
      case 2:
        return target_.packet_of(fin(some));
      case 3:
        return target_.packet_of(rst({.seq = next + dice_.between(1, 3000)}));
      case 4:
        return target_.packet_of(ack({.seq = seq(), .sack = {{1, 20}, {40, 60}}}));
      case 5: {
        Seg urgent = data(some);
        urgent.flags |= Flag::urg;
        urgent.urgent = static_cast<std::uint16_t>(dice_.below(65'536));
        return target_.packet_of(urgent);
      }
      case 6:
        return target_.packet_of(bare(some));
      default:
        return target_.packet_of(data(some));
    }
  }

  void flip_some(Octets& packet) {
    const std::uint32_t count = dice_.between(1, 8);
    for (std::uint32_t i = 0; i < count && !packet.empty(); ++i) {
      // Most of what decides anything is in the headers.
      const auto reach = static_cast<std::uint32_t>(
          dice_.chance(0.8) ? std::min<std::size_t>(packet.size(), 80) : packet.size());
      packet[dice_.below(reach)] = octet();
    }
  }

  // Replaces the options by random octets, or by kinds and lengths that almost make sense.
  void fuzz_options(Octets& packet) {
    const std::size_t ip = packet[0] >> 4 == 4 ? 20 : 40;
    const std::size_t old_end = ip + std::size_t{packet[ip + 12]} / 16 * 4;
    Octets options(std::size_t{4} * dice_.below(11));
    for (std::uint8_t& o : options) o = dice_.chance(0.5) ? octet() : small();
    const auto begin = packet.begin() + static_cast<std::ptrdiff_t>(ip + 20);
    packet.erase(begin, packet.begin() + static_cast<std::ptrdiff_t>(old_end));
    packet.insert(packet.begin() + static_cast<std::ptrdiff_t>(ip + 20), options.begin(),
                  options.end());
    packet[ip + 12] = static_cast<std::uint8_t>((5 + options.size() / 4) << 4);
  }

  Octets random_packet() {
    Octets packet(dice_.below(dice_.chance(0.1) ? 2000 : 100));
    for (std::uint8_t& o : packet) o = octet();
    if (!packet.empty() && dice_.chance(0.7)) packet[0] = dice_.chance(0.5) ? 0x45 : 0x60;
    return packet;
  }

  Octets hostile_packet() {
    if (dice_.chance(0.1)) return random_packet();
    Octets packet = honest_packet();
    if (dice_.chance(0.4)) fuzz_options(packet);
    if (dice_.chance(0.8)) flip_some(packet);
    if (dice_.chance(0.15)) packet.resize(dice_.below(static_cast<std::uint32_t>(packet.size())));
    if (dice_.chance(0.8)) mend(packet);
    return packet;
  }

  void shoot(const Octets& packet) {
    Host& host = target_.host();
    const std::uint64_t received_before = receives(host.mib());
    const std::uint64_t fates_before = fates(host.mib());
    const std::uint64_t fragments_before = fragments(host.mib());
    MutableBytes room = host.arena().reserve();
    ASSERT_GE(room.size(), packet.size()) << "the arena is exhausted";
    std::copy(packet.begin(), packet.end(), room.begin());
    using Checksum = wire::ReceivedOffload::Checksum;
    wire::ReceivedOffload offload;
    if (dice_.chance(0.1)) {
      offload = {.checksum = dice_.chance(0.5) ? Checksum::valid : Checksum::partial,
                 .gso_size = static_cast<std::uint16_t>(dice_.below(65'536))};
    }
    host.packet_in(host.arena().commit(static_cast<std::uint32_t>(packet.size())), offload,
                   target_.now());
    EXPECT_EQ(receives(host.mib()), received_before + 1);
    const std::uint64_t counted = fates(host.mib()) - fates_before;
    const bool is_fragment = fragments(host.mib()) != fragments_before;
    EXPECT_TRUE(counted == 1 || (is_fragment && counted == 2))
        << "first octets " << std::hex << (packet.size() < 2 ? 0 : be16(packet, 0));
    CountingSink sink;
    host.packets_out(target_.now(), sink);
    EXPECT_LE(sink.packets, 4U) << "amplified";
    while (host.next_event()) continue;
  }

  // Octets that may be unread or out of order by the window of 65,536, each of which can hold
  // SliceQueue::kPinShare times its size of the blocks in which packets came; half-open connections
  // by the backlog.
  void check_bounds() {
    EXPECT_LE(target_.host().arena().octets_in_use(), 8U << 20);
    EXPECT_LE(target_.host().list(target_.now()).size(), 300U);
  }

  void check_bystander() {
    static_cast<void>(bystander_.sent());
    ASSERT_EQ(bystander_.state(), State::established);
    bystander_.peer_sends(data({.len = 700}));
    EXPECT_EQ(bystander_.receive(), 700U);
    EXPECT_EQ(bystander_.send(700), 700U);
    bystander_.peer_sends(ack({.ack = 701}));
    EXPECT_EQ(bystander_.status().octets_acked, 700U);
  }

  std::uint8_t octet() { return static_cast<std::uint8_t>(dice_.below(256)); }
  std::uint8_t small() { return static_cast<std::uint8_t>(dice_.below(12)); }

  Dice dice_;
  Drill target_;
  Drill bystander_;
};

class HostileOctets : public testing::TestWithParam<State> {};

// 10,000 packets in each state and family, 220,000 altogether; new worlds again and again, because
// sooner or later a RST hits.
TEST_P(HostileOctets, DoNoHarm) {
  std::uint64_t delivered = 0;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    for (std::uint64_t seed = 1; seed <= 50 && !HasFailure(); ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      Storm storm(GetParam(), family, seed);
      storm.run(200);
      delivered += storm.delivered();
    }
  }
  EXPECT_GT(delivered, 8'000U) << "most packets must get past the first checks";
}

INSTANTIATE_TEST_SUITE_P(All, HostileOctets,
                         testing::Values(State::closed, State::listen, State::syn_sent,
                                         State::syn_received, State::established, State::fin_wait_1,
                                         State::fin_wait_2, State::close_wait, State::closing,
                                         State::last_ack, State::time_wait),
                         name_of<State>);

}  // namespace
}  // namespace tuntcp::test
