// What stands behind an acceptor: a listener of the host and the accepts that wait for it.
#pragma once

#include <boost/system/error_code.hpp>
#include <expected>
#include <memory>
#include <tuple>

#include "stack/api/connection.h"
#include "stack/api/engine.h"
#include "stack/api/operation.h"
#include "stack/host/host.h"

namespace tuntcp::api {

class Accept : public Operation {
 public:
  Accept() : Operation(Kind::accept) {}
  std::shared_ptr<Connection> connection;  // null on failure
};

// Outlives its acceptor while something on the engine's thread still needs it. Thread rule: that of
// the engine, also for the destructor.
class Listener final : public std::enable_shared_from_this<Listener>,
                       public Operation::Owner,
                       private EventTarget {
 public:
  explicit Listener(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
  ~Listener() { close(); }

  Engine& engine() const { return *engine_; }  // any thread

  bool is_open() const { return is_open_; }
  boost::system::error_code listen(const Endpoint& local, const ListenOptions& options,
                                   const SocketOptions& inherited);
  // Accepts that wait are served in the order in which they were started.
  void start(Accept& operation);
  void cancel();
  void cancel(std::uint64_t operation) override;  // any thread
  void close() override;
  std::expected<Endpoint, boost::system::error_code> local_endpoint() const;

 private:
  void on_event(const Event& event) override;
  void on_stop(const boost::system::error_code& reason) override;
  void fail_all(const boost::system::error_code& error);
  bool attempt(Accept& operation);

  std::shared_ptr<Engine> engine_;
  ListenerId id_;  // while open
  std::uint64_t cookie_ = 0;
  bool is_open_ = false;
  OperationQueue parked_;
};

}  // namespace tuntcp::api
