#include "controller/flow/apply.h"

#include "common/time_proto.h"
#include "controller/flow/attestations.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"
#include "controller/flow/obligations.h"
#include "controller/flow/training.h"
#include "controller/flow/trm_writes.h"
#include "google/protobuf/util/message_differencer.h"

namespace muster {
namespace {

using google::protobuf::util::MessageDifferencer;

// Writes the difference between two maps of messages under `key(id)`, with an entry for each.
template <typename T, typename KeyOf>
void WriteDifference(const Services& services, const Actor& actor,
                     const std::map<std::string, T>& before, const std::map<std::string, T>& after,
                     absl::string_view noun, KeyOf key, Mutation& mutation) {
  for (const auto& [id, value] : after) {
    const auto old = before.find(id);
    const bool existed = old != before.end();
    if (existed && old->second.SerializeAsString() == value.SerializeAsString()) continue;
    Put(mutation, key(id), value);
    mutation.audit.push_back(
        MakeAuditEntry(services, actor,
                       {.verb = absl::StrCat(noun, existed ? ".change" : ".add"),
                        .object = absl::StrCat(noun, "/", id),
                        .before = existed ? &old->second : nullptr,
                        .after = &value}));
  }
  for (const auto& [id, value] : before) {
    if (after.contains(id)) continue;
    mutation.deletes.push_back(key(id));
    mutation.audit.push_back(MakeAuditEntry(services, actor,
                                            {.verb = absl::StrCat(noun, ".remove"),
                                             .object = absl::StrCat(noun, "/", id),
                                             .before = &value}));
  }
}

void WriteBlocklist(const Services& services, const Actor& actor,
                    const std::set<std::string>& before, const std::set<std::string>& after,
                    Mutation& mutation) {
  for (const std::string& id : after) {
    if (before.contains(id)) continue;
    PutMark(mutation, BlocklistKey(id));
    mutation.audit.push_back(MakeAuditEntry(
        services, actor, {.verb = "blocklist.add", .object = absl::StrCat("app/", id)}));
  }
  for (const std::string& id : before) {
    if (after.contains(id)) continue;
    mutation.deletes.push_back(BlocklistKey(id));
    mutation.audit.push_back(MakeAuditEntry(
        services, actor, {.verb = "blocklist.remove", .object = absl::StrCat("app/", id)}));
  }
}

// The statuses that change, each with its consequences; a removed entry makes its app UNLISTED.
absl::StatusOr<uint32_t> WriteTrmChanges(const Services& services, const Actor& actor,
                                         const Snapshot& snapshot, const PolicySet& before,
                                         PolicySet& after, Mutation& mutation) {
  uint32_t running = 0;
  std::map<std::string, v1::Trm> all = after.trm;
  for (const auto& [id, old] : before.trm) {
    if (all.contains(id)) continue;
    all[id].set_app_id(id);
    all[id].set_status(v1::Trm::UNLISTED);
  }
  for (auto& [id, trm] : all) {
    const auto old = before.trm.find(id);
    const bool was_known = old != before.trm.end();
    if (trm.status() == v1::Trm::PROHIBITED) {  // The running deadline survives a re-apply.
      *trm.mutable_export_until() = was_known && old->second.has_export_until()
                                        ? old->second.export_until()
                                        : ToProto(services.clock.Now() + limits::kExportDeadline);
      after.trm[id] = trm;
    }
    if (was_known && old->second.SerializeAsString() == trm.SerializeAsString()) continue;
    MUSTER_RETURN_IF_ERROR(WriteTrmHistory(snapshot, trm, mutation));
    if (was_known && old->second.status() == trm.status()) continue;
    MUSTER_ASSIGN_OR_RETURN(const TrmReach reach,
                            WriteTrmConsequences(services, actor, snapshot, trm, mutation));
    running += reach.running;
  }
  return running;
}

absl::Status AddDeletion(const Snapshot& snapshot, absl::string_view kind, const std::string& app,
                         std::vector<v1::Deletion>& out) {
  v1::Deletion deletion;
  deletion.set_what(absl::StrCat(kind, " ", app));
  MUSTER_ASSIGN_OR_RETURN(const uint32_t devices, CountInstalled(snapshot, app));
  MUSTER_ASSIGN_OR_RETURN(const auto persons, PersonsHolding(snapshot, {app}));
  deletion.set_devices(devices);
  deletion.set_persons(static_cast<uint32_t>(persons.size()));
  out.push_back(std::move(deletion));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Deletion>> Deletions(const Snapshot& snapshot,
                                                    const PolicySet& before,
                                                    const PolicySet& after) {
  std::vector<v1::Deletion> out;
  for (const auto& [id, app] : before.apps) {
    if (!after.apps.contains(id)) {
      MUSTER_RETURN_IF_ERROR(AddDeletion(snapshot, "app", id, out));
    }
  }
  for (const auto& [id, trm] : before.trm) {
    if (!after.trm.contains(id)) MUSTER_RETURN_IF_ERROR(AddDeletion(snapshot, "trm", id, out));
  }
  for (const std::string& id : before.blocklist) {
    if (!after.blocklist.contains(id)) {
      MUSTER_RETURN_IF_ERROR(AddDeletion(snapshot, "blocklist", id, out));
    }
  }
  return out;
}

std::string StatusText(const v1::Trm* trm) {
  if (trm == nullptr) return "UNLISTED";
  return absl::StrCat(v1::Trm::Status_Name(trm->status()), " (decision ", trm->decision_id(), ", ",
                      trm->author(), ")");
}

template <typename Map>
const v1::Trm* FindTrm(const Map& map, const std::string& id) {
  const auto it = map.find(id);
  return it == map.end() ? nullptr : &it->second;
}

bool SameWord(const v1::Trm* a, const v1::Trm* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->status() == b->status() && a->decision_id() == b->decision_id();
}

// What was changed elsewhere since the files were last applied, and what they now undo.
std::vector<std::string> Drift(const v1::AppliedPolicies& applied, const PolicySet& before,
                               const PolicySet& after) {
  std::vector<std::string> out;
  std::set<std::string> ids;
  for (const auto& [id, trm] : applied.trm()) ids.insert(id);
  for (const auto& [id, trm] : before.trm) ids.insert(id);
  for (const std::string& id : ids) {
    const v1::Trm* now = FindTrm(before.trm, id);
    const v1::Trm* next = FindTrm(after.trm, id);
    if (SameWord(FindTrm(applied.trm(), id), now) || SameWord(now, next)) continue;
    out.push_back(absl::StrCat("trm ", id, " was changed elsewhere to ", StatusText(now),
                               "; the files make it ", StatusText(next)));
  }
  const std::set<std::string> listed(applied.blocklist().begin(), applied.blocklist().end());
  for (const std::string& id : before.blocklist) {
    if (!listed.contains(id) && !after.blocklist.contains(id)) {
      out.push_back(absl::StrCat("blocklist + ", id, " elsewhere; the files take it off"));
    }
  }
  for (const std::string& id : listed) {
    if (!before.blocklist.contains(id) && after.blocklist.contains(id)) {
      out.push_back(absl::StrCat("blocklist - ", id, " elsewhere; the files put it back"));
    }
  }
  return out;
}

// Only an apply of a whole folder says what the files are.
void WriteApplied(const Services& services, const Actor& actor, const LoadedPolicies& loaded,
                  const PolicySet& result, const ApplyOptions& options,
                  const v1::AppliedPolicies& before, Mutation& mutation) {
  if (loaded.apps.empty()) return;
  v1::AppliedPolicies after = before;
  after.set_commit(options.commit);
  *after.mutable_at() = ToProto(services.clock.Now());
  after.set_by_upn(actor.who.upn);
  if (loaded.trm) {
    if (options.prune) after.clear_trm();
    for (const auto& entry : *loaded.trm) {
      (*after.mutable_trm())[entry.value.app_id()] = entry.value;
    }
  }
  if (loaded.blocklist) {
    after.mutable_blocklist()->Assign(result.blocklist.begin(), result.blocklist.end());
  }
  Put(mutation, kAppliedPoliciesKey, after);
  if (options.commit.empty() && before.has_at()) return;
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "policies.apply",
                                           .object = "policies",
                                           .reason = absl::StrCat("commit ", options.commit)}));
}

