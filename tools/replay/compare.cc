#include "tools/replay/compare.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace tuntcp::replay {
namespace {

using Kind = DifferenceKind;
using wire::Flag;

struct KindName {
  Kind kind;
  const char* name;
};
constexpr std::array<KindName, 18> kKindNames{{{Kind::missing, "missing"},
                                               {Kind::extra, "extra"},
                                               {Kind::flags, "flags"},
                                               {Kind::push, "push"},
                                               {Kind::seq, "seq"},
                                               {Kind::ack, "ack"},
                                               {Kind::length, "length"},
                                               {Kind::text, "text"},
                                               {Kind::options, "options"},
                                               {Kind::sack, "sack"},
                                               {Kind::timestamp, "timestamp"},
                                               {Kind::echo, "echo"},
                                               {Kind::window, "window"},
                                               {Kind::window_autotuning, "window-autotuning"},
                                               {Kind::urgent, "urgent"},
                                               {Kind::ecn, "ecn"},
                                               {Kind::icmp, "icmp"},
                                               {Kind::time, "time"}}};

// How far apart two packets in the two rows may stand and still be each other's: bounds the work
// on a capture that differs everywhere.
constexpr std::size_t kBand = 128;
// Costs of the alignment. A pair that differs in more than a packet that is missing and another
// that is extra is no pair.
constexpr std::uint32_t kUnpaired = 5;
constexpr std::uint32_t kNoPair = 1'000'000;

std::string milliseconds(Duration duration) {
  return std::to_string(duration.count_us() / 1000) + "." +
         std::to_string(std::abs(duration.count_us()) % 1000 / 100) + " ms";
}

Duration distance(Duration a, Duration b) {
  return a < b ? b - a : a - b;
}

// ---- Which packets are each other's.

std::uint32_t cost_of(const Packet& captured, const Packet& engine) {
  if (captured.kind != engine.kind) return kNoPair;
  const bool same_kind = captured.has(Flag::syn) == engine.has(Flag::syn) &&
                         captured.has(Flag::rst) == engine.has(Flag::rst);
  if (!same_kind) return kNoPair;
  std::uint32_t cost = 0;
  if (captured.has_segment) {
    if (captured.tcp.seq != engine.tcp.seq) cost += 4;
    if (captured.tcp.ack != engine.tcp.ack) cost += 4;
    if (captured.text_octets != engine.text_octets) cost += 4;
    if (captured.has(Flag::fin) != engine.has(Flag::fin)) cost += 4;
    if ((captured.text_octets == 0) != (engine.text_octets == 0)) cost += 4;
    if (captured.tcp.window != engine.tcp.window) cost += 1;
  }
  const Duration apart = distance(captured.at, engine.at);
  if (apart > 4_ms) cost += 1;
  if (apart > 100_ms) cost += 1;
  return cost;
}

// Pairs (captured, engine), one of them perhaps absent, in order: the cheapest alignment.
using Pairs = std::vector<std::pair<const Packet*, const Packet*>>;

Pairs align(const std::vector<const Packet*>& captured, const std::vector<const Packet*>& engine) {
  enum Step : std::uint8_t { none, pair, only_captured, only_engine };
  const std::size_t n = captured.size();
  const std::size_t m = engine.size();
  // Row i covers the columns around the diagonal that joins the two corners.
  const std::size_t width = 2 * kBand + 1;
  const auto centre = [&](std::size_t i) { return n == 0 ? m : i * m / n; };
  const auto first = [&](std::size_t i) { return centre(i) > kBand ? centre(i) - kBand : 0; };
  const std::size_t slope = n == 0 ? m : m / n + 1;
  const std::size_t columns = std::min(width + slope, m + 1);
  std::vector<Step> steps((n + 1) * columns, none);
  std::vector<std::uint32_t> before(columns, kNoPair), costs(columns, kNoPair);

  for (std::size_t i = 0; i <= n; ++i) {
    const std::size_t begin = first(i);
    const std::size_t begin_before = i == 0 ? 0 : first(i - 1);
    std::ranges::fill(costs, kNoPair);
    for (std::size_t column = 0; column < columns && begin + column <= m; ++column) {
      const std::size_t j = begin + column;
      std::uint32_t best = i == 0 && j == 0 ? 0 : kNoPair;
      Step step = none;
      const auto offer = [&](std::uint32_t cost, Step how) {
        if (cost < best) {
          best = cost;
          step = how;
        }
      };
      const auto above = [&](std::size_t other) {
        const bool is_inside = i != 0 && other >= begin_before && other - begin_before < columns;
        return is_inside ? before[other - begin_before] : kNoPair;
      };
      if (i != 0 && j != 0) {
        offer(above(j - 1) + cost_of(*captured[i - 1], *engine[j - 1]), pair);
      }
      if (i != 0) offer(above(j) + kUnpaired, only_captured);
      if (column != 0) offer(costs[column - 1] + kUnpaired, only_engine);
      costs[column] = best;
      steps[i * columns + column] = step;
    }
    std::swap(before, costs);
  }

  Pairs pairs;
  std::size_t i = n;
  std::size_t j = m;
  while (i != 0 || j != 0) {
    const bool is_inside = j >= first(i) && j - first(i) < columns;
    Step step = is_inside ? steps[i * columns + (j - first(i))] : none;
    // Outside of the band nothing is paired.
    if (step == none) step = i != 0 ? only_captured : only_engine;
    const Packet* const c = step == only_engine ? nullptr : captured[--i];
    const Packet* const e = step == only_captured ? nullptr : engine[--j];
    pairs.emplace_back(c, e);
  }
  std::ranges::reverse(pairs);
  return pairs;
}

// ---- How two packets that are each other's differ.

class Comparison {
 public:
  Comparison(const Flow& flow, Side played, const Play& play)
      : flow_(flow), played_(played), play_(play), full_(agreed_text(flow).value_or(536)) {
    bool both = true;
    std::optional<std::uint8_t> shift;
    for (const Packet& packet : flow.packets) {
      if (!packet.is_syn() || !packet.fault.empty()) continue;
      both = both && packet.options.window_shift.has_value();
      if (flow.sender(packet) == played) shift = packet.options.window_shift;
    }
    if (both && shift) shift_ = std::min(*shift, wire::kMaxWindowShift);
    find_clock();
  }

