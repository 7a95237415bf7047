#include "stack/api/stack_context.h"

namespace tuntcp {

stack_context::stack_context(boost::asio::io_context& io, std::unique_ptr<io::Device> device,
                             stack_config config) {
  engine_ = std::make_shared<api::Engine>(io, std::move(device), std::move(config));
  engine_->start();
}

stack_context::~stack_context() {
  stop();
}

void stack_context::stop() {
  engine_->stop();
}

std::expected<void, std::string> stack_context::set_sysctl(std::string_view name,
                                                           std::string_view value) {
  Host* host = engine_->host();
  if (host == nullptr) return std::unexpected("the stack has stopped");
  auto result = host->set_sysctl(name, value);
  engine_->flush();
  return result;
}

}  // namespace tuntcp
