// What stands behind a socket: a connection of the host and the operations that wait for it.
#pragma once

#include <array>
#include <boost/system/error_code.hpp>
#include <memory>
#include <optional>

#include "stack/api/engine.h"
#include "stack/api/operation.h"
#include "stack/host/host.h"

namespace tuntcp::api {

// Outlives its socket while something on the engine's thread still needs it. Thread rule: that of
// the engine, also for the destructor.
class Connection final : public std::enable_shared_from_this<Connection>,
                         public Operation::Owner,
                         private EventTarget {
 public:
  explicit Connection(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
  // One that was accepted.
  Connection(std::shared_ptr<Engine> engine, ConnectionId id);
  ~Connection() { close(); }

  Engine& engine() const { return *engine_; }  // any thread

  bool is_open() const { return phase_ != Phase::closed; }
  // Reads, writes and waits: finished at once or parked, in the order in which they are started.
  void start(Operation& operation);
  void connect(Operation& operation, const Endpoint& remote);
  void cancel();                                  // everything that waits
  void cancel(std::uint64_t operation) override;  // any thread
  void close() override;

  // Where `local` has an "any" address or port 0 the host chooses.
  boost::system::error_code bind(const Endpoint& local);
  boost::system::error_code shutdown(bool receiving, bool sending);
  const SocketOptions& options() const { return options_; }
  boost::system::error_code set_options(const SocketOptions& options);
  std::size_t available() const;
  // Nothing unless there is a connection, or there was one that failed.
  std::optional<Status> status() const;

 private:
  enum class Phase : std::uint8_t { closed, connecting, connected };
  enum Queue : std::size_t { receiving, sending, failing };

  void on_event(const Event& event) override;
  void on_stop(const boost::system::error_code& reason) override;
  void register_id(ConnectionId id);
  void forget();
  void try_all(Queue queue);
  void fail_all(const boost::system::error_code& error);
  // True when the operation is over.
  bool attempt(Operation& operation);
  bool attempt_read(Read& operation);
  bool attempt_write(Write& operation);
  bool has_failed() const;
  bool can_read() const;
  bool can_write() const;
  static Queue queue_of(Operation::Kind kind);

  std::shared_ptr<Engine> engine_;
  ConnectionId id_;  // while not closed
  std::uint64_t cookie_ = 0;
  Phase phase_ = Phase::closed;
  std::optional<Endpoint> local_;  // as bound
  SocketOptions options_;
  std::array<OperationQueue, 3> parked_;
};

}  // namespace tuntcp::api
