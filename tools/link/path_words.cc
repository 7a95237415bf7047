#include "tools/link/path_words.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

namespace tuntcp::link {
namespace {

using sim::LinkSettings;

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 4> kTimes{{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}};
constexpr std::array<Unit, 4> kRates{{{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}}};
constexpr std::array<Unit, 3> kOctets{{{"", 1}, {"k", 1e3}, {"M", 1e6}}};
constexpr std::array<Unit, 1> kPercent{{{"%", 0.01}}};
constexpr std::array<Unit, 1> kPackets{{{"p", 1}}};

// Generous, and far from where the arithmetic of the link would overflow.
constexpr double kLongestTime = 60e9;
constexpr double kHighestRate = 100e9;
constexpr double kMostOctets = 1e9;
constexpr double kMostPackets = 1e7;

// A number that is not negative, and one of the units right behind it.
std::optional<double> number(std::string_view text, std::span<const Unit> units) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (parsed.ec != std::errc() || !std::isfinite(value) || std::signbit(value)) return {};
  const std::string_view rest(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
  for (const Unit& unit : units) {
    if (rest == unit.name) return value * unit.factor;
  }
  return {};
}

std::optional<double> number_up_to(std::string_view text, std::span<const Unit> units,
                                   double most) {
  const auto value = number(text, units);
  return value && *value <= most ? value : std::nullopt;
}

std::optional<Duration> time(std::string_view text) {
  const auto value = number_up_to(text, kTimes, kLongestTime);
  if (!value) return {};
  return Duration::nanoseconds(std::llround(*value));
}

std::optional<double> share(std::string_view text) {
  return number_up_to(text, kPercent, 1);
}

std::optional<std::uint32_t> whole(std::string_view text, std::span<const Unit> units,
                                   double most) {
  const auto value = number_up_to(text, units, most);
  if (!value || *value < 1) return {};
  return static_cast<std::uint32_t>(*value);
}

// "1%:3ms": what is in front of the colon, and what is behind it, if there is one.
struct Pair {
  std::string_view first;
  std::optional<std::string_view> second;
};
Pair split(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == text.npos) return {.first = text, .second = std::nullopt};
  return {.first = text.substr(0, colon), .second = text.substr(colon + 1)};
}

// A share, and a time that has a default.
bool set_share_and_time(std::string_view text, double& share_of, Duration& by, Duration usual) {
  const Pair pair = split(text);
  const auto part = share(pair.first);
  const auto length = pair.second ? time(*pair.second) : usual;
  if (!part || !length) return false;
  share_of = *part;
  by = *length;
  return true;
}

// A mean share of losses and the mean length of a burst, as the chances of the chain: the bad
// state, in which everything is lost, ends with 1 / length after each packet and holds
// to_bad / (to_bad + to_good) of them.
bool set_bursts(std::string_view text, std::optional<sim::BurstLoss>& bursts) {
  const Pair pair = split(text);
  const auto part = share(pair.first);
  const auto length = pair.second ? number_up_to(*pair.second, std::array<Unit, 1>{{{"", 1}}}, 1e6)
                                  : std::optional<double>();
  if (!part || !length || *length < 1 || *part >= 1) return false;
  const double to_good = 1 / *length;
  const double to_bad = to_good * *part / (1 - *part);
  if (to_bad > 1) return false;
  bursts = sim::BurstLoss{.to_bad = to_bad, .to_good = to_good};
  return true;
}

bool set_queue(std::string_view text, LinkSettings& link) {
  const auto packets = whole(text, kPackets, kMostPackets);
  const auto octets = whole(text, kOctets, kMostOctets);
  if (!packets && !octets) return false;
  link.queue_packets = packets.value_or(0);
  link.queue_octets = octets.value_or(0);
  return true;
}

bool set_victims(std::string_view text, LinkSettings& link) {
  if (text != "all" && text != "text") return false;
  link.spares_bare_segments = text == "text";
  return true;
}

template <class T, class U>
bool assign(T& to, const std::optional<U>& value) {
  if (value) to = static_cast<T>(*value);
  return value.has_value();
}

// What each word does: false if the value is none of its form.
using Setter = bool (*)(std::string_view value, LinkSettings& link);
struct Rule {
  Word word;
  Setter set;
  void (*clear)(LinkSettings& link);
};

// Back to what a perfect path has.
template <auto field>
void clear(LinkSettings& link) {
  link.*field = perfect_path().ab.*field;
}

const std::array<Rule, 12> kRules{{
    {{"delay", "TIME", "How long a packet is under way"},
     [](std::string_view v, LinkSettings& l) { return assign(l.delay, time(v)); },
     clear<&LinkSettings::delay>},
    {{"jitter", "TIME", "Up to so much more, drawn for each packet; the order stays"},
     [](std::string_view v, LinkSettings& l) { return assign(l.jitter, time(v)); },
     clear<&LinkSettings::jitter>},
    {{"loss", "SHARE%", "The chance of each packet to be lost"},
     [](std::string_view v, LinkSettings& l) { return assign(l.loss, share(v)); },
     clear<&LinkSettings::loss>},
    {{"burst", "SHARE%:LENGTH", "Losses in bursts of this mean length in packets"},
     [](std::string_view v, LinkSettings& l) { return set_bursts(v, l.bursts); },
     clear<&LinkSettings::bursts>},
    {{"reorder", "SHARE%[:TIME]", "These packets are held back by up to TIME (3ms)"},
     [](std::string_view v, LinkSettings& l) {
       return set_share_and_time(v, l.reorder, l.reorder_by, Duration::milliseconds(3));
     },
     clear<&LinkSettings::reorder>},
    {{"duplicate", "SHARE%[:TIME]", "These packets come twice, up to TIME (5ms) apart"},
     [](std::string_view v, LinkSettings& l) {
       return set_share_and_time(v, l.duplicate, l.duplicate_by, Duration::milliseconds(5));
     },
     clear<&LinkSettings::duplicate>},
    {{"corrupt", "SHARE%", "These packets are damaged, so that a checksum tells"},
     [](std::string_view v, LinkSettings& l) { return assign(l.corrupt, share(v)); },
     clear<&LinkSettings::corrupt>},
    {{"rate", "RATE", "Bits a second, IP headers included: 10mbit, 1gbit"},
     [](std::string_view v, LinkSettings& l) {
       const auto rate = number_up_to(v, kRates, kHighestRate);
       // Below this a packet of 64 KB would take hours.
       return rate && *rate >= 100 && assign(l.bits_per_second, rate);
     },
     clear<&LinkSettings::bits_per_second>},
    {{"queue", "OCTETS|PACKETSp", "What may wait for the rate, drop-tail: 250k, 100p"},
     set_queue,
     [](LinkSettings& l) { l.queue_octets = l.queue_packets = 0; }},
    {{"ecn", "OCTETS", "With more waiting, ECN-capable packets are marked CE"},
     [](std::string_view v, LinkSettings& l) {
       return assign(l.mark_above_octets, whole(v, kOctets, kMostOctets));
     },
     clear<&LinkSettings::mark_above_octets>},
    {{"victims", "all|text", "What loss, burst and reorder hit; text: no bare TCP segments"},
     set_victims,
     clear<&LinkSettings::spares_bare_segments>},
    {{"mtu", "OCTETS", "Longer packets are dropped without a word"},
     [](std::string_view v, LinkSettings& l) { return assign(l.mtu, whole(v, kOctets, 65'575)); },
     clear<&LinkSettings::mtu>},
}};

// With six digits and nothing behind the last that counts, as printf's %g.
std::string shown(double value) {
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 6);
  return {text.data(), end.ptr};
}

std::string time_text(Duration time) {
  return shown(static_cast<double>(time.count_ns()) / 1e6) + "ms";
}

}  // namespace

PathSettings perfect_path() {
  sim::LinkSettings link;
  link.delay = Duration::zero();
  return {.ab = link, .ba = link};
}

std::span<const Word> path_words() {
  static const auto words = [] {
    std::array<Word, kRules.size()> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = kRules[i].word;
    return all;
  }();
  return words;
}

std::expected<void, std::string> set_word(PathSettings& path, std::string_view name,
                                          std::string_view value) {
  std::string_view word = name;
  const bool only_ab = word.starts_with("ab-");
  const bool only_ba = word.starts_with("ba-");
  if (only_ab || only_ba) word.remove_prefix(3);
  for (const Rule& rule : kRules) {
    if (word != rule.word.name) continue;
    PathSettings changed = path;
    for (sim::LinkSettings* const link : {&changed.ab, &changed.ba}) {
      if (link == &changed.ab ? only_ba : only_ab) continue;
      if (value == "none") {
        rule.clear(*link);
      } else if (!rule.set(value, *link)) {
        return std::unexpected("'" + std::string(value) + "' is no value for " + std::string(name) +
                               ", which takes " + rule.word.value + " or none");
      }
    }
    path = changed;
    return {};
  }
  return std::unexpected("'" + std::string(name) + "' is not a setting of a path");
}

std::string to_text(const sim::LinkSettings& link) {
  std::string text = "delay " + time_text(link.delay);
  const auto add = [&text](bool is_set, const std::string& words) {
    if (is_set) text += " " + words;
  };
  add(link.jitter > Duration::zero(), "jitter " + time_text(link.jitter));
  add(link.loss > 0, "loss " + shown(link.loss * 100) + "%");
  if (link.bursts) {
    const double to_bad = link.bursts->to_bad, to_good = link.bursts->to_good;
    add(true, "burst " + shown(100 * to_bad / (to_bad + to_good)) + "%:" + shown(1 / to_good));
  }
  add(link.reorder > 0, "reorder " + shown(link.reorder * 100) + "%:" + time_text(link.reorder_by));
  add(link.duplicate > 0,
      "duplicate " + shown(link.duplicate * 100) + "%:" + time_text(link.duplicate_by));
  add(link.corrupt > 0, "corrupt " + shown(link.corrupt * 100) + "%");
  add(link.bits_per_second != 0,
      "rate " + shown(static_cast<double>(link.bits_per_second) / 1e6) + "mbit");
  add(link.queue_octets != 0, "queue " + std::to_string(link.queue_octets));
  add(link.queue_packets != 0, "queue " + std::to_string(link.queue_packets) + "p");
  add(link.mark_above_octets != 0, "ecn " + std::to_string(link.mark_above_octets));
  add(link.spares_bare_segments, "victims text");
  add(link.mtu != 0, "mtu " + std::to_string(link.mtu));
  return text;
}

}  // namespace tuntcp::link
