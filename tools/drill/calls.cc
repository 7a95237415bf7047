#include "tools/drill/calls.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "tools/drill/scanner.h"
#include "tools/drill/symbols.h"

namespace tuntcp::drill {
namespace {

using Kind = Expression::Kind;

// What the script says of a descriptor it never got.
constexpr int kNoDescriptor = 1'000'000;
// The most that one call transfers: a script's numbers become memory.
constexpr std::int64_t kMaxTransfer = std::int64_t{1} << 24;

void append_int(Octets& octets, std::int64_t value) {
  const auto narrow = static_cast<std::uint32_t>(value);
  const std::size_t begin = octets.size();
  octets.resize(begin + sizeof narrow);
  std::memcpy(octets.data() + begin, &narrow, sizeof narrow);
}

std::optional<std::int64_t> int_of(const Octets& octets, std::size_t offset = 0) {
  std::int32_t value = 0;
  if (octets.size() < offset) return std::nullopt;
  const std::size_t size = std::min(octets.size() - offset, sizeof value);
  if (size == 0) return std::nullopt;
  std::memcpy(&value, octets.data() + offset, size);
  return value;
}

bool has_name(const CallSpec& call, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const char* name) { return call.name == name; });
}

CallMismatch mismatch(const std::string& what, std::int64_t expected, std::int64_t actual) {
  return {.expected = what + " " + std::to_string(expected),
          .actual = what + " " + std::to_string(actual)};
}

}  // namespace

void Calls::fail(const Expression& at, const std::string& message) const {
  throw ScriptError(file_, at.at, message);
}

int Calls::live_fd(std::int64_t script_fd) const {
  const auto it = fds_.find(script_fd);
  if (it != fds_.end()) return it->second;
  return script_fd < 0 ? -1 : kNoDescriptor;
}

std::int64_t Calls::integer(const Expression& expression) const {
  switch (expression.kind) {
    case Kind::number:
      return expression.number;
    case Kind::name: {
      if (expression.text == "CMSG_LEVEL_IP") {
        return options_.ip_version == IpVersion::ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
      }
      if (expression.text == "CMSG_TYPE_RECVERR") {
        return options_.ip_version == IpVersion::ipv4 ? IP_RECVERR : IPV6_RECVERR;
      }
      const auto value = symbol(expression.text);
      if (!value) throw Unmapped("the constant " + expression.text);
      return *value;
    }
    case Kind::bitwise_or: {
      std::int64_t all = 0;
      for (const Expression& item : expression.items) all |= integer(item);
      return all;
    }
    case Kind::ellipsis:
    case Kind::text:
    case Kind::array:
    case Kind::invocation:
    case Kind::record:
      break;
  }
  fail(expression, describe(expression) + " where a number should be");
}

const Expression& Calls::argument(const CallSpec& call, std::size_t index) const {
  if (index < call.arguments.size()) return call.arguments[index];
  throw ScriptError(
      file_, call.at,
      call.name + "() needs more than " + std::to_string(call.arguments.size()) + " arguments");
}

const Expression* Calls::field(const Expression& record, std::string_view name) const {
  if (record.kind != Kind::record) fail(record, describe(record) + " where a structure should be");
  for (std::size_t i = 0; i < record.fields.size(); ++i) {
    if (record.fields[i] == name) return &record.items[i];
  }
  return nullptr;
}

// "..." is the usual address of that side, {sa_family = ...} is taken apart.
void Calls::put_address(const Expression& written, CallRequest& request,
                        const IpAddress& usual) const {
  request.address = Endpoint{.address = usual, .port = port_};
  if (written.kind == Kind::ellipsis) return;
  if (written.kind == Kind::name && written.text == "NULL") {
    request.address.reset();
    return;
  }
  if (written.kind == Kind::name && written.text == "AF_UNSPEC") {
    request.address_is_unspecified = true;
    return;
  }
  for (const char* port : {"sin_port", "sin6_port"}) {
    const Expression* value = field(written, port);
    if (value == nullptr) continue;
    if (value->kind != Kind::invocation || value->text != "htons" || value->items.size() != 1) {
      fail(*value, "a port is written htons(N)");
    }
    request.address->port = static_cast<Port>(integer(value->items[0]));
  }
  for (const char* address : {"sin_addr", "sin6_addr"}) {
    const Expression* value = field(written, address);
    if (value == nullptr || value->kind == Kind::ellipsis) continue;
    const bool is_any = value->kind == Kind::name && value->text == "INADDR_ANY";
    if (is_any) {
      request.address->address = IpAddress::any(usual.family());
      continue;
    }
    if (value->kind != Kind::invocation || value->items.size() != 1 ||
        value->items[0].kind != Kind::text) {
      fail(*value, "an address is written inet_addr(\"...\")");
    }
    const auto parsed = IpAddress::parse(value->items[0].text);
    if (!parsed) fail(value->items[0], "not an address");
    request.address->address = *parsed;
  }
}

