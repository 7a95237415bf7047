// Numbers a connection starts with: RFC 9293, 3.4.1 and RFC 6528 for sequence numbers, RFC 7323,
// 5.4 for the timestamp clock's offset.
#pragma once

#include <cstdint>

#include "stack/base/address.h"
#include "stack/base/seq_num.h"
#include "stack/base/siphash.h"
#include "stack/base/time.h"

namespace tuntcp::tcp {

// ISN = M + F(local, remote, key). M ticks every 4 us (MUST-8), so a later incarnation of a
// connection starts above the earlier one; F is a keyed hash, so nobody else can compute it
// (MUST-9, SHLD-1).
SeqNum initial_sequence_number(const SipKey& key, const FourTuple& tuple, Instant now);

// What is added to the clock in TSval. A hash of the two addresses, as in Linux: RFC 6191 and
// tcp_tw_reuse need timestamps that rise from one incarnation to the next, and peers and firewalls
// that compare them between connections of one host find that they rise there too.
// Independent of the ISN's hash even under the same key.
std::uint32_t timestamp_offset(const SipKey& key, const FourTuple& tuple);

}  // namespace tuntcp::tcp
