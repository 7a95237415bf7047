#include "stack/tcp/recovery/undo.h"

#include "stack/base/canonical.h"

namespace tuntcp::tcp::recovery {

void Undo::describe(Canonical& out) const {
  out.number(marker_.has_value() | has_repeated_ << 1 | first_repeated_at_.has_value() << 2);
  if (marker_) out.local(*marker_);
  out.number(unproven_);
  if (first_repeated_at_) out.timestamp(*first_repeated_at_);
}

}  // namespace tuntcp::tcp::recovery
