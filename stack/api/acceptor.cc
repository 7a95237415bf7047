#include "stack/api/acceptor.h"

#include <boost/asio/detail/throw_error.hpp>

#include "stack/api/endpoint.h"

namespace tuntcp::tcp {

using boost::asio::detail::throw_error;
using boost::system::error_code;

namespace {

void give_up(std::shared_ptr<api::Listener> listener) {
  if (!listener) return;
  api::Engine& engine = listener->engine();
  engine.run_on_thread([listener = std::move(listener)] { listener->close(); });
}

template <class Call>
auto on_thread(const std::shared_ptr<api::Listener>& listener, Call call) {
  return listener->engine().call_on_thread([&] { return call(*listener); });
}

}  // namespace

acceptor& acceptor::operator=(acceptor&& other) noexcept {
  give_up(std::exchange(listener_, std::exchange(other.listener_, nullptr)));
  return *this;
}

acceptor::~acceptor() {
  give_up(std::move(listener_));
}

void acceptor::listen(const endpoint_type& local, const listen_options& options,
                      error_code& error) {
  const ListenOptions wanted{.backlog = options.backlog,
                             .reuse_address = options.reuse_address,
                             .v6_only = options.v6_only};
  error = on_thread(listener_, [&](api::Listener& l) {
    return l.listen(api::from_asio(local), wanted, options.socket);
  });
}

void acceptor::listen(const endpoint_type& local, const listen_options& options) {
  error_code error;
  listen(local, options, error);
  throw_error(error, "listen");
}

bool acceptor::is_open() const {
  return on_thread(listener_, [](api::Listener& l) { return l.is_open(); });
}

void acceptor::close(error_code& error) {
  on_thread(listener_, [](api::Listener& l) { l.close(); });
  error = {};
}

void acceptor::close() {
  error_code error;
  close(error);
}

void acceptor::cancel(error_code& error) {
  on_thread(listener_, [](api::Listener& l) { l.cancel(); });
  error = {};
}

void acceptor::cancel() {
  error_code error;
  cancel(error);
}

acceptor::endpoint_type acceptor::local_endpoint(error_code& error) const {
  const auto local = on_thread(listener_, [](api::Listener& l) { return l.local_endpoint(); });
  error = local ? error_code() : local.error();
  return local ? api::to_asio(*local) : endpoint_type();
}

acceptor::endpoint_type acceptor::local_endpoint() const {
  error_code error;
  endpoint_type result = local_endpoint(error);
  throw_error(error, "local_endpoint");
  return result;
}

}  // namespace tuntcp::tcp
