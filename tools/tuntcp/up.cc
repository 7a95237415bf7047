// tuntcp up: brings a stack up on a TUN device and serves the sample applications until SIGINT or
// SIGTERM.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>

#include "stack/io/control.h"
#include "stack/io/host_text.h"
#include "tools/tuntcp/commands.h"
#include "tools/tuntcp/serve.h"
#include "tools/tuntcp/stack_options.h"

namespace tuntcp::tools {

namespace asio = boost::asio;

namespace {

// How long connections get to end politely when the program is told to stop.
constexpr Duration kFarewell = Duration::seconds(1);

struct UpOptions {
  StackOptions stack;
  std::vector<Service> services;
  std::string control;
};

int fail(const std::string& reason) {
  std::fprintf(stderr, "tuntcp up: %s\n", reason.c_str());
  return 1;
}

void print_ready_line(const OpenedStack& stack, const UpOptions& options) {
  std::string line = "tuntcp up: " + stack.device_name;
  for (const Prefix& address : options.stack.addresses) line += " " + address.address.to_string();
  for (const Service& service : options.services) {
    line += std::string(" ") + to_string(service.kind) + ":" + std::to_string(service.port);
  }
  std::printf("%s ready\n", line.c_str());
  std::fflush(stdout);
}

int run_up(const UpOptions& options) {
  const auto logger = make_logger(options.stack);
  asio::io_context io(1);
  auto stack = open_stack(io, options.stack, logger);
  if (!stack) return fail(stack.error().text);
  stack_context& context = *stack->context;

  for (const Service& service : options.services) {
    try {
      serve(io, context, service, logger);
    } catch (const boost::system::system_error& error) {
      return fail("cannot serve " + std::string(to_string(service.kind)) + " on port " +
                  std::to_string(service.port) + ": " + error.code().message());
    }
  }

  std::unique_ptr<io::ControlServer> control;
  if (!options.control.empty()) {
    auto opened = io::ControlServer::open(
        io, options.control,
        [&context](std::string_view request) -> std::expected<std::string, std::string> {
          Host* host = context.host();
          if (host == nullptr) return std::unexpected("the stack has stopped");
          auto answer = io::answer_request(*host, context.now(), request);
          context.flush();
          return answer;
        });
    if (!opened) return fail(opened.error().text);
    control = std::move(*opened);
  }

  int status = 0;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  const auto end = [&] {
    control.reset();
    signals.cancel();
  };
  signals.async_wait([&](const boost::system::error_code& error, int signal) {
    if (error) return;
    logger->info("{}: closing", signal == SIGINT ? "SIGINT" : "SIGTERM");
    context.async_shut_down(kFarewell, [&](const boost::system::error_code& left) {
      if (left) logger->info("some connections were left");
      end();
    });
  });
  context.async_wait_device_lost([&](const boost::system::error_code& reason) {
    if (reason == asio::error::operation_aborted) return;
    status = fail(stack->device_name + " is gone: " + reason.message() +
                  "; it was deleted or moved to another network namespace");
    end();
  });

  print_ready_line(*stack, options);
  io.run();
  return status;
}

}  // namespace

void add_up(CLI::App& app, Run& run) {
  auto options = std::make_shared<UpOptions>();
  CLI::App* command = app.add_subcommand("up", "Bring a stack up and serve sample applications");
  add_stack_options(*command, options->stack, "info");
  command
      ->add_option_function<std::vector<std::string>>(
          "--serve",
          [options](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              const auto service = Service::parse(text);
              if (!service) throw CLI::ValidationError("--serve", service.error());
              options->services.push_back(*service);
            }
          },
          "Applications and their ports: echo:7,discard:9,chargen:19,http:80; repeatable")
      ->type_name("NAME:PORT")
      ->allow_extra_args(false)
      ->delimiter(',');
  command->add_option("--control", options->control,
                      "Unix-domain socket on which tuntcp ss, nstat and sysctl may ask");
  command->callback([options, &run] { run = [options] { return run_up(*options); }; });
}

}  // namespace tuntcp::tools
