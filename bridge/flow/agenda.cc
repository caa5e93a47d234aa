#include "bridge/flow/agenda.h"

#include <algorithm>

namespace muster::bridge {
namespace {

bool IsEmpty(const std::array<absl::Time, kUrgencies>& at) {
  return std::all_of(at.begin(), at.end(),
                     [](absl::Time t) { return t == absl::InfiniteFuture(); });
}

}  // namespace

void Agenda::Enqueue(const std::string& name, Entry& entry) {
  for (size_t i = 0; i < kUrgencies; ++i) {
    if (entry.at[i] != absl::InfiniteFuture()) queues_[i].emplace(entry.at[i], name);
  }
}

void Agenda::Dequeue(const std::string& name, Entry& entry) {
  for (size_t i = 0; i < kUrgencies; ++i) {
    if (entry.at[i] != absl::InfiniteFuture()) queues_[i].erase({entry.at[i], name});
  }
}

void Agenda::Put(const std::string& item, Urgency urgency, absl::Time at) {
  auto [it, fresh] = items_.try_emplace(item);
  Entry& entry = it->second;
  if (fresh) entry.at.fill(absl::InfiniteFuture());
  const size_t i = static_cast<size_t>(urgency);
  if (at >= entry.at[i]) {
    if (IsEmpty(entry.at) && !entry.taken) items_.erase(it);
    return;
  }
  if (!entry.taken) Dequeue(it->first, entry);
  entry.at[i] = at;
  if (!entry.taken) Enqueue(it->first, entry);
}

void Agenda::Drop(const std::string& item) {
  const auto it = items_.find(item);
  if (it == items_.end()) return;
  if (it->second.taken) {
    it->second.at.fill(absl::InfiniteFuture());
    return;
  }
  Dequeue(it->first, it->second);
  items_.erase(it);
}

std::optional<Agenda::Taken> Agenda::Take(bool urgent_only, absl::Time now) {
  for (size_t i = 0; i < kUrgencies; ++i) {
    const Urgency urgency = static_cast<Urgency>(i);
    if (urgent_only && !IsUrgent(urgency)) break;
    if (queues_[i].empty() || queues_[i].begin()->first > now) continue;
    Taken taken{std::string(queues_[i].begin()->second), urgency};
    const auto it = items_.find(taken.item);
    Dequeue(it->first, it->second);
    // What was due is done with this; what is for later stays.
    for (absl::Time& at : it->second.at) {
      if (at <= now) at = absl::InfiniteFuture();
    }
    it->second.taken = true;
    return taken;
  }
  return std::nullopt;
}

void Agenda::Done(const std::string& item) {
  const auto it = items_.find(item);
  if (it == items_.end() || !it->second.taken) return;
  it->second.taken = false;
  if (IsEmpty(it->second.at)) {
    items_.erase(it);
  } else {
    Enqueue(it->first, it->second);
  }
}

bool Agenda::IsTaken(const std::string& item) const {
  const auto it = items_.find(item);
  return it != items_.end() && it->second.taken;
}

absl::Time Agenda::NextAt(bool urgent) const {
  absl::Time next = absl::InfiniteFuture();
  for (size_t i = 0; i < kUrgencies; ++i) {
    if (IsUrgent(static_cast<Urgency>(i)) != urgent || queues_[i].empty()) continue;
    next = std::min(next, queues_[i].begin()->first);
  }
  return next;
}

}  // namespace muster::bridge
