// A small HTTP/1.1 server on Boost.Beast:
//
//   GET  /             what there is
//   GET  /bytes/N      N octets of the character generator's stream (character_stream.h)
//   PUT  /sha256       the SHA-256 of the body, in hexadecimal; POST too
//   GET  /connections  the stack's connections, as `tuntcp ss -a -i` prints them
//
// Bodies are streamed both ways, so their size does not matter. Connections are kept alive.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stack/io/host_text.h"
#include "tools/tuntcp/character_stream.h"
#include "tools/tuntcp/services.h"
#include "tools/tuntcp/sha256.h"

namespace tuntcp::tools {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr const char* kServerName = "tuntcp";

constexpr const char* kIndex =
    "tuntcp: this page came through a TCP in user space.\n"
    "\n"
    "GET  /bytes/N      N octets\n"
    "PUT  /sha256       the SHA-256 of what you send (curl -T FILE URL)\n"
    "GET  /connections  the connections of this stack\n";

using Parser = http::request_parser<http::buffer_body>;

// One connection: requests one after the other.
class Session {
 public:
  Session(tcp::socket peer, stack_context& stack) : peer_(std::move(peer)), stack_(stack) {}
  asio::awaitable<void> run();

 private:
  asio::awaitable<bool> answer(Parser& parser);
  asio::awaitable<bool> send_text(const Parser& parser, http::status status, std::string text);
  asio::awaitable<bool> send_bytes(const Parser& parser, std::uint64_t count);
  asio::awaitable<std::optional<std::string>> hash_body(Parser& parser);

  tcp::socket peer_;
  stack_context& stack_;
  beast::flat_buffer buffer_;
};

asio::awaitable<void> Session::run() {
  while (true) {
    Parser parser;
    parser.body_limit(boost::none);
    const auto [error, size] = co_await http::async_read_header(peer_, buffer_, parser, use_tuple);
    if (error == http::error::end_of_stream) break;
    if (error) {
      // Beast's errors are the peer's mistakes; others are of the connection.
      if (error.category() == make_error_code(http::error::bad_method).category()) {
        co_await send_text(parser, http::status::bad_request, error.message() + "\n");
      }
      break;
    }
    const bool is_answered = co_await answer(parser);
    if (!is_answered || !parser.is_done() || !parser.get().keep_alive()) break;
  }
}

// False when the connection is of no use any more.
asio::awaitable<bool> Session::answer(Parser& parser) {
  const std::string_view target = parser.get().target();
  const http::verb method = parser.get().method();
  const bool is_get = method == http::verb::get || method == http::verb::head;

  if (target == "/sha256") {
    if (method != http::verb::put && method != http::verb::post) {
      co_return co_await send_text(parser, http::status::method_not_allowed, "PUT or POST\n");
    }
    const auto digest = co_await hash_body(parser);
    if (!digest) co_return false;
    co_return co_await send_text(parser, http::status::ok, *digest + "\n");
  }
  if (!is_get) co_return co_await send_text(parser, http::status::method_not_allowed, "GET\n");
  if (target == "/") co_return co_await send_text(parser, http::status::ok, kIndex);
  if (target == "/connections") {
    const Host* host = stack_.host();
    if (host == nullptr) co_return false;
    co_return co_await send_text(parser, http::status::ok,
                                 io::connection_table(*host, stack_.now(), {.with_details = true}));
  }
  constexpr std::string_view kBytes = "/bytes/";
  if (target.starts_with(kBytes)) {
    std::uint64_t count = 0;
    const char* end = target.data() + target.size();
    const auto parsed = std::from_chars(target.data() + kBytes.size(), end, count);
    if (parsed.ec == std::errc() && parsed.ptr == end) co_return co_await send_bytes(parser, count);
    co_return co_await send_text(parser, http::status::bad_request, "/bytes/ and a number\n");
  }
  co_return co_await send_text(parser, http::status::not_found, "There is no such page.\n");
}

asio::awaitable<bool> Session::send_text(const Parser& parser, http::status status,
                                         std::string text) {
  http::response<http::string_body> response(status, 11);
  response.set(http::field::server, kServerName);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.keep_alive(parser.is_done() && parser.get().keep_alive());
  response.body() = std::move(text);
  response.prepare_payload();
  if (parser.get().method() == http::verb::head) response.body().clear();
  const auto [error, size] = co_await http::async_write(peer_, response, use_tuple);
  co_return !error;
}

asio::awaitable<bool> Session::send_bytes(const Parser& parser, std::uint64_t count) {
  http::response<http::empty_body> response(http::status::ok, 11);
  response.set(http::field::server, kServerName);
  response.set(http::field::content_type, "application/octet-stream");
  response.keep_alive(parser.get().keep_alive());
  response.content_length(count);
  http::response_serializer<http::empty_body> serializer(response);
  const auto [header_error, header_size] =
      co_await http::async_write_header(peer_, serializer, use_tuple);
  if (header_error) co_return false;
  if (parser.get().method() == http::verb::head) co_return true;

  for (std::uint64_t offset = 0; offset < count;) {
    const auto piece = characters(offset, count - offset);
    const auto [error, size] =
        co_await asio::async_write(peer_, asio::buffer(piece.data(), piece.size()), use_tuple);
    if (error) co_return false;
    offset += size;
  }
  co_return true;
}

// Nothing when the connection failed before the body was complete.
asio::awaitable<std::optional<std::string>> Session::hash_body(Parser& parser) {
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    http::response<http::empty_body> go_on(http::status::continue_, 11);
    const auto [error, size] = co_await http::async_write(peer_, go_on, use_tuple);
    if (error) co_return std::nullopt;
  }
  constexpr std::size_t kOctets = 64 * 1024;
  const auto octets = std::make_unique_for_overwrite<char[]>(kOctets);
  Sha256 digest;
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = octets.get();
    body.size = kOctets;
    const auto [error, size] = co_await http::async_read(peer_, buffer_, parser, use_tuple);
    if (error && error != http::error::need_buffer) co_return std::nullopt;
    digest.add(octets.get(), kOctets - body.size);
  }
  co_return digest.hex();
}

}  // namespace

asio::awaitable<void> serve_http(tcp::socket peer, stack_context& stack) {
  Session session(std::move(peer), stack);
  co_await session.run();
}

}  // namespace tuntcp::tools
