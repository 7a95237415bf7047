// The runs are nodes from the arena in a splay tree (Sleator and Tarjan, Self-Adjusting Binary
// Search Trees, JACM 1985), which needs nothing but two links a node. Most segments out of order
// continue the farthest run, so insert() looks there first; what fills a hole comes to the top.
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

// Brings to the top the run at which the way down ends that `goes_left` chooses.
template <typename GoesLeft>
Reassembly::Run* Reassembly::splay(Run* top, GoesLeft goes_left) {
  if (top == nullptr) return nullptr;
  Run* before = nullptr;  // the tree of what was passed on the left, and its open end
  Run** before_end = &before;
  Run* behind = nullptr;
  Run** behind_begin = &behind;
  while (true) {
    if (goes_left(*top)) {
      if (top->left != nullptr && goes_left(*top->left)) {
        Run* const child = top->left;
        top->left = std::exchange(child->right, top);
        top = child;
      }
      if (top->left == nullptr) break;
      *behind_begin = top;
      behind_begin = &top->left;
      top = top->left;
    } else {
      if (top->right != nullptr && !goes_left(*top->right)) {
        Run* const child = top->right;
        top->right = std::exchange(child->left, top);
        top = child;
      }
      if (top->right == nullptr) break;
      *before_end = top;
      before_end = &top->right;
      top = top->right;
    }
  }
  *before_end = top->left;
  *behind_begin = top->right;
  top->left = before;
  top->right = behind;
  return top;
}

Reassembly::Run* Reassembly::first_to_the_top(Run* top) {
  return splay(top, [](const Run&) { return true; });
}
Reassembly::Run* Reassembly::last_to_the_top(Run* top) {
  return splay(top, [](const Run&) { return false; });
}

// Brings to the top the first run that ends at `seq` or behind it; null if there is none.
Reassembly::Run* Reassembly::reach(SeqNum seq) const {
  root_ = splay(root_, [seq](const Run& run) { return seq <= run.range.end; });
  if (root_ == nullptr || seq <= root_->range.end) return root_;
  // The way ended at the run before it.
  Run* const next = first_to_the_top(std::exchange(root_->right, nullptr));
  if (next == nullptr) return nullptr;
  next->left = root_;
  return root_ = next;
}

std::optional<SeqRange> Reassembly::insert(SeqNum seq, Slice data) {
  if (data.is_empty()) return std::nullopt;
  const SeqNum end = seq + data.size();

  // `run` is the first that reaches `seq` or lies behind it. The last one has none behind it that
  // would have to be found, so it may stay where it is.
  Run* run = nullptr;
  if (last_ != nullptr && seq <= last_->range.end) {
    run = last_->range.begin <= seq ? last_ : reach(seq);
  }
  std::optional<SeqRange> duplicate;
  if (run == nullptr || run->range.begin > end) {
    run = make_run(run, seq, data);
  } else {
    duplicate = merge(*run, seq, data);
  }
  remember(run->range);
  return duplicate;
}

// A run that becomes the top: before `behind`, which is there now, or at the end if that is null.
Reassembly::Run* Reassembly::make_run(Run* behind, SeqNum seq, const Slice& data) {
  static_assert(sizeof(Run) <= Arena::kNodeOctets);
  void* const node = SliceQueue::arena_of(data).take_node();
  Run* const left = behind == nullptr ? root_ : std::exchange(behind->left, nullptr);
  root_ = ::new (node)
      Run{.left = left, .right = behind, .range = {.begin = seq, .end = seq}, .pieces = {}};
  if (behind == nullptr) last_ = root_;
  memory_ += Arena::kNodeOctets;
  append(*root_, data);
  return root_;
}

