#include "tests/property/application.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <gtest/gtest.h>

namespace tuntcp::test {
namespace {

// A prime, so that no shift by a segment's or a buffer's size looks like the right place.
constexpr std::size_t kPatternOctets = 65'521;

const std::vector<std::uint8_t>& pattern() {
  static const std::vector<std::uint8_t> octets = [] {
    SeededRandom random(0x7061747465726e);
    std::vector<std::uint8_t> made(kPatternOctets);
    for (std::uint8_t& octet : made) octet = static_cast<std::uint8_t>(random.next());
    return made;
  }();
  return octets;
}

}  // namespace

void write_stream(std::uint64_t stream, std::uint64_t offset, MutableBytes out) {
  std::size_t at = (stream * 7919 + offset) % kPatternOctets;
  while (!out.empty()) {
    const std::size_t octets = std::min(out.size(), kPatternOctets - at);
    std::memcpy(out.data(), pattern().data() + at, octets);
    out = out.subspan(octets);
    at = 0;
  }
}

Application::Application(Pair& pair, Side side, ConnectionId id, const Habits& habits,
                         std::uint64_t stream, std::uint64_t peer_stream, std::uint64_t seed)
    : pair_(pair),
      side_(side),
      id_(id),
      habits_(habits),
      stream_(stream),
      peer_stream_(peer_stream),
      dice_(seed),
      started_(pair.now()) {}

void Application::start() {
  is_connected_ = true;
  if (habits_.first_read > Duration::zero()) {
    pair_.at(started_ + habits_.first_read, [this] { act(); });
  }
  act();
}

void Application::on_event(const Event& event) {
  if (is_released_) return;
  if ((event.bits & Event::connected) != 0 && !is_connected_) return start();
  if ((event.bits & Event::failed) != 0 && !is_connected_) {
    const auto status = pair_.host(side_).status(id_, pair_.now());
    learn(status->error);
    return release();
  }
  act();
}

void Application::give_up() {
  was_cut_short_ = true;
  release();
}

void Application::release() {
  if (is_released_) return;
  is_released_ = true;
  pair_.host(side_).release(id_, pair_.now());
}

void Application::learn(Error error) {
  if (!error_) error_ = error;
}

bool Application::takes_a_pause() {
  if (!dice_.chance(habits_.pause)) return false;
  paused_until_ = pair_.now() + Duration::microseconds(1) + dice_.up_to(habits_.pause_most);
  pair_.at(paused_until_, [this] { act(); });
  return true;
}

void Application::act() {
  if (is_released_ || !is_connected_ || is_acting_ || pair_.now() < paused_until_) return;
  is_acting_ = true;
  bool goes_on = true;
  while (goes_on && !is_released_) {
    const bool wrote = write_some();
    const bool has_read = !is_released_ && pair_.now() >= paused_until_ && read_some();
    goes_on = (wrote || has_read) && pair_.now() >= paused_until_;
  }
  is_acting_ = false;
  const bool is_done = error_ || (has_closed_ && saw_end_);
  if (is_done) release();
}

bool Application::ends_early() {
  const bool has_limit = habits_.end == Habits::End::abort || habits_.end == Habits::End::vanish;
  if (!has_limit || written_ + read_ < habits_.ends_after) return false;
  was_cut_short_ = true;
  if (habits_.end == Habits::End::abort) {
    static_cast<void>(pair_.host(side_).abort(id_, pair_.now()));
  }
  release();
  return true;
}

bool Application::write_some() {
  if (has_closed_ || error_ || ends_early()) return false;
  if (habits_.end == Habits::End::answer && !saw_end_) return false;
  Host& host = pair_.host(side_);
  if (written_ == habits_.octets) {
    if (habits_.end == Habits::End::leave) {
      was_cut_short_ = true;
      release();
      return false;
    }
    if (!habits_.is_graceful()) return false;
    has_closed_ = true;
    if (const auto closed = host.close(id_, pair_.now()); !closed) learn(closed.error());
    return false;
  }
  const std::uint64_t left = habits_.octets - written_;
  const auto octets = static_cast<std::size_t>(
      std::min<std::uint64_t>(left, dice_.between(habits_.write_least, habits_.write_most)));
  std::vector<std::uint8_t> text(octets);
  write_stream(stream_, written_, text);
  const auto taken = host.send(id_, text, pair_.now());
  if (!taken) {
    if (taken.error() != Error::would_block) learn(taken.error());
    return false;
  }
  EXPECT_GT(*taken, 0U);
  written_ += *taken;
  return !takes_a_pause() && *taken == octets;
}

bool Application::read_some() {
  if (saw_end_ || ends_early()) return false;
  if (pair_.now() < started_ + habits_.first_read) return false;
  std::vector<std::uint8_t> got(dice_.between(1, habits_.read_most));
  const auto octets = pair_.host(side_).receive(id_, got, pair_.now());
  if (!octets) {
    if (octets.error() == Error::end_of_stream) {
      saw_end_ = true;
      return true;  // one that waited for it writes now
    }
    if (octets.error() != Error::would_block) learn(octets.error());
    return false;
  }
  EXPECT_GT(*octets, 0U);
  got.resize(*octets);
  std::vector<std::uint8_t> expected(*octets);
  write_stream(peer_stream_, read_, expected);
  EXPECT_TRUE(got == expected) << describe() << " read other octets than were written, within "
                               << *octets << " octets from offset " << read_;
  read_ += *octets;
  takes_a_pause();
  return true;
}

std::string Application::describe() const {
  static constexpr const char* kEnds[] = {"close", "answer", "leave", "abort", "vanish"};
  std::string text = "[host " + std::to_string(side_) + ", stream " + std::to_string(stream_) +
                     ", ends by " + kEnds[static_cast<std::size_t>(habits_.end)] + ", wrote " +
                     std::to_string(written_) + " of " + std::to_string(habits_.octets) +
                     ", read " + std::to_string(read_);
  if (has_closed_) text += ", closed";
  if (saw_end_) text += ", saw the end";
  if (was_cut_short_) text += ", left early";
  if (is_released_) text += ", released";
  if (error_) text += std::string(", error: ") + to_string(*error_);
  return text + "]";
}

}  // namespace tuntcp::test