// The value of setsockopt, or the room of getsockopt, and its length.
void Calls::put_value(const CallSpec& call, CallRequest& request) const {
  const Expression& value = argument(call, 3);
  const Expression* length = &argument(call, 4);
  if (length->kind == Kind::array && length->items.size() == 1) length = &length->items[0];
  if (value.kind == Kind::array) {
    for (const Expression& item : value.items) append_int(request.value, integer(item));
  } else if (value.kind == Kind::number || value.kind == Kind::name) {
    append_int(request.value, integer(value));
  } else if (value.kind == Kind::text) {
    request.value.assign(value.text.begin(), value.text.end());
  } else if (value.kind == Kind::record) {
    for (const Expression& item : value.items) append_int(request.value, integer(item));
  } else if (value.kind != Kind::ellipsis) {
    fail(value, "not a value of an option");
  }
  if (length->kind == Kind::ellipsis) return;
  const std::int64_t octets = integer(*length);
  if (octets < 0 || octets > 4096) throw Unmapped("an option's length of " + describe(*length));
  request.value.resize(static_cast<std::size_t>(octets));
}

std::vector<Buffer> Calls::pieces(const Expression& array) const {
  if (array.kind != Kind::array) fail(array, "not a list of pieces");
  std::vector<Buffer> all;
  std::int64_t sum = 0;
  for (const Expression& piece : array.items) {
    if (piece.kind != Kind::record || piece.items.size() != 2) fail(piece, "not {..., length}");
    const std::int64_t length = integer(piece.items[1]);
    if (length < 0 || length > kMaxTransfer - sum) fail(piece, "a length out of range");
    sum += length;
    all.push_back({.length = static_cast<std::uint32_t>(length),
                   .is_null = piece.items[0].kind == Kind::name});
  }
  return all;
}

void Calls::put_message(const Expression& message, CallRequest& request) const {
  const Expression* list = field(message, "msg_iov");
  if (list == nullptr) fail(message, "msg_iov is missing");
  request.buffers = pieces(*list);
}

void Calls::put_polled(const Expression& array, CallRequest& request) const {
  if (array.kind != Kind::array) fail(array, "not a list of descriptors");
  for (const Expression& item : array.items) {
    const Expression* fd = field(item, "fd");
    const Expression* events = field(item, "events");
    if (fd == nullptr || events == nullptr) fail(item, "not {fd=..., events=...}");
    request.polled.push_back(
        {.fd = live_fd(integer(*fd)), .events = static_cast<int>(integer(*events))});
  }
}

// The union epoll_data.
std::uint64_t Calls::epoll_data(const Expression& record) const {
  if (const Expression* fd = field(record, "fd")) {
    return static_cast<std::uint32_t>(live_fd(integer(*fd)));
  }
  for (const char* name : {"ptr", "u32", "u64"}) {
    if (const Expression* value = field(record, name)) {
      return static_cast<std::uint64_t>(integer(*value));
    }
  }
  return 0;
}

bool Calls::put_opening(const CallSpec& call, CallRequest& request) const {
  if (call.name == "socket") {
    const Expression& domain = argument(call, 0);
    request.domain = domain.kind == Kind::ellipsis
                         ? (options_.ip_version == IpVersion::ipv4 ? AF_INET : AF_INET6)
                         : static_cast<int>(integer(domain));
    request.type = static_cast<int>(integer(argument(call, 1)));
    request.protocol = static_cast<int>(integer(argument(call, 2)));
    return true;
  }
  if (!has_name(call, {"bind", "listen", "accept", "connect", "close", "shutdown"})) return false;
  request.fd = fd_argument(call, 0);
  if (call.name == "bind") put_address(argument(call, 1), request, options_.local);
  if (call.name == "connect") put_address(argument(call, 1), request, options_.remote);
  if (call.name == "listen") request.backlog = static_cast<int>(integer(argument(call, 1)));
  if (call.name == "shutdown") request.number = integer(argument(call, 1));
  return true;
}

