// Knobs by name and as text: what sysctl(8) reads and writes, and one line about what is wrong.
#include <algorithm>
#include <charconv>
#include <optional>

#include "stack/tcp/sysctl.h"

namespace tuntcp {
namespace {

using Failure = std::unexpected<std::string>;

std::string_view last_part(std::string_view name) {
  return name.substr(name.rfind('.') + 1);
}

std::vector<std::string_view> words_of(std::string_view text, std::string_view blanks) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    words.push_back(text.substr(0, text.find_first_of(blanks)));
    text.remove_prefix(words.back().size());
  }
}

// A knob that bounds another; it is one number.
std::int64_t number_of(std::string_view name, const Sysctl& sysctl) {
  Sysctl copy = sysctl;
  return (*find_knob(name))->values(copy)[0];
}

// One value, or what is wrong with it.
std::expected<std::int64_t, std::string> parse_value(const Knob& knob, const KnobRange& range,
                                                     std::string_view word) {
  std::string_view digits = word;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  const bool is_number =
      !digits.empty() && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return Failure("'" + std::string(word) + "' is not a whole number");
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (status == std::errc{} && value >= range.least && value <= range.most) return value;
  std::string line = std::string(word) + " is out of range " + std::to_string(range.least) +
                     " to " + std::to_string(range.most);
  if (knob.floor != nullptr) line += "; " + std::string(knob.floor) + " is the least";
  if (knob.ceiling != nullptr) line += "; " + std::string(knob.ceiling) + " is the most";
  return Failure(line);
}

// Values that must not fall, as those of one knob and the ends of a range.
std::expected<std::vector<std::int64_t>, std::string> parse_values(
    const Knob& knob, const Sysctl& sysctl, std::span<const std::string_view> words) {
  const KnobRange range = range_of(knob, sysctl);
  std::vector<std::int64_t> values;
  for (const std::string_view word : words) {
    const auto value = parse_value(knob, range, word);
    if (!value) return Failure(value.error());
    if (!values.empty() && *value < values.back()) {
      return Failure(std::string(word) + " is less than the value before it");
    }
    values.push_back(*value);
  }
  return values;
}

std::expected<void, std::string> write_numbers(const Knob& knob, Sysctl& sysctl,
                                               std::string_view text) {
  const std::span<std::uint32_t> values = knob.values(sysctl);
  const auto words = words_of(text, " \t\n");
  if (words.size() != values.size()) {
    return Failure("takes " + std::to_string(values.size()) +
                   (values.size() == 1 ? " value" : " values") + ", not " +
                   std::to_string(words.size()));
  }
  const auto parsed = parse_values(knob, sysctl, words);
  if (!parsed) return Failure(parsed.error());
  std::ranges::transform(*parsed, values.begin(),
                         [](std::int64_t value) { return static_cast<std::uint32_t>(value); });
  return {};
}

