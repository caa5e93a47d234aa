#include "agent/flow/archive_teller.h"

#include "absl/strings/str_cat.h"
#include "common/agent_limits.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

// A clock that was put back must not silence anybody until it has caught up.
bool IsOver(const v1::ArchiveState::Told& told, absl::Time now) {
  const absl::Time at = FromProto(told.at());
  return at > now || now - at >= limits::kArchiveNoticeInterval;
}

bool WasTold(const v1::ArchiveState& state, const std::string& what, absl::Time now) {
  for (const v1::ArchiveState::Told& t : state.told()) {
    if (t.what() == what) return !IsOver(t, now);
  }
  return false;
}

void Remember(const std::string& what, absl::Time now, v1::ArchiveState& state) {
  for (int i = state.told_size() - 1; i >= 0; --i) {
    if (IsOver(state.told(i), now)) state.mutable_told()->DeleteSubrange(i, 1);
  }
  if (static_cast<size_t>(state.told_size()) >= limits::kMaxTold) {
    state.mutable_told()->DeleteSubrange(0, 1);
  }
  v1::ArchiveState::Told* told = state.add_told();
  told->set_what(what);
  *told->mutable_at() = ToProto(now);
}

}  // namespace

void ArchiveTeller::Tell(const ArchivePerson& person, const std::string& what,
                         const Notice& notice) {
  if (channel_ == nullptr) return;
  const absl::Time now = clock_->Now();
  const std::string matter = absl::StrCat(person.id, " ", what);
  bool told = false;
  ledger_->Look([&](const v1::ArchiveState& state) { told = WasTold(state, matter, now); });
  if (told) return;
  const absl::Status saved = ledger_->Commit([&](v1::ArchiveState& state) {
    Remember(matter, now, state);
    return absl::OkStatus();
  });
  if (saved.ok()) channel_->Send(person.uid, "", notice);
}

}  // namespace muster::agent
