// tuntcp::tcp::socket: one TCP connection, as boost::asio::ip::tcp::socket is one of the kernel's.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "stack/api/connection.h"
#include "stack/api/endpoint.h"
#include "stack/api/stack_context.h"
#include "stack/host/status.h"

namespace tuntcp::tcp {

using endpoint = boost::asio::ip::tcp::endpoint;
// What ss(8) and TCP_INFO would say.
using tcp_status = tuntcp::Status;

// After this long without an acknowledgment of what was sent the connection fails with timed_out
// (TCP_USER_TIMEOUT, RFC 5482 without its option). Zero: the knobs decide.
struct user_timeout {
  std::chrono::milliseconds value{0};
};

// AsyncReadStream and AsyncWriteStream. Handlers are never called within the initiating function.
// Errors are Asio's: eof, connection_reset, connection_refused, timed_out, operation_aborted,
// bad_descriptor (not open), broken_pipe (write after shutdown), network_down (device lost).
//
// Reads and writes of one kind that overlap are served in the order of their start. Each operation
// can be cancelled through its handler's cancellation slot; nothing is lost by that. A socket may
// be destroyed at any time, also in its own handler: what waits ends with operation_aborted.
//
// Thread rule: a socket is used by one thread at a time. It need not be the one that runs the
// io_context, but then that must be running: calls that return something wait for it.
class socket : public boost::asio::socket_base {
 public:
  using executor_type = boost::asio::any_io_executor;
  using protocol_type = boost::asio::ip::tcp;
  using endpoint_type = endpoint;
  using lowest_layer_type = socket;

  explicit socket(stack_context& stack)
      : connection_(std::make_shared<api::Connection>(stack.engine())) {}
  // A connection that was accepted; null: as good as moved from.
  explicit socket(std::shared_ptr<api::Connection> connection)
      : connection_(std::move(connection)) {}
  // A socket that was moved from may only be destroyed or assigned to.
  socket(socket&&) noexcept = default;
  socket& operator=(socket&& other) noexcept;
  ~socket();

  executor_type get_executor() const { return connection_->engine().executor(); }
  lowest_layer_type& lowest_layer() { return *this; }
  const lowest_layer_type& lowest_layer() const { return *this; }

  // void(error_code). An own local endpoint can be asked for with bind() first.
  template <class CompletionToken>
  auto async_connect(const endpoint_type& peer, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code)>(
        initiate_connect{connection_.get()}, token, peer);
  }

  // void(error_code, std::size_t). Takes what there is, at least one octet unless the buffers are
  // empty.
  template <class MutableBufferSequence, class CompletionToken>
  auto async_read_some(const MutableBufferSequence& buffers, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken,
                                       void(boost::system::error_code, std::size_t)>(
        initiate_transfer<api::Read, api::Operation::Kind::read>{connection_.get()}, token,
        buffers);
  }

  // void(error_code, std::size_t). The octets are copied before the handler is called.
  template <class ConstBufferSequence, class CompletionToken>
  auto async_write_some(const ConstBufferSequence& buffers, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken,
                                       void(boost::system::error_code, std::size_t)>(
        initiate_transfer<api::Write, api::Operation::Kind::write>{connection_.get()}, token,
        buffers);
  }

