#include "tools/replay/replay.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "tools/replay/compare.h"

namespace tuntcp::replay {
namespace {

// Where the engine stands in for a side from the beginning. In the middle of a connection it has no
// public door into the state that the captured side was in.
std::optional<std::string> why_not_playable(const Flow& flow) {
  if (flow.is_echo) return std::nullopt;
  const Packet& first = flow.packets.front();
  if (!first.has_segment || first.is_syn() || first.has(wire::Flag::rst)) return std::nullopt;
  // What nobody expected is answered by RST; anything else belongs to what was not captured.
  const auto answer = std::ranges::find_if(
      flow.packets, [&](const Packet& packet) { return flow.sender(packet) == Side::server; });
  if (answer != flow.packets.end() && answer->has(wire::Flag::rst)) return std::nullopt;
  return "the capture begins in the middle of the connection (packet " +
         std::to_string(first.number) + " is no SYN)";
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void line(const std::string& text) { out_ += text + "\n"; }

  void rows(const Flow& flow, Side played, const std::vector<Row>& rows) {
    const Numbers numbers(flow, played);
    const auto text = [&](const Packet& packet, Side sender) {
      return seconds(packet.at) + "  " + describe(packet, numbers.bases_of(packet, sender)) +
             (packet.fault.empty() ? "" : "  [" + packet.fault + "]");
    };
    for (const Row& row : rows) {
      if (row.is_fed) {
        line(number(row.captured) + " >  " + text(*row.captured, flow.sender(*row.captured)));
        continue;
      }
      if (row.captured != nullptr)
        line(number(row.captured) + "  < " + text(*row.captured, played));
      if (row.engine != nullptr && (row.captured == nullptr || !row.differences.empty())) {
        line("  ours  < " + text(*row.engine, played));
      }
      for (const Difference& difference : row.differences) {
        line("        ! " + std::string(to_string(difference.kind)) + ": " + difference.detail);
      }
    }
  }

 private:
  static std::string seconds(Duration at) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%11.6f", at.count_s());
    return text.data();
  }
  static std::string number(const Packet* packet) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%6s", ("#" + std::to_string(packet->number)).c_str());
    return text.data();
  }

  std::string& out_;
};

// The sides of a flow that can be played at all.
std::vector<Side> sides_of(const Flow& flow, const Expect& expect) {
  // Only who is asked has something to answer.
  if (flow.is_echo) return {Side::server};
  return expect.sides;
}

}  // namespace

Report replay(Capture capture, const Expect& expect) {
  Report report;
  Writer writer(report.text);
  const std::string name = capture.name;
  const Flows flows = split(std::move(capture));
  std::vector<Notice> notices = flows.notices;
  std::size_t played_count = 0;

  for (const Flow& flow : flows.flows) {
    if (expect.connection && *expect.connection != flow.number) continue;
    const std::string title = "connection " + std::to_string(flow.number) + ", " + flow.to_string();
    if (const auto why = why_not_playable(flow)) {
      report.faults.push_back(title + ": " + *why);
      continue;
    }
    for (const Side side : sides_of(flow, expect)) {
      const Application application = application_of(flow, side);
      const Setup setup = setup_of(flow, side, application, expect.settings);
      const Play outcome = play(flow, side, application, setup);
      const std::vector<Row> rows = compare(flow, side, outcome);
      writer.line(title + ", the engine plays the " + to_string(side));
      writer.rows(flow, side, rows);
      for (const std::string& refusal : outcome.refusals) {
        writer.line("        ! application: " + refusal);
      }
      for (std::string& fault : faults_of(expect, side, rows)) {
        report.faults.push_back(std::move(fault));
      }
      for (const Notice& notice : application.notices) notices.push_back(notice);
      ++played_count;
    }
  }
  if (played_count == 0 && report.faults.empty()) {
    throw CaptureError(name + ": " + (expect.connection ? "no such connection" : "no connection") +
                       " among its packets");
  }
  for (const Notice& notice : notices) {
    writer.line("packet " + std::to_string(notice.number) + ": " + to_string(notice.kind) + ": " +
                notice.text);
  }
  for (std::string& fault : faults_of(expect, notices)) report.faults.push_back(std::move(fault));
  return report;
}

}  // namespace tuntcp::replay
