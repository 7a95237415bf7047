#include "stack/tcp/controllers.h"

#include <algorithm>

#include "stack/tcp/negotiation.h"
#include "stack/tcp/shared.h"

namespace tuntcp::tcp {
namespace {

congestion::Start start_of(const Tcb& tcb, Instant now) {
  const Sysctl& knobs = sysctl(tcb);
  return {.mss = plain_send_mss(tcb),
          .now = now,
          .exit = static_cast<congestion::SlowStartExit>(knobs.tcp_cubic_hystart),
          .abe = knobs.tcp_abe != 0};
}

void become(Tcb& tcb, std::string_view name) {
  const congestion::Algorithm* const algorithm = tcb.shared->controllers.find(name);
  TUNTCP_CHECK(algorithm != nullptr);
  algorithm->become(tcb.congestion, tcb.shared->controller_blocks);
}

}  // namespace

void choose_controller(Tcb& tcb, std::string_view name) {
  become(tcb, name.empty() ? std::string_view(sysctl(tcb).tcp_congestion_control) : name);
}

void start_controller(Tcb& tcb, std::uint32_t segments, Instant now) {
  congestion::Start start = start_of(tcb, now);
  start.segments = segments;
  tcb.congestion->init(start);
}

void switch_controller(Tcb& tcb, std::string_view name, Instant now) {
  const congestion::Window window = tcb.congestion->window();
  become(tcb, name);
  if (kOpening.contains(tcb.state)) return;
  congestion::Start start = start_of(tcb, now);
  start.segments = std::max(window.cwnd / start.mss, 1U);
  start.ssthresh = window.ssthresh;
  start.episode = tcb.recovery.episode();
  tcb.congestion->init(start);
}

void count_early_exit(Tcb& tcb) {
  const auto exit = tcb.congestion->take_early_exit();
  if (!exit) return;
  const bool is_train = exit->by == congestion::EarlyExit::By::ack_train;
  mib(tcb).add(is_train ? Counter::tcp_hystart_train_detect : Counter::tcp_hystart_delay_detect);
  mib(tcb).add(is_train ? Counter::tcp_hystart_train_cwnd : Counter::tcp_hystart_delay_cwnd,
               exit->cwnd_segments);
}

}  // namespace tuntcp::tcp
