// The requirements of RFC 9293, appendix B: how many there are of each kind.
#pragma once

#include <map>
#include <string>

namespace tuntcp::lint {

// The highest number of each kind of label.
inline const std::map<std::string, int> kLabels = {
    {"MUST", 69}, {"SHLD", 31}, {"MAY", 18}, {"REC", 1}};

}  // namespace tuntcp::lint
