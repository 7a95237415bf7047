// The engine under a packet script: a Host and its BSD sockets in virtual time. Waiting costs
// nothing, and every run of a script is the same. make_engine_backend() is in backend.h.
//
// Time stands still while the stack works: what it sends in answer to something leaves at the same
// instant.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "stack/bsd/attempt.h"
#include "stack/bsd/sockets.h"
#include "stack/host/host.h"
#include "tools/drill/backend.h"
#include "tools/drill/engine_commands.h"

namespace tuntcp::drill {

class EngineBackend final : public Backend {
 public:
  explicit EngineBackend(const BackendOptions& options);
  ~EngineBackend() override;

  Duration now() override { return now_ - begin_; }
  void sleep_until(Duration until) override;
  CallId begin_call(const CallRequest& request) override;
  std::optional<CallReply> take_reply(CallId call, Duration until) override;
  std::map<std::string, std::int64_t> tcp_info(int fd) override;
  void inject(const InjectedPacket& packet) override;
  std::optional<SentPacket> take_packet(Duration until) override;
  bool run_command(std::string_view line, std::string_view folder) override;

 private:
  struct Call;
  class Wire;

  // To the next instant at which anything is due, at most `until`; false: there is none before.
  bool step_until(Instant until);
  void move_to(Instant instant);
  // Lets out what the stack has to say, and repeats calls that wait.
  void settle();
  void repeat(Call& call);
  bsd::Attempt attempt_of(Call& call) const;
  bsd::Attempt transfer_of(Call& call) const;
  void put_address(Call& call) const;
  void refuse_unmapped(const CallRequest& request, std::int64_t result) const;

  BackendOptions options_;
  Instant begin_;
  Instant now_;
  SeededRandom random_;
  Host host_;
  bsd::Sockets sockets_;
  std::unique_ptr<Wire> wire_;
  EngineCommands commands_;
  std::uint64_t next_call_ = 1;
  std::map<std::uint64_t, std::unique_ptr<Call>> calls_;
};

}  // namespace tuntcp::drill
