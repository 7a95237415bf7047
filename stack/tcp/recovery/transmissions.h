// What was sent and is not yet acknowledged: ranges of sequence numbers, each with the times and
// the state of delivery of its latest transmission. Found by sequence number in O(log n), walked in
// order of sequence numbers or of transmission times. RFC 2018 (the scoreboard), RFC 8985, 5.1.
//
// Not here: what an ACK means for the ranges (scoreboard.h) and what is lost (rack.h, recovery.h).
#pragma once

#include <cstdint>

#include "stack/base/seq_num.h"
#include "stack/base/slab.h"
#include "stack/base/time.h"

namespace tuntcp::tcp::recovery {

// How far delivery had come when a segment left: what a delivery-rate sample begins with.
struct DeliveryState {
  Instant first_sent_at;        // when the flight began that this sample will measure
  Instant delivered_at;         // the latest delivery that was known
  std::uint64_t delivered = 0;  // octets known to be delivered by then
  std::uint64_t lost = 0;       // octets marked lost by then
  std::uint32_t in_flight = 0;  // octets, this transmission included
  bool is_app_limited = false;  // the application had no more to send
};

// One range: whole segments of `mss` octets, of which only the last may be shorter. A burst of
// 64 KB is one range; it is split where an ACK, a loss or a retransmission cuts it.
struct Transmission {
  SeqRange range;
  Instant sent_at;  // the latest time
  DeliveryState delivery;
  std::uint32_t mss = 0;
  std::uint32_t segments = 0;
  bool is_sacked = false;
  bool is_lost = false;           // stays while its retransmission is in flight
  bool is_too_big = false;        // the path did not carry it: nothing is said about congestion
  bool is_repeated = false;       // a retransmission of it is in flight
  bool was_repeated = false;      // retransmitted at any time (Karn)
  bool is_in_time_order = false;  // may still be found lost by its time

  std::uint32_t octets() const { return range.octets(); }
  // To be sent again, and not yet sent.
  bool is_due() const { return (is_lost || is_too_big) && !is_repeated && !is_sacked; }

  // Of the containers below.
  struct Links {
    Transmission* parent = nullptr;
    Transmission* lower = nullptr;  // the subtree of smaller sequence numbers
    Transmission* upper = nullptr;
    Transmission* previous = nullptr;  // by sequence number
    Transmission* next = nullptr;
    Transmission* sent_before = nullptr;  // by time
    Transmission* sent_after = nullptr;
    std::uint32_t priority = 0;  // of the heap that keeps the tree flat
    bool has_due = false;        // something in this subtree is_due()
  } links;
};

// How many segments of at most `mss` octets these are.
constexpr std::uint32_t segments_of(std::uint32_t octets, std::uint32_t mss) {
  return mss == 0 ? 1 : (octets + mss - 1) / mss;
}

// The ranges of all connections of a host. Reaching its bound is a normal event: ranges are then
// joined instead of added, and not split, so that SACK blocks are used less than they could be.
class TransmissionPool {
 public:
  explicit TransmissionPool(std::size_t limit) : slab_(limit) {}
  Transmission* take() { return slab_.emplace(); }  // null at the limit
  void give_back(Transmission* transmission) { slab_.erase(*transmission); }
  std::size_t size() const { return slab_.size(); }
  bool is_full() const { return slab_.size() == slab_.limit(); }
  std::uint32_t draw_priority();

 private:
  Slab<Transmission> slab_;
  std::uint32_t random_ = 1;  // of priorities: nobody outside can choose or see them
};

// Contiguous from SND.UNA to SND.NXT. Owns its ranges; the pool must outlive it.
class Transmissions {
 public:
  Transmissions() = default;
  Transmissions(const Transmissions&) = delete;
  Transmissions& operator=(const Transmissions&) = delete;
  ~Transmissions() { clear(); }
  // Before anything else.
  void use(TransmissionPool& pool) { pool_ = &pool; }

  bool is_empty() const { return first_ == nullptr; }
  std::size_t size() const { return size_; }
  bool has_room() const { return !pool_->is_full(); }
  Transmission* first() const { return first_; }
  Transmission* last() const { return last_; }
  SeqNum begin() const { return first_->range.begin; }
  SeqNum end() const { return last_->range.end; }
  // The one that contains `at`, or null.
  Transmission* find(SeqNum at) const;
  // The first that is_due(), or null.
  Transmission* first_due() const;

  // At the end: null if the pool is used up.
  Transmission* append(SeqRange range);
  // Makes a boundary at `at`, inside `transmission`; returns the upper part, or null if the pool is
  // used up. Marks, times and the place in the order of time are those of the whole.
  Transmission* split(Transmission& transmission, SeqNum at);
  // Joins `transmission` to the one before it, whose marks and times are then those of both.
  void join_to_previous(Transmission& transmission);
  void remove_first();
  void clear();
  // After any change of is_lost, is_repeated or is_sacked.
  void update_due(Transmission& transmission);

  // By time, the oldest first. A transmission enters it at the end when it is sent and leaves it
  // when it is SACKed or found lost.
  Transmission* oldest() const { return oldest_; }
  // The youngest of those at the front of the order for which is_before(transmission) is true, or
  // null. What it is true for once it must be true for ever: each is asked about once.
  template <class IsBefore>
  Transmission* youngest_before(IsBefore is_before) {
    while (not_before_ != nullptr && is_before(*not_before_)) {
      not_before_ = not_before_->links.sent_after;
    }
    return not_before_ != nullptr ? not_before_->links.sent_before : youngest_;
  }
  void enter_time_order(Transmission& transmission);
  // One that was found lost and is not: it left before all that are waited for.
  void enter_time_order_as_oldest(Transmission& transmission);
  void leave_time_order(Transmission& transmission);

 private:
  using Node = Transmission;
  static bool has_due(const Node* node) { return node != nullptr && node->links.has_due; }
  static void refresh(Node& node);
  void insert_after(Node* before, Node& node);
  void rotate_up(Node& node);
  void replace_child(Node* parent, const Node& child, Node* by);
  void remove(Node& node);

  TransmissionPool* pool_ = nullptr;
  Node* root_ = nullptr;
  Node* first_ = nullptr;
  Node* last_ = nullptr;
  Node* oldest_ = nullptr;
  Node* youngest_ = nullptr;
  Node* not_before_ = nullptr;  // of youngest_before(): the first that it was not true for, yet
  std::uint32_t size_ = 0;
};

}  // namespace tuntcp::tcp::recovery
