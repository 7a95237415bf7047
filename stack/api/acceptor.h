// tuntcp::tcp::acceptor: a listening port, as boost::asio::ip::tcp::acceptor is one of the
// kernel's.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <tuple>
#include <utility>

#include "stack/api/listener.h"
#include "stack/api/socket.h"
#include "stack/api/stack_context.h"

namespace tuntcp::tcp {

struct listen_options {
  int backlog = 4096;         // connections that wait to be accepted; capped by somaxconn
  bool reuse_address = true;  // as Asio's acceptors: bind in spite of connections in TIME-WAIT
  bool v6_only = false;       // "::" otherwise takes IPv4 too
  SocketOptions socket;       // what accepted sockets begin with
};

// Several async_accept() may wait; they are served in the order of their start. Thread rule: as
// socket.
class acceptor {
 public:
  using executor_type = boost::asio::any_io_executor;
  using protocol_type = boost::asio::ip::tcp;
  using endpoint_type = endpoint;

  // Not listening yet.
  explicit acceptor(stack_context& stack)
      : listener_(std::make_shared<api::Listener>(stack.engine())) {}
  // Listens; port 0 leaves the choice to the host. Throws boost::system::system_error:
  // address_in_use, address_not_available, no_buffer_space.
  acceptor(stack_context& stack, const endpoint_type& local, const listen_options& options = {})
      : acceptor(stack) {
    listen(local, options);
  }
  acceptor(acceptor&&) noexcept = default;
  acceptor& operator=(acceptor&& other) noexcept;
  ~acceptor();

  executor_type get_executor() const { return listener_->engine().executor(); }

  void listen(const endpoint_type& local, const listen_options& options,
              boost::system::error_code& error);
  void listen(const endpoint_type& local, const listen_options& options = {});
  bool is_open() const;

  // void(error_code, socket).
  template <class CompletionToken>
  auto async_accept(CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, socket)>(
        initiate_accept<ToHandler>{listener_.get()}, token);
  }
  // void(error_code). `peer` must live until then; what it was before is closed.
  template <class CompletionToken>
  auto async_accept(socket& peer, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code)>(
        initiate_accept<ToPeer>{listener_.get()}, token, &peer);
  }

  // Connections that were not accepted are reset.
  void close(boost::system::error_code& error);
  void close();
  void cancel(boost::system::error_code& error);
  void cancel();
  endpoint_type local_endpoint(boost::system::error_code& error) const;
  endpoint_type local_endpoint() const;

 private:
  class ToHandler : public api::Accept {
   public:
    std::tuple<boost::system::error_code, socket> result() {
      return {error, socket(std::move(connection))};
    }
  };
  class ToPeer : public api::Accept {
   public:
    explicit ToPeer(socket* peer) : peer_(peer) {}
    std::tuple<boost::system::error_code> result() {
      if (!error) *peer_ = socket(std::move(connection));
      return {error};
    }

   private:
    socket* peer_;
  };

  template <class Operation>
  struct initiate_accept {
    api::Listener* listener;
    template <class Handler, class... Peer>
    void operator()(Handler&& handler, Peer... peer) const {
      auto start = [handler = std::forward<Handler>(handler), peer...](api::Listener& l) mutable {
        l.start(api::make_operation<Operation>(l.engine().home(), std::move(handler), peer...));
      };
      if (listener->engine().is_on_thread()) return start(*listener);
      listener->engine().run_on_thread([self = listener->shared_from_this(),
                                        start = std::move(start)]() mutable { start(*self); });
    }
  };

  std::shared_ptr<api::Listener> listener_;
};

}  // namespace tuntcp::tcp
