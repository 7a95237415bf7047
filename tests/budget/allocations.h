// How often this program has called operator new.
#pragma once

#include <cstddef>

namespace tuntcp::budget {

std::size_t allocations();

}  // namespace tuntcp::budget
