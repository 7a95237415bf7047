// The runs are a sorted list of nodes from the arena. Most segments out of order continue the
// farthest run, so insert() looks there first.
#include "stack/buffer/reassembly.h"

#include <new>
#include <utility>

namespace tuntcp::buffer {
namespace {

Slice part_of(const Slice& slice, std::uint32_t begin, std::uint32_t octets) {
  Slice part = slice;
  part.remove_prefix(begin);
  part.truncate(octets);
  return part;
}

// Puts `octets` at the end of `pieces`: as they are if they may keep their block.
void enqueue(SliceQueue& pieces, Slice octets) {
  if (SliceQueue::may_pin(octets, octets.size())) {
    pieces.append(std::move(octets));
  } else {
    pieces.append_copy(std::move(octets));
  }
}

}  // namespace

static_assert(sizeof(Reassembly) <= 48);  // idle connections have one too

std::optional<SeqRange> Reassembly::insert(SeqNum seq, Slice data) {
  if (data.is_empty()) return std::nullopt;
  const SeqNum end = seq + data.size();

  // `run` becomes the first that reaches `seq` or lies behind it.
  Run* previous = nullptr;
  Run* run = first_;
  if (last_ != nullptr && last_->range.begin <= seq) {
    run = last_->range.end < seq ? nullptr : last_;
    previous = last_;  // what a new run follows; not looked at otherwise
  } else {
    for (; run != nullptr && run->range.end < seq; run = run->next) previous = run;
  }

  std::optional<SeqRange> duplicate;
  if (run == nullptr || run->range.begin > end) {
    run = make_run(previous, seq, data);
  } else {
    duplicate = merge(*run, seq, data);
  }
  run->touched = ++touches_;

  if (run_count_ > kMaxRuns) {
    Run* last_kept = first_;
    while (last_kept->next != last_) last_kept = last_kept->next;
    drop_after(last_kept);
  }
  return duplicate;
}

Reassembly::Run* Reassembly::make_run(Run* previous, SeqNum seq, const Slice& data) {
  static_assert(sizeof(Run) <= Arena::kNodeOctets);
  Run*& link = previous == nullptr ? first_ : previous->next;
  void* const node = SliceQueue::arena_of(data).take_node();
  link = ::new (node)
      Run{.next = link, .range = {.begin = seq, .end = seq}, .pieces = {}, .touched = 0};
  if (link->next == nullptr) last_ = link;
  ++run_count_;
  memory_ += Arena::kNodeOctets;
  append(*link, data);
  return link;
}

// Adds to `run`, which overlaps or touches the segment, what is missing before it, and behind it
// up to the segment's end; runs that are reached on the way become part of it.
std::optional<SeqRange> Reassembly::merge(Run& run, SeqNum seq, const Slice& data) {
  const SeqNum end = seq + data.size();
  std::optional<SeqRange> duplicate;
  const auto note_overlap = [&](const SeqRange& held) {
    const SeqRange both = {.begin = later_of(seq, held.begin), .end = earlier_of(end, held.end)};
    if (!duplicate && both.begin < both.end) duplicate = both;
  };

  note_overlap(run.range);
  if (seq < run.range.begin) prepend(run, part_of(data, 0, octets_between(seq, run.range.begin)));
  while (run.range.end < end) {
    const bool reaches_next = run.next != nullptr && run.next->range.begin <= end;
    const SeqNum hole_end = reaches_next ? run.next->range.begin : end;
    append(run, part_of(data, octets_between(seq, run.range.end),
                        octets_between(run.range.end, hole_end)));
    if (reaches_next) {
      note_overlap(run.next->range);
      absorb_next(run);
    }
  }
  return duplicate;
}

void Reassembly::prepend(Run& run, Slice octets) {
  const std::uint32_t count = octets.size();
  SliceQueue pieces;
  enqueue(pieces, std::move(octets));
  memory_ += pieces.memory();
  octets_ += count;
  pieces.append_all(std::move(run.pieces));
  run.pieces = std::move(pieces);
  run.range.begin = run.range.begin - count;
}

void Reassembly::append(Run& run, Slice octets) {
  const std::uint32_t count = octets.size();
  const std::uint32_t before = run.pieces.memory();
  enqueue(run.pieces, std::move(octets));
  memory_ += run.pieces.memory() - before;
  octets_ += count;
  run.range.end += count;
}

void Reassembly::absorb_next(Run& run) {
  Run* const absorbed = run.next;
  Arena& arena = SliceQueue::arena_of(absorbed->pieces.head()->slice);
  run.range.end = absorbed->range.end;
  run.pieces.append_all(std::move(absorbed->pieces));
  run.next = absorbed->next;
  if (last_ == absorbed) last_ = &run;
  --run_count_;
  memory_ -= Arena::kNodeOctets;
  absorbed->~Run();
  arena.give_back_node(absorbed);
}

std::optional<Slice> Reassembly::take(SeqNum rcv_nxt) {
  while (first_ != nullptr && first_->range.begin <= rcv_nxt) {
    Run& run = *first_;
    const std::uint32_t before = run.pieces.memory();
    Slice piece = run.pieces.take_front();
    memory_ -= before - run.pieces.memory();
    octets_ -= piece.size();
    const SeqNum begin = run.range.begin;
    run.range.begin += piece.size();
    if (run.range.is_empty()) {
      first_ = run.next;
      if (first_ == nullptr) last_ = nullptr;
      --run_count_;
      memory_ -= Arena::kNodeOctets;
      Arena& arena = SliceQueue::arena_of(piece);
      run.~Run();
      arena.give_back_node(&run);
    }
    const std::uint32_t known = octets_between(begin, rcv_nxt);
    if (known < piece.size()) {
      piece.remove_prefix(known);
      return piece;
    }
  }
  return std::nullopt;
}

std::size_t Reassembly::sack_blocks(std::array<SeqRange, 4>& out) const {
  std::array<std::uint32_t, 4> ages;
  std::size_t count = 0;
  for (const Run* run = first_; run != nullptr; run = run->next) {
    const std::uint32_t age = touches_ - run->touched;
    std::size_t place = count;
    while (place != 0 && ages[place - 1] > age) --place;
    if (place == out.size()) continue;
    if (count < out.size()) ++count;
    for (std::size_t i = count - 1; i > place; --i) {
      ages[i] = ages[i - 1];
      out[i] = out[i - 1];
    }
    ages[place] = age;
    out[place] = run->range;
  }
  return count;
}

void Reassembly::shrink_to(std::uint32_t octets) {
  if (memory_ <= octets) return;
  Run* last_kept = nullptr;
  std::uint32_t kept = 0;
  for (Run* run = first_; run != nullptr; run = run->next) {
    kept += run->pieces.memory() + Arena::kNodeOctets;
    if (kept > octets) break;
    last_kept = run;
  }
  drop_after(last_kept);
}

void Reassembly::clear() {
  drop_after(nullptr);
}

// Drops all runs behind `last_kept`, or all runs if that is null.
void Reassembly::drop_after(Run* last_kept) {
  Run*& link = last_kept == nullptr ? first_ : last_kept->next;
  last_ = last_kept;
  while (link != nullptr) {
    Run* const run = std::exchange(link, link->next);
    Arena& arena = SliceQueue::arena_of(run->pieces.head()->slice);
    octets_ -= run->range.octets();
    memory_ -= run->pieces.memory() + Arena::kNodeOctets;
    --run_count_;
    run->~Run();
    arena.give_back_node(run);
  }
}

}  // namespace tuntcp::buffer
