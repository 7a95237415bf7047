#include "stack/sim/application.h"

#include <algorithm>
#include <vector>

namespace tuntcp::sim {

Application::Application(World& world, const Place& place, const Habits& habits, Stream& out,
                         Stream& in, std::uint64_t seed)
    : world_(world),
      place_(place),
      habits_(habits),
      out_(out),
      in_(in),
      dice_(seed),
      started_(world.now()) {}

void Application::opened() {
  if (habits_.writes_early) act();
}

void Application::start() {
  is_connected_ = true;
  note("is connected");
  if (habits_.first_read > Duration::zero()) {
    world_.at(started_ + habits_.first_read, [this] { act(); });
  }
  act();
}

void Application::on_event(const Event& event) {
  if (is_released_) return;
  if ((event.bits & Event::connected) != 0 && !is_connected_) return start();
  if ((event.bits & Event::failed) != 0 && !is_connected_) {
    const auto status = host().status(place_.id, world_.now());
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
  note("releases");
  host().release(place_.id, world_.now());
}

void Application::learn(Error error) {
  if (error_) return;
  error_ = error;
  note(std::string("learns: ") + to_string(error));
}

bool Application::takes_a_pause() {
  if (!dice_.chance(habits_.pause)) return false;
  paused_until_ = world_.now() + Duration::microseconds(1) + dice_.up_to(habits_.pause_most);
  world_.at(paused_until_, [this] { act(); });
  return true;
}

void Application::act() {
  if (is_released_ || is_acting_ || world_.now() < paused_until_) return;
  if (!is_connected_ && !habits_.writes_early) return;
  is_acting_ = true;
  bool goes_on = true;
  while (goes_on && !is_released_) {
    const bool wrote = write_some();
    const bool may_read = is_connected_ && !is_released_;
    const bool has_read = may_read && world_.now() >= paused_until_ && read_some();
    goes_on = (wrote || has_read) && world_.now() >= paused_until_;
  }
  is_acting_ = false;
  const bool is_done = error_ || (has_closed_ && saw_end_);
  if (is_done) release();
}

bool Application::ends_early() {
  const bool has_limit = habits_.end == Habits::End::abort || habits_.end == Habits::End::vanish;
  if (!has_limit || !is_connected_ || written() + read() < habits_.ends_after) return false;
  was_cut_short_ = true;
  if (habits_.end == Habits::End::abort) {
    note("aborts");
    static_cast<void>(host().abort(place_.id, world_.now()));
  }
  release();
  return true;
}

bool Application::write_some() {
  if (has_closed_ || error_ || ends_early()) return false;
  if (habits_.end == Habits::End::answer && !saw_end_) return false;
  if (written() == habits_.octets) {
    if (!is_connected_) return false;  // CLOSE would be the end of it
    if (habits_.end == Habits::End::leave) {
      was_cut_short_ = true;
      release();
      return false;
    }
    if (!habits_.is_graceful()) return false;
    has_closed_ = true;
    note("closes");
    if (const auto closed = host().close(place_.id, world_.now()); !closed) learn(closed.error());
    return false;
  }
  const std::uint64_t left = habits_.octets - written();
  const auto octets = static_cast<std::size_t>(
      std::min<std::uint64_t>(left, dice_.between(habits_.write_least, habits_.write_most)));
  std::vector<std::uint8_t> text(octets);
  out_.fill(text);
  const auto taken = host().send(place_.id, text, world_.now());
  if (!taken) {
    if (taken.error() != Error::would_block) learn(taken.error());
    return false;
  }
  if (*taken == 0) world_.faults().add("SEND took nothing: " + describe());
  out_.on_written(*taken);
  return !takes_a_pause() && *taken == octets;
}

bool Application::read_some() {
  if (saw_end_ || ends_early()) return false;
  if (world_.now() < started_ + habits_.first_read) return false;
  std::vector<std::uint8_t> got(dice_.between(1, habits_.read_most));
  const auto octets = host().receive(place_.id, got, world_.now());
  if (!octets) {
    if (octets.error() == Error::end_of_stream) {
      saw_end_ = true;
      note("reads the end");
      return true;  // one that waited for it writes now
    }
    if (octets.error() != Error::would_block) learn(octets.error());
    return false;
  }
  if (*octets == 0) world_.faults().add("RECEIVE gave nothing: " + describe());
  in_.on_read(Bytes(got).first(*octets));
  takes_a_pause();
  return true;
}

void Application::note(std::string_view what) const {
  if (!world_.on_note) return;
  world_.note(place_.host, "writer of stream " + std::to_string(out_.number()) + " " +
                               std::string(what) + " (wrote " + std::to_string(written()) +
                               ", read " + std::to_string(read()) + ")");
}

std::string Application::describe() const {
  static constexpr const char* kEnds[] = {"close", "answer", "leave", "abort", "vanish"};
  std::string text = "[host " + std::to_string(place_.host) + ", stream " +
                     std::to_string(out_.number()) + ", ends by " +
                     kEnds[static_cast<std::size_t>(habits_.end)] + ", wrote " +
                     std::to_string(written()) + " of " + std::to_string(habits_.octets) +
                     ", read " + std::to_string(read());
  if (has_closed_) text += ", closed";
  if (saw_end_) text += ", saw the end";
  if (was_cut_short_) text += ", left early";
  if (is_released_) text += ", released";
  if (error_) text += std::string(", error: ") + to_string(*error_);
  return text + "]";
}

}  // namespace tuntcp::sim
