// What the agent remembers of exports, over restarts: one file, saved before anything is told.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/flow/state_store.h"
#include "common/mutex.h"
#include "muster/v1/agent_control.pb.h"
#include "muster/v1/archive_reader.pb.h"

namespace muster::agent {

inline constexpr char kArchiveFile[] = "archive.pb";
inline constexpr char kDamagedArchiveFile[] = "archive.damaged.pb";

// Thread-safe.
class ArchiveLedger {
 public:
  explicit ArchiveLedger(StateStore* store) : store_(store) {}

  // Damage is put aside under kDamagedArchiveFile, and begun anew: exports that are still in
  // their folders are read again. UNAVAILABLE.
  absl::Status Load();

  // Saves what `change` makes of the state, or leaves all as it was: RESOURCE_EXHAUSTED,
  // UNAVAILABLE. A change that returns an error is not saved.
  absl::Status Commit(const std::function<absl::Status(v1::ArchiveState&)>& change);
  // `look` sees the state during the call only, and calls nothing of this ledger.
  void Look(const std::function<void(const v1::ArchiveState&)>& look) const;
  // A copy of it.
  v1::ArchiveState Snapshot() const;

 private:
  StateStore* const store_;
  mutable Mutex mu_;
  v1::ArchiveState state_ ABSL_GUARDED_BY(mu_);
};

// The export of that person, app and hash; null: none is known.
const v1::ArchiveState::Export* FindExport(const v1::ArchiveState& state,
                                           const std::string& person_id, const std::string& app_id,
                                           const std::string& sha256);
v1::ArchiveState::Export* FindExport(v1::ArchiveState& state, const std::string& person_id,
                                     const std::string& app_id, const std::string& sha256);
const v1::ArchiveState::Chat* FindChat(const v1::ArchiveState& state, const std::string& person_id,
                                       const std::string& app_id, const std::string& chat_key);

// Makes room for one more export: of those that are packed, told and receipted, whose file nobody
// will look at again, the first goes. RESOURCE_EXHAUSTED: limits::kMaxKnownExports are all needed.
absl::Status MakeRoomForExport(v1::ArchiveState& state);

// The chat of an export that is new: its name, its size, and its end where that is the latest.
// RESOURCE_EXHAUSTED: limits::kMaxKnownChats are known.
absl::Status AddToChat(const v1::ExportSeen& seen, const v1::ExportRead& read,
                       v1::ArchiveState& state);

}  // namespace muster::agent
