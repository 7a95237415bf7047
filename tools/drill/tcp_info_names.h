// TCP_INFO by the kernel's names, for code in scripts; the struct is Linux's own layout.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "stack/bsd/tcp_info.h"

namespace tuntcp::drill {

std::map<std::string, std::int64_t> tcp_info_by_name(const bsd::TcpInfo& info);

}  // namespace tuntcp::drill
