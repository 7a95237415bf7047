#include "tools/drill/flow.h"

namespace tuntcp::drill {
namespace {

bool has_flag(const TcpSpec& tcp, char flag) {
  return tcp.flags.find(flag) != std::string::npos;
}

// What a script may name the stack's TSvals by; more are forgotten.
constexpr std::size_t kMaxTsvals = 10'000;

}  // namespace

TcpSpec Flow::to_wire(const TcpSpec& written) {
  is_over = is_over || has_flag(written, 'R');
  TcpSpec live = written;
  if (has_flag(written, 'S')) {
    remote_isn = written.seq.begin;
    if (written.ack) live.ack = local_isn.value_or(0) + (*written.ack - local_script_isn);
  } else {
    live.seq.begin = remote_isn + written.seq.begin;
    if (written.ack) live.ack = local_isn.value_or(0) + *written.ack;
  }
  live.seq.end = live.seq.begin + live.seq.length;
  for (OptionSpec& option : live.options) {
    for (SackBlockSpec& block : option.blocks) {
      block.begin += local_isn.value_or(0);
      block.end += local_isn.value_or(0);
    }
    if (option.kind != OptionSpec::Kind::timestamps || option.echo == 0 || !first_tsval) continue;
    const auto seen = tsvals.find(option.echo);
    option.echo =
        seen != tsvals.end() ? seen->second : *first_tsval + (option.echo - first_script_tsval);
  }
  return live;
}

TcpSpec Flow::to_script(const TcpSpec& live, const TcpSpec* expected) {
  TcpSpec written = live;
  last_sent_seq = live.seq.begin;
  last_sent_length = live.seq.length;
  is_over = is_over || has_flag(live, 'R');
  if (has_flag(live, 'S')) {
    if (!local_isn || *local_isn != live.seq.begin) {
      local_isn = live.seq.begin;
      local_script_isn = expected != nullptr ? expected->seq.begin : 0;
    }
    written.seq.begin = local_script_isn + (live.seq.begin - *local_isn);
    if (live.ack) written.ack = *live.ack;  // the script's own numbers
  } else {
    // What is refused without ever having been ours: the script's numbers came back.
    written.seq.begin = live.seq.begin - local_isn.value_or(0);
    if (live.ack) written.ack = *live.ack - remote_isn;
  }
  written.seq.end = written.seq.begin + written.seq.length;
  for (OptionSpec& option : written.options) {
    for (SackBlockSpec& block : option.blocks) {
      block.begin -= remote_isn;
      block.end -= remote_isn;
    }
    if (option.kind == OptionSpec::Kind::timestamps && first_tsval) {
      option.value = first_script_tsval + (option.value - *first_tsval);
    }
  }
  return written;
}

void Flow::learn_tsval(std::uint32_t live, std::uint32_t written) {
  if (!first_tsval) {
    first_tsval = live;
    first_script_tsval = written;
  }
  if (tsvals.size() < kMaxTsvals) tsvals[written] = live;
}

}  // namespace tuntcp::drill
