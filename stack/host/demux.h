// Which connection a segment belongs to: one table for all sizes of connection. RFC 9293, 3.3.1,
// "a TCP connection is identified by a pair of endpoints". Listeners are found elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "stack/base/address.h"
#include "stack/base/check.h"
#include "stack/base/siphash.h"

namespace tuntcp {

// FourTuple to slab index. Open addressing with linear probing: a slot is 8 octets, so one cache
// line usually answers. The tuple itself is kept by the object the entry names, not here; a slot
// has 32 bits of its keyed hash, so all but one in 2^32 strangers are rejected without looking at
// the object. The key makes it impossible to choose endpoints that collide.
//
// Erasing shifts the rest of the run back, so there are no tombstones and lookups stay short
// however long the host runs. Grows at 70 % and never shrinks. Thread rule: the host's.
class Demux {
 public:
  enum class Kind : std::uint8_t { tcb = 1, half_open = 2, time_wait = 3 };
  struct Entry {
    Kind kind;
    std::uint32_t index;  // in the slab of that kind and address family, less than 2^30
    friend constexpr bool operator==(const Entry&, const Entry&) = default;
  };

  explicit Demux(const SipKey& key);

  // The entry whose object `matches(entry, tuple)`. The callable is asked for hardly any entry
  // but the right one, and must look at the object's own tuple.
  template <class Matches>
  std::optional<Entry> find(const FourTuple& tuple, Matches matches) const {
    const std::uint32_t hash = hash_of(tuple);
    for (std::size_t at = hash & mask_; slots_[at].is_used(); at = (at + 1) & mask_) {
      if (slots_[at].hash != hash) continue;
      const Entry entry = slots_[at].entry();
      if (matches(entry, tuple)) return entry;
    }
    return std::nullopt;
  }

  // `tuple` must not be in the table.
  void insert(const FourTuple& tuple, Entry entry);
  // `tuple` must be there, with exactly this entry.
  void erase(const FourTuple& tuple, Entry entry);
  // The connection changed its size (a half-open one is promoted, a Tcb enters TIME-WAIT).
  void replace(const FourTuple& tuple, Entry old_entry, Entry new_entry);

  std::size_t size() const { return size_; }
  std::size_t capacity() const { return slots_.size(); }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t kind_and_index = 0;  // two bits of kind, of which none is 0, above the index

    bool is_used() const { return kind_and_index != 0; }
    Entry entry() const {
      return {.kind = static_cast<Kind>(kind_and_index >> 30),
              .index = kind_and_index & ((1U << 30) - 1)};
    }
    friend constexpr bool operator==(const Slot&, const Slot&) = default;
  };
  static_assert(sizeof(Slot) == 8);

  static std::uint32_t packed(Entry entry) {
    TUNTCP_CHECK(entry.index < 1U << 30);
    return static_cast<std::uint32_t>(entry.kind) << 30 | entry.index;
  }
  std::uint32_t hash_of(const FourTuple& tuple) const {
    return static_cast<std::uint32_t>(siphash(key_, tuple));
  }
  void place(Slot slot);
  std::size_t position_of(const FourTuple& tuple, Entry entry) const;
  void grow();

  SipKey key_;
  std::size_t size_ = 0;
  std::size_t mask_;  // capacity - 1; the capacity is a power of two
  std::vector<Slot> slots_;
};

}  // namespace tuntcp
