#include "stack/api/stack_context.h"

namespace tuntcp {

stack_context::stack_context(boost::asio::io_context& io, std::shared_ptr<io::Device> device,
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

}  // namespace tuntcp
