// How often this program has called operator new.
#pragma once

#include <cstddef>

namespace tuntcp::test {

std::size_t allocations();

}  // namespace tuntcp::test
