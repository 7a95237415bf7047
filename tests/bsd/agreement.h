// Runs one program with the kernel's sockets and with ours; the records must agree.
#pragma once

#include <gtest/gtest.h>

#include "tests/bsd/world.h"

namespace tuntcp::test {

using Program = void (*)(World&);

struct Case {
  const char* name;
  Program run;
};
inline std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

// The record of a program in a network namespace of its own; empty where that is not allowed.
std::vector<std::string> record_of_kernel(Program program);
std::vector<std::string> record_of_engine(Program program);

class Agreement : public testing::TestWithParam<Case> {};

// What a group of programs about one subject is registered by.
#define TUNTCP_AGREEMENT(group, ...)                                                            \
  INSTANTIATE_TEST_SUITE_P(group, Agreement, testing::ValuesIn(std::vector<Case>{__VA_ARGS__}), \
                           name_of_case)

}  // namespace tuntcp::test
