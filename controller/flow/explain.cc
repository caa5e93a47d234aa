#include "controller/flow/explain.h"

#include <algorithm>

#include "common/decision.h"
#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/flow/device_documents.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

void AddLink(v1::Explanation& out, std::string condition, bool holds, std::string detail) {
  v1::Explanation::Link* link = out.add_chain();
  link->set_condition(std::move(condition));
  link->set_holds(holds);
  link->set_detail(std::move(detail));
}

std::string MatchedBy(const v1::App& app, v1::Platform::Id platform) {
  int identities = 0;
  for (const v1::AppIdentity& identity : app.identities()) {
    if (identity.platform() == platform) ++identities;
  }
  return absl::StrCat(identities, identities == 1 ? " identity" : " identities", " on ",
                      v1::Platform::Id_Name(platform));
}

std::string PolicyDetail(const std::vector<v1::DocumentState>& states, bool* verified) {
  std::string out;
  *verified = !states.empty();
  for (const v1::DocumentState& state : states) {
    if (!out.empty()) out += ", ";
    out += absl::StrCat(state.name(), " version ", state.version(), " ",
                        v1::DocumentState::State_Name(state.state()));
    if (state.state() == v1::DocumentState::NACKED) out += absl::StrCat(" ", state.code());
    *verified = *verified && (state.state() == v1::DocumentState::VERIFIED ||
                              state.state() == v1::DocumentState::APPLIED);
  }
  return out.empty() ? "nothing is published yet" : out;
}

absl::Status FillEmergencyDeny(const Snapshot& snapshot, DecisionInputs& in) {
  MUSTER_ASSIGN_OR_RETURN(const DocumentPtr current, FindEmergencyDeny(snapshot, in.now));
  v1::SignedDoc envelope;
  v1::EmergencyDeny deny;
  if (current == nullptr || !envelope.ParseFromString(*current->bytes) ||
      !deny.ParseFromString(envelope.payload())) {
    return absl::OkStatus();
  }
  in.emergency_denied =
      std::find(deny.app_ids().begin(), deny.app_ids().end(), in.app_id) != deny.app_ids().end();
  in.emergency_reason = deny.reason();
  return absl::OkStatus();
}

// The entitlement, or why there is none.
absl::Status FillEntitlement(const Snapshot& snapshot, const v1::Person& person,
                             const std::string& app_id, absl::Time now, DecisionInputs& in) {
  MUSTER_ASSIGN_OR_RETURN(const auto grants, GrantsOfPerson(snapshot, person.person_id()));
  MUSTER_ASSIGN_OR_RETURN(const bool member, IsMember(snapshot, app_id, person.person_id()));
  for (const v1::Grant& grant : grants) {
    if (grant.app_id() != app_id) continue;
    if (const auto entitlement = EntitlementOf(grant, person, member, now)) {
      in.entitlement =
          EntitlementFacts{.grant_id = grant.grant_id(),
                           .not_after = FromProto(entitlement->not_after()),
                           .suspended_by_trm = entitlement->suspended_by_trm(),
                           .messages_covered = false,
                           .export_until = FromProto(entitlement->export_until()),
                           .suspended_archive_overdue = entitlement->suspended_archive_overdue()};
      return absl::OkStatus();
    }
    in.no_entitlement_because = WhyNotLive(grant, person, member, now);
  }
  if (!in.no_entitlement_because.empty()) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const auto open,
                          snapshot.Get(OpenRequestKey(person.person_id(), app_id)));
  if (!open) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const auto request, Find<v1::Request>(snapshot, RequestKey(open->bytes)));
  if (request) {
    in.no_entitlement_because = absl::StrCat(
        "request ", open->bytes, " is ", v1::Request::State_Name(request->value.state()),
        request->value.detail().empty() ? "" : ": ", request->value.detail());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Explanation> Explain(const Services& services, const DeviceHub& hub,
                                        const std::string& person_upn, const std::string& device_id,
                                        const std::string& app_id) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const AppFacts app, LoadApp(*snapshot, app_id));
  MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(*snapshot, person_upn));
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(*snapshot, device_id));
  DecisionInputs in;
  in.app_id = app_id;
  in.app_name = app.app.name();
  in.trm = app.trm.status();
  in.trm_decision_id = app.trm.decision_id();
  in.blocklisted = app.blocklisted;
  in.how_to_ask = services.settings.how_to_ask;
  in.now = services.clock.Now();
  MUSTER_RETURN_IF_ERROR(FillEmergencyDeny(*snapshot, in));
  MUSTER_RETURN_IF_ERROR(FillEntitlement(*snapshot, person, app_id, in.now, in));
  MUSTER_ASSIGN_OR_RETURN(const auto persons, PersonsOfDevice(*snapshot, device.value));
  const bool on_device = std::any_of(persons.begin(), persons.end(), [&](const auto& p) {
    return p.person_id() == person.person_id();
  });
  if (!on_device && in.entitlement) {
    in.entitlement.reset();
    in.no_entitlement_because =
        absl::StrCat("the person is not a user of ", device_id, ", so it holds no entitlement");
  }
  const v1::Explanation decided = Decide(in);
  v1::Explanation out;
  out.set_verdict(decided.verdict());
  out.set_reason(decided.reason());
  out.set_next_step(decided.next_step());
  AddLink(out, "the app is in the catalogue", true,
          absl::StrCat(app.app.name(), ", ", MatchedBy(app.app, device.value.platform())));
  AddLink(out, "the person is a user of the device", on_device,
          on_device ? absl::StrCat(person.upn(), " as account '", person.account_name(), "'")
                    : absl::StrCat(person.upn(), " neither owns ", device_id,
                                   " nor has a local account there"));
  for (const v1::Explanation::Link& link : decided.chain()) *out.add_chain() = link;
  MUSTER_ASSIGN_OR_RETURN(const auto states,
                          StatesOf(*snapshot, device.value, hub.DeliveriesOf(device_id), in.now));
  bool verified = false;
  std::string detail = PolicyDetail(states, &verified);
  AddLink(out, "the device runs the current policy", verified, std::move(detail));
  return out;
}

}  // namespace muster
