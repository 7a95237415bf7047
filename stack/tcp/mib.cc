#include "stack/tcp/mib.h"

#include "stack/base/check.h"

namespace tuntcp {
namespace {

struct Row {
  const char* name;
  const char* meaning;
};

constexpr std::array<Row, kCounterCount> kRows{{
#define TUNTCP_MIB_ROW(enumerator, name, meaning) {name, meaning},
    TUNTCP_MIB(TUNTCP_MIB_ROW)
#undef TUNTCP_MIB_ROW
}};

const Row& row(Counter counter) {
  const auto index = static_cast<std::size_t>(counter);
  TUNTCP_CHECK(index < kRows.size());
  return kRows[index];
}

}  // namespace

const char* nstat_name(Counter counter) {
  return row(counter).name;
}

const char* meaning(Counter counter) {
  return row(counter).meaning;
}

}  // namespace tuntcp
