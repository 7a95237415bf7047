#include "stack/api/connection.h"

#include <boost/asio/error.hpp>

#include "stack/api/error_code.h"

namespace tuntcp::api {

namespace asio = boost::asio;

Connection::Connection(std::shared_ptr<Engine> engine, ConnectionId id)
    : engine_(std::move(engine)) {
  register_id(id);
  phase_ = Phase::connected;
  if (const auto inherited = engine_->host()->options(id)) options_ = *inherited;
}

void Connection::register_id(ConnectionId id) {
  id_ = id;
  cookie_ = engine_->add(*this);
  engine_->host()->set_cookie(id, cookie_);
}

// The host does not know the connection any more.
void Connection::forget() {
  engine_->remove(cookie_);
  phase_ = Phase::closed;
}

// ---- Operations.

Connection::Queue Connection::queue_of(Operation::Kind kind) {
  switch (kind) {
    case Operation::Kind::read:
    case Operation::Kind::wait_read:
      return receiving;
    case Operation::Kind::wait_error:
      return failing;
    default:
      return sending;
  }
}

void Connection::start(Operation& operation) {
  if (engine_->error()) return engine_->finish(operation, engine_->error());
  if (phase_ == Phase::closed) return engine_->finish(operation, asio::error::bad_descriptor);
  OperationQueue& queue = parked_[queue_of(operation.kind())];
  if (queue.is_empty() && attempt(operation)) {
    engine_->finish(operation);
  } else {
    queue.park(operation, *this);
  }
  engine_->flush();
}

bool Connection::attempt(Operation& operation) {
  if (phase_ == Phase::connecting) return false;
  switch (operation.kind()) {
    case Operation::Kind::read:
      return attempt_read(static_cast<Read&>(operation));
    case Operation::Kind::write:
      return attempt_write(static_cast<Write&>(operation));
    case Operation::Kind::wait_read:
      return can_read();
    case Operation::Kind::wait_write:
      return can_write();
    case Operation::Kind::wait_error:
      return has_failed();
    default:
      return false;  // connect: see on_event()
  }
}

// Nothing to read into is no wait, whatever the state of the connection.
bool Connection::attempt_read(Read& operation) {
  for (const MutableBytes piece : operation.pieces) {
    const auto octets = engine_->host()->receive(id_, piece, engine_->now());
    if (!octets) {
      if (operation.octets != 0) return true;  // The reason comes again next time.
      if (octets.error() == Error::would_block) return false;
      operation.error = to_error_code(octets.error());
      return true;
    }
    operation.octets += *octets;
    if (*octets < piece.size()) return true;
  }
  return true;
}

bool Connection::attempt_write(Write& operation) {
  for (const Bytes piece : operation.pieces) {
    const auto octets = engine_->host()->send(id_, piece, engine_->now());
    if (!octets) {
      if (operation.octets != 0) return true;
      if (octets.error() == Error::would_block) return false;
      operation.error = to_error_code(octets.error());
      return true;
    }
    operation.octets += *octets;
    if (*octets < piece.size()) return true;
  }
  return true;
}

bool Connection::has_failed() const {
  const auto status = engine_->host()->status(id_, engine_->now());
  return !status || status->error != Error::none;
}

bool Connection::can_read() const {
  const auto octets = engine_->host()->readable(id_);
  if (!octets || *octets != 0) return true;
  const auto status = engine_->host()->status(id_, engine_->now());
  // The end of the stream, and an error, can be read too.
  return !status || tcp::kFinIsReceived.contains(status->state) ||
         status->state == tcp::State::closed;
}

// Where sending is over a write would end at once, with an error.
bool Connection::can_write() const {
  const auto status = engine_->host()->status(id_, engine_->now());
  return !status || !tcp::kMaySendText.contains(status->state) || status->send_q < status->sndbuf;
}

void Connection::try_all(Queue queue) {
  OperationQueue& parked = parked_[queue];
  while (!parked.is_empty() && attempt(*parked.front())) engine_->finish(*parked.unpark());
}

void Connection::fail_all(const boost::system::error_code& error) {
  for (OperationQueue& parked : parked_) {
    while (Operation* operation = parked.unpark()) engine_->finish(*operation, error);
  }
}

void Connection::cancel() {
  fail_all(asio::error::operation_aborted);
}

void Connection::cancel(std::uint64_t number) {
  engine_->run_on_thread([self = shared_from_this(), number] {
    for (OperationQueue& parked : self->parked_) {
      if (Operation* operation = parked.unpark(number)) {
        self->engine_->finish(*operation, asio::error::operation_aborted);
      }
    }
  });
}

// ---- What the host says.

void Connection::on_event(const Event& event) {
  if (event.is_listener || event.connection != id_) return;  // of an earlier owner of the cookie
  if (phase_ == Phase::connecting) {
    if ((event.bits & Event::failed) != 0) {
      const auto status = engine_->host()->status(id_, engine_->now());
      const Error error = status ? status->error : Error::connection_aborted;
      engine_->host()->release(id_, engine_->now());
      forget();
      return fail_all(to_error_code(error));
    }
    if ((event.bits & Event::connected) == 0) return;
    phase_ = Phase::connected;
    if (Operation* operation = parked_[sending].front();
        operation != nullptr && operation->kind() == Operation::Kind::connect) {
      engine_->finish(*parked_[sending].unpark());
    }
  }
  if ((event.bits & (Event::readable | Event::connected | Event::failed)) != 0) try_all(receiving);
  if ((event.bits & (Event::writable | Event::connected | Event::failed)) != 0) try_all(sending);
  if ((event.bits & Event::failed) != 0) try_all(failing);
}

// The process that owned the connection is gone, as far as the peer can tell: it gets a RST.
void Connection::on_stop(const boost::system::error_code& reason) {
  fail_all(reason);
  const Instant now = engine_->now();
  static_cast<void>(engine_->host()->abort(id_, now));
  engine_->host()->release(id_, now);
  phase_ = Phase::closed;
}

// ---- Calls.

void Connection::connect(Operation& operation, const Endpoint& remote) {
  if (engine_->error()) return engine_->finish(operation, engine_->error());
  if (phase_ != Phase::closed) {
    return engine_->finish(operation, phase_ == Phase::connecting ? asio::error::already_started
                                                                  : asio::error::already_connected);
  }
  OpenOptions options{.local = {.address = IpAddress::any(remote.address.family()), .port = 0},
                      .socket = options_};
  if (local_) options.local = *local_;
  if (engine_->is_shutting_down()) {
    return engine_->finish(operation, asio::error::operation_aborted);
  }
  const auto id = engine_->host()->open(remote, options, engine_->now());
  if (!id) return engine_->finish(operation, to_error_code(id.error()));
  register_id(*id);
  phase_ = Phase::connecting;
  parked_[sending].park(operation, *this);
  engine_->flush();
}

void Connection::close() {
  local_.reset();
  if (phase_ == Phase::closed) return;
  cancel();
  if (Host* host = engine_->host()) {
    host->release(id_, engine_->now());
    engine_->flush();
  }
  forget();
}

boost::system::error_code Connection::bind(const Endpoint& local) {
  if (phase_ != Phase::closed || local_) return asio::error::invalid_argument;
  local_ = local;
  return {};
}

boost::system::error_code Connection::shutdown(bool receiving_too, bool sending_too) {
  if (engine_->error()) return engine_->error();
  if (phase_ == Phase::closed) return asio::error::bad_descriptor;
  if (phase_ == Phase::connecting) return asio::error::not_connected;
  const Instant now = engine_->now();
  Result<void> result;
  if (sending_too) result = engine_->host()->close(id_, now);
  if (result && receiving_too) result = engine_->host()->stop_receiving(id_, now);
  engine_->flush();
  // What was waiting learns of it, as a read or write that starts now would.
  if (sending_too) try_all(sending);
  if (receiving_too) try_all(receiving);
  if (result) return {};
  return result.error() == Error::connection_closing ? boost::system::error_code()
                                                     : to_error_code(result.error());
}

boost::system::error_code Connection::set_options(const SocketOptions& options) {
  options_ = options;
  if (engine_->error()) return engine_->error();
  if (phase_ == Phase::closed) return {};
  const auto result = engine_->host()->set_options(id_, options, engine_->now());
  engine_->flush();
  return result ? boost::system::error_code() : to_error_code(result.error());
}

std::size_t Connection::available() const {
  if (engine_->error() || phase_ == Phase::closed) return 0;
  return engine_->host()->readable(id_).value_or(0);
}

std::optional<Status> Connection::status() const {
  if (engine_->error() || phase_ == Phase::closed) return std::nullopt;
  const auto status = engine_->host()->status(id_, engine_->now());
  return status ? std::optional(*status) : std::nullopt;
}

}  // namespace tuntcp::api
