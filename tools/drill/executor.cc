#include "tools/drill/executor.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <set>
#include <utility>

#include "tools/drill/calls.h"
#include "tools/drill/code.h"
#include "tools/drill/flow.h"
#include "tools/drill/packet_codec.h"
#include "tools/drill/packet_matcher.h"
#include "tools/drill/packet_stream.h"
#include "tools/drill/parser.h"
#include "tools/drill/scanner.h"
#include "tools/drill/script_options.h"

namespace tuntcp::drill {
namespace {

constexpr Port kPort = 8080;  // the stack's where it listens, the peer's where it is connected to
constexpr Port kFirstPeerPort = 40'000;
// How long a packet is waited for that may come at any time.
constexpr Duration kAnyTime = Duration::seconds(60);
// How long one that is late is still waited for, to say when it came.
constexpr Duration kLate = Duration::seconds(2);
constexpr std::size_t kMaxTranscript = 20'000;

struct Failed {
  Position at{};
  std::string expected{};
  std::string actual{};
};

std::string seconds(Duration time) {
  char text[48];
  std::snprintf(text, sizeof text, "%.6f", time.count_s());
  return text;
}

bool has_flag(const TcpSpec& tcp, char flag) {
  return tcp.flags.find(flag) != std::string::npos;
}

class Execution {
 public:
  Execution(const Script& script, const RunOptions& options, const MakeBackend& make_backend)
      : script_(script),
        settings_(settings_of(script, options)),
        calls_(script.file, settings_.backend, kPort),
        evaluator_(script.file),
        folder_(script.file.substr(0, script.file.find_last_of('/') + 1)) {
    for (const Event& event : script.events) {
      if (const auto* code = std::get_if<CodeSpec>(&event.action)) {
        programs_[&event] = parse_code(*code, script.file);
      }
    }
    backend_ = make_backend(settings_.backend);
    packets_ = PacketStream(*backend_, settings_.backend.remote, settings_.strict_segments);
  }

  void play();
  std::vector<std::string> take_transcript() { return std::move(transcript_); }
  Position at() const { return at_; }

 private:
  // A call that blocks, made and not yet held against the script.
  struct Waiting {
    const CallSpec* call = nullptr;
    CallId id{};
    Duration returns_at{};
    Duration tolerance{};
  };

  Duration now() { return backend_->now() - start_; }
  void note(Duration at, const std::string& text) {
    if (transcript_.size() < kMaxTranscript) transcript_.push_back(seconds(at) + " " + text);
  }
  Duration tolerance_for(Duration gap) const { return std::max(settings_.tolerance, gap / 8); }

  void play(const Event& event);
  Duration wait_for_start(const Event& event);
  void command(const CommandSpec& command);
  void code(const Event& event);
  void call(const CallSpec& call, const When& when, Duration base);
  void settle_call();
  void settle_due_call(Duration start);
  void check_call(const CallSpec& call, const CallReply& reply);

  PacketSpec with_definitions(const PacketSpec& written) const;
  void inject(const PacketSpec& spec);
  void inject_tcp(const PacketSpec& spec, const TcpSpec& tcp);
  void inject_icmp(const PacketSpec& spec, const IcmpSpec& icmp);
  void expect(const Event& event, const PacketSpec& spec, Duration base);
  // Of the connection whose TCP_INFO code sees.
  bool has_unsent();
  Flow& flow_of(const ReadPacket& packet);
  Flow& flow_for(const PacketSpec& spec, const TcpSpec& tcp);
  Flow& add_flow(const Flow& flow) {
    flows_.push_back(flow);
    current_ = &flows_.back();
    return *current_;
  }
  Endpoint local(const Flow& flow) const {
    return {.address = settings_.backend.local, .port = flow.local_port};
  }
  Endpoint remote(const Flow& flow) const {
    return {.address = settings_.backend.remote, .port = flow.remote_port};
  }
  void check_ticks(const TcpSpec& expected, const TcpSpec& live, const Flow& flow,
                   const PacketSpec& spec, const std::string& shown);
  void learn_ticks(const TcpSpec& expected, const TcpSpec& live, Flow& flow);

