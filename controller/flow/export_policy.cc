#include "controller/flow/export_policy.h"

#include <algorithm>
#include <set>

#include "common/crypto.h"
#include "common/time_proto.h"
#include "controller/domain/chunks.h"
#include "controller/domain/grant.h"
#include "controller/domain/native_rulings.h"
#include "controller/flow/attestations.h"
#include "controller/flow/explain.h"
#include "controller/flow/lookup.h"
#include "controller/flow/obligations.h"
#include "controller/flow/publish_cohort.h"

namespace muster {
namespace {

// What an assignment of the person's own device would say.
absl::StatusOr<Entitlements> EntitlementsOf(const Snapshot& snapshot, const v1::Person& person,
                                            absl::Time now) {
  Entitlements out;
  MUSTER_ASSIGN_OR_RETURN(const auto attest_since, AttestSince(snapshot));
  MUSTER_ASSIGN_OR_RETURN(const std::vector<v1::Grant> grants,
                          GrantsOfPerson(snapshot, person.person_id()));
  for (const v1::Grant& grant : grants) {
    MUSTER_ASSIGN_OR_RETURN(const bool member,
                            IsMember(snapshot, grant.app_id(), person.person_id()));
    const auto entitlement = EntitlementOf(grant, person, member, attest_since, now);
    if (!entitlement) continue;
    MUSTER_ASSIGN_OR_RETURN(const bool nothing_left, NothingLeftToExport(snapshot, grant));
    out[grant.app_id()] = {.grant_id = grant.grant_id(),
                           .not_after = FromProto(entitlement->not_after()),
                           .suspended_by_trm = entitlement->suspended_by_trm(),
                           .messages_covered = nothing_left,
                           .export_until = FromProto(entitlement->export_until()),
                           .suspended_archive_overdue = entitlement->suspended_archive_overdue()};
  }
  return out;
}

// A file knows no time: what a grant opens stays open until there is another file.
void NoteGrants(const std::vector<native::Ruling>& rulings, const Entitlements& entitlements,
                const std::string& upn, std::vector<std::string>& notes) {
  for (const native::Ruling& ruling : rulings) {
    const auto held = entitlements.find(ruling.app_id);
    if (held == entitlements.end() || ruling.verdict != v1::Verdict::ALLOW) continue;
    notes.push_back(absl::StrCat(ruling.app_id, " is open for ", upn, " by ", held->second.grant_id,
                                 " until ", TimeText(held->second.not_after),
                                 "; this file does not end with it, so export again by then."));
  }
}

// The version of one cohort policy; a note where devices may run something else than the file says.
absl::StatusOr<uint64_t> CohortVersion(const Services& services, const Snapshot& snapshot,
                                       v1::Platform::Id platform, std::vector<std::string>& notes) {
  const std::string name = CohortName(platform);
  MUSTER_ASSIGN_OR_RETURN(const auto stored, Find<v1::SignedDoc>(snapshot, DocumentKey(name)));
  v1::CohortPolicy published;
  if (!stored || !published.ParseFromString(stored->value.payload())) {
    notes.push_back(absl::StrCat(name, " is not published yet, so this file has no version."));
    return 0;
  }
  MUSTER_ASSIGN_OR_RETURN(const CompiledCohort compiled,
                          CompileCohort(snapshot, services.settings, platform));
  const std::string version = absl::StrCat(name, " version ", published.header().version());
  MUSTER_ASSIGN_OR_RETURN(const auto rollout, Find<v1::Rollout>(snapshot, RolloutKey(name)));
  if (ContentSha256(compiled.policy) != ContentSha256(published)) {
    const bool aborted = rollout && rollout->value.state() == v1::Rollout::ABORTED;
    notes.push_back(
        aborted
            ? absl::StrCat("This file says what the policies say; their rollout was aborted, and "
                           "devices keep what was before, ",
                           version, ".")
            : absl::StrCat("The policies changed after ", version, ", the last one published."));
  } else if (rollout && rollout->value.state() != v1::Rollout::COMPLETE) {
    notes.push_back(absl::StrCat(version, " is still being rolled out: not every device runs it."));
  }
  return published.header().version();
}

}  // namespace

absl::Status ExportPolicy(const Services& services, const v1::ExportPolicyRequest& in,
                          v1::ExportPolicyResponse& out) {
  const std::vector<v1::Platform::Id> platforms = PlatformsOf(in.format());
  if (platforms.empty()) return absl::InvalidArgumentError("name the format of the file");
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  const absl::Time now = services.clock.Now();
  Entitlements entitlements;
  native::NativeInput input;
  if (!in.person_upn().empty()) {
    MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(*snapshot, in.person_upn()));
    MUSTER_ASSIGN_OR_RETURN(entitlements, EntitlementsOf(*snapshot, person, now));
    input.person = person.upn();
  }
  MUSTER_ASSIGN_OR_RETURN(const PolicySet set, LoadPolicySet(*snapshot));
  MUSTER_ASSIGN_OR_RETURN(const auto deny, EmergencyDenyAt(*snapshot, now));
  std::set<std::string> denied;
  if (deny) denied.insert(deny->app_ids().begin(), deny->app_ids().end());
  std::vector<std::string> notes;
  for (const v1::Platform::Id platform : platforms) {
    MUSTER_ASSIGN_OR_RETURN(const uint64_t version,
                            CohortVersion(services, *snapshot, platform, notes));
    input.version = std::max(input.version, version);
  }
  input.tenant = services.settings.tenant;
  input.sha256 = PolicySha256(set);
  input.generated_at = absl::FromUnixSeconds(absl::ToUnixSeconds(now));
  input.how_to_ask = services.settings.how_to_ask;
  input.rulings = MakeRulings(set, entitlements, denied, now);
  MUSTER_ASSIGN_OR_RETURN(native::NativeFile file, MakeNativeFile(in.format(), input));
  NoteGrants(input.rulings, entitlements, input.person, notes);
  out.set_sha256(Sha256Hex(file.bytes));
  out.set_file(std::move(file.bytes));
  out.set_media_type(file.media_type);
  out.set_version(input.version);
  *out.mutable_generated_at() = ToProto(input.generated_at);
  out.mutable_notes()->Assign(file.notes.begin(), file.notes.end());
  for (std::string& note : notes) out.add_notes(std::move(note));
  return absl::OkStatus();
}

}  // namespace muster
