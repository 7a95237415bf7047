#include "tools/replay/expect.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "tools/replay/setup.h"

namespace tuntcp::replay {
namespace {

constexpr std::size_t kMostOctets = 1U << 20;
// A reason is a sentence, not a word.
constexpr std::size_t kLeastReason = 15;

class Parser {
 public:
  explicit Parser(const std::string& name) : name_(name) { expect_.name = name; }

  Expect run(const std::string& text) {
    if (text.size() > kMostOctets) fail("longer than " + std::to_string(kMostOctets) + " octets");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      ++line_;
      take(line);
    }
    return std::move(expect_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw ExpectError(name_ + ":" + std::to_string(line_) + ": " + what);
  }

  void take(const std::string& line) {
    if (line.empty() || line[0] == '#') return;
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "as") {
      take_sides(word(words));
    } else if (verb == "connection") {
      expect_.connection = number(word(words));
    } else if (verb == "set") {
      take_setting(rest(words));
      return;
    } else if (verb == "refused") {
      expect_.refusal = rest(words);
      if (expect_.refusal->empty()) fail("what does the message say?");
      return;
    } else if (verb == "differs") {
      take_difference(words);
      return;
    } else if (verb == "notice") {
      take_notice(words);
      return;
    } else {
      fail("'" + verb + "' is not one of as, connection, set, refused, differs, notice");
    }
    if (words >> verb) fail("'" + verb + "' is too much");
  }

  std::string word(std::istringstream& words) const {
    std::string result;
    if (!(words >> result)) fail("the line is not complete");
    return result;
  }

  static std::string rest(std::istringstream& words) {
    std::string result;
    std::getline(words >> std::ws, result);
    return result;
  }

  std::uint32_t number(const std::string& text) const {
    std::uint32_t result = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), result);
    if (status != std::errc() || end != text.data() + text.size()) {
      fail("'" + text + "' is no number");
    }
    return result;
  }

  void take_sides(const std::string& side) {
    if (side == "both") {
      expect_.sides = {Side::client, Side::server};
    } else {
      expect_.sides = {to_side(side)};
    }
  }

  Side to_side(const std::string& side) const {
    if (side == "client") return Side::client;
    if (side == "server") return Side::server;
    fail("'" + side + "' is no side; there are client and server");
  }

  void take_setting(const std::string& setting) {
    try {
      Setup scratch;
      apply_setting(scratch, setting);
    } catch (const std::invalid_argument& error) {
      fail(error.what());
    }
    expect_.settings.push_back(setting);
  }

  // The text after ": ".
  std::string reason(std::istringstream& words) const {
    const std::string text = rest(words);
    if (text.size() < kLeastReason) fail("a difference needs its reason, in a sentence");
    return text;
  }

  // "17:" or "17-30:"
  std::pair<std::uint32_t, std::uint32_t> numbers(std::string text) const {
    if (!text.ends_with(':')) fail("expected N: or N-M:, then the reason");
    text.pop_back();
    const std::size_t dash = text.find('-');
    const std::uint32_t first = number(text.substr(0, dash));
    const std::uint32_t last = dash == std::string::npos ? first : number(text.substr(dash + 1));
    if (last < first) fail("the range ends before it begins");
    return {first, last};
  }

  void take_difference(std::istringstream& words) {
    const std::string name = word(words);
    const auto kind = parse_difference_kind(name);
    if (!kind) fail("'" + name + "' is no kind of difference");
    KnownDifference known{.kind = *kind,
                          .played = to_side(word(words)),
                          .first = 0,
                          .last = 0,
                          .reason = {},
                          .line = line_};
    std::tie(known.first, known.last) = numbers(word(words));
    known.reason = reason(words);
    expect_.differences.push_back(std::move(known));
  }

  void take_notice(std::istringstream& words) {
    KnownNotice known;
    const std::string name = word(words);
    if (!parse_notice_kind(name, known.kind)) fail("'" + name + "' is no kind of notice");
    known.number = numbers(word(words)).first;
    known.reason = reason(words);
    known.line = line_;
    expect_.notices.push_back(std::move(known));
  }

  const std::string name_;
  Expect expect_;
  int line_ = 0;
};

bool covers(const KnownDifference& known, Side played, const Difference& difference) {
  return known.played == played && known.kind == difference.kind &&
         known.first <= difference.number && difference.number <= known.last;
}

}  // namespace

Expect parse_expect(const std::string& text, const std::string& name) {
  return Parser(name).run(text);
}

Expect read_expect(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ExpectError(path + ": cannot be read");
  return parse_expect({std::istreambuf_iterator<char>(file), {}}, path);
}

std::vector<std::string> faults_of(const Expect& expect, Side played,
                                   const std::vector<Row>& rows) {
  std::vector<std::string> faults;
  std::vector<const Difference*> all;
  for (const Row& row : rows) {
    for (const Difference& difference : row.differences) all.push_back(&difference);
  }
  for (const Difference* difference : all) {
    const bool is_known = std::ranges::any_of(
        expect.differences,
        [&](const KnownDifference& known) { return covers(known, played, *difference); });
    if (is_known) continue;
    faults.push_back("differs " + std::string(to_string(difference->kind)) + " " +
                     to_string(played) + " " + std::to_string(difference->number) + ": " +
                     difference->detail);
  }
  for (const KnownDifference& known : expect.differences) {
    if (known.played != played) continue;
    const auto occurs_at = [&](std::uint32_t number) {
      return std::ranges::any_of(all, [&](const Difference* difference) {
        return covers(known, played, *difference) && difference->number == number;
      });
    };
    for (const std::uint32_t number : {known.first, known.last}) {
      if (occurs_at(number)) continue;
      faults.push_back(expect.name + ":" + std::to_string(known.line) + ": stale: no difference '" +
                       to_string(known.kind) + "' at packet " + std::to_string(number));
      break;
    }
  }
  return faults;
}

std::vector<std::string> faults_of(const Expect& expect, const std::vector<Notice>& notices) {
  std::vector<std::string> faults;
  const auto is_same = [](const KnownNotice& known, const Notice& notice) {
    return known.kind == notice.kind && known.number == notice.number;
  };
  for (const Notice& notice : notices) {
    if (notice.kind == Notice::Kind::other) continue;
    const bool is_known = std::ranges::any_of(
        expect.notices, [&](const KnownNotice& known) { return is_same(known, notice); });
    if (is_known) continue;
    faults.push_back("notice " + std::string(to_string(notice.kind)) + " " +
                     std::to_string(notice.number) + ": " + notice.text);
  }
  for (const KnownNotice& known : expect.notices) {
    const bool occurs =
        std::ranges::any_of(notices, [&](const Notice& notice) { return is_same(known, notice); });
    if (occurs) continue;
    faults.push_back(expect.name + ":" + std::to_string(known.line) + ": stale: no notice '" +
                     to_string(known.kind) + "' at packet " + std::to_string(known.number));
  }
  return faults;
}

}  // namespace tuntcp::replay
