#include "stack/api/listener.h"

#include <boost/asio/error.hpp>

#include "stack/api/error_code.h"

namespace tuntcp::api {

namespace asio = boost::asio;

boost::system::error_code Listener::listen(const Endpoint& local, const ListenOptions& options,
                                           const SocketOptions& inherited) {
  if (engine_->error()) return engine_->error();
  if (is_open_) return asio::error::already_open;
  if (engine_->is_shutting_down()) return asio::error::operation_aborted;
  const auto id = engine_->host()->listen(local, options, inherited);
  if (!id) return to_error_code(id.error());
  id_ = *id;
  is_open_ = true;
  cookie_ = engine_->add(*this);
  engine_->host()->set_cookie(id_, cookie_);
  return {};
}

void Listener::start(Accept& operation) {
  if (engine_->error()) return engine_->finish(operation, engine_->error());
  if (!is_open_) return engine_->finish(operation, asio::error::bad_descriptor);
  if (parked_.is_empty() && attempt(operation)) {
    engine_->finish(operation);
  } else {
    parked_.park(operation, *this);
  }
}

bool Listener::attempt(Accept& operation) {
  const auto id = engine_->host()->accept(id_);
  if (id) {
    operation.connection = std::make_shared<Connection>(engine_, *id);
  } else if (id.error() == Error::would_block) {
    return false;
  } else {
    operation.error = to_error_code(id.error());
  }
  return true;
}

void Listener::on_event(const Event& event) {
  if (!event.is_listener || event.listener != id_) return;  // of an earlier owner of the cookie
  while (!parked_.is_empty() && attempt(static_cast<Accept&>(*parked_.front()))) {
    engine_->finish(*parked_.unpark());
  }
}

void Listener::on_stop(const boost::system::error_code& reason) {
  fail_all(reason);
  engine_->host()->close_listener(id_, engine_->now());
  is_open_ = false;
}

void Listener::fail_all(const boost::system::error_code& error) {
  while (Operation* operation = parked_.unpark()) engine_->finish(*operation, error);
}

void Listener::cancel() {
  fail_all(asio::error::operation_aborted);
}

void Listener::cancel(std::uint64_t number) {
  engine_->run_on_thread([self = shared_from_this(), number] {
    if (Operation* operation = self->parked_.unpark(number)) {
      self->engine_->finish(*operation, asio::error::operation_aborted);
    }
  });
}

void Listener::close() {
  if (!is_open_) return;
  cancel();
  if (Host* host = engine_->host()) {
    host->close_listener(id_, engine_->now());
    engine_->flush();
  }
  engine_->remove(cookie_);
  is_open_ = false;
}

std::expected<Endpoint, boost::system::error_code> Listener::local_endpoint() const {
  if (engine_->error()) return std::unexpected(engine_->error());
  if (!is_open_) return std::unexpected(make_error_code(asio::error::bad_descriptor));
  const auto local = engine_->host()->local_endpoint(id_);
  if (!local) return std::unexpected(to_error_code(local.error()));
  return *local;
}

}  // namespace tuntcp::api