  std::vector<Row> run() {
    std::vector<const Packet*> captured;
    for (const Packet& packet : flow_.packets) {
      if (flow_.sender(packet) == played_) captured.push_back(&packet);
    }
    std::vector<const Packet*> engine;
    for (const Packet& sent : play_.sent) engine.push_back(&sent);
    Pairs pairs = align(captured, engine);
    drop_what_came_after_the_end(pairs);
    return rows_of(pairs);
  }

 private:
  // Does the captured side's timestamp clock tick every millisecond?
  void find_clock() {
    const Packet* first = nullptr;
    const Packet* last = nullptr;
    for (const Packet& packet : flow_.packets) {
      if (flow_.sender(packet) != played_ || !packet.options.timestamps) continue;
      if (first == nullptr) first = &packet;
      last = &packet;
    }
    if (first == nullptr) return;
    const auto ticks = static_cast<std::int32_t>(last->options.timestamps->value -
                                                 first->options.timestamps->value);
    const auto elapsed = static_cast<std::int64_t>((last->at - first->at).count_ms());
    has_millisecond_clock_ = std::abs(ticks - elapsed) <= 4 + elapsed / 50;
  }

  // The capture ended; the engine was watched a little longer only so that it could be late.
  void drop_what_came_after_the_end(Pairs& pairs) const {
    const Duration end = flow_.packets.back().at;
    while (!pairs.empty() && pairs.back().first == nullptr && pairs.back().second->at > end) {
      pairs.pop_back();
    }
  }

