// System calls between the script and the backend: arguments as written to a CallRequest, and what
// came back held against what the script says should.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include "tools/drill/backend.h"
#include "tools/drill/script.h"

namespace tuntcp::drill {

// A call that came to something else than the script says.
struct CallMismatch {
  std::string expected{};
  std::string actual{};
};

class Calls {
 public:
  Calls(std::string file, const BackendOptions& options, Port port)
      : file_(std::move(file)), options_(options), port_(port) {}

  // ScriptError for arguments that make no sense; Unmapped for calls and names nobody knows.
  CallRequest request(const CallSpec& call) const;
  // Also remembers the descriptors that the call made, by their numbers in the script.
  std::optional<CallMismatch> check(const CallSpec& call, const CallReply& reply);

  // The backend's descriptor; for one that the script never got, a number that is none.
  int live_fd(std::int64_t script_fd) const;
  // A number, a constant, or several of them with "|".
  std::int64_t integer(const Expression& expression) const;

 private:
  [[noreturn]] void fail(const Expression& at, const std::string& message) const;
  const Expression& argument(const CallSpec& call, std::size_t index) const;
  int fd_argument(const CallSpec& call, std::size_t index) const {
    return live_fd(integer(argument(call, index)));
  }
  const Expression* field(const Expression& record, std::string_view name) const;
  void put_address(const Expression& written, CallRequest& request, const IpAddress& usual) const;
  void put_value(const CallSpec& call, CallRequest& request) const;
  void put_message(const Expression& message, CallRequest& request) const;
  void put_polled(const Expression& array, CallRequest& request) const;
  std::vector<Buffer> pieces(const Expression& array) const;
  std::uint64_t epoll_data(const Expression& record) const;
  bool put_opening(const CallSpec& call, CallRequest& request) const;
  bool put_transfer(const CallSpec& call, CallRequest& request) const;
  bool put_readiness(const CallSpec& call, CallRequest& request) const;
  bool put_other(const CallSpec& call, CallRequest& request) const;

  std::optional<CallMismatch> check_result(const CallSpec& call, const CallReply& reply) const;
  std::optional<CallMismatch> check_value(const Expression& written, const Octets& value) const;
  std::optional<CallMismatch> check_polled(const Expression& written, const CallReply& reply) const;
  std::optional<CallMismatch> check_epoll(const Expression& written, const CallReply& reply) const;
  std::optional<CallMismatch> check_message(const Expression& written,
                                            const CallReply& reply) const;
  std::optional<CallMismatch> check_control(const Expression& written,
                                            const ControlMessage& actual) const;
  void learn_descriptors(const CallSpec& call, const CallReply& reply);

  std::string file_;
  BackendOptions options_;
  Port port_;
  std::map<std::int64_t, int> fds_;
};

// As a script writes it: "write(4, ..., 1000) = 1000".
std::string describe(const CallSpec& call, bool with_result = true);
std::string describe(const Expression& expression);

}  // namespace tuntcp::drill