bool Calls::put_transfer(const CallSpec& call, CallRequest& request) const {
  if (has_name(call, {"readv", "writev"})) {
    request.fd = fd_argument(call, 0);
    request.buffers = pieces(argument(call, 1));
    return true;
  }
  if (has_name(call, {"recvmsg", "sendmsg"})) {
    request.fd = fd_argument(call, 0);
    put_message(argument(call, 1), request);
    const Expression* name = field(argument(call, 1), "msg_name");
    if (name != nullptr && call.name == "sendmsg") put_address(*name, request, options_.remote);
    request.flags = static_cast<int>(integer(argument(call, 2)));
    return true;
  }
  if (!has_name(call, {"read", "write", "recv", "send", "recvfrom", "sendto"})) return false;
  request.fd = fd_argument(call, 0);
  const Expression& octets = argument(call, 1);
  const Expression& length = argument(call, 2);
  const std::int64_t number = integer(length);
  if (number < 0 || number > kMaxTransfer) fail(length, "a length out of range");
  request.buffers.push_back({.length = static_cast<std::uint32_t>(number),
                             .is_null = octets.kind == Kind::name && octets.text == "NULL"});
  if (has_name(call, {"read", "write"})) return true;
  request.flags = static_cast<int>(integer(argument(call, 3)));
  if (call.name == "sendto") put_address(argument(call, 4), request, options_.remote);
  return true;
}

bool Calls::put_readiness(const CallSpec& call, CallRequest& request) const {
  if (call.name == "poll") {
    put_polled(argument(call, 0), request);
    request.timeout_ms = integer(argument(call, 2));
    return true;
  }
  if (has_name(call, {"epoll_create", "epoll_create1"})) {
    request.name = "epoll_create";
    return true;
  }
  if (call.name == "epoll_ctl") {
    request.fd = fd_argument(call, 0);
    request.command = static_cast<int>(integer(argument(call, 1)));
    request.other_fd = fd_argument(call, 2);
    const Expression& event = argument(call, 3);
    if (event.kind == Kind::record) {
      const Expression* events = field(event, "events");
      if (events == nullptr) fail(event, "'events' is missing");
      request.epoll = {.events = static_cast<std::uint32_t>(integer(*events)),
                       .data = epoll_data(event)};
    }
    return true;
  }
  if (call.name != "epoll_wait") return false;
  request.fd = fd_argument(call, 0);
  request.number = integer(argument(call, 2));
  if (request.number > 1024) fail(argument(call, 2), "more events than 1024");
  request.timeout_ms = integer(argument(call, 3));
  return true;
}

bool Calls::put_other(const CallSpec& call, CallRequest& request) const {
  if (has_name(call, {"getsockopt", "setsockopt"})) {
    request.fd = fd_argument(call, 0);
    request.level = static_cast<int>(integer(argument(call, 1)));
    request.option = static_cast<int>(integer(argument(call, 2)));
    put_value(call, request);
    return true;
  }
  if (has_name(call, {"fcntl", "ioctl"})) {
    request.fd = fd_argument(call, 0);
    request.command = static_cast<int>(integer(argument(call, 1)));
    if (call.name == "fcntl" && call.arguments.size() > 2)
      request.number = integer(call.arguments[2]);
    return true;
  }
  if (call.name == "pipe") return true;
  if (call.name == "open") {
    if (argument(call, 0).kind != Kind::text) fail(call.arguments[0], "not a path");
    request.path = call.arguments[0].text;
    request.flags = static_cast<int>(integer(argument(call, 1)));
    return true;
  }
  if (call.name == "splice") {
    request.fd = fd_argument(call, 0);
    request.other_fd = fd_argument(call, 2);
    request.number = integer(argument(call, 4));
    request.flags = static_cast<int>(integer(argument(call, 5)));
    return true;
  }
  if (call.name != "sendfile") return false;
  request.fd = fd_argument(call, 0);
  request.other_fd = fd_argument(call, 1);
  const Expression& offset = argument(call, 2);
  if (offset.kind == Kind::array && offset.items.size() == 1) {
    request.offset = integer(offset.items[0]);
  }
  request.number = integer(argument(call, 3));
  return true;
}