  std::vector<Row> rows_of(const Pairs& pairs) {
    std::vector<Row> rows;
    auto next = flow_.packets.begin();
    const auto feed_until = [&](const Packet* stop, Duration at) {
      while (next != flow_.packets.end() && &*next != stop && (stop != nullptr || next->at <= at)) {
        if (flow_.sender(*next) != played_) {
          rows.push_back(
              {.captured = &*next, .engine = nullptr, .is_fed = true, .differences = {}});
          last_number_ = next->number;
        } else if (stop == nullptr) {
          return;  // a captured packet of the played side keeps its place
        }
        ++next;
      }
    };
    for (const auto& [captured, engine] : pairs) {
      feed_until(captured, captured == nullptr ? engine->at : Duration::infinite());
      Row row{.captured = captured, .engine = engine, .is_fed = false, .differences = {}};
      row_ = &row;
      if (captured == nullptr) {
        number_ = last_number_;
        differ(Kind::extra, "the engine sent a packet that was not captured");
      } else {
        number_ = last_number_ = captured->number;
        if (next != flow_.packets.end()) ++next;
        if (engine == nullptr) {
          differ(Kind::missing, "the engine sent nothing like it");
        } else {
          compare(*captured, *engine);
        }
      }
      rows.push_back(std::move(row));
    }
    for (; next != flow_.packets.end(); ++next) {
      rows.push_back({.captured = &*next, .engine = nullptr, .is_fed = true, .differences = {}});
    }
    return rows;
  }

  void differ(Kind kind, std::string detail) {
    row_->differences.push_back({.kind = kind, .number = number_, .detail = std::move(detail)});
  }
  void differ(Kind kind, std::int64_t captured, std::int64_t engine) {
    if (captured == engine) return;
    differ(kind, std::to_string(captured) + " captured, " + std::to_string(engine) + " ours");
  }

  void compare(const Packet& captured, const Packet& engine) {
    compare_times(captured, engine);
    differ(Kind::ecn, captured.ip.traffic_class & 3, engine.ip.traffic_class & 3);
    if (captured.kind == Packet::Kind::echo) {
      differ(Kind::icmp, captured.icmp_type, engine.icmp_type);
      const auto message = [](const Packet& p) {
        return Bytes(p.octets).subspan(p.ip.header_octets);
      };
      if (captured.lost_octets == 0 && !std::ranges::equal(message(captured), message(engine))) {
        differ(Kind::icmp, "the message differs");
      }
      return;
    }
    if (!captured.has_segment || !engine.has_segment) return;
    compare_headers(captured, engine);
    compare_options(captured.options, engine.options);
    compare_windows(captured, engine);
  }

  void compare_headers(const Packet& captured, const Packet& engine) {
    const wire::TcpHeader& c = captured.tcp;
    const wire::TcpHeader& e = engine.tcp;
    const auto others = [](wire::Flags flags) { return flags.without(Flag::psh).octet(); };
    differ(Kind::flags, others(c.flags), others(e.flags));
    // A sender may push in the middle of a SEND (Linux: twice a window). Whether that is so cannot
    // be seen of a full segment.
    const bool may_be_midway = c.flags.has(Flag::psh) && captured.text_octets >= full_;
    if (!may_be_midway) differ(Kind::push, c.flags.has(Flag::psh), e.flags.has(Flag::psh));
    const auto signed_distance = [](SeqNum a, SeqNum b) {
      return static_cast<std::int32_t>(b.value() - a.value());
    };
    if (c.seq != e.seq) {
      differ(Kind::seq, "ours is " + std::to_string(signed_distance(c.seq, e.seq)) + " further");
    }
    if (c.flags.has(Flag::ack) && e.flags.has(Flag::ack) && c.ack != e.ack) {
      differ(Kind::ack, "ours is " + std::to_string(signed_distance(c.ack, e.ack)) + " further");
    }
    differ(Kind::length, captured.text_octets, engine.text_octets);
    if (c.flags.has(Flag::urg)) differ(Kind::urgent, c.urgent_pointer, e.urgent_pointer);
    const bool same_place = c.seq == e.seq && captured.text_octets == engine.text_octets;
    if (same_place && captured.lost_octets == 0 &&
        !std::ranges::equal(captured.text(), engine.text())) {
      differ(Kind::text, "the octets differ");
    }
  }

