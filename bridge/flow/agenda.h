// What is to be done, how urgent it is and from when on. Pure; thread-compatible.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace muster::bridge {

// In the order in which they are done.
enum class Urgency : uint8_t {
  kApproval,  // a grant or its end: what makes it so
  kProof,     // and what proves it
  kHint,
  kSetUp,   // the list of phones, groups
  kChange,  // everything else that writes
  kSeen,    // a phone has checked in since it was read
  kSweep,
};
inline constexpr size_t kUrgencies = 7;
// Such calls may use the pacer's reserve.
inline bool IsUrgent(Urgency urgency) { return urgency <= Urgency::kProof; }

// Each item is there once, whatever asks for it, and is with one caller at a time.
class Agenda {
 public:
  // Of the same urgency the earlier moment stays. While an item is taken, this is for afterwards.
  void Put(const std::string& item, Urgency urgency, absl::Time at);
  void Drop(const std::string& item);

  struct Taken {
    std::string item;
    Urgency urgency;
  };
  // The most urgent item that is due; nobody else gets it before Done(item).
  std::optional<Taken> Take(bool urgent_only, absl::Time now);
  void Done(const std::string& item);
  bool IsTaken(const std::string& item) const;

  // The earliest moment of an item that nobody has; InfiniteFuture: none.
  absl::Time NextAt(bool urgent) const;
  size_t size() const { return items_.size(); }

 private:
  struct Entry {
    std::array<absl::Time, kUrgencies> at;
    bool taken = false;
  };
  using Queue = std::set<std::pair<absl::Time, absl::string_view>>;
  void Enqueue(const std::string& name, Entry& entry);
  void Dequeue(const std::string& name, Entry& entry);

  std::map<std::string, Entry> items_;  // its keys are what the queues point into
  std::array<Queue, kUrgencies> queues_;
};

}  // namespace muster::bridge
