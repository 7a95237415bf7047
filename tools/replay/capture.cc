#include "tools/replay/capture.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "stack/base/bytes.h"
#include "stack/wire/ip.h"

namespace tuntcp::replay {
namespace {

struct KindName {
  Notice::Kind kind;
  const char* name;
};
constexpr std::array<KindName, 5> kKindNames{{{Notice::Kind::malformed, "malformed"},
                                              {Notice::Kind::snapped, "snapped"},
                                              {Notice::Kind::backwards, "backwards"},
                                              {Notice::Kind::hole, "hole"},
                                              {Notice::Kind::other, "other"}}};

constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
constexpr std::uint16_t kEtherTypeArp = 0x0806;
constexpr std::uint16_t kEtherTypeVlan = 0x8100;
constexpr std::uint16_t kEtherTypeServiceVlan = 0x88a8;

struct ClosePcap {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};
using Pcap = std::unique_ptr<pcap_t, ClosePcap>;

// Where the IP packet begins in a frame, or what the frame is instead.
struct LinkPayload {
  std::size_t offset = 0;
  std::string other;
};

std::string hex(std::uint32_t value, int digits) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0x%0*x", digits, value);
  return text.data();
}

LinkPayload payload_of_ether_type(std::uint16_t type, std::size_t offset) {
  if (type == kEtherTypeIpv4 || type == kEtherTypeIpv6) return {.offset = offset, .other = {}};
  if (type == kEtherTypeArp) return {.offset = 0, .other = "ARP"};
  return {.offset = 0, .other = "EtherType " + hex(type, 4)};
}

LinkPayload ethernet_payload(Bytes frame) {
  std::size_t offset = 12;
  while (frame.size() >= offset + 2) {
    const std::uint16_t type = load_be16(frame.data() + offset);
    if (type != kEtherTypeVlan && type != kEtherTypeServiceVlan) {
      return payload_of_ether_type(type, offset + 2);
    }
    offset += 4;
  }
  return {.offset = 0, .other = "an Ethernet frame of " + std::to_string(frame.size()) + " octets"};
}

// A fixed header with an EtherType at `type_at`.
LinkPayload cooked_payload(Bytes frame, std::size_t type_at, std::size_t header) {
  if (frame.size() < header) return {.offset = 0, .other = "a frame shorter than its header"};
  return payload_of_ether_type(load_be16(frame.data() + type_at), header);
}

using LinkParser = LinkPayload (*)(Bytes frame);

LinkParser link_parser(int link_type) {
  switch (link_type) {
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
      return [](Bytes) { return LinkPayload{}; };
    case DLT_NULL:
    case DLT_LOOP:
      return [](Bytes frame) {
        return frame.size() < 4 ? LinkPayload{.offset = 0, .other = "a frame without its header"}
                                : LinkPayload{.offset = 4, .other = {}};
      };
    case DLT_EN10MB:
      return ethernet_payload;
    case DLT_LINUX_SLL:
      return [](Bytes frame) { return cooked_payload(frame, 14, 16); };
    case DLT_LINUX_SLL2:
      return [](Bytes frame) { return cooked_payload(frame, 0, 20); };
    default:
      return nullptr;
  }
}

// Reads packet after packet and keeps what is IP.
class Reader {
 public:
  Reader(File file, const std::string& name, const CaptureLimits& limits)
      : name_(name), limits_(limits) {
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    file_ = file.get();
    pcap_.reset(
        pcap_fopen_offline_with_tstamp_precision(file_, PCAP_TSTAMP_PRECISION_NANO, error.data()));
    // libpcap closes the file with the handle, but not if it could not make one.
    if (pcap_ == nullptr) fail(error.data());
    static_cast<void>(file.release());
    parse_link_ = link_parser(pcap_datalink(pcap_.get()));
    if (parse_link_ == nullptr) {
      const char* const type = pcap_datalink_val_to_name(pcap_datalink(pcap_.get()));
      fail(std::string("link type ") + (type != nullptr ? type : "without a name") + " (" +
           std::to_string(pcap_datalink(pcap_.get())) +
           ") is not known; there are raw IP, Ethernet, Linux cooked and BSD loopback");
    }
  }