  void compare_options(const wire::TcpOptions& c, const wire::TcpOptions& e) {
    const auto number = [](const auto& option) { return option ? std::int64_t{*option} : -1; };
    differ(Kind::options, number(c.mss), number(e.mss));
    differ(Kind::options, number(c.window_shift), number(e.window_shift));
    differ(Kind::options, c.sack_permitted, e.sack_permitted);
    differ(Kind::options, c.timestamps.has_value(), e.timestamps.has_value());
    const bool same_sack =
        c.sack_count == e.sack_count &&
        std::equal(c.sack.begin(), c.sack.begin() + c.sack_count, e.sack.begin());
    if (!same_sack) {
      differ(Kind::sack, std::to_string(c.sack_count) + " blocks captured, " +
                             std::to_string(e.sack_count) + " ours");
    }
    if (!c.timestamps || !e.timestamps) return;
    differ(Kind::echo, c.timestamps->echo, e.timestamps->echo);
    // As 64 bits: half a circle has no positive counterpart in 32.
    const std::int64_t apart = std::abs(
        std::int64_t{static_cast<std::int32_t>(c.timestamps->value - e.timestamps->value)});
    // A tick more, because the two clocks do not tick at the same instant.
    if (has_millisecond_clock_ && apart > tolerance_.count_ms() + 1) {
      differ(Kind::timestamp, std::to_string(apart) + " ms apart");
    }
  }

  void compare_windows(const Packet& captured, const Packet& engine) {
    if (captured.has(Flag::rst)) return;
    const std::uint32_t c = captured.tcp.window;
    const std::uint32_t e = engine.tcp.window;
    if (captured.is_syn() || (c == 0) != (e == 0)) return differ(Kind::window, c, e);
    const std::uint32_t apart = c < e ? e - c : c - e;
    if (apart <= 1 || apart <= c / 4) return;
    differ(Kind::window_autotuning, std::int64_t{c} << shift_, std::int64_t{e} << shift_);
  }

  // An engine that answers is timed from what it answers to, one that waits from what it last sent:
  // a delay that both rows had before does not count again.
  void compare_times(const Packet& captured, const Packet& engine) {
    const Duration gap_captured = captured.at - last_captured_;
    const Duration gap_engine = engine.at - last_engine_;
    tolerance_ = time_tolerance(gap_captured);
    last_captured_ = captured.at;
    last_engine_ = engine.at;
    const Duration apart = distance(captured.at, engine.at);
    if (apart <= tolerance_) return;
    tolerance_ = apart;
    if (distance(gap_captured, gap_engine) <= time_tolerance(gap_captured)) return;
    differ(Kind::time,
           "ours is " + milliseconds(apart) + (engine.at < captured.at ? " earlier" : " later"));
  }

  const Flow& flow_;
  const Side played_;
  const Play& play_;
  const std::uint32_t full_;  // text of a full segment
  std::uint8_t shift_ = 0;
  bool has_millisecond_clock_ = false;

  Row* row_ = nullptr;
  std::uint32_t number_ = 0;
  std::uint32_t last_number_ = 0;
  Duration tolerance_{};
  Duration last_captured_{};
  Duration last_engine_{};
};

}  // namespace

const char* to_string(DifferenceKind kind) {
  for (const KindName& row : kKindNames) {
    if (row.kind == kind) return row.name;
  }
  return "";
}

std::optional<DifferenceKind> parse_difference_kind(std::string_view name) {
  const auto row = std::ranges::find(kKindNames, name, &KindName::name);
  if (row == kKindNames.end()) return std::nullopt;
  return row->kind;
}

std::vector<Row> compare(const Flow& flow, Side played, const Play& play) {
  return Comparison(flow, played, play).run();
}

}  // namespace tuntcp::replay
