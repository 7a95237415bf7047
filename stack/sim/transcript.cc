#include "stack/sim/transcript.h"

#include <cstdio>
#include <optional>
#include <utility>

#include "stack/wire/ip.h"
#include "stack/wire/tcp_header.h"
#include "stack/wire/tcp_options.h"

namespace tuntcp::sim {
namespace {

using wire::Flag;

std::string letters_of(wire::Flags flags) {
  static constexpr std::pair<Flag, char> kLetters[] = {
      {Flag::syn, 'S'}, {Flag::fin, 'F'}, {Flag::rst, 'R'}, {Flag::psh, 'P'},
      {Flag::urg, 'U'}, {Flag::ece, 'E'}, {Flag::cwr, 'W'}, {Flag::ack, '.'}};
  std::string letters;
  for (const auto& [flag, letter] : kLetters) {
    if (flags.has(flag)) letters += letter;
  }
  return letters.empty() ? "-" : letters;
}

void append(std::string& list, const std::string& option) {
  list += list.empty() ? "" : ",";
  list += option;
}

std::string options_of(const wire::TcpOptions& options, std::uint32_t peer_isn) {
  std::string list;
  if (options.mss) append(list, "mss " + std::to_string(*options.mss));
  if (options.sack_permitted) append(list, "sackOK");
  if (options.timestamps) {
    append(list, "TS val " + std::to_string(options.timestamps->value) + " ecr " +
                     std::to_string(options.timestamps->echo));
  }
  if (options.window_shift) append(list, "wscale " + std::to_string(*options.window_shift));
  for (std::size_t i = 0; i < options.sack_count; ++i) {
    append(list, "sack " + std::to_string(options.sack[i].begin.value() - peer_isn) + ":" +
                     std::to_string(options.sack[i].end.value() - peer_isn));
  }
  return list.empty() ? list : " <" + list + ">";
}

}  // namespace

Transcript::Transcript(World& world, std::size_t most_lines)
    : world_(world), most_lines_(most_lines) {
  world.on_note = [this](HostIndex host, std::string_view note) {
    add_line(host, "// " + std::string(note));
  };
  const auto others = std::move(world.on_packet);
  world.on_packet = [this, others](const PacketNews& news) {
    add(news);
    if (others) others(news);
  };
}

std::string Transcript::text() const {
  std::string text;
  if (missing_ != 0) text = "... " + std::to_string(missing_) + " lines before these\n";
  for (const std::string& line : lines_) text += line + "\n";
  return text;
}

void Transcript::add_line(HostIndex host, std::string line) {
  char time[40];
  std::snprintf(time, sizeof time, "%11.6f host %zu ", (world_.now() - world_.start()).count_s(),
                host);
  lines_.push_back(time + std::move(line));
  if (lines_.size() > most_lines_) {
    lines_.pop_front();
    ++missing_;
  }
}

void Transcript::add(const PacketNews& news) {
  if (news.what == PacketNews::What::damaged) return add_line(news.host, "< damaged");
  std::string line = news.what == PacketNews::What::sent ? "> " : "< ";
  line += describe(news.octets);
  if (news.offload.gso_size != 0) line += " gso " + std::to_string(news.offload.gso_size);
  add_line(news.host, std::move(line));
}

std::string Transcript::describe(Bytes packet) {
  const auto ip = wire::parse_ip(packet, true);
  if (!ip || ip->protocol != wire::kProtocolTcp) return "no TCP packet";
  const Bytes segment = packet.subspan(ip->header_octets, ip->total_octets - ip->header_octets);
  const auto tcp = wire::parse_tcp(segment);
  if (!tcp) return "no TCP segment";
  const std::string source = ip->source.to_string();
  const std::string destination = ip->destination.to_string();
  const Flow flow(source, tcp->source, destination, tcp->destination);
  const Flow back(destination, tcp->destination, source, tcp->source);
  if (tcp->flags.has(Flag::syn)) isns_[flow] = tcp->seq.value();
  const auto isn = [&](const Flow& of) { return isns_.contains(of) ? isns_[of] : 0; };
  const auto text = static_cast<std::uint32_t>(segment.size()) - tcp->header_octets;
  const std::uint32_t seq = tcp->seq.value() - isn(flow);

  std::string line = Endpoint{ip->source, tcp->source}.to_string();
  line += " > " + Endpoint{ip->destination, tcp->destination}.to_string();
  line += " " + letters_of(tcp->flags);
  line += " " + std::to_string(seq);
  line += ":" + std::to_string(seq + text);
  line += "(" + std::to_string(text) + ")";
  if (tcp->flags.has(Flag::ack)) line += " ack " + std::to_string(tcp->ack.value() - isn(back));
  line += " win " + std::to_string(tcp->window);
  const wire::TcpOptions options = wire::parse_options(
      segment.subspan(wire::kTcpHeaderOctets, tcp->header_octets - wire::kTcpHeaderOctets));
  return line + options_of(options, isn(back));
}

}  // namespace tuntcp::sim
