#include "tools/link/bridge.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>

#include "stack/io/system_clock.h"
#include "stack/io/tun_device.h"
#include "stack/io/unique_fd.h"
#include "tools/link/direction.h"

namespace tuntcp::link {
namespace {

// Packets of one device before the others get their turn.
constexpr int kBatch = 64;
constexpr std::size_t kLongestLine = 4096;

std::unexpected<io::Failure> failure(int error, const std::string& text) {
  const std::error_code code(error, std::system_category());
  return std::unexpected(io::Failure{.code = code, .text = text + ": " + code.message()});
}

// This thread is in another network namespace while it lives.
class Elsewhere {
 public:
  static io::Outcome<std::unique_ptr<Elsewhere>> enter(const std::string& name) {
    io::UniqueFd home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!home) return failure(errno, "cannot open /proc/thread-self/ns/net");
    const bool is_path = name.find('/') != name.npos;
    const std::string path = is_path ? name : "/run/netns/" + name;
    const io::UniqueFd there(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!there) {
      const char* const mend = is_path ? "" : "; 'ip netns add' makes one, 'ip netns' shows them";
      auto result = failure(errno, "no network namespace '" + name + "': cannot open " + path);
      result.error().text += mend;
      return result;
    }
    if (::setns(there.get(), CLONE_NEWNET) != 0) {
      const int error = errno;
      auto result = failure(error, "cannot enter network namespace '" + name + "'");
      if (error == EPERM) result.error().text += "; run as root";
      if (error == EINVAL) result.error().text += "; " + path + " is no network namespace";
      return result;
    }
    return std::unique_ptr<Elsewhere>(new Elsewhere(std::move(home)));
  }
  Elsewhere(const Elsewhere&) = delete;
  Elsewhere& operator=(const Elsewhere&) = delete;
  ~Elsewhere() { ::setns(home_.get(), CLONE_NEWNET); }

 private:
  explicit Elsewhere(io::UniqueFd home) : home_(std::move(home)) {}
  io::UniqueFd home_;
};

io::Outcome<std::unique_ptr<io::TunDevice>> open_end(const End& end, std::uint32_t mtu) {
  std::unique_ptr<Elsewhere> elsewhere;
  if (!end.network_namespace.empty()) {
    auto entered = Elsewhere::enter(end.network_namespace);
    if (!entered) return std::unexpected(entered.error());
    elsewhere = std::move(*entered);
  }
  auto device = io::TunDevice::open({.name = end.device});
  if (!device) return device;
  auto up = (*device)->set_up({.mtu = mtu, .host_addresses = end.addresses, .stack_addresses = {}});
  if (!up) return std::unexpected(up.error());
  return device;
}

// A path whose delays depend on what else the machine has to do measures the machine. So this
// process goes before others where it may (root, CAP_SYS_NICE): it sleeps until a packet is due.
// And the kernel may wake sleepers 50 us late to save power, unless it is told not to.
void be_in_time() {
  const sched_param priority{.sched_priority = 10};
  ::sched_setscheduler(0, SCHED_FIFO, &priority);
  ::prctl(PR_SET_TIMERSLACK, 1UL);
}

class Bridge {
 public:
  Bridge(const BridgeOptions& options, std::unique_ptr<io::TunDevice> a,
         std::unique_ptr<io::TunDevice> b, io::UniqueFd signals)
      : path_(options.path),
        // Two streams of chance that have nothing to do with each other.
        sides_{Side{std::move(a), Direction(options.path.ab, options.seed)},
               Side{std::move(b), Direction(options.path.ba, ~options.seed)}},
        signals_(std::move(signals)) {}

  io::Outcome<void> run();
  void print_counts() const;

 private:
  // A device, and the way that begins there.
  struct Side {
    std::unique_ptr<io::TunDevice> device;
    Direction onward;
    // Refused by the device at the other end.
    std::uint64_t undelivered = 0;
  };
  enum Watched : std::uint8_t { kA, kB, kNewsOfA, kNewsOfB, kSignals, kInput, kWatched };

  bool read_batch(Side& side);
  void write_batch(Side& from, Side& to);
  void wait();
  io::Outcome<void> take_news(const Side& side) const;
  void read_lines();
  void obey(std::string_view line);

