// The .expect file beside a capture: how to play it, and which differences are known, by name, each
// with its reason. The capture itself is the expectation; see pcap-fixtures/README.md for the
// format.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/replay/compare.h"

namespace tuntcp::replay {

// what() begins "FILE:LINE: ".
class ExpectError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct KnownDifference {
  DifferenceKind kind = DifferenceKind::missing;
  Side played = Side::client;
  // At the first and at the last of these packets it must occur, between them it may.
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::string reason;
  int line = 0;
};

struct KnownNotice {
  Notice::Kind kind = Notice::Kind::malformed;
  std::uint32_t number = 0;
  std::string reason;
  int line = 0;
};

struct Expect {
  std::string name;
  std::vector<Side> sides = {Side::client, Side::server};
  std::optional<std::uint32_t> connection;
  std::vector<std::string> settings;
  std::vector<KnownDifference> differences;
  std::vector<KnownNotice> notices;
  std::optional<std::string> refusal;  // the capture must be refused with a message that has this
};

// Throws ExpectError.
Expect parse_expect(const std::string& text, const std::string& name);
Expect read_expect(const std::string& path);

// What was not expected and what was expected in vain, a line each; empty if all is as said.
std::vector<std::string> faults_of(const Expect& expect, Side played, const std::vector<Row>& rows);
std::vector<std::string> faults_of(const Expect& expect, const std::vector<Notice>& notices);

}  // namespace tuntcp::replay