  const Script& script_;
  ScriptSettings settings_;
  Calls calls_;
  Evaluator evaluator_;
  std::string folder_;
  std::map<const Event*, CodeProgram> programs_;
  std::unique_ptr<Backend> backend_;
  PacketStream packets_;
  Duration start_{};
  Duration last_{};  // when the event before was, or should have been
  Position at_{};
  std::optional<Waiting> waiting_;
  std::deque<Flow> flows_;
  Flow* current_ = nullptr;
  std::set<std::int64_t> listeners_;
  std::int64_t subject_fd_ = -1;  // whose TCP_INFO code sees; the script's number
  std::vector<std::string> transcript_;
};

// ---- The order of events.

void Execution::play() {
  if (script_.first_command) {
    at_ = script_.first_command->at;
    command(*script_.first_command);
  }
  start_ = backend_->now();
  packets_.set_origin(start_);
  for (const Event& event : script_.events) {
    at_ = event.at;
    play(event);
  }
  if (waiting_) settle_call();
  if (script_.last_command) {
    at_ = script_.last_command->at;
    command(*script_.last_command);
  }
}

// When an event begins that the executor itself brings about.
Duration Execution::wait_for_start(const Event& event) {
  const bool is_absolute =
      event.when.kind == When::Kind::absolute || event.when.kind == When::Kind::absolute_range;
  const Duration start = event.when.kind == When::Kind::any
                             ? last_
                             : (is_absolute ? Duration() : last_) + event.when.start;
  settle_due_call(start);
  backend_->sleep_until(start_ + start);
  const Duration late = now() - start;
  if (late > tolerance_for(start - last_)) {
    throw Failed{.at = event.at,
                 .expected = "at " + seconds(start),
                 .actual = "nothing could be done before " + seconds(now())};
  }
  last_ = start;
  return start;
}

void Execution::play(const Event& event) {
  const Duration base = last_;
  if (const auto* written = std::get_if<PacketSpec>(&event.action)) {
    const PacketSpec packet = with_definitions(*written);
    if (packet.direction == Direction::outbound) {
      expect(event, packet, base);
      return;
    }
    wait_for_start(event);
    inject(packet);
    return;
  }
  const Duration start = wait_for_start(event);
  if (const auto* unknown = std::get_if<UnknownSpec>(&event.action)) throw Unmapped(unknown->what);
  if (const auto* spec = std::get_if<CallSpec>(&event.action)) {
    const bool is_absolute = event.when.kind == When::Kind::absolute;
    call(*spec, event.when, is_absolute ? Duration() : base);
  } else if (const auto* lines = std::get_if<CommandSpec>(&event.action)) {
    note(start, "`" + lines->text + "`");
    command(*lines);
  } else {
    settle_due_call(start);
    code(event);
  }
}

// Lines, of which a backslash joins two; blank ones and comments are passed over.
void Execution::command(const CommandSpec& command) {
  std::string line;
  const auto run_line = [&] {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin != std::string::npos && line[begin] != '#' &&
        !backend_->run_command(std::string_view(line).substr(begin), folder_)) {
      throw Failed{.at = command.at,
                   .expected = "exit status 0",
                   .actual = "another one of: " + line.substr(begin)};
    }
    line.clear();
  };
  for (std::size_t i = 0; i < command.text.size(); ++i) {
    if (command.text[i] == '\\' && i + 1 < command.text.size() && command.text[i + 1] == '\n') {
      line += ' ';
      ++i;
    } else if (command.text[i] == '\n') {
      run_line();
    } else {
      line += command.text[i];
    }
  }
  run_line();
}

void Execution::code(const Event& event) {
  const CodeProgram& program = programs_.at(&event);
  std::map<std::string, std::int64_t> info;
  if (subject_fd_ >= 0) info = backend_->tcp_info(calls_.live_fd(subject_fd_));
  std::string printed;
  try {
    evaluator_.run(program, info, printed);
  } catch (const AssertionFailure& failure) {
    const std::string message = failure.what();
    const std::size_t colon = message.rfind(": ");
    throw Failed{.at = failure.at(),
                 .expected = message.substr(0, colon),
                 .actual = message.substr(colon + 2)};
  }
  if (!printed.empty()) note(now(), "print: " + printed.substr(0, printed.size() - 1));
}

// ---- System calls.

void Execution::call(const CallSpec& call, const When& when, Duration base) {
  if (waiting_) settle_call();
  const CallRequest request = calls_.request(call);
  const bool opens = call.name == "connect" || call.name == "sendto";
  if (opens && request.address) {
    const bool is_known = std::any_of(flows_.begin(), flows_.end(),
                                      [&](const Flow& flow) { return flow.fd == request.fd; });
    if (!is_known) add_flow({.remote_port = request.address->port, .fd = request.fd});
    subject_fd_ = calls_.integer(call.arguments[0]);
  }
  note(now(), describe(call, false));
  const CallId id = backend_->begin_call(request);
  if (when.call_end) {
    const Duration duration = *when.call_end - when.start;
    waiting_ = {.call = &call,
                .id = id,
                .returns_at = base + *when.call_end,
                .tolerance = tolerance_for(duration)};
    return;
  }
  // Without an end a call returns at once.
  const auto reply = backend_->take_reply(id, backend_->now() + settings_.tolerance);
  if (!reply) {
    throw Failed{
        .at = call.at,
        .expected = describe(call),
        .actual = "it blocks (a call that should is written +0...0.1 " + call.name + "())"};
  }
  check_call(call, *reply);
}

void Execution::check_call(const CallSpec& call, const CallReply& reply) {
  if (call.name == "close" && reply.result == 0) {
    const std::int64_t fd = calls_.integer(call.arguments[0]);
    listeners_.erase(fd);
    for (Flow& flow : flows_) flow.is_over = flow.is_over || flow.fd == calls_.live_fd(fd);
  }
  if (const auto wrong = calls_.check(call, reply)) {
    throw Failed{.at = call.at,
                 .expected = describe(call, false) + " " + wrong->expected,
                 .actual = wrong->actual};
  }
  std::string text = call.name + "() = " + std::to_string(reply.result);
  if (reply.result < 0) text += " errno " + std::to_string(reply.error);
  note(reply.returned_at - start_, text);
  if (reply.result < 0) return;
  if (call.name == "socket") subject_fd_ = call.result.number;
  if (call.name == "listen") listeners_.insert(calls_.integer(call.arguments[0]));
  if (call.name == "accept") {
    subject_fd_ = call.result.number;
    for (Flow& flow : flows_) {
      if (reply.address && flow.is_passive && flow.remote_port == reply.address->port) {
        flow.fd = static_cast<int>(reply.result);
        current_ = &flow;
      }
    }
  }
}

void Execution::settle_call() {
  const Waiting waiting = *waiting_;
  waiting_.reset();
  const auto reply =
      backend_->take_reply(waiting.id, start_ + waiting.returns_at + waiting.tolerance);
  if (!reply) {
    throw Failed{.at = waiting.call->at,
                 .expected = describe(*waiting.call) + " at " + seconds(waiting.returns_at),
                 .actual = "it still blocks at " + seconds(now())};
  }
  const Duration returned_at = reply->returned_at - start_;
  check_call(*waiting.call, *reply);
  if (returned_at < waiting.returns_at - waiting.tolerance ||
      returned_at > waiting.returns_at + waiting.tolerance) {
    throw Failed{.at = waiting.call->at,
                 .expected = describe(*waiting.call) + " at " + seconds(waiting.returns_at),
                 .actual = "it returned at " + seconds(returned_at)};
  }
}

// One that should have returned before an event of `start` is looked at first.
void Execution::settle_due_call(Duration start) {
  if (waiting_ && waiting_->returns_at + waiting_->tolerance < start) settle_call();
}

// ---- Packets to the stack.

// What --define says the words in it stand for: cookies, and the codes of ICMP messages.
PacketSpec Execution::with_definitions(const PacketSpec& written) const {
  PacketSpec spec = written;
  const auto& definitions = settings_.definitions;
  if (auto* icmp = std::get_if<IcmpSpec>(&spec.body)) {
    const auto known = definitions.find(icmp->code);
    if (known != definitions.end()) icmp->code = known->second;
    return spec;
  }
  constexpr std::size_t kMostOctets = 38;
  for (OptionSpec& option : std::get<TcpSpec>(spec.body).options) {
    if (option.word.empty()) continue;
    const auto known = definitions.find(option.word);
    if (known == definitions.end()) throw Unmapped("the cookie " + option.word);
    const auto octets = octets_of_hex(known->second);
    if (!octets || octets->size() > kMostOctets) {
      throw ScriptError(script_.file, written.at,
                        option.word + " is defined as '" + known->second + "', which is no cookie");
    }
    option.octets = *octets;
    option.word.clear();
  }
  return spec;
}

void Execution::inject(const PacketSpec& spec) {
  if (const auto* tcp = std::get_if<TcpSpec>(&spec.body)) {
    inject_tcp(spec, *tcp);
  } else {
    inject_icmp(spec, std::get<IcmpSpec>(spec.body));
  }
}

// A segment without ports belongs to the connection that is under test; a SYN to a listener begins
// the next one when that is over.
Flow& Execution::flow_for(const PacketSpec& spec, const TcpSpec& tcp) {
  if (spec.ports) {
    for (Flow& flow : flows_) {
      if (flow.remote_port == spec.ports->first && flow.local_port == spec.ports->second) {
        return flow;
      }
    }
  }
  const bool is_first_syn = has_flag(tcp, 'S') && !has_flag(tcp, '.');
  const bool begins =
      is_first_syn && !listeners_.empty() && (current_ == nullptr || current_->is_over);
  if (current_ != nullptr && !begins && !spec.ports) return *current_;
  Flow flow{.local_port = kPort,
            .remote_port = static_cast<Port>(kFirstPeerPort + flows_.size() % 20'000)};
  flow.is_passive = true;
  if (spec.ports) {
    flow.remote_port = spec.ports->first;
    flow.local_port = spec.ports->second;
  }
  return add_flow(flow);
}

void Execution::inject_tcp(const PacketSpec& spec, const TcpSpec& tcp) {
  const auto fail = [&](const std::string& message) {
    throw ScriptError(script_.file, spec.at, message);
  };
  const TcpSpec& written = tcp;
  if (written.any_options) fail("options of a packet to the stack cannot be left open");
  const std::uint32_t options = option_octets(written.options);
  if (options > 40 || options % 4 != 0) {
    fail("options have " + std::to_string(options) + " octets: not a multiple of 4 up to 40");
  }
  Flow& flow = flow_for(spec, tcp);
  note(now(), describe(spec));
  const std::uint32_t headers = (settings_.backend.local.is_v4() ? 20 : 40) + 20 + options;
  if (headers + tcp.seq.length > 65'535) fail("longer than a packet can be");
  InjectedPacket packet;
  packet.octets = build_tcp(remote(flow), local(flow), spec.ip, flow.to_wire(written));
  const std::uint32_t mss =
      settings_.mss != 0 ? settings_.mss : settings_.backend.mtu - std::min(headers, 500U);
  if (tcp.seq.length > mss) packet.gso_size = static_cast<std::uint16_t>(mss);
  backend_->inject(packet);
}

void Execution::inject_icmp(const PacketSpec& spec, const IcmpSpec& icmp) {
  if (current_ == nullptr) {
    throw ScriptError(script_.file, spec.at, "no connection that an ICMP message could be about");
  }
  const Flow& flow = *current_;
  IcmpError error{.source = settings_.backend.gateway,
                  .quoted_source = local(flow),
                  .quoted_destination = remote(flow),
                  .quoted_seq = flow.last_sent_seq,
                  .quoted_length = flow.last_sent_length};
  if (icmp.quoted) {
    error.quoted_seq = flow.local_to_wire(icmp.quoted->begin);
    error.quoted_length = icmp.quoted->length;
  }
  const auto octets = build_icmp(icmp, error);
  if (!octets) throw Unmapped("icmp " + icmp.type + " " + icmp.code);
  note(now(), describe(spec));
  backend_->inject({.octets = *octets});
}

// ---- Packets from the stack.

Flow& Execution::flow_of(const ReadPacket& packet) {
  for (Flow& flow : flows_) {
    if (flow.local_port == packet.source.port && flow.remote_port == packet.destination.port) {
      return flow;
    }
  }
  // The first packet of a connection that the application opened tells its port.
  for (Flow& flow : flows_) {
    if (flow.local_port == 0 && flow.remote_port == packet.destination.port) {
      flow.local_port = packet.source.port;
      current_ = &flow;
      return flow;
    }
  }
  return add_flow({.local_port = packet.source.port, .remote_port = packet.destination.port});
}

// --tcp_ts_tick_usecs: the stack's clock of TSvals goes as the script's does.
void Execution::check_ticks(const TcpSpec& expected, const TcpSpec& live, const Flow& flow,
                            const PacketSpec& spec, const std::string& shown) {
  if (!settings_.ts_tick || !flow.first_tsval) return;
  for (std::size_t i = 0; i < std::min(expected.options.size(), live.options.size()); ++i) {
    const OptionSpec& wanted = expected.options[i];
    if (wanted.kind != OptionSpec::Kind::timestamps) continue;
    // The stack's ticks are milliseconds (RFC 7323, 5.4 leaves 1 ms to 1 s).
    const Duration actual = Duration::milliseconds(
        static_cast<std::int32_t>(live.options[i].value - *flow.first_tsval));
    const Duration due =
        *settings_.ts_tick * static_cast<std::int32_t>(wanted.value - flow.first_script_tsval);
    const Duration off = actual > due ? actual - due : due - actual;
    if (off > settings_.tolerance) {
      throw Failed{.at = spec.at,
                   .expected = describe(spec),
                   .actual = shown + " (its TSval is " + seconds(off) + " s off)"};
    }
  }
}

void Execution::learn_ticks(const TcpSpec& expected, const TcpSpec& live, Flow& flow) {
  for (std::size_t i = 0; i < std::min(expected.options.size(), live.options.size()); ++i) {
    const OptionSpec& written = expected.options[i];
    if (written.kind != OptionSpec::Kind::timestamps || live.options[i].kind != written.kind) {
      continue;
    }
    flow.learn_tsval(live.options[i].value, written.value);
  }
}

bool Execution::has_unsent() {
  if (subject_fd_ < 0) return false;
  const auto info = backend_->tcp_info(calls_.live_fd(subject_fd_));
  const auto unsent = info.find("tcpi_notsent_bytes");
  return unsent != info.end() && unsent->second > 0;
}

void Execution::expect(const Event& event, const PacketSpec& spec, Duration base) {
  const When& when = event.when;
  const bool is_any = when.kind == When::Kind::any;
  const bool is_absolute =
      when.kind == When::Kind::absolute || when.kind == When::Kind::absolute_range;
  const bool is_range =
      when.kind == When::Kind::relative_range || when.kind == When::Kind::absolute_range;
  const Duration origin = is_absolute ? Duration() : base;
  const Duration begin = is_any ? base : origin + when.start;
  const Duration end = is_any ? base + kAnyTime : is_range ? origin + when.end : begin;
  const Duration tolerance = tolerance_for(is_any ? Duration() : end - base);
  const std::string due = is_any     ? ""
                          : is_range ? " between " + seconds(begin) + " and " + seconds(end)
                                     : " at " + seconds(begin);
  const auto fail = [&](const std::string& actual) {
    throw Failed{.at = spec.at, .expected = describe(spec) + due, .actual = actual};
  };
  settle_due_call(begin);

  auto first = packets_.next(end + tolerance);
  if (!first) {
    const auto late = packets_.next(end + kLate);
    if (!late) {
      fail("nothing was sent until " + seconds(end + kLate));
    }
    first = late;
  }
  const auto* expected = std::get_if<TcpSpec>(&spec.body);
  static const TcpSpec kNothing;
  const SeenPacket seen = packets_.whole(expected != nullptr ? *expected : kNothing,
                                         std::move(*first), end + tolerance);
  PacketSpec written = seen.packet.spec;
  const auto* live = std::get_if<TcpSpec>(&seen.packet.spec.body);
  Flow* flow = nullptr;
  if (live != nullptr) {
    flow = &flow_of(seen.packet);
    if (expected != nullptr) learn_ticks(*expected, *live, *flow);
    written.body = flow->to_script(*live, expected);
  }
  const std::string shown = describe(written);
  note(seen.at, shown);
  if (!seen.packet.damage.empty()) fail(shown + " (" + seen.packet.damage + ")");
  const bool is_text = live != nullptr && live->seq.length != 0;
  const MatchRules rules{.is_super = seen.is_super,
                         .has_text_behind = is_text && !settings_.strict_segments && has_unsent()};
  if (const auto wrong = difference(spec, written, rules)) {
    fail(shown + " at " + seconds(seen.at) + " (" + *wrong + ")");
  }
  if (expected != nullptr && live != nullptr) {
    check_ticks(*expected, *live, *flow, spec, shown);
  }
  if (seen.at < begin - tolerance || seen.at > end + tolerance) {
    fail(shown + " at " + seconds(seen.at) + " (tolerance " + seconds(tolerance) + ")");
  }
  last_ = is_any || is_range ? seen.at : begin;
}

}  // namespace

Outcome run(const Script& script, const RunOptions& options, const MakeBackend& make_backend) {
  Outcome outcome;
  std::unique_ptr<Execution> execution;
  const auto skip = [&](const std::string& what) {
    outcome.verdict = Outcome::Verdict::skipped;
    outcome.at = execution != nullptr ? execution->at() : Position{};
    outcome.actual = what;
  };
  try {
    execution = std::make_unique<Execution>(script, options, make_backend);
    execution->play();
  } catch (Failed& failed) {
    outcome.verdict = Outcome::Verdict::failed;
    outcome.at = failed.at;
    outcome.expected = std::move(failed.expected);
    outcome.actual = std::move(failed.actual);
  } catch (const Unmapped& unmapped) {
    skip(unmapped.what());
  }
  if (execution != nullptr) outcome.transcript = execution->take_transcript();
  return outcome;
}

}  // namespace tuntcp::drill
