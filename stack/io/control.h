// The control socket of a running stack: a Unix-domain socket on which one line asks and a text
// answers. What can be asked is not here: see host_text.h.
//
// The answer's first line is "ok", and the text follows, or "error " and the reason; then the
// server closes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "stack/io/failure.h"

namespace tuntcp::io {

class ControlServer {
 public:
  // The text, or one line that says why not. Called on the thread that runs the io_context.
  using Answer = std::function<std::expected<std::string, std::string>(std::string_view request)>;

  // Only the owner of this process may connect (mode 0600). A socket that a dead process left is
  // replaced; one that is in use, or another kind of file, is a failure.
  static Outcome<std::unique_ptr<ControlServer>> open(boost::asio::io_context& io,
                                                      const std::string& path, Answer answer);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();  // the file is removed; clients being served are cut off

 private:
  struct Server;
  explicit ControlServer(std::shared_ptr<Server> server);
  std::shared_ptr<Server> server_;
};

// The client's side; blocks for at most some seconds.
Outcome<std::string> ask_control(const std::string& path, std::string_view request);

}  // namespace tuntcp::io