// Ranges in rising order; those that touch become one, as Linux prints them.
std::vector<PortRange> in_order(std::vector<PortRange> ranges) {
  std::ranges::sort(ranges, {}, &PortRange::low);
  std::vector<PortRange> merged;
  for (const PortRange& range : ranges) {
    if (!merged.empty() && range.low <= merged.back().high + 1) {
      merged.back().high = std::max(merged.back().high, range.high);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

// "8080,9148-9150". Blanks are as good as commas: the control socket writes one for the other.
std::expected<void, std::string> write_ports(const Knob& knob, Sysctl& sysctl,
                                             std::string_view text) {
  std::vector<PortRange> ranges;
  for (const std::string_view word : words_of(text, ", \t\n")) {
    const std::size_t dash = word.find('-', 1);
    const std::string_view ends[] = {word.substr(0, dash),
                                     dash == word.npos ? word : word.substr(dash + 1)};
    const auto parsed = parse_values(knob, sysctl, ends);
    if (!parsed) return Failure(parsed.error());
    ranges.push_back({.low = static_cast<std::uint16_t>(parsed->front()),
                      .high = static_cast<std::uint16_t>(parsed->back())});
  }
  knob.ports(sysctl) = in_order(std::move(ranges));
  return {};
}

// One of the host's controllers.
std::expected<void, std::string> write_congestion_control(Sysctl& sysctl, std::string_view text) {
  const auto words = words_of(text, " \t\n");
  const auto known = words_of(sysctl.tcp_available_congestion_control, " ");
  if (words.size() != 1 || std::ranges::find(known, words[0]) == known.end()) {
    return Failure("'" + std::string(text) + "' is not known; there are " +
                   sysctl.tcp_available_congestion_control);
  }
  sysctl.tcp_congestion_control = words[0];
  return {};
}

// What is only there to be looked at may be set to what it is.
std::expected<void, std::string> write_text(const Knob& knob, Sysctl& sysctl,
                                            std::string_view text) {
  if (knob.reason == nullptr) return write_congestion_control(sysctl, text);
  const std::string& is = knob.text(sysctl);
  if (words_of(text, " \t\n") == words_of(is, " ")) return {};
  return Failure(std::string(knob.reason) + "; it is " + is);
}

std::expected<void, std::string> write_only(const Knob& knob, std::string_view text) {
  if (words_of(text, " \t\n") == words_of(knob.only, "\t")) return {};
  return Failure(std::string(knob.reason) + "; it is " + knob.only);
}

}  // namespace

const char* to_string(Follows follows) {
  switch (follows) {
    case Follows::live:
      return "live";
    case Follows::fresh:
      return "new";
    case Follows::at_once:
      return "at once";
    case Follows::nobody:
      break;
  }
  return "-";
}

std::expected<const Knob*, std::string> find_knob(std::string_view name) {
  const Knob* near = nullptr;
  for (const Knob& knob : knobs()) {
    const std::string_view full = knob.name;
    if (name == full || name == last_part(full)) return &knob;
    if (last_part(name) == last_part(full)) near = &knob;
  }
  std::string line = std::string(name) + ": no such knob";
  if (near != nullptr) line += "; it is " + std::string(near->name);
  return Failure(line);
}

KnobRange range_of(const Knob& knob, const Sysctl& sysctl) {
  KnobRange range{.least = knob.least, .most = knob.most};
  if (knob.floor != nullptr) range.least = std::max(range.least, number_of(knob.floor, sysctl));
  if (knob.ceiling != nullptr) range.most = std::min(range.most, number_of(knob.ceiling, sysctl));
  return range;
}

bool is_reserved(const Sysctl& sysctl, std::uint16_t port) {
  return std::ranges::any_of(sysctl.ip_local_reserved_ports, [&](const PortRange& range) {
    return range.low <= port && port <= range.high;
  });
}

std::expected<std::string, std::string> get_sysctl(const Sysctl& sysctl, std::string_view name) {
  const auto found = find_knob(name);
  if (!found) return Failure(found.error());
  const Knob& knob = **found;
  if (knob.only != nullptr) return std::string(knob.only);
  Sysctl copy = sysctl;
  if (knob.text != nullptr) return knob.text(copy);
  std::string line;
  if (knob.ports != nullptr) {
    for (const PortRange& range : knob.ports(copy)) {
      if (!line.empty()) line += ',';
      line += std::to_string(range.low);
      if (range.high != range.low) line += '-' + std::to_string(range.high);
    }
    return line;
  }
  for (const std::uint32_t value : knob.values(copy)) {
    if (!line.empty()) line += '\t';
    const bool is_signed = knob.least < 0;
    line += is_signed ? std::to_string(static_cast<std::int32_t>(value)) : std::to_string(value);
  }
  return line;
}

std::expected<void, std::string> set_sysctl(Sysctl& sysctl, std::string_view name,
                                            std::string_view value) {
  const auto found = find_knob(name);
  if (!found) return Failure(found.error());
  const Knob& knob = **found;
  auto written = knob.only != nullptr    ? write_only(knob, value)
                 : knob.text != nullptr  ? write_text(knob, sysctl, value)
                 : knob.ports != nullptr ? write_ports(knob, sysctl, value)
                                         : write_numbers(knob, sysctl, value);
  if (!written) return Failure(std::string(knob.name) + ": " + written.error());
  return {};
}

}  // namespace tuntcp
