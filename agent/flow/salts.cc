// The secret that makes keys of names: per person, and the same on each of the person's devices
// where the record repository can be reached.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/flow/export_intake.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

// Keys of this salt were told, so that another would make other chats of the same ones.
bool InUse(const v1::ArchiveState& state, const std::string& person_id) {
  return std::any_of(
      state.exports().begin(), state.exports().end(),
      [&](const v1::ArchiveState::Export& e) { return e.seen().person_id() == person_id; });
}

}  // namespace

std::string ExportIntake::SaltOf(const std::string& person_id) const {
  std::string out;
  parts_.ledger->Look([&](const v1::ArchiveState& state) {
    const auto it = state.salts().find(person_id);
    if (it != state.salts().end()) out = it->second;
  });
  return out;
}

// A salt of its own only where there is no repository, or none came back for long.
absl::StatusOr<std::string> ExportIntake::SaltFor(const ArchivePlan& plan,
                                                  const ArchivePerson& person,
                                                  const std::string& have) {
  const std::string proposed = have.empty() ? parts_.random_salt() : have;
  if (proposed.size() != limits::kSaltBytes) return absl::InternalError("no random salt");
  if (plan.settings.repository().empty()) return proposed;
  absl::StatusOr<std::string> held =
      parts_.repository->Salt(plan.settings.repository(), person.id, proposed);
  if (held.ok()) {
    salts_settled_.insert(person.id);
    return held;
  }
  const absl::Time now = parts_.clock->Now();
  salt_wait_since_ = std::min(salt_wait_since_, now);
  if (!have.empty() || now - salt_wait_since_ >= limits::kSaltWait) return proposed;
  AddProblem(person.account, absl::StrCat("exports wait to be read: ", held.status().message()));
  return held.status();
}

void ExportIntake::HaveSalts(const ArchivePlan& plan) {
  const absl::Time now = parts_.clock->Now();
  salt_at_ = std::min(salt_at_, now + limits::kSaltRetry);
  bool waits = false;
  for (const ArchivePerson& person : plan.persons) {
    if (person.apps.empty() || salts_settled_.contains(person.id)) continue;
    const std::string have = SaltOf(person.id);
    const bool settled = !have.empty() && plan.settings.repository().empty();
    if (settled || now < salt_at_) continue;
    const absl::StatusOr<std::string> salt = SaltFor(plan, person, have);
    waits = waits || !salts_settled_.contains(person.id);
    if (!salt.ok() || *salt == have) continue;
    bool in_use = false;
    parts_.ledger->Look([&](const v1::ArchiveState& state) { in_use = InUse(state, person.id); });
    if (in_use && !have.empty()) {
      Log(Severity::kWarning, "the record repository holds another salt of person ", person.id,
          "; this device keeps its own, so its chats are told apart from other devices'");
      continue;
    }
    const absl::Status saved = parts_.ledger->Commit([&](v1::ArchiveState& state) {
      (*state.mutable_salts())[person.id] = *salt;
      return absl::OkStatus();
    });
    if (!saved.ok()) {
      salts_settled_.erase(person.id);
      Log(Severity::kError, "cannot save ", kArchiveFile, ": ", saved.message());
    }
  }
  if (waits) salt_at_ = now + limits::kSaltRetry;
}

}  // namespace muster::agent