absl::Status WriteGuidance(const Services& services, const Actor& actor, const Snapshot& snapshot,
                           const LoadedPolicies& loaded, Touched& touched, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const v1::Guidance before, LoadGuidance(snapshot));
  v1::Guidance after = before;
  if (loaded.training) *after.mutable_training() = *loaded.training;
  if (loaded.archive) {
    MUSTER_RETURN_IF_ERROR(
        WriteArchiveGuidance(services, snapshot, *loaded.archive, after, mutation));
  }
  if (loaded.messages) {
    after.mutable_messages()->Assign(loaded.messages->begin(), loaded.messages->end());
  }
  if (MessageDifferencer::Equals(before, after)) return absl::OkStatus();
  if (loaded.training) {
    const std::string key = TrainingKey(loaded.training->version());
    MUSTER_ASSIGN_OR_RETURN(const auto known, Find<v1::TrainingText>(snapshot, key));
    if (known && known->value.sha256() != loaded.training->sha256()) {
      return absl::FailedPreconditionError(
          absl::StrCat("guidance/training.yaml: version ", loaded.training->version(),
                       " is on file with another text, which people may have acknowledged; give "
                       "the new text a new version"));
    }
    if (!known) {
      v1::TrainingText text = *loaded.training;
      *text.mutable_applied_at() = ToProto(services.clock.Now());
      Put(mutation, key, text);
    }
  }
  Put(mutation, kGuidanceKey, after);
  touched.changes.push_back("guidance changed");
  mutation.audit.push_back(MakeAuditEntry(
      services, actor,
      {.verb = "guidance.change", .object = "guidance", .before = &before, .after = &after}));
  return absl::OkStatus();
}

