#include "stack/io/control.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace tuntcp::io {

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;
using boost::system::error_code;

namespace {

constexpr std::size_t kMaxRequestOctets = 4096;
constexpr unsigned kMaxClients = 16;  // at a time; more wait in the socket's queue
constexpr auto kPatience = std::chrono::seconds(5);

Failure failure(const std::string& what, const std::string& path, int error) {
  return {.code = {error, std::system_category()},
          .text = what + " " + path + ": " + std::strerror(error)};
}

// Whether a socket at `path` has no process behind it any more.
bool is_stale_socket(asio::io_context& io, const std::string& path) {
  struct stat file{};
  if (::lstat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
  Protocol::socket probe(io);
  error_code error;
  probe.connect(Protocol::endpoint(path), error);
  return error == asio::error::connection_refused;
}

}  // namespace

// Lives until the last handler has run.
struct ControlServer::Server : std::enable_shared_from_this<Server> {
  Server(asio::io_context& io_context, std::string socket_path, Answer function)
      : io(io_context),
        acceptor(io_context),
        path(std::move(socket_path)),
        answer(std::move(function)) {}

  struct Client {
    explicit Client(Protocol::socket connection)
        : socket(std::move(connection)), timer(socket.get_executor()) {}
    Protocol::socket socket;
    asio::steady_timer timer;
    std::string request;
    std::string reply;
  };

  error_code listen();
  void accept();
  void serve(std::shared_ptr<Client> client);
  void reply(std::shared_ptr<Client> client);
  void leave(Client& client);

  asio::io_context& io;
  Protocol::acceptor acceptor;
  std::string path;
  Answer answer;
  unsigned clients = 0;
  bool is_accepting = false;
};

error_code ControlServer::Server::listen() {
  error_code error;
  acceptor.open(Protocol(), error);
  if (error) return error;
  const mode_t mask = ::umask(0177);  // The file is 0600 from its first moment.
  acceptor.bind(Protocol::endpoint(path), error);
  ::umask(mask);
  if (!error) acceptor.listen(static_cast<int>(kMaxClients), error);
  return error;
}

void ControlServer::Server::accept() {
  if (is_accepting || clients == kMaxClients || !acceptor.is_open()) return;
  is_accepting = true;
  acceptor.async_accept([self = shared_from_this()](error_code error, Protocol::socket socket) {
    self->is_accepting = false;
    if (error == asio::error::operation_aborted) return;
    if (!error) {
      ++self->clients;
      self->serve(std::make_shared<Client>(std::move(socket)));
    }
    self->accept();
  });
}

void ControlServer::Server::serve(std::shared_ptr<Client> client) {
  client->timer.expires_after(kPatience);
  client->timer.async_wait([client](error_code ended) {
    if (!ended) client->socket.close(ended);
  });
  auto buffer = asio::dynamic_buffer(client->request, kMaxRequestOctets);
  asio::async_read_until(client->socket, buffer, '\n',
                         [self = shared_from_this(), client](error_code error, std::size_t octets) {
                           if (error || !self->acceptor.is_open()) return self->leave(*client);
                           client->request.resize(octets - 1);
                           self->reply(client);
                         });
}

void ControlServer::Server::reply(std::shared_ptr<Client> client) {
  const auto text = answer(client->request);
  client->reply = text ? "ok\n" + *text : "error " + text.error() + "\n";
  asio::async_write(
      client->socket, asio::buffer(client->reply),
      [self = shared_from_this(), client](error_code, std::size_t) { self->leave(*client); });
}

void ControlServer::Server::leave(Client& client) {
  client.timer.cancel();
  error_code ignored;
  client.socket.close(ignored);
  --clients;
  accept();
}

Outcome<std::unique_ptr<ControlServer>> ControlServer::open(asio::io_context& io,
                                                            const std::string& path,
                                                            Answer answer) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
    return std::unexpected(failure("cannot make the control socket", path, ENAMETOOLONG));
  }
  auto server = std::make_shared<Server>(io, path, std::move(answer));
  error_code error = server->listen();
  if (error == asio::error::address_in_use && is_stale_socket(io, path)) {
    ::unlink(path.c_str());
    server->acceptor.close(error);
    error = server->listen();
  }
  if (error) {
    Failure result = failure("cannot make the control socket", path, error.value());
    if (error == asio::error::address_in_use) {
      result.text += "; a running tuntcp may have it: choose another path";
    }
    return std::unexpected(std::move(result));
  }
  server->accept();
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(server)));
}

ControlServer::ControlServer(std::shared_ptr<Server> server) : server_(std::move(server)) {}

ControlServer::~ControlServer() {
  ::unlink(server_->path.c_str());
  error_code ignored;
  server_->acceptor.close(ignored);
}

// ---- The client.

Outcome<std::string> ask_control(const std::string& path, std::string_view request) {
  const std::string what = "cannot ask the stack at";
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return std::unexpected(failure(what, path, ENAMETOOLONG));
  }
  asio::io_context io;
  Protocol::socket socket(io);
  error_code error;
  socket.connect(Protocol::endpoint(path), error);
  if (error) {
    Failure result = failure(what, path, error.value());
    if (error == asio::error::connection_refused || error.value() == ENOENT) {
      result.text += "; is 'tuntcp up --control " + path + "' running?";
    }
    return std::unexpected(std::move(result));
  }
  const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);

  asio::write(socket, asio::buffer(std::string(request) + "\n"), error);
  std::string answer;
  std::array<char, 16384> piece;
  while (!error) {
    // A plain read: Asio's would wait for ever in spite of SO_RCVTIMEO.
    const ssize_t octets = ::read(socket.native_handle(), piece.data(), piece.size());
    if (octets == 0) break;
    if (octets > 0) {
      answer.append(piece.data(), static_cast<std::size_t>(octets));
    } else if (errno != EINTR) {
      return std::unexpected(failure(what, path, errno == EAGAIN ? ETIMEDOUT : errno));
    }
  }
  if (error) return std::unexpected(failure(what, path, error.value()));
  if (answer.starts_with("ok\n")) return answer.substr(3);
  if (answer.starts_with("error ")) {
    answer.erase(0, 6);
    while (!answer.empty() && answer.back() == '\n') answer.pop_back();
    return std::unexpected(
        Failure{.code = std::make_error_code(std::errc::invalid_argument), .text = answer});
  }
  return std::unexpected(failure(what, path, EPROTO));
}

}  // namespace tuntcp::io
