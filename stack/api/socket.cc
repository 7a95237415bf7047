#include "stack/api/socket.h"

#include <boost/asio/detail/throw_error.hpp>

#include "stack/api/endpoint.h"

namespace tuntcp::tcp {

using boost::asio::detail::throw_error;
using boost::system::error_code;

namespace {

// Of a socket that is given up. Its thread may be another, which then forgets it in its own time.
void give_up(std::shared_ptr<api::Connection> connection) {
  if (!connection) return;
  api::Engine& engine = connection->engine();
  engine.run_on_thread([connection = std::move(connection)] { connection->close(); });
}

template <class Call>
auto on_thread(const std::shared_ptr<api::Connection>& connection, Call call) {
  return connection->engine().call_on_thread([&] { return call(*connection); });
}

}  // namespace

socket& socket::operator=(socket&& other) noexcept {
  give_up(std::exchange(connection_, std::exchange(other.connection_, nullptr)));
  return *this;
}

socket::~socket() {
  give_up(std::move(connection_));
}

bool socket::is_open() const {
  return on_thread(connection_, [](api::Connection& c) { return c.is_open(); });
}

void socket::bind(const endpoint_type& local, error_code& error) {
  error = on_thread(connection_, [&](api::Connection& c) { return c.bind(api::from_asio(local)); });
}

void socket::bind(const endpoint_type& local) {
  error_code error;
  bind(local, error);
  throw_error(error, "bind");
}

void socket::shutdown(shutdown_type what, error_code& error) {
  error = on_thread(connection_, [&](api::Connection& c) {
    return c.shutdown(what != shutdown_send, what != shutdown_receive);
  });
}

void socket::shutdown(shutdown_type what) {
  error_code error;
  shutdown(what, error);
  throw_error(error, "shutdown");
}

void socket::close(error_code& error) {
  on_thread(connection_, [](api::Connection& c) { c.close(); });
  error = {};
}

void socket::close() {
  error_code error;
  close(error);
}

void socket::cancel(error_code& error) {
  on_thread(connection_, [](api::Connection& c) { c.cancel(); });
  error = {};
}

void socket::cancel() {
  error_code error;
  cancel(error);
}

std::size_t socket::available(error_code& error) const {
  error = {};
  return on_thread(connection_, [](api::Connection& c) { return c.available(); });
}

std::size_t socket::available() const {
  error_code error;
  return available(error);
}

tcp_status socket::status(error_code& error) const {
  const auto status = on_thread(connection_, [](api::Connection& c) { return c.status(); });
  error = status ? error_code() : boost::asio::error::not_connected;
  return status.value_or(tcp_status());
}

tcp_status socket::status() const {
  error_code error;
  tcp_status result = status(error);
  throw_error(error, "status");
  return result;
}

socket::endpoint_type socket::local_endpoint(error_code& error) const {
  const tcp_status now = status(error);
  return error ? endpoint_type() : api::to_asio(now.tuple.local);
}

socket::endpoint_type socket::local_endpoint() const {
  error_code error;
  endpoint_type result = local_endpoint(error);
  throw_error(error, "local_endpoint");
  return result;
}

socket::endpoint_type socket::remote_endpoint(error_code& error) const {
  const tcp_status now = status(error);
  if (!error && (now.state == State::syn_sent || now.state == State::closed)) {
    error = boost::asio::error::not_connected;
  }
  return error ? endpoint_type() : api::to_asio(now.tuple.remote);
}

socket::endpoint_type socket::remote_endpoint() const {
  error_code error;
  endpoint_type result = remote_endpoint(error);
  throw_error(error, "remote_endpoint");
  return result;
}

// ---- Options.

SocketOptions socket::read_options() const {
  return on_thread(connection_, [](api::Connection& c) { return c.options(); });
}

error_code socket::write_options(const SocketOptions& options) {
  return on_thread(connection_, [&](api::Connection& c) { return c.set_options(options); });
}

void socket::store(const no_delay& option, SocketOptions& options) {
  options.no_delay = option.value();
}
void socket::load(const SocketOptions& options, no_delay& option) {
  option = options.no_delay;
}

void socket::store(const linger& option, SocketOptions& options) {
  options.linger.reset();
  if (option.enabled()) options.linger = Duration::seconds(option.timeout());
}
void socket::load(const SocketOptions& options, linger& option) {
  option.enabled(options.linger.has_value());
  const Duration timeout = options.linger.value_or(Duration::zero());
  option.timeout(static_cast<int>(timeout.count_ms() / 1000));
}

void socket::store(const receive_buffer_size& option, SocketOptions& options) {
  options.receive_buffer = static_cast<std::uint32_t>(option.value());
}
void socket::load(const SocketOptions& options, receive_buffer_size& option) {
  option = static_cast<int>(options.receive_buffer);
}

void socket::store(const send_buffer_size& option, SocketOptions& options) {
  options.send_buffer = static_cast<std::uint32_t>(option.value());
}
void socket::load(const SocketOptions& options, send_buffer_size& option) {
  option = static_cast<int>(options.send_buffer);
}

void socket::store(const keep_alive& option, SocketOptions& options) {
  options.keep_alive.is_on = option.value();
}
void socket::load(const SocketOptions& options, keep_alive& option) {
  option = options.keep_alive.is_on;
}

void socket::store(const user_timeout& option, SocketOptions& options) {
  options.user_timeout = Duration::milliseconds(option.value.count());
}
void socket::load(const SocketOptions& options, user_timeout& option) {
  option.value = std::chrono::milliseconds(options.user_timeout.count_ms());
}

}  // namespace tuntcp::tcp
