#include "controller/flow/simulate.h"

#include "common/decision.h"
#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/flow/attestations.h"
#include "controller/flow/lookup.h"
#include "controller/flow/trm_writes.h"

namespace muster {
namespace {

using Kind = v1::Verdict::Kind;

// How much a verdict lets a person do.
int Rank(Kind verdict) {
  switch (verdict) {
    case v1::Verdict::BLOCK:
      return 0;
    case v1::Verdict::ALLOW_EXPORT_ONLY:
      return 1;
    default:
      return 2;
  }
}

v1::Trm TrmOf(const PolicySet& set, const std::string& app) {
  const auto it = set.trm.find(app);
  if (it != set.trm.end()) return it->second;
  v1::Trm none;
  none.set_app_id(app);
  none.set_status(v1::Trm::UNLISTED);
  return none;
}

std::optional<EntitlementFacts> FactsOf(const std::optional<v1::Entitlement>& entitlement) {
  if (!entitlement) return std::nullopt;
  return EntitlementFacts{.grant_id = entitlement->grant_id(),
                          .not_after = FromProto(entitlement->not_after()),
                          .suspended_by_trm = entitlement->suspended_by_trm(),
                          .export_until = FromProto(entitlement->export_until()),
                          .suspended_archive_overdue = entitlement->suspended_archive_overdue()};
}

v1::Explanation DecideIn(const PolicySet& set, const std::string& app,
                         std::optional<EntitlementFacts> entitlement, absl::Time now) {
  DecisionInputs in;
  in.app_id = app;
  in.trm = TrmOf(set, app).status();
  in.trm_decision_id = TrmOf(set, app).decision_id();
  in.blocklisted = set.blocklist.contains(app);
  in.entitlement = std::move(entitlement);
  in.now = now;
  return Decide(in);
}

class Simulation {
 public:
  Simulation(const Services& services, const Snapshot& snapshot, const PolicySet& before,
             const PolicySet& after, v1::SimulatePoliciesResponse& out)
      : snapshot_(snapshot),
        before_(before),
        after_(after),
        now_(services.clock.Now()),
        out_(out) {}

  size_t left_out() const { return left_out_; }

  absl::Status Run(const std::string& app) {
    MUSTER_ASSIGN_OR_RETURN(const uint32_t installed, CountInstalled(snapshot_, app));
    Add(app, "", DecideIn(before_, app, std::nullopt, now_),
        DecideIn(after_, app, std::nullopt, now_), installed);
    MUSTER_ASSIGN_OR_RETURN(const auto persons, PersonsHolding(snapshot_, {app}));
    for (const std::string& id : persons) MUSTER_RETURN_IF_ERROR(RunPerson(app, id));
    return absl::OkStatus();
  }

 private:
  absl::Status RunPerson(const std::string& app, const std::string& id) {
    MUSTER_ASSIGN_OR_RETURN(const auto grant, HoldingGrant(snapshot_, id, app));
    MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot_, PersonKey(id)));
    if (!grant || !person) return absl::OkStatus();
    MUSTER_ASSIGN_OR_RETURN(const bool member, IsMember(snapshot_, app, id));
    MUSTER_ASSIGN_OR_RETURN(const auto since, AttestSince(snapshot_));
    v1::Grant follows = grant->value;
    v1::Trm trm = TrmOf(after_, app);
    if (trm.status() != TrmOf(before_, app).status()) {
      *trm.mutable_export_until() = ToProto(now_ + limits::kExportDeadline);
      follows = FollowTrm(follows, trm, now_).value_or(follows);
    }
    MUSTER_ASSIGN_OR_RETURN(const auto devices, DevicesOfPerson(snapshot_, person->value));
    Add(app, person->value.upn(),
        DecideIn(before_, app,
                 FactsOf(EntitlementOf(grant->value, person->value, member, since, now_)), now_),
        DecideIn(after_, app, FactsOf(EntitlementOf(follows, person->value, member, since, now_)),
                 now_),
        static_cast<uint32_t>(devices.size()));
    return absl::OkStatus();
  }

  void Add(const std::string& app, const std::string& upn, const v1::Explanation& then,
           const v1::Explanation& next, uint32_t devices) {
    if (Rank(then.verdict()) == Rank(next.verdict())) return;
    if (static_cast<size_t>(out_.items_size()) >= limits::kMaxSimulatedItems) {
      ++left_out_;
      return;
    }
    auto* item = out_.add_items();
    item->set_app_id(app);
    item->set_person_upn(upn);
    item->set_before(v1::Verdict::Kind_Name(then.verdict()));
    item->set_after(v1::Verdict::Kind_Name(next.verdict()));
    item->set_change(Rank(next.verdict()) > Rank(then.verdict()) ? "gains" : "loses");
    item->set_reason(next.reason());
    item->set_devices(devices);
  }

  const Snapshot& snapshot_;
  const PolicySet& before_;
  const PolicySet& after_;
  const absl::Time now_;
  v1::SimulatePoliciesResponse& out_;
  size_t left_out_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<PolicyIssue>> SimulatePolicies(const Services& services,
                                                          const LoadedPolicies& loaded, bool prune,
                                                          v1::SimulatePoliciesResponse& out) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const PolicySet before, LoadPolicySet(*snapshot));
  PolicyChange plan = PlanApply(before, loaded, prune, services.clock.Now());
  if (HasErrors(plan.issues)) return plan.issues;
  Simulation simulation(services, *snapshot, before, plan.result, out);
  for (const std::string& app : plan.touched_apps) MUSTER_RETURN_IF_ERROR(simulation.Run(app));
  if (simulation.left_out() != 0) {
    plan.issues.push_back({PolicyIssue::Severity::kWarning, "", 0, 0,
                           absl::StrCat(simulation.left_out(), " more changes are not listed")});
  }
  return std::move(plan.issues);
}

}  // namespace muster
