// tuntcp get: fetches one URL by HTTP/1.1, with Boost.Beast on a socket of this stack.
#include <CLI/CLI.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "tools/tuntcp/client.h"
#include "tools/tuntcp/commands.h"

namespace tuntcp::tools {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

struct GetOptions {
  StackOptions stack;
  std::string url;
  std::string output;  // path; empty: stdout
};

struct Url {
  std::string host;  // without brackets
  std::string port = "80";
  std::string authority;  // as in the Host field
  std::string target = "/";
};

// http://198.51.100.1:8000/path, http://[2001:db8::1]/.
Url parse_url(const std::string& text) {
  constexpr std::string_view kScheme = "http://";
  if (!text.starts_with(kScheme)) {
    throw std::runtime_error("'" + text + "' is not an http:// URL (TLS is not offered)");
  }
  Url url;
  std::string rest = text.substr(kScheme.size());
  rest.erase(std::min(rest.find('#'), rest.size()));
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  url.authority = rest.substr(0, slash);
  if (slash < rest.size()) url.target = (rest[slash] == '?' ? "/" : "") + rest.substr(slash);

  std::string host = url.authority;
  const std::size_t bracket = host.find(']');
  const std::size_t colon = host.find(':', bracket == host.npos ? 0 : bracket);
  if (colon != host.npos) {
    url.port = host.substr(colon + 1);
    host.erase(colon);
  }
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  url.host = host;
  return url;
}

// Where the body goes: a file, or stdout.
class Output {
 public:
  explicit Output(const std::string& path)
      : path_(path.empty() ? "stdout" : path),
        file_(path.empty() ? stdout : std::fopen(path.c_str(), "wb")) {
    if (file_ == nullptr) fail();
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    if (file_ != nullptr && file_ != stdout) std::fclose(file_);
  }
  void write(const char* octets, std::size_t size) {
    if (std::fwrite(octets, 1, size, file_) != size) fail();
  }
  void finish() {
    if (std::fflush(file_) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw std::runtime_error("cannot write to " + path_ + ": " + std::strerror(errno));
  }
  std::string path_;
  std::FILE* file_;
};

asio::awaitable<int> get(const GetOptions& options, stack_context& stack) {
  const Url url = parse_url(options.url);
  tcp::socket socket(stack);
  co_await socket.async_connect(parse_endpoint(url.host, url.port), asio::use_awaitable);

  http::request<http::empty_body> request(http::verb::get, url.target, 11);
  request.set(http::field::host, url.authority);
  request.set(http::field::user_agent, "tuntcp");
  request.keep_alive(false);
  co_await http::async_write(socket, request, asio::use_awaitable);

  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  co_await http::async_read_header(socket, buffer, parser, asio::use_awaitable);
  const unsigned status = parser.get().result_int();
  if (status >= 400) {
    std::fprintf(stderr, "tuntcp get: %s: %u %s\n", options.url.c_str(), status,
                 std::string(parser.get().reason()).c_str());
    co_return 1;
  }

  Output output(options.output);
  constexpr std::size_t kOctets = 64 * 1024;
  const auto octets = std::make_unique_for_overwrite<char[]>(kOctets);
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = octets.get();
    body.size = kOctets;
    const auto [error, size] =
        co_await http::async_read(socket, buffer, parser, asio::as_tuple(asio::use_awaitable));
    if (error && error != http::error::need_buffer) throw boost::system::system_error(error);
    output.write(octets.get(), kOctets - body.size);
  }
  output.finish();
  co_return 0;
}

}  // namespace

void add_get(CLI::App& app, Run& run) {
  auto options = std::make_shared<GetOptions>();
  CLI::App* command = app.add_subcommand("get", "Fetch a URL over HTTP/1.1");
  command
      ->add_option("url", options->url,
                   "http://ADDRESS[:PORT]/PATH; the host is an IPv4 address or an IPv6 one in "
                   "brackets, names are not resolved")
      ->required();
  command->add_option("-o,--output", options->output, "Write to this file; default: stdout");
  add_stack_options(*command, options->stack, "warning");
  command->callback([options, &run] {
    run = [options] {
      return run_client("tuntcp get", options->stack,
                        [options](stack_context& stack) { return get(*options, stack); });
    };
  });
}

}  // namespace tuntcp::tools