// Other settings may change what everybody owes: all are looked at once more.
void WriteRetention(const Services& services, const Actor& actor, const PolicySet& before,
                    const PolicySet& after, Mutation& mutation) {
  if (!after.retention) return;
  const v1::RetentionPolicy was = before.retention.value_or(v1::RetentionPolicy());
  if (before.retention && MessageDifferencer::Equals(was, *after.retention)) return;
  Put(mutation, kRetentionKey, *after.retention);
  WriteArchiveWalk(mutation);
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "retention.change",
                                           .object = "retention",
                                           .before = before.retention ? &was : nullptr,
                                           .after = &*after.retention}));
}

absl::StatusOr<ApplyOutcome> TryApply(const Services& services, const Actor& actor,
                                      const LoadedPolicies& loaded, const ApplyOptions& options) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const PolicySet before, LoadPolicySet(*snapshot));
  PolicyChange plan = PlanApply(before, loaded, options.prune, services.clock.Now());
  ApplyOutcome out;
  out.issues = std::move(plan.issues);
  out.touched.changes = std::move(plan.changes);
  if (HasErrors(out.issues)) return out;
  MUSTER_ASSIGN_OR_RETURN(const auto stored,
                          Find<v1::AppliedPolicies>(*snapshot, kAppliedPoliciesKey));
  const v1::AppliedPolicies applied = stored ? stored->value : v1::AppliedPolicies();
  if (stored) out.touched.drift = Drift(applied, before, plan.result);
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(ExpectPolicySet(*snapshot, mutation));
  WriteDifference(services, actor, before.apps, plan.result.apps, "app", AppKey, mutation);
  MUSTER_ASSIGN_OR_RETURN(out.touched.grants, WriteTrmChanges(services, actor, *snapshot, before,
                                                              plan.result, mutation));
  WriteDifference(services, actor, before.trm, plan.result.trm, "trm", TrmKey, mutation);
  WriteBlocklist(services, actor, before.blocklist, plan.result.blocklist, mutation);
  WriteDifference(services, actor, before.cohorts, plan.result.cohorts, "cohort", CohortSettingsKey,
                  mutation);
  WriteRetention(services, actor, before, plan.result, mutation);
  MUSTER_ASSIGN_OR_RETURN(out.deletions, Deletions(*snapshot, before, plan.result));
  MUSTER_ASSIGN_OR_RETURN(const auto persons, PersonsHolding(*snapshot, plan.touched_apps));
  if (!out.touched.changes.empty()) {
    MUSTER_ASSIGN_OR_RETURN(out.touched.devices, CountDevices(*snapshot));
    out.touched.persons = static_cast<uint32_t>(persons.size());
  }
  MUSTER_RETURN_IF_ERROR(WriteGuidance(services, actor, *snapshot, loaded, out.touched, mutation));
  if (options.dry_run) return out;
  const bool changes = !mutation.audit.empty();
  WriteApplied(services, actor, loaded, plan.result, options, applied, mutation);
  if (changes || !loaded.apps.empty()) {
    MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  }
  if (changes) {
    services.work.WakeCohorts();
    for (const std::string& person : persons) services.work.WakePerson(person);
  }
  out.applied = true;
  return out;
}

}  // namespace

absl::StatusOr<ApplyOutcome> ApplyPolicies(const Services& services, const Actor& actor,
                                           const LoadedPolicies& loaded,
                                           const ApplyOptions& options) {
  MUSTER_RETURN_IF_ERROR(CheckFreeText("commit id", options.commit, limits::kMaxCommitBytes));
  return RetryAborted(
      [&]() -> absl::StatusOr<ApplyOutcome> { return TryApply(services, actor, loaded, options); });
}

}  // namespace muster
