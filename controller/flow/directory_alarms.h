// What about the directory needs somebody's eye. Nothing is stored for it: each alarm is read off
// the state that it is about, so it ends when that ends. Its audit entry was written with that.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/services.h"
#include "muster/v1/person.pb.h"

namespace muster {

struct DirectoryAlarms {
  std::vector<v1::DirectoryAlarm> items;  // newest first, at most limits::kMaxDirectoryAlarms
  uint32_t count = 0;                     // of all
};

// UNSANCTIONED_MEMBER until adopted or gone, REMOVALS_HELD until decided, DIRECTORY_UNREADABLE
// until a read goes well, MEMBER_VANISHED for limits::kVanishedMemberShown.
absl::StatusOr<DirectoryAlarms> FindDirectoryAlarms(const Snapshot& snapshot, absl::Time now);

}  // namespace muster
