// tuntcp nc: joins standard input and output to one connection, made or accepted.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "tools/tuntcp/client.h"
#include "tools/tuntcp/commands.h"
#include "tools/tuntcp/standard_streams.h"

namespace tuntcp::tools {

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;

namespace {

constexpr std::size_t kOctets = 64 * 1024;

struct NcOptions {
  StackOptions stack;
  std::string host;  // when listening alone: the port
  std::string port;
  bool listens = false;
};

// Standard input to the peer; its end is our FIN.
asio::awaitable<void> send_input(tcp::socket& socket, StandardStream& input) {
  const auto octets = std::make_unique_for_overwrite<char[]>(kOctets);
  while (const std::size_t size = co_await input.read_some(octets.get(), kOctets)) {
    co_await asio::async_write(socket, asio::buffer(octets.get(), size), asio::use_awaitable);
  }
  socket.shutdown(tcp::socket::shutdown_send);
}

// The peer to standard output, until its FIN. Whoever types is then not waited for any more; a file
// or a pipe is still sent to its end, because the peer's FIN does not say that it hears no more.
asio::awaitable<void> receive_output(tcp::socket& socket, StandardStream& input,
                                     StandardStream& output) {
  const auto octets = std::make_unique_for_overwrite<char[]>(kOctets);
  while (true) {
    const auto [error, size] = co_await socket.async_read_some(asio::buffer(octets.get(), kOctets),
                                                               asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::eof) break;
    if (error) throw boost::system::system_error(error);
    co_await output.write(octets.get(), size);
  }
  if (::isatty(STDIN_FILENO) != 0) input.end_input();
}

// Both side by side. When one fails the other is cancelled, and operator&& would tell of the two
// together: told is what failed first.
asio::awaitable<void> exchange(tcp::socket& socket, StandardStream& input, StandardStream& output) {
  std::exception_ptr first;
  const auto noting = [&first](asio::awaitable<void> direction) -> asio::awaitable<void> {
    try {
      co_await std::move(direction);
    } catch (...) {
      if (!first) first = std::current_exception();
      throw;
    }
  };
  try {
    co_await (noting(send_input(socket, input)) && noting(receive_output(socket, input, output)));
  } catch (const asio::multiple_exceptions&) {
    std::rethrow_exception(first);
  }
}

asio::awaitable<tcp::socket> make_connection(const NcOptions& options, stack_context& stack) {
  if (!options.listens) {
    tcp::socket socket(stack);
    co_await socket.async_connect(parse_endpoint(options.host, options.port), asio::use_awaitable);
    co_return socket;
  }
  const bool is_anywhere = options.port.empty();
  tcp::acceptor acceptor(stack, is_anywhere ? parse_endpoint("::", options.host)
                                            : parse_endpoint(options.host, options.port));
  std::fprintf(stderr, "tuntcp nc: listening on port %u\n", acceptor.local_endpoint().port());
  co_return co_await acceptor.async_accept(asio::use_awaitable);
}

asio::awaitable<int> nc(const NcOptions& options, stack_context& stack) {
  tcp::socket socket = co_await make_connection(options, stack);
  StandardStream input(stack.get_executor(), STDIN_FILENO);
  StandardStream output(stack.get_executor(), STDOUT_FILENO);
  co_await exchange(socket, input, output);
  co_return 0;
}

}  // namespace

void add_nc(CLI::App& app, Run& run) {
  auto options = std::make_shared<NcOptions>();
  CLI::App* command = app.add_subcommand("nc", "Join standard input and output to a connection");
  command
      ->add_option("host", options->host,
                   "Address to connect to, or with -l to listen on; names are not resolved")
      ->required();
  command->add_option("port", options->port, "Port; with -l alone it may be the only argument");
  command->add_flag("-l,--listen", options->listens, "Wait for one connection");
  add_stack_options(*command, options->stack, "warning");
  command->callback([options, &run] {
    if (!options->listens && options->port.empty()) {
      throw CLI::ValidationError("nc", "an address and a port are expected");
    }
    run = [options] {
      return run_client("tuntcp nc", options->stack,
                        [options](stack_context& stack) { return nc(*options, stack); });
    };
  });
}

}  // namespace tuntcp::tools