// Adds to `run`, which overlaps or touches the segment and is the top or the last, what is missing
// before it, and behind it up to the segment's end; runs that are reached on the way become part of
// it.
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
    if (&run != last_) run.right = first_to_the_top(run.right);
    const Run* const next = run.right;
    const bool reaches_next = next != nullptr && next->range.begin <= end;
    const SeqNum hole_end = reaches_next ? next->range.begin : end;
    append(run, part_of(data, octets_between(seq, run.range.end),
                        octets_between(run.range.end, hole_end)));
    if (reaches_next) {
      note_overlap(next->range);
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

// `run` is the top, and the next one the top of what lies behind it.
void Reassembly::absorb_next(Run& run) {
  Run* const absorbed = run.right;
  Arena& arena = SliceQueue::arena_of(absorbed->pieces.head()->slice);
  run.range.end = absorbed->range.end;
  run.pieces.append_all(std::move(absorbed->pieces));
  run.right = absorbed->right;
  if (last_ == absorbed) last_ = &run;
  memory_ -= Arena::kNodeOctets;
  absorbed->~Run();
  arena.give_back_node(absorbed);
}

std::optional<Slice> Reassembly::take(SeqNum rcv_nxt) {
  while ((root_ = first_to_the_top(root_)) != nullptr && root_->range.begin <= rcv_nxt) {
    Run& run = *root_;
    const std::uint32_t before = run.pieces.memory();
    Slice piece = run.pieces.take_front();
    memory_ -= before - run.pieces.memory();
    octets_ -= piece.size();
    const SeqNum begin = run.range.begin;
    run.range.begin += piece.size();
    if (run.range.is_empty()) {
      forget(begin, run.range.end);
      root_ = run.right;
      if (root_ == nullptr) last_ = nullptr;
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

std::optional<SeqRange> Reassembly::part_below(SeqNum rcv_nxt) const {
  root_ = first_to_the_top(root_);
  if (root_ == nullptr || root_->range.begin >= rcv_nxt) return std::nullopt;
  return SeqRange{.begin = root_->range.begin, .end = earlier_of(root_->range.end, rcv_nxt)};
}

std::size_t Reassembly::sack_blocks(std::array<SeqRange, kMaxBlocks>& out) const {
  for (std::size_t i = 0; i < recent_count_; ++i) out[i] = reach(recent_[i] + 1)->range;
  return recent_count_;
}

// The run `changed` is the latest now; what was remembered of its parts is not needed any more.
void Reassembly::remember(const SeqRange& changed) {
  place_before_ = recent_count_;
  for (std::uint8_t i = recent_count_; i-- > 0;) {
    if (changed.contains(recent_[i])) place_before_ = i;
  }
  forget(changed.begin, changed.end);
  if (recent_count_ < kMaxBlocks) ++recent_count_;
  for (std::size_t i = recent_count_ - 1; i > 0; --i) recent_[i] = recent_[i - 1];
  // The last octet: take() takes a run from its front.
  recent_[0] = changed.end - 1;
}

void Reassembly::forget(SeqNum begin, SeqNum end) {
  const SeqRange gone{.begin = begin, .end = end};
  std::uint8_t kept = 0;
  for (std::size_t i = 0; i < recent_count_; ++i) {
    if (!gone.contains(recent_[i])) recent_[kept++] = recent_[i];
  }
  recent_count_ = kept;
}

void Reassembly::shrink_to(std::uint32_t octets) {
  while (memory_ > octets) drop_last();
}

void Reassembly::drop_last() {
  Run* const run = last_to_the_top(root_);
  forget(run->range.begin, run->range.end);
  root_ = last_to_the_top(run->left);
  last_ = root_;
  give_back(run);
}

void Reassembly::clear() {
  while (Run* const run = root_) {
    if (Run* const child = run->left) {
      run->left = std::exchange(child->right, run);
      root_ = child;
    } else {
      root_ = run->right;
      give_back(run);
    }
  }
  last_ = nullptr;
  recent_count_ = 0;
}

void Reassembly::give_back(Run* run) {
  Arena& arena = SliceQueue::arena_of(run->pieces.head()->slice);
  octets_ -= run->range.octets();
  memory_ -= run->pieces.memory() + Arena::kNodeOctets;
  run->~Run();
  arena.give_back_node(run);
}

}  // namespace tuntcp::buffer