  PathSettings path_;
  std::array<Side, 2> sides_;
  io::UniqueFd signals_;
  std::array<pollfd, kWatched> watched_{};
  bool has_input_ = true;
  std::string input_;              // the line that has not ended yet
  bool is_line_too_long_ = false;  // its beginning was thrown away
  std::vector<std::uint8_t> room_ = std::vector<std::uint8_t>(io::kReadRoomOctets);
};

// False once the device has nothing more.
bool Bridge::read_batch(Side& side) {
  const Instant now = io::monotonic_now();
  for (int i = 0; i < kBatch; ++i) {
    wire::ReceivedOffload offload;
    const auto octets = side.device->read(room_, offload);
    if (!octets) {
      if (octets.error() == std::errc::bad_message) continue;
      return false;
    }
    side.onward.take(Bytes(room_).subspan(side.device->headroom(), *octets), offload, now);
  }
  return true;
}

void Bridge::write_batch(Side& from, Side& to) {
  for (int i = 0; i < kBatch; ++i) {
    const Bytes packet = from.onward.leave(io::monotonic_now());
    if (packet.empty()) return;
    const auto result =
        to.device->send({.headers = packet,
                         .payload = {},
                         .total_octets = static_cast<std::uint32_t>(packet.size())});
    if (result != wire::SendResult::sent) ++from.undelivered;
  }
}

// Until something can be read or the next packet is due.
void Bridge::wait() {
  const Instant due = std::min(sides_[0].onward.next_due(), sides_[1].onward.next_due());
  timespec time{};
  if (due != Instant::never()) {
    const Duration left = std::max(due - io::monotonic_now(), Duration::zero());
    time.tv_sec = static_cast<time_t>(left.count_ns() / 1'000'000'000);
    time.tv_nsec = static_cast<long>(left.count_ns() % 1'000'000'000);
  }
  watched_[kA].fd = sides_[0].device->native_handle();
  watched_[kB].fd = sides_[1].device->native_handle();
  watched_[kNewsOfA].fd = sides_[0].device->link_handle();
  watched_[kNewsOfB].fd = sides_[1].device->link_handle();
  watched_[kSignals].fd = signals_.get();
  watched_[kInput].fd = has_input_ ? STDIN_FILENO : -1;
  for (pollfd& each : watched_) each.events = POLLIN;
  if (::ppoll(watched_.data(), watched_.size(), due == Instant::never() ? nullptr : &time,
              nullptr) < 0) {
    for (pollfd& each : watched_) each.revents = 0;
  }
}

// A failure is the end: the device is gone.
io::Outcome<void> Bridge::take_news(const Side& side) const {
  const auto taken = side.device->take_link_news();
  if (!taken) std::fprintf(stderr, "tuntcp link: %s\n", taken.error().text.c_str());
  if (side.device->link().exists) return {};
  return std::unexpected(io::Failure{
      .code = std::make_error_code(std::errc::no_such_device),
      .text = side.device->name() + " is gone: it was deleted, or its network namespace"});
}

io::Outcome<void> Bridge::run() {
  while (true) {
    wait();
    if (watched_[kSignals].revents != 0) return {};
    for (const std::size_t i : {0U, 1U}) {
      Side& side = sides_[i];
      if ((watched_[i].revents & POLLIN) != 0) read_batch(side);
      const bool has_news = watched_[kNewsOfA + i].revents != 0;
      if (has_news || (watched_[i].revents & POLLERR) != 0) {
        if (auto taken = take_news(side); !taken) return taken;
      }
    }
    write_batch(sides_[0], sides_[1]);
    write_batch(sides_[1], sides_[0]);
    if (watched_[kInput].revents != 0) read_lines();
  }
}

void Bridge::read_lines() {
  std::array<char, kLongestLine> piece;
  const ssize_t octets = ::read(STDIN_FILENO, piece.data(), piece.size());
  if (octets <= 0) {
    // The end, or a terminal that belongs to others now: the path stays as it is.
    has_input_ = octets < 0 && errno == EINTR;
    return;
  }
  input_.append(piece.data(), static_cast<std::size_t>(octets));
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = input_.find('\n', begin)) != input_.npos; begin = end + 1) {
    if (is_line_too_long_) {
      std::printf("error the line is too long\n");
    } else {
      obey(std::string_view(input_).substr(begin, end - begin));
    }
    is_line_too_long_ = false;
  }
  input_.erase(0, begin);
  if (input_.size() > kLongestLine) {
    input_.clear();
    is_line_too_long_ = true;
  }
  std::fflush(stdout);
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  constexpr const char* kBlanks = " \t\r";
  for (std::size_t begin = 0; (begin = line.find_first_not_of(kBlanks, begin)) != line.npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

// "counts", or pairs of a word and its value; all of a line or nothing.
void Bridge::obey(std::string_view line) {
  const std::vector<std::string_view> words = words_of(line);
  if (words.empty()) return;
  if (words.size() == 1 && words[0] == "counts") {
    print_counts();
    return;
  }
  PathSettings changed = path_;
  std::string reason;
  if (words.size() % 2 != 0) reason = "expected: counts, or words and their values: loss 1%";
  for (std::size_t i = 0; i + 1 < words.size() && reason.empty(); i += 2) {
    const auto set = set_word(changed, words[i], words[i + 1]);
    if (!set) reason = set.error();
  }
  if (!reason.empty()) {
    std::printf("error %s\n", reason.c_str());
    return;
  }
  path_ = changed;
  sides_[0].onward.settings() = path_.ab;
  sides_[1].onward.settings() = path_.ba;
  std::printf("ok\n");
}

void print_direction(const char* name, const Direction& direction, std::uint64_t undelivered) {
  const sim::LinkCounts& counts = direction.counts();
  const TextCounts& text = direction.text_counts();
  const DelayErrors& late = direction.delay_errors();
  std::printf("%s settings %s\n", name, to_text(direction.settings()).c_str());
  const auto print = [name](const char* what, std::uint64_t count) {
    std::printf("%s %s %llu\n", name, what, static_cast<unsigned long long>(count));
  };
  print("super_packets", direction.super_packets());
  print("offered", counts.offered);
  print("arrived", late.count());
  print("lost", counts.lost);
  print("queue_was_full", counts.queue_was_full);
  print("too_long", counts.too_long);
  print("too_much", direction.too_much());
  print("duplicated", counts.duplicated);
  print("corrupted", counts.corrupted);
  print("held_back", counts.held_back);
  print("marked", counts.marked);
  print("undelivered", undelivered);
  print("text_octets", text.octets);
  print("repeated_octets", text.repeated);
  for (const auto& [what, share] :
       {std::pair("late_us_p50", 0.5), std::pair("late_us_p90", 0.9),
        std::pair("late_us_p99", 0.99), std::pair("late_us_p999", 0.999)}) {
    print(what, static_cast<std::uint64_t>(late.quantile(share).count_us()));
  }
  print("late_us_worst", static_cast<std::uint64_t>(late.worst().count_us()));
  std::uint64_t before = late.count();
  std::printf("%s late_us", name);
  for (const int us : {50, 100, 200, 500, 1'000, 2'000, 5'000, 10'000}) {
    const std::uint64_t beyond = late.at_least(Duration::microseconds(us));
    std::printf(" <%d:%llu", us, static_cast<unsigned long long>(before - beyond));
    before = beyond;
  }
  std::printf(" more:%llu\n", static_cast<unsigned long long>(before));
}

void Bridge::print_counts() const {
  print_direction("ab", sides_[0].onward, sides_[0].undelivered);
  print_direction("ba", sides_[1].onward, sides_[1].undelivered);
  std::printf("end of counts\n");
  std::fflush(stdout);
}

}  // namespace

std::optional<End> End::parse(std::string_view text, const std::string& device) {
  End end;
  const std::size_t at = text.find('@');
  end.device = text.substr(0, at);
  if (at != text.npos) {
    end.network_namespace = text.substr(at + 1);
    if (end.network_namespace.empty()) return {};
    if (end.device.empty()) end.device = device;
  }
  if (end.device.empty()) return {};
  return end;
}

std::string End::to_text() const {
  return network_namespace.empty() ? device : device + "@" + network_namespace;
}

io::Outcome<void> run_bridge(const BridgeOptions& options) {
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGINT);
  ::sigaddset(&ends, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  // In the background of a terminal a read is an error instead of a stop.
  ::signal(SIGTTIN, SIG_IGN);
  io::UniqueFd signals(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return failure(errno, "cannot wait for signals");
  be_in_time();

  auto a = open_end(options.a, options.mtu);
  if (!a) return std::unexpected(a.error());
  auto b = open_end(options.b, options.mtu);
  if (!b) return std::unexpected(b.error());
  std::printf("tuntcp link: %s %s ready\n", options.a.to_text().c_str(),
              options.b.to_text().c_str());
  std::fflush(stdout);
  const auto bridge =
      std::make_unique<Bridge>(options, std::move(*a), std::move(*b), std::move(signals));
  auto ended = bridge->run();
  bridge->print_counts();
  return ended;
}

}  // namespace tuntcp::link
