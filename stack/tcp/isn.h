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

// What is added to the clock in TSval. A keyed hash of the addresses and the ports, as in Linux
// 6.18: RFC 6191 and tcp_tw_reuse need timestamps that rise from one incarnation of a connection to
// the next, and nobody can tell from one connection what another's timestamps or the uptime are
// (RFC 7323, 5.4). Independent of the ISN's hash even under the same key.
std::uint32_t timestamp_offset(const SipKey& key, const FourTuple& tuple);

}  // namespace tuntcp::tcp
