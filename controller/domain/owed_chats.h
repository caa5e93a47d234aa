// Which chats of one person's app are owed on which device. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/policy.pb.h"

namespace muster {

// What is known of one device for one person's app.
struct ArchiveDevice {
  bool counts = false;     // enrolled, and the person counts on it
  bool installed = false;  // its inventory shows the app
  // A phone: what is written on it is exported elsewhere, and no report of its own ever shows that.
  bool exports_elsewhere = false;
  absl::Time enrolled_at = absl::InfinitePast();
  absl::Time last_seen_at = absl::InfinitePast();
  // App or device are gone since, and why; or the app was gone once and is `back`.
  std::optional<absl::Time> gone_at, back_at;
  v1::Incident::Cause cause = v1::Incident::OTHER;

  bool gone() const { return gone_at.has_value() && !back_at.has_value(); }
};

struct OwedChat {
  std::string device_id, chat_key;  // empty key: whatever chats no export has shown
  // The obligation as it was stored, on this device or the one that the chat came from.
  v1::Obligation before;

  friend bool operator<(const OwedChat& a, const OwedChat& b) {
    return std::tie(a.device_id, a.chat_key) < std::tie(b.device_id, b.chat_key);
  }
};

using ExportsByChat = std::map<std::string, std::vector<v1::ExportRecord>>;

// A chat is owed on the device that reported it last. A device from which nothing came yet owes
// whatever chats there are: when its inventory shows the app, or while no chat is owed on a device
// that is still in use. What a device owed when it went stays, as a possible loss. Sorted.
// `takes_new`: the grant runs, so that devices may begin to owe.
std::vector<OwedChat> OwedChats(const ExportsByChat& exports,
                                const std::map<std::string, ArchiveDevice>& devices,
                                const std::vector<v1::Obligation>& stored, bool takes_new);

// What an agent is told: what is still owed, the most urgent first, each chat once whatever device
// it is owed on, at most limits::kMaxAssignedObligations. Equal obligations give equal bytes.
void AssignObligations(const std::vector<v1::Obligation>& obligations, v1::DeviceAssignment& out);

}  // namespace muster