  // void(error_code). wait_read: octets, the end or an error can be read; wait_write: there is
  // room; wait_error: the connection failed.
  template <class CompletionToken>
  auto async_wait(wait_type what, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code)>(
        initiate_wait{connection_.get()}, token, what);
  }

  bool is_open() const;
  // To connect from this address and port; "any" and 0 leave them to the host.
  void bind(const endpoint_type& local, boost::system::error_code& error);
  void bind(const endpoint_type& local);
  // shutdown_send: a FIN follows what was written. shutdown_receive: what arrives is discarded.
  void shutdown(shutdown_type what, boost::system::error_code& error);
  void shutdown(shutdown_type what);
  // The stack finishes the connection in the background: FIN, or RST where octets are unread or the
  // linger time is zero. The socket can connect again.
  void close(boost::system::error_code& error);
  void close();
  void cancel(boost::system::error_code& error);
  void cancel();

  std::size_t available(boost::system::error_code& error) const;
  std::size_t available() const;
  endpoint_type local_endpoint(boost::system::error_code& error) const;
  endpoint_type local_endpoint() const;
  endpoint_type remote_endpoint(boost::system::error_code& error) const;
  endpoint_type remote_endpoint() const;
  // not_connected unless the socket has, or had, a connection.
  tcp_status status(boost::system::error_code& error) const;
  tcp_status status() const;

  // Options are Asio's own, boost::asio::ip::tcp::no_delay and those of socket_base, and
  // user_timeout. A buffer size of 0, the default, means tuned by the stack. Of linger only "on, 0
  // seconds" has an effect: nothing here ever blocks.
  using no_delay = boost::asio::ip::tcp::no_delay;
  template <class Option>
  void set_option(const Option& option, boost::system::error_code& error) {
    SocketOptions options = read_options();
    store(option, options);
    error = write_options(options);
  }
  template <class Option>
  void set_option(const Option& option) {
    boost::system::error_code error;
    set_option(option, error);
    boost::asio::detail::throw_error(error, "set_option");
  }
  template <class Option>
  void get_option(Option& option, boost::system::error_code& error) const {
    load(read_options(), option);
    error = {};
  }
  template <class Option>
  void get_option(Option& option) const {
    load(read_options(), option);
  }

 private:
  friend class acceptor;

  // Initiations run on the engine's thread, where alone operations are made.
  template <class Start>
  static void initiate(api::Connection& connection, Start start) {
    if (connection.engine().is_on_thread()) {
      start(connection);
    } else {
      connection.engine().run_on_thread([self = connection.shared_from_this(),
                                         start = std::move(start)]() mutable { start(*self); });
    }
  }

  struct initiate_connect {
    api::Connection* connection;
    template <class Handler>
    void operator()(Handler&& handler, const endpoint_type& peer) const;
  };
  template <class Operation, api::Operation::Kind kKind>
  struct initiate_transfer {
    api::Connection* connection;
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers) const {
      initiate(*connection,
               [handler = std::forward<Handler>(handler), buffers](api::Connection& c) mutable {
                 c.start(api::make_operation<Operation>(c.engine().home(), std::move(handler),
                                                        kKind, buffers));
               });
    }
  };
  struct initiate_wait {
    api::Connection* connection;
    template <class Handler>
    void operator()(Handler&& handler, wait_type what) const;
  };

  // How each option is kept.
  static void store(const no_delay& option, SocketOptions& options);
  static void load(const SocketOptions& options, no_delay& option);
  static void store(const linger& option, SocketOptions& options);
  static void load(const SocketOptions& options, linger& option);
  static void store(const receive_buffer_size& option, SocketOptions& options);
  static void load(const SocketOptions& options, receive_buffer_size& option);
  static void store(const send_buffer_size& option, SocketOptions& options);
  static void load(const SocketOptions& options, send_buffer_size& option);
  static void store(const keep_alive& option, SocketOptions& options);
  static void load(const SocketOptions& options, keep_alive& option);
  static void store(const user_timeout& option, SocketOptions& options);
  static void load(const SocketOptions& options, user_timeout& option);
  SocketOptions read_options() const;
  boost::system::error_code write_options(const SocketOptions& options);

  std::shared_ptr<api::Connection> connection_;
};

template <class Handler>
void socket::initiate_connect::operator()(Handler&& handler, const endpoint_type& peer) const {
  initiate(*connection,
           [handler = std::forward<Handler>(handler), peer](api::Connection& c) mutable {
             c.connect(api::make_operation<api::Operation>(c.engine().home(), std::move(handler),
                                                           api::Operation::Kind::connect),
                       api::from_asio(peer));
           });
}

template <class Handler>
void socket::initiate_wait::operator()(Handler&& handler, wait_type what) const {
  using Kind = api::Operation::Kind;
  const Kind kind = what == wait_read    ? Kind::wait_read
                    : what == wait_write ? Kind::wait_write
                                         : Kind::wait_error;
  initiate(
      *connection, [handler = std::forward<Handler>(handler), kind](api::Connection& c) mutable {
        c.start(api::make_operation<api::Operation>(c.engine().home(), std::move(handler), kind));
      });
}

}  // namespace tuntcp::tcp
