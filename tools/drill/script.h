// A packet script as a tree: what parse() makes of a .pkt file in packetdrill's dialect.
//
// Everything is as it was written: names are not looked up, descriptors and sequence numbers are
// the script's own. What they mean is the executor's (executor.h), what may be written is the
// parser's (parser.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "stack/base/address.h"
#include "stack/base/time.h"

namespace tuntcp::drill {

// Where something begins in the file; both count from 1.
struct Position {
  int line = 1;
  int column = 1;
  friend constexpr bool operator==(const Position&, const Position&) = default;
};

// ---- When.

struct When {
  enum class Kind : std::uint8_t {
    relative,        // "+.1": after the event before
    absolute,        // ".1"
    any,             // "*": whenever it comes
    relative_range,  // "+.1~+.2"
    absolute_range,  // ".1~.2"
  };
  Kind kind = Kind::relative;
  Duration start{};
  Duration end{};  // of a range
  // "+.1...0.2": when a call that blocks returns, counted from where `start` is counted from.
  std::optional<Duration> call_end{};
};

// ---- Packets.

enum class Direction : std::uint8_t { inbound, outbound };  // "<" and ">", as the stack sees it
enum class Ecn : std::uint8_t { not_ect, ect1, ect0, ce };  // their value in the header

struct IpSpec {
  std::optional<Ecn> ecn{};
  bool any_ect = false;  // "[ect01]"
  std::optional<std::uint8_t> tos{};
  std::optional<std::uint8_t> ttl{};
  std::optional<std::uint32_t> flow_label{};
};

struct SackBlockSpec {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

struct OptionSpec {
  enum class Kind : std::uint8_t {
    nop,
    eol,
    mss,
    wscale,
    sack_permitted,
    sack,
    timestamps,
    fast_open,               // RFC 7413
    fast_open_experimental,  // its option before it had a number of its own: 254 with a magic
    md5,
  };
  Position at{};
  Kind kind = Kind::nop;
  std::uint32_t value = 0;  // of mss, wscale; TSval
  std::uint32_t echo = 0;   // TSecr
  std::vector<SackBlockSpec> blocks{};
  std::vector<std::uint8_t> octets{};  // a cookie, a digest
  // A cookie that is a word and not octets, such as TFO_COOKIE.
  std::string word{};
};

// The first octet (sequence number), the one after the last, and how many there are between them.
struct SequenceSpec {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint16_t length = 0;
};

struct TcpSpec {
  std::string flags{};  // of "SFRP.UEWA" and digits; empty: none ("-")
  SequenceSpec seq{};
  std::optional<std::uint32_t> ack{};
  std::optional<std::uint16_t> window{};
  std::optional<std::uint16_t> urgent{};
  std::vector<OptionSpec> options{};
  bool any_options = false;  // "<...>"
};

struct IcmpSpec {
  std::string type{};  // "unreachable"
  std::string code{};  // "frag_needed"
  std::optional<std::uint32_t> mtu{};
  std::optional<SequenceSpec> quoted{};  // of the segment that the message is about
};

struct PacketSpec {
  Position at{};
  Direction direction = Direction::inbound;
  IpSpec ip{};
  std::optional<std::pair<Port, Port>> ports{};  // source and destination
  std::variant<TcpSpec, IcmpSpec> body{};
};

// ---- System calls.

// An argument or a result as it was written. Which fields count is said beside each kind.
struct Expression {
  enum class Kind : std::uint8_t {
    ellipsis,    // ...  whatever is usual here
    number,      // number
    name,        // text: a constant such as SOL_SOCKET, or NULL
    text,        // text: "in quotes"; `continues`: followed by "..."
    bitwise_or,  // items
    array,       // items: [1, 2]
    invocation,  // text and items: htons(8080)
    record,      // fields and items, as many: {fd = 4, events = POLLIN}; empty names: by place
  };
  Position at{};
  Kind kind = Kind::ellipsis;
  bool continues = false;
  std::int64_t number = 0;
  std::string text{};
  std::vector<Expression> items{};
  std::vector<std::string> fields{};
};

struct CallSpec {
  Position at{};
  std::string name{};
  std::vector<Expression> arguments{};
  Expression result{};
  std::string error{};  // "EAGAIN", or empty
  std::string note{};   // what stood in brackets behind it
};

// ---- The rest.

struct CommandSpec {  // `in backticks`: lines for a shell
  Position at{};
  std::string text{};
};
struct CodeSpec {  // %{ assert tcpi_unacked == 2 }%
  Position at{};
  std::string text{};
};
// Something that the dialect has and this program knows only by sight, such as GRE or UDP.
struct UnknownSpec {
  Position at{};
  std::string what{};
};

struct Event {
  Position at{};
  When when{};
  std::variant<PacketSpec, CallSpec, CommandSpec, CodeSpec, UnknownSpec> action{};
};

// A line such as "--tolerance_usecs=10000" at the top of a file.
struct Option {
  Position at{};
  std::string name{};  // without the dashes
  std::string value{};
};

struct Script {
  std::string file{};
  std::vector<std::string> lines{};  // of the source, for messages
  std::vector<Option> options{};
  std::optional<CommandSpec> first_command{};
  std::vector<Event> events{};
  std::optional<CommandSpec> last_command{};
};

}  // namespace tuntcp::drill