CallRequest Calls::request(const CallSpec& call) const {
  CallRequest request{.name = call.name};
  if (put_opening(call, request) || put_transfer(call, request) || put_readiness(call, request) ||
      put_other(call, request)) {
    return request;
  }
  throw Unmapped("the call " + call.name + "()");
}

void Calls::learn_descriptors(const CallSpec& call, const CallReply& reply) {
  const bool makes_one =
      has_name(call, {"socket", "accept", "epoll_create", "epoll_create1", "open"});
  if (makes_one && reply.result >= 0 && call.result.kind == Kind::number) {
    fds_[call.result.number] = static_cast<int>(reply.result);
  }
  if (call.name == "pipe" && reply.result == 0 && !call.arguments.empty()) {
    const Expression& written = call.arguments[0];
    for (std::size_t i = 0; i < std::min(written.items.size(), reply.fds.size()); ++i) {
      fds_[integer(written.items[i])] = reply.fds[i];
    }
  }
  if (call.name == "close" && reply.result == 0) fds_.erase(integer(call.arguments[0]));
}

std::optional<CallMismatch> Calls::check_result(const CallSpec& call,
                                                const CallReply& reply) const {
  if (call.result.kind == Kind::ellipsis) return std::nullopt;
  const std::int64_t expected = integer(call.result);
  const std::string actual =
      reply.result < 0 ? "-1 " + error_name(reply.error) : std::to_string(reply.result);
  const bool makes_one =
      has_name(call, {"socket", "accept", "epoll_create", "epoll_create1", "open"});
  // Descriptors have the numbers that the script gives them.
  const bool is_result = makes_one && expected >= 0 ? reply.result >= 0 : reply.result == expected;
  std::string wanted = std::to_string(expected);
  bool is_error = true;
  if (!call.error.empty()) {
    const auto error = symbol(call.error);
    if (!error) throw Unmapped("the error " + call.error);
    wanted += " " + call.error;
    is_error = reply.error == *error;
  }
  if (is_result && (reply.result >= 0 || is_error)) return std::nullopt;
  return CallMismatch{.expected = "= " + wanted, .actual = "= " + actual};
}

std::optional<CallMismatch> Calls::check_value(const Expression& written,
                                               const Octets& value) const {
  std::vector<const Expression*> items;
  if (written.kind == Kind::array || written.kind == Kind::record) {
    for (const Expression& item : written.items) items.push_back(&item);
  } else if (written.kind == Kind::number) {
    items.push_back(&written);
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i]->kind == Kind::ellipsis) continue;
    const auto expected = static_cast<std::int32_t>(integer(*items[i]));
    const auto actual = int_of(value, 4 * i);
    if (!actual) return CallMismatch{.expected = "a value", .actual = "none"};
    if (*actual != expected) return mismatch("value", expected, *actual);
  }
  return std::nullopt;
}

std::optional<CallMismatch> Calls::check_polled(const Expression& written,
                                                const CallReply& reply) const {
  for (std::size_t i = 0; i < written.items.size() && i < reply.polled.size(); ++i) {
    const Expression* revents = field(written.items[i], "revents");
    const std::int64_t expected = revents == nullptr ? 0 : integer(*revents);
    if (expected != reply.polled[i].returned) {
      return mismatch("revents", expected, reply.polled[i].returned);
    }
  }
  return std::nullopt;
}

std::optional<CallMismatch> Calls::check_epoll(const Expression& written,
                                               const CallReply& reply) const {
  if (reply.epoll.empty() || written.kind != Kind::record) return std::nullopt;
  const Expression* events = field(written, "events");
  if (events != nullptr && events->kind != Kind::ellipsis) {
    const auto expected = static_cast<std::uint32_t>(integer(*events));
    if (expected != reply.epoll[0].events) {
      return mismatch("events", expected, reply.epoll[0].events);
    }
  }
  if (epoll_data(written) != reply.epoll[0].data) {
    return mismatch("data", static_cast<std::int64_t>(epoll_data(written)),
                    static_cast<std::int64_t>(reply.epoll[0].data));
  }
  return std::nullopt;
}

