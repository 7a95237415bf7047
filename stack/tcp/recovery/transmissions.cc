#include "stack/tcp/recovery/transmissions.h"

#include <algorithm>
#include <utility>

namespace tuntcp::tcp::recovery {

// Marsaglia's xorshift: enough to keep a treap flat.
std::uint32_t TransmissionPool::draw_priority() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  return random_;
}

// ---- The tree: a treap, ordered by sequence number, a heap by priority.

void Transmissions::refresh(Node& node) {
  node.links.has_due = node.is_due() || has_due(node.links.lower) || has_due(node.links.upper);
}

void Transmissions::update_due(Transmission& transmission) {
  for (Node* node = &transmission; node != nullptr; node = node->links.parent) {
    const bool before = node->links.has_due;
    refresh(*node);
    // Nothing above can change once something here did not, but for the first, which may be new.
    if (node->links.has_due == before && node != &transmission) return;
  }
}

Transmission* Transmissions::find(SeqNum at) const {
  Node* node = root_;
  while (node != nullptr && !node->range.contains(at)) {
    node = at < node->range.begin ? node->links.lower : node->links.upper;
  }
  return node;
}

Transmission* Transmissions::first_due() const {
  if (!has_due(root_)) return nullptr;
  Node* node = root_;
  while (true) {
    if (has_due(node->links.lower)) {
      node = node->links.lower;
    } else if (node->is_due()) {
      return node;
    } else {
      node = node->links.upper;
    }
  }
}

void Transmissions::replace_child(Node* parent, const Node& child, Node* by) {
  if (parent == nullptr) {
    root_ = by;
  } else {
    (parent->links.lower == &child ? parent->links.lower : parent->links.upper) = by;
  }
  if (by != nullptr) by->links.parent = parent;
}

// The node takes its parent's place.
void Transmissions::rotate_up(Node& node) {
  Node& parent = *node.links.parent;
  const bool is_lower = parent.links.lower == &node;
  Node* const inner = is_lower ? node.links.upper : node.links.lower;
  replace_child(parent.links.parent, parent, &node);
  (is_lower ? parent.links.lower : parent.links.upper) = inner;
  if (inner != nullptr) inner->links.parent = &parent;
  (is_lower ? node.links.upper : node.links.lower) = &parent;
  parent.links.parent = &node;
  refresh(parent);
  refresh(node);
}

void Transmissions::insert_after(Node* before, Node& node) {
  Node* const after = before != nullptr ? before->links.next : first_;
  node.links.previous = before;
  node.links.next = after;
  (before != nullptr ? before->links.next : first_) = &node;
  (after != nullptr ? after->links.previous : last_) = &node;
  ++size_;

  // Its place as a leaf: above `before`, or below what comes after it.
  if (before != nullptr && before->links.upper == nullptr) {
    before->links.upper = &node;
    node.links.parent = before;
  } else if (after != nullptr) {
    after->links.lower = &node;
    node.links.parent = after;
  } else {
    root_ = &node;
  }
  node.links.priority = pool_->draw_priority();
  while (node.links.parent != nullptr && node.links.parent->links.priority < node.links.priority) {
    rotate_up(node);
  }
  update_due(node);
}

void Transmissions::remove(Node& node) {
  while (node.links.lower != nullptr && node.links.upper != nullptr) {
    const bool lower_wins = node.links.lower->links.priority > node.links.upper->links.priority;
    rotate_up(lower_wins ? *node.links.lower : *node.links.upper);
  }
  Node* const child = node.links.lower != nullptr ? node.links.lower : node.links.upper;
  Node* const parent = node.links.parent;
  replace_child(parent, node, child);
  if (parent != nullptr) update_due(*parent);

  Node* const previous = node.links.previous;
  Node* const next = node.links.next;
  (previous != nullptr ? previous->links.next : first_) = next;
  (next != nullptr ? next->links.previous : last_) = previous;
  leave_time_order(node);
  --size_;
  pool_->give_back(&node);
}

// ---- Ranges.

Transmission* Transmissions::append(SeqRange range) {
  Node* const node = pool_->take();
  if (node == nullptr) return nullptr;
  node->range = range;
  insert_after(last_, *node);
  return node;
}

Transmission* Transmissions::split(Transmission& transmission, SeqNum at) {
  Node* const upper = pool_->take();
  if (upper == nullptr) return nullptr;
  *upper = transmission;
  upper->links = {};
  upper->range.begin = at;
  transmission.range.end = at;
  const std::uint32_t whole = transmission.segments;
  transmission.segments = segments_of(transmission.octets(), transmission.mss);
  upper->segments = std::max(whole - std::min(whole, transmission.segments), 1U);
  insert_after(&transmission, *upper);
  if (!transmission.is_in_time_order) return upper;
  // Right behind the lower part: they left at the same time.
  Node* const after = transmission.links.sent_after;
  upper->links.sent_before = &transmission;
  upper->links.sent_after = after;
  transmission.links.sent_after = upper;
  (after != nullptr ? after->links.sent_before : youngest_) = upper;
  return upper;
}

void Transmissions::join_to_previous(Transmission& transmission) {
  Transmission& lower = *transmission.links.previous;
  lower.range.end = transmission.range.end;
  lower.segments += transmission.segments;
  remove(transmission);
}

void Transmissions::remove_first() {
  remove(*first_);
}

void Transmissions::clear() {
  while (first_ != nullptr) {
    Node* const node = std::exchange(first_, first_->links.next);
    pool_->give_back(node);
  }
  root_ = last_ = oldest_ = youngest_ = not_before_ = nullptr;
  size_ = 0;
}

// ---- The order of time.

void Transmissions::enter_time_order(Transmission& transmission) {
  leave_time_order(transmission);
  transmission.is_in_time_order = true;
  transmission.links.sent_before = youngest_;
  transmission.links.sent_after = nullptr;
  (youngest_ != nullptr ? youngest_->links.sent_after : oldest_) = &transmission;
  youngest_ = &transmission;
  if (not_before_ == nullptr) not_before_ = &transmission;
}

void Transmissions::enter_time_order_as_oldest(Transmission& transmission) {
  leave_time_order(transmission);
  transmission.is_in_time_order = true;
  transmission.links.sent_before = nullptr;
  transmission.links.sent_after = oldest_;
  (oldest_ != nullptr ? oldest_->links.sent_before : youngest_) = &transmission;
  if (not_before_ == oldest_) not_before_ = &transmission;
  oldest_ = &transmission;
}

void Transmissions::leave_time_order(Transmission& transmission) {
  if (!std::exchange(transmission.is_in_time_order, false)) return;
  Node* const before = transmission.links.sent_before;
  Node* const after = transmission.links.sent_after;
  (before != nullptr ? before->links.sent_after : oldest_) = after;
  (after != nullptr ? after->links.sent_before : youngest_) = before;
  if (not_before_ == &transmission) not_before_ = after;
  transmission.links.sent_before = transmission.links.sent_after = nullptr;
}

}  // namespace tuntcp::tcp::recovery
