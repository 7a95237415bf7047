#include "stack/tcp/recovery/scoreboard.h"

#include <algorithm>

#include "stack/base/canonical.h"

namespace tuntcp::tcp::recovery {

void Scoreboard::clear() {
  ranges_.clear();
  segments_ = 0;
  sacked_ = lost_ = too_big_ = repeated_ = {};
}

void Scoreboard::add(Sum& sum, const Transmission& transmission) {
  sum.octets += transmission.octets();
  sum.segments += transmission.segments;
}

void Scoreboard::subtract(Sum& sum, const Transmission& transmission) {
  sum.octets -= transmission.octets();
  sum.segments -= transmission.segments;
}

SeqNum Scoreboard::highest_sacked() const {
  return sacked_.octets == 0 ? begin() : later_of(highest_sacked_, begin());
}

// ---- Sending.

namespace {

// Could octets that leave now be a part of it?
bool is_same_burst(const Transmission& last, Instant now, std::uint32_t mss) {
  const bool is_marked = last.is_sacked || last.is_lost || last.is_too_big || last.was_repeated;
  return !is_marked && last.sent_at == now && last.mss == mss && last.octets() % mss == 0;
}

}  // namespace

bool Scoreboard::has_room_for(Instant now, std::uint32_t mss) const {
  return ranges_.has_room() || (!is_empty() && is_same_burst(*ranges_.last(), now, mss));
}

bool Scoreboard::on_sent(const Sending& sending, const DeliveryState& delivery) {
  if (!is_empty() && is_same_burst(*ranges_.last(), sending.now, sending.mss)) {
    Transmission& last = *ranges_.last();
    last.range.end = sending.range.end;
    last.segments += sending.segments;
    last.delivery.in_flight = delivery.in_flight;
    segments_ += sending.segments;
    return true;
  }
  Transmission* const added = ranges_.append(sending.range);
  if (added == nullptr) return false;
  added->sent_at = sending.now;
  added->mss = sending.mss;
  added->segments = sending.segments;
  added->delivery = delivery;
  segments_ += sending.segments;
  ranges_.enter_time_order(*added);
  return true;
}

void Scoreboard::on_repeated(const Sending& sending, const DeliveryState& delivery) {
  Transmission* found = ranges_.find(sending.range.begin);
  if (found == nullptr) return;
  // The last segment alone of what left in one packet.
  if (found->range.begin < sending.range.begin) {
    if (auto* const upper = ranges_.split(*found, sending.range.begin)) found = upper;
  }
  while (found->range.end < sending.range.end && found->links.next != nullptr) join_next(*found);
  // Without room for another range the whole counts as sent again; what was not really sent is
  // found lost like any other loss.
  if (sending.range.end < found->range.end) ranges_.split(*found, sending.range.end);
  unmark(*found);
  segments_ -= found->segments;
  found->mss = sending.mss;
  found->segments = sending.segments;
  segments_ += found->segments;
  // A probe repeats what may well be in flight, and does not count beside it (as in Linux). What
  // was only too big for the path is in flight now like the rest.
  found->is_repeated = found->is_lost;
  found->is_too_big = false;
  found->was_repeated = true;
  found->sent_at = sending.now;
  found->delivery = delivery;
  if (found->is_sacked) add(sacked_, *found);
  if (found->is_lost) add(lost_, *found);
  if (found->is_repeated) add(repeated_, *found);
  ranges_.enter_time_order(*found);
  ranges_.update_due(*found);
}

// What follows it leaves in one packet with it: both have the same marks.
void Scoreboard::join_next(Transmission& transmission) {
  Transmission& next = *transmission.links.next;
  transmission.was_repeated |= next.was_repeated;
  ranges_.join_to_previous(next);
}

// Takes the transmission out of every sum; its marks stay.
void Scoreboard::unmark(Transmission& transmission) {
  if (transmission.is_sacked) subtract(sacked_, transmission);
  if (transmission.is_lost) subtract(lost_, transmission);
  if (transmission.is_too_big) subtract(too_big_, transmission);
  if (transmission.is_repeated) subtract(repeated_, transmission);
}

// ---- What ACKs say.

Transmission* Scoreboard::part_inside(Transmission& transmission, SeqRange block) {
  Transmission* part = &transmission;
  if (part->range.begin < block.begin) {
    const std::uint32_t before = octets_between(part->range.begin, block.begin);
    const std::uint32_t whole = segments_of(before, part->mss) * part->mss;
    if (whole >= part->octets()) return nullptr;
    part = ranges_.split(*part, part->range.begin + whole);
    if (part == nullptr) return nullptr;
  }
  if (part->range.end > block.end) {
    if (block.end <= part->range.begin) return nullptr;
    const std::uint32_t inside = octets_between(part->range.begin, block.end);
    const std::uint32_t whole = inside - inside % part->mss;
    if (whole == 0) return nullptr;
    if (ranges_.split(*part, part->range.begin + whole) == nullptr) return nullptr;
  }
  return part;
}

void Scoreboard::sack(Transmission& transmission) {
  unmark(transmission);
  transmission.is_sacked = true;
  transmission.is_lost = transmission.is_too_big = transmission.is_repeated = false;
  if (sacked_.octets == 0 || transmission.range.end > highest_sacked_) {
    highest_sacked_ = transmission.range.end;
  }
  add(sacked_, transmission);
  ranges_.leave_time_order(transmission);
  ranges_.update_due(transmission);
}

Transmission* Scoreboard::join_sacked(Transmission& transmission) {
  Transmission* joined = &transmission;
  Transmission* const before = joined->links.previous;
  if (before != nullptr && before->is_sacked) {
    before->was_repeated |= joined->was_repeated;
    ranges_.join_to_previous(*joined);
    joined = before;
  }
  Transmission* const after = joined->links.next;
  if (after != nullptr && after->is_sacked) {
    joined->was_repeated |= after->was_repeated;
    ranges_.join_to_previous(*after);
  }
  return joined;
}

void Scoreboard::acknowledge_first(SeqNum una) {
  Transmission& first = *ranges_.first();
  unmark(first);
  segments_ -= first.segments;
  if (first.range.end <= una) return ranges_.remove_first();
  first.range.begin = una;
  first.segments = std::min(first.segments, std::max(segments_of(first.octets(), first.mss), 1U));
  segments_ += first.segments;
  if (first.is_sacked) add(sacked_, first);
  if (first.is_lost) add(lost_, first);
  if (first.is_too_big) add(too_big_, first);
  if (first.is_repeated) add(repeated_, first);
}

// ---- What is found out about losses.

void Scoreboard::lose(Transmission& transmission) {
  unmark(transmission);
  transmission.is_lost = true;
  transmission.is_too_big = transmission.is_repeated = false;
  add(lost_, transmission);
  if (transmission.is_sacked) add(sacked_, transmission);
  ranges_.leave_time_order(transmission);
  ranges_.update_due(transmission);
}

void Scoreboard::find_too_big(Transmission& transmission) {
  unmark(transmission);
  transmission.is_too_big = true;
  transmission.is_lost = transmission.is_repeated = false;
  add(too_big_, transmission);
  ranges_.leave_time_order(transmission);
  ranges_.update_due(transmission);
}

void Scoreboard::forget_losses() {
  // From the last to the first, so that the older ones come to be before the younger.
  for (Transmission* t = last(); t != nullptr; t = t->links.previous) {
    if (!t->is_lost) continue;
    subtract(lost_, *t);
    t->is_lost = false;
    if (!t->is_in_time_order) ranges_.enter_time_order_as_oldest(*t);
    ranges_.update_due(*t);
  }
}

void Scoreboard::forget_sacks() {
  for (Transmission* t = first(); t != nullptr; t = t->links.next) {
    if (!t->is_sacked) continue;
    t->is_sacked = false;
    ranges_.update_due(*t);
  }
  sacked_ = {};
}

void Scoreboard::describe(Canonical& out) const {
  out.number(size());
  for (const Transmission* t = first(); t != nullptr; t = t->links.next) {
    out.local(t->range.begin);
    out.local(t->range.end);
    out.number(t->mss);
    out.number(t->segments);
    out.number(t->is_sacked | t->is_lost << 1 | t->is_too_big << 2 | t->is_repeated << 3 |
               t->was_repeated << 4);
    if (!t->is_sacked) out.age(t->sent_at);
  }
}

}  // namespace tuntcp::tcp::recovery
