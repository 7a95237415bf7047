// tuntcp link: a path with delay, loss, a rate and a queue between two TUN devices, in real time.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tools/link/bridge.h"
#include "tools/tuntcp/commands.h"

namespace tuntcp::tools {
namespace {

void add_end(CLI::App& command, const std::string& name, const std::string& device,
             link::End& end) {
  command
      .add_option_function<std::string>(
          "--" + name,
          [&end, name, device](const std::string& text) {
            const auto parsed = link::End::parse(text, device);
            if (!parsed) {
              throw CLI::ValidationError(
                  "--" + name, "'" + text + "' is none of DEVICE, DEVICE@NETNS and @NETNS");
            }
            end.device = parsed->device;
            end.network_namespace = parsed->network_namespace;
          },
          "TUN device of end " + name +
              ", made if there is none; NETNS as 'ip netns' names it, or a path")
      ->required()
      ->type_name("DEVICE|DEVICE@NETNS|@NETNS");
  command
      .add_option_function<std::vector<std::string>>(
          "--" + name + "-address",
          [&end, name](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              const auto prefix = Prefix::parse(text);
              if (!prefix) {
                throw CLI::ValidationError("--" + name + "-address",
                                           "'" + text + "' is not an address and a length, such " +
                                               "as 203.0.113.1/24 or 2001:db8::1/64");
              }
              end.addresses.push_back(*prefix);
            }
          },
          "The kernel's address at end " + name + "; repeatable")
      ->type_name("A/LEN")
      ->allow_extra_args(false)
      ->delimiter(',');
}

// Words are taken after both of "--loss" and "--ab-loss" are known: the special one wins.
struct WordOption {
  std::string name;
  std::string value;
};

void add_words(CLI::App& command, std::vector<std::shared_ptr<WordOption>>& options) {
  for (const std::string prefix : {"", "ab-", "ba-"}) {
    for (const link::Word& word : link::path_words()) {
      auto option = std::make_shared<WordOption>();
      option->name = prefix + word.name;
      CLI::Option* const added =
          command.add_option("--" + option->name, option->value, word.meaning)
              ->type_name(word.value);
      // One line in the help for three options.
      if (!prefix.empty()) added->group("");
      options.push_back(std::move(option));
    }
  }
}

}  // namespace

void add_link(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("link", "A path between two TUN devices, as bad as asked for");
  auto options = std::make_shared<link::BridgeOptions>();
  add_end(*command, "a", "link_a", options->a);
  add_end(*command, "b", "link_b", options->b);
  auto words = std::make_shared<std::vector<std::shared_ptr<WordOption>>>();
  add_words(*command, *words);
  command->add_option("--seed", options->seed, "Of all chances")->capture_default_str();
  command->add_option("--device-mtu", options->mtu, "MTU of both devices")->capture_default_str();
  command->footer(
      "A setting is for both directions, or for one: --ab-loss, --ba-delay. Lines on standard "
      "input\nchange them while it runs ('ab-loss 5% delay 20ms', 'rate none') and ask for "
      "'counts'. Each line\nis answered: ok, error and the reason, or the counts. The counts are "
      "printed at the end, too.");
  command->callback([options, words, &run] {
    for (const auto& word : *words) {
      if (word->value.empty()) continue;
      const auto set = link::set_word(options->path, word->name, word->value);
      if (!set) throw CLI::ValidationError("--" + word->name, set.error());
    }
    if (options->a.to_text() == options->b.to_text()) {
      throw CLI::ValidationError("--b", "is the same device as --a");
    }
    run = [options] {
      const auto ended = link::run_bridge(*options);
      if (ended) return 0;
      std::fprintf(stderr, "tuntcp link: %s\n", ended.error().text.c_str());
      return 1;
    };
  });
}

}  // namespace tuntcp::tools