  Capture run() {
    pcap_pkthdr* header = nullptr;
    const u_char* frame = nullptr;
    int status = 0;
    while ((status = pcap_next_ex(pcap_.get(), &header, &frame)) == 1) take(*header, frame);
    if (status == PCAP_ERROR) fail(pcap_geterr(pcap_.get()));
    capture_.name = name_;
    return std::move(capture_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    const long offset = std::ftell(file_);
    throw CaptureError(name_ + ": " + what + " (packet " + std::to_string(number_ + 1) +
                       ", offset " + std::to_string(std::max(offset, 0L)) + ")");
  }

  // Since the first packet, never falling.
  Duration time_of(const pcap_pkthdr& header) {
    const Duration at =
        Duration::seconds(header.ts.tv_sec) + Duration::nanoseconds(header.ts.tv_usec);
    if (!first_) first_ = at;
    Duration since = at - *first_;
    if (since < last_) {
      note(Notice::Kind::backwards,
           std::to_string((last_ - since).count_us()) + " us before the packet before it");
      since = last_;
    }
    if (since > limits_.length) {
      fail("captured " + std::to_string(since.count_ns() / 1'000'000'000) +
           " s after the first packet; a capture may last " +
           std::to_string(limits_.length.count_ns() / 1'000'000'000) + " s");
    }
    last_ = since;
    return since;
  }

  void take(const pcap_pkthdr& header, const u_char* data) {
    if (number_ == limits_.packets) {
      fail("more than " + std::to_string(limits_.packets) + " packets");
    }
    ++number_;
    const Duration at = time_of(header);
    const Bytes frame(data, header.caplen);
    const LinkPayload link = parse_link_(frame);
    if (!link.other.empty()) return note(Notice::Kind::other, link.other);
    const std::uint32_t lost = header.len > header.caplen ? header.len - header.caplen : 0;
    CapturedPacket packet{.number = number_, .at = at, .octets = {}, .lost_octets = lost};
    packet.octets.assign(frame.begin() + static_cast<std::ptrdiff_t>(link.offset), frame.end());
    if (lost != 0 && !restore(packet)) return;
    octets_ += packet.octets.size();
    if (octets_ > limits_.octets) {
      fail("more than " + std::to_string(limits_.octets) + " octets of packets");
    }
    capture_.packets.push_back(std::move(packet));
  }

  // Gives a snapped packet its length back. Zeros stand for what was lost.
  bool restore(CapturedPacket& packet) {
    const std::size_t kept = packet.octets.size();
    const std::size_t whole = kept + packet.lost_octets;
    note(Notice::Kind::snapped,
         std::to_string(kept) + " of " + std::to_string(whole) + " octets captured");
    if (kept < wire::kIpv4HeaderOctets || whole > wire::kIpMaxOctets + wire::kIpv6HeaderOctets) {
      note(Notice::Kind::malformed, "no headers left of the snapped packet: not replayed");
      return false;
    }
    packet.octets.resize(whole);
    return true;
  }

  void note(Notice::Kind kind, std::string text) {
    capture_.notices.push_back({.kind = kind, .number = number_, .text = std::move(text)});
  }

  const std::string name_;
  const CaptureLimits limits_;
  std::FILE* file_ = nullptr;
  Pcap pcap_;
  LinkParser parse_link_ = nullptr;
  Capture capture_;
  std::uint32_t number_ = 0;
  std::uint64_t octets_ = 0;
  std::optional<Duration> first_;
  Duration last_ = Duration::zero();
};

}  // namespace

const char* to_string(Notice::Kind kind) {
  for (const KindName& row : kKindNames) {
    if (row.kind == kind) return row.name;
  }
  return "";
}

bool parse_notice_kind(std::string_view name, Notice::Kind& kind) {
  const auto row = std::ranges::find(kKindNames, name, &KindName::name);
  if (row == kKindNames.end()) return false;
  kind = row->kind;
  return true;
}

Capture read_capture(File file, const std::string& name, const CaptureLimits& limits) {
  return Reader(std::move(file), name, limits).run();
}

Capture read_capture(const std::string& path, const CaptureLimits& limits) {
  File file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) throw CaptureError(path + ": " + std::strerror(errno));
  return read_capture(std::move(file), path, limits);
}

}  // namespace tuntcp::replay
