#include "controller/flow/trm_writes.h"

#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

// The catalogue as a whole is one thing to change: this mark's revision guards it.
constexpr char kPolicySetKey[] = "policy_set";

bool Runs(v1::Grant::State state) {
  return state == v1::Grant::ACTIVE || state == v1::Grant::RECERT_DUE ||
         state == v1::Grant::BREAK_GLASS;
}

}  // namespace

absl::Status ExpectPolicySet(const Snapshot& snapshot, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const auto mark, snapshot.Get(kPolicySetKey));
  mutation.expects.push_back({kPolicySetKey, mark ? mark->revision : 0});
  PutMark(mutation, kPolicySetKey);
  return absl::OkStatus();
}

absl::StatusOr<TrmReach> WriteTrmConsequences(const Services& services, const Actor& actor,
                                              const Snapshot& snapshot, const v1::Trm& trm,
                                              Mutation& mutation) {
  TrmReach out;
  MUSTER_ASSIGN_OR_RETURN(out.persons, PersonsHolding(snapshot, {trm.app_id()}));
  for (const std::string& person : out.persons) {
    MUSTER_ASSIGN_OR_RETURN(auto grant, HoldingGrant(snapshot, person, trm.app_id()));
    if (!grant) continue;
    if (Runs(grant->value.state())) ++out.running;
    const auto after = FollowTrm(grant->value, trm, services.clock.Now());
    if (!after) continue;
    ++out.changed;
    mutation.expects.push_back({GrantKey(after->grant_id()), grant->revision});
    PutGrant(mutation, *after);
    mutation.audit.push_back(MakeAuditEntry(
        services, actor,
        {.verb = after->state() == v1::Grant::SUSPENDED ? "grant.suspend" : "grant.resume",
         .object = absl::StrCat("grant/", after->grant_id()),
         .before = &grant->value,
         .after = &*after,
         .reason = trm.reason(),
         .reason_code = "TRM_" + v1::Trm::Status_Name(trm.status()),
         .ticket = trm.decision_id(),
         .transaction_id = after->transaction_id()}));
  }
  return out;
}

absl::Status WriteTrmHistory(const Snapshot& snapshot, const v1::Trm& trm, Mutation& mutation) {
  const std::string prefix = absl::StrCat("trm_history/", trm.app_id(), "/");
  MUSTER_ASSIGN_OR_RETURN(const auto known, KeyTails(snapshot, prefix));
  Put(mutation, TrmHistoryKey(trm.app_id(), known.size()), trm);
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> CountInstalled(const Snapshot& snapshot, const std::string& app_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto devices, KeyTails(snapshot, InstalledKey(app_id, "")));
  return static_cast<uint32_t>(devices.size());
}

absl::StatusOr<uint32_t> CountDevices(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(const auto devices, EnrolledDevices(snapshot));
  return static_cast<uint32_t>(devices.size());
}

absl::Status DescribeReach(const Snapshot& snapshot, const v1::Trm& trm, const TrmReach& reach,
                           Touched& out) {
  out.persons = static_cast<uint32_t>(reach.persons.size());
  out.grants = reach.running;
  MUSTER_ASSIGN_OR_RETURN(out.devices, CountDevices(snapshot));
  MUSTER_ASSIGN_OR_RETURN(const uint32_t installed, CountInstalled(snapshot, trm.app_id()));
  out.changes.push_back(absl::StrCat(installed, installed == 1 ? " device has " : " devices have ",
                                     trm.app_id(), " installed"));
  if (trm.status() == v1::Trm::PROHIBITED) {
    out.changes.push_back(absl::StrCat(
        reach.changed, reach.changed == 1 ? " grant becomes " : " grants become ",
        "SUSPENDED; chats may be exported until ", TimeText(FromProto(trm.export_until()))));
  } else if (reach.changed != 0) {
    out.changes.push_back(absl::StrCat(reach.changed, reach.changed == 1
                                                          ? " suspended grant resumes"
                                                          : " suspended grants resume"));
  }
  return absl::OkStatus();
}

}  // namespace muster