// The int of TCP_CM_INQ, or a struct sock_extended_err.
std::optional<CallMismatch> Calls::check_control(const Expression& written,
                                                 const ControlMessage& actual) const {
  const Expression* level = field(written, "cmsg_level");
  const Expression* type = field(written, "cmsg_type");
  const Expression* data = field(written, "cmsg_data");
  if (level == nullptr || type == nullptr || data == nullptr) {
    fail(written, "not {cmsg_level=..., cmsg_type=..., cmsg_data=...}");
  }
  if (integer(*level) != actual.level) return mismatch("cmsg_level", integer(*level), actual.level);
  if (integer(*type) != actual.type) return mismatch("cmsg_type", integer(*type), actual.type);
  if (data->kind != Kind::record) {
    return check_value(Expression{.at = data->at, .kind = Kind::array, .items = {*data}},
                       actual.data);
  }
  if (field(*data, "ee_errno") == nullptr) throw Unmapped("times in a control message");
  struct Part {
    const char* name;
    std::size_t offset;
    std::size_t size;
  };
  // linux/errqueue.h, struct sock_extended_err.
  for (const Part& part : {Part{"ee_errno", 0, 4}, Part{"ee_origin", 4, 1}, Part{"ee_type", 5, 1},
                           Part{"ee_code", 6, 1}, Part{"ee_info", 8, 4}, Part{"ee_data", 12, 4}}) {
    const Expression* value = field(*data, part.name);
    if (value == nullptr || value->kind == Kind::ellipsis) continue;
    std::uint32_t number = 0;
    if (actual.data.size() < part.offset + part.size) {
      return CallMismatch{.expected = part.name, .actual = "a shorter structure"};
    }
    std::memcpy(&number, actual.data.data() + part.offset, part.size);
    if (static_cast<std::uint32_t>(integer(*value)) != number) {
      return mismatch(part.name, integer(*value), number);
    }
  }
  return std::nullopt;
}

std::optional<CallMismatch> Calls::check_message(const Expression& written,
                                                 const CallReply& reply) const {
  const Expression* flags = field(written, "msg_flags");
  if (flags != nullptr && flags->kind != Kind::ellipsis && integer(*flags) != reply.message_flags) {
    return mismatch("msg_flags", integer(*flags), reply.message_flags);
  }
  const Expression* control = field(written, "msg_control");
  if (control == nullptr) return std::nullopt;
  if (control->items.size() != reply.control.size()) {
    return mismatch("control messages", static_cast<std::int64_t>(control->items.size()),
                    static_cast<std::int64_t>(reply.control.size()));
  }
  for (std::size_t i = 0; i < control->items.size(); ++i) {
    if (auto wrong = check_control(control->items[i], reply.control[i])) return wrong;
  }
  return std::nullopt;
}

std::optional<CallMismatch> Calls::check(const CallSpec& call, const CallReply& reply) {
  if (auto wrong = check_result(call, reply)) return wrong;
  learn_descriptors(call, reply);
  if (reply.result < 0) return std::nullopt;
  if (call.name == "getsockopt") return check_value(argument(call, 3), reply.value);
  if (call.name == "ioctl" && call.arguments.size() > 2) {
    return check_value(call.arguments[2], reply.value);
  }
  if (call.name == "poll") return check_polled(argument(call, 0), reply);
  if (call.name == "epoll_wait") return check_epoll(argument(call, 1), reply);
  if (call.name == "recvmsg") return check_message(argument(call, 1), reply);
  return std::nullopt;
}

std::string describe(const Expression& expression) {
  const auto joined = [&](const std::string& separator) {
    std::string text;
    for (std::size_t i = 0; i < expression.items.size(); ++i) {
      if (i != 0) text += separator;
      if (i < expression.fields.size() && !expression.fields[i].empty()) {
        text += expression.fields[i] + "=";
      }
      text += describe(expression.items[i]);
    }
    return text;
  };
  switch (expression.kind) {
    case Kind::ellipsis:
      return "...";
    case Kind::number:
      return std::to_string(expression.number);
    case Kind::name:
      return expression.text;
    case Kind::text:
      return "\"" + expression.text + "\"";
    case Kind::bitwise_or:
      return joined("|");
    case Kind::array:
      return "[" + joined(", ") + "]";
    case Kind::invocation:
      return expression.text + "(" + joined(", ") + ")";
    case Kind::record:
      return "{" + joined(", ") + "}";
  }
  return {};
}

std::string describe(const CallSpec& call, bool with_result) {
  std::string text = call.name + "(";
  for (const Expression& argument : call.arguments) {
    if (&argument != &call.arguments.front()) text += ", ";
    text += describe(argument);
  }
  text += ")";
  if (!with_result) return text;
  text += " = " + describe(call.result);
  return call.error.empty() ? text : text + " " + call.error;
}

}  // namespace tuntcp::drill
