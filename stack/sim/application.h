// Applications with habits: how they write, read, pause and end, all by dice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stack/host/host.h"
#include "stack/sim/dice.h"
#include "stack/sim/stream.h"
#include "stack/sim/world.h"

namespace tuntcp::sim {

// How one end of a connection behaves.
struct Habits {
  std::uint64_t octets = 0;  // to write in all
  std::uint32_t write_least = 1;
  std::uint32_t write_most = 65'536;
  std::uint32_t read_most = 65'536;
  double pause = 0;  // after a read or a write
  Duration pause_most = Duration::zero();
  Duration first_read = Duration::zero();  // nothing is read before that long after the start
  bool writes_early = false;               // before the connection is established
  enum class End : std::uint8_t {
    close,   // CLOSE when all is written, read to the end, release
    answer,  // read to the end first, then write and close
    leave,   // release when all is written, whatever is unread (close(2))
    abort,   // ABORT once `ends_after` octets are written or read
    vanish,  // release once `ends_after` octets are written or read
  };
  End end = End::close;
  std::uint64_t ends_after = 0;
  bool is_graceful() const { return end == End::close || end == End::answer; }
};

// One end of a connection: writes `out` and reads `in`.
class Application {
 public:
  struct Place {
    HostIndex host = 0;
    ConnectionId id;
  };
  Application(World& world, const Place& place, const Habits& habits, Stream& out, Stream& in,
              std::uint64_t seed);
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  void on_event(const Event& event);
  void opened();  // an OPEN was made; start() follows once the connection is established
  void start();
  // Gives up on a peer that will never be heard of again, as a user would.
  void give_up();

  bool is_gone() const { return is_released_; }
  bool saw_end() const { return saw_end_; }
  std::optional<Error> error() const { return error_; }
  // The stream ended by its own choice before it was whole.
  bool was_cut_short() const { return was_cut_short_; }
  std::uint64_t written() const { return out_.written(); }
  std::uint64_t read() const { return in_.read(); }
  bool has_closed() const { return has_closed_; }
  const Habits& habits() const { return habits_; }
  std::string describe() const;

 private:
  void act();
  bool write_some();  // false when it must wait
  bool read_some();
  bool ends_early();
  bool takes_a_pause();
  void release();
  void learn(Error error);
  void note(std::string_view what) const;

  Host& host() { return world_.host(place_.host); }

  World& world_;
  const Place place_;
  const Habits habits_;
  Stream& out_;
  Stream& in_;
  Dice dice_;
  bool is_connected_ = false;
  bool is_acting_ = false;
  bool has_closed_ = false;
  bool saw_end_ = false;
  bool was_cut_short_ = false;
  bool is_released_ = false;
  std::optional<Error> error_;
  Instant paused_until_;
  Instant started_;
};

}  // namespace tuntcp::sim
