#include "controller/flow/explain.h"

#include <algorithm>

#include "common/decision.h"
#include "common/time_proto.h"
#include "controller/domain/archive_guidance.h"
#include "controller/domain/grant.h"
#include "controller/domain/next_step.h"
#include "controller/flow/attestations.h"
#include "controller/flow/device_documents.h"
#include "controller/flow/lookup.h"
#include "controller/flow/obligations.h"
#include "controller/flow/phone_reports.h"

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
  MUSTER_ASSIGN_OR_RETURN(const auto deny, EmergencyDenyAt(snapshot, in.now));
  if (!deny) return absl::OkStatus();
  in.emergency_denied =
      std::find(deny->app_ids().begin(), deny->app_ids().end(), in.app_id) != deny->app_ids().end();
  in.emergency_reason = deny->reason();
  return absl::OkStatus();
}

// What the store holds about one person and one app.
struct Standing {
  std::optional<v1::Grant> grant;      // the one that holds, else the last one that ended
  std::optional<v1::Request> request;  // open
  bool member = false;
  std::optional<absl::Time> attest_since;
  bool nothing_left = false;  // to export, of a grant that the TRM office suspended
};

absl::StatusOr<Standing> LoadStanding(const Snapshot& snapshot, const std::string& person_id,
                                      const std::string& app_id) {
  Standing out;
  MUSTER_ASSIGN_OR_RETURN(out.member, IsMember(snapshot, app_id, person_id));
  MUSTER_ASSIGN_OR_RETURN(out.attest_since, AttestSince(snapshot));
  MUSTER_ASSIGN_OR_RETURN(const auto holding, HoldingGrant(snapshot, person_id, app_id));
  if (holding) {
    out.grant = holding->value;
    MUSTER_ASSIGN_OR_RETURN(out.nothing_left, NothingLeftToExport(snapshot, *out.grant));
  }
  MUSTER_ASSIGN_OR_RETURN(const auto open, snapshot.Get(OpenRequestKey(person_id, app_id)));
  if (open) {
    MUSTER_ASSIGN_OR_RETURN(const auto request,
                            Find<v1::Request>(snapshot, RequestKey(open->bytes)));
    if (request) out.request = request->value;
  }
  if (out.grant || out.request) return out;
  MUSTER_ASSIGN_OR_RETURN(const auto grants, GrantsOfPerson(snapshot, person_id));
  for (const v1::Grant& grant : grants) {
    if (grant.app_id() == app_id) out.grant = grant;
  }
  return out;
}

// The entitlement, or why there is none.
void FillEntitlement(const Standing& standing, const v1::Person& person, DecisionInputs& in) {
  if (standing.grant) {
    const v1::Grant& grant = *standing.grant;
    if (const auto entitlement =
            EntitlementOf(grant, person, standing.member, standing.attest_since, in.now)) {
      in.entitlement =
          EntitlementFacts{.grant_id = grant.grant_id(),
                           .not_after = FromProto(entitlement->not_after()),
                           .suspended_by_trm = entitlement->suspended_by_trm(),
                           .messages_covered = standing.nothing_left,
                           .export_until = FromProto(entitlement->export_until()),
                           .suspended_archive_overdue = entitlement->suspended_archive_overdue()};
      return;
    }
    in.no_entitlement_because =
        WhyNotLive(grant, person, standing.member, standing.attest_since, in.now);
    return;
  }
  if (!standing.request) return;
  const v1::Request& request = *standing.request;
  in.no_entitlement_because = absl::StrCat("request ", request.request_id(), " is ",
                                           v1::Request::State_Name(request.state()),
                                           request.detail().empty() ? "" : ": ", request.detail());
}

std::string GrantDetail(const Standing& standing) {
  if (standing.grant) {
    const v1::Grant& grant = *standing.grant;
    return absl::StrCat(grant.grant_id(), " is ", v1::Grant::State_Name(grant.state()),
                        grant.has_not_after()
                            ? absl::StrCat(", until ", TimeText(FromProto(grant.not_after())))
                            : std::string());
  }
  if (!standing.request) return "nobody filed a request";
  return absl::StrCat(standing.request->request_id(), " is ",
                      v1::Request::State_Name(standing.request->state()));
}

void AddAttestation(const Standing& standing, v1::Explanation& out) {
  const v1::Training attested = standing.grant     ? standing.grant->archive_attestation()
                                : standing.request ? standing.request->archive_attestation()
                                                   : v1::Training();
  const bool owes = !standing.grant || OwesAttestation(*standing.grant, standing.attest_since);
  const bool break_glass = standing.grant && standing.grant->state() == v1::Grant::BREAK_GLASS;
  AddLink(out, "the archive guidance is attested", !attested.version().empty(),
          !attested.version().empty() ? absl::StrCat("guidance ", attested.version())
          : break_glass               ? "not needed: break-glass"
          : owes                      ? "no version attested"
                                      : "not needed until the grant is certified anew");
}

// What a live entitlement is made of, each by itself.
void AddConditions(const Standing& standing, const v1::Person& person, absl::Time now,
                   v1::Explanation& out) {
  const bool granted = standing.grant && Holds(standing.grant->state());
  const bool running = granted && now < FromProto(standing.grant->not_after()) &&
                       standing.grant->state() != v1::Grant::SUSPENDED &&
                       standing.grant->state() != v1::Grant::UNSANCTIONED;
  const bool break_glass = granted && standing.grant->state() == v1::Grant::BREAK_GLASS;
  AddLink(out, "an approved request gives a running grant", running, GrantDetail(standing));
  const bool expired = person.has_expires_at() && now >= FromProto(person.expires_at());
  AddLink(out, "the person's account may sign in",
          person.enabled() && !person.deleted() && !expired,
          person.deleted()    ? "deleted from the directory"
          : !person.enabled() ? "disabled in the directory"
          : expired           ? "expired in the directory"
                              : "enabled in the directory");
  AddLink(out, "the person is in the app's approval group", standing.member,
          break_glass       ? "not needed: break-glass"
          : standing.member ? "as last read"
                            : "not there");
  const std::string training = standing.grant && !standing.grant->training_acknowledged().empty()
                                   ? standing.grant->training_acknowledged()
                               : standing.request ? standing.request->training_acknowledged()
                                                  : "";
  AddLink(out, "the training is acknowledged", !training.empty(),
          break_glass        ? "not needed: break-glass"
          : training.empty() ? "no version recorded"
                             : absl::StrCat("guidance ", training));
  if (standing.attest_since) AddAttestation(standing, out);
}

bool IsFor(const v1::App& app, v1::Platform::Id platform) {
  return std::any_of(app.identities().begin(), app.identities().end(),
                     [&](const v1::AppIdentity& i) { return i.platform() == platform; });
}

// What the UEM of a phone can do about the app; nothing for a laptop.
absl::Status AddPhoneLink(const Snapshot& snapshot, const v1::Device& device, const v1::App& app_of,
                          v1::Explanation& out) {
  if (device.bridge_id().empty()) return absl::OkStatus();
  constexpr char kCondition[] = "this phone can enforce it";
  MUSTER_ASSIGN_OR_RETURN(const auto status, FindPhoneStatus(snapshot, device));
  if (!status) {
    AddLink(out, kCondition, false, "UNKNOWN: its bridge has not reported on it yet");
    return absl::OkStatus();
  }
  const auto& apps = status->report().apps();
  const auto app = std::find_if(apps.begin(), apps.end(),
                                [&](const v1::PhoneApp& a) { return a.app_id() == app_of.id(); });
  if (app == apps.end()) {
    const bool known = status->report().facts().enrolment() == v1::PhoneFacts::ENROLLED;
    const bool nothing = out.verdict() == v1::Verdict::ALLOW || !IsFor(app_of, device.platform());
    AddLink(out, kCondition, known && nothing,
            !known    ? "UNKNOWN: the UEM does not manage this phone, as last reported"
            : nothing ? "there is nothing to enforce, as last reported"
                      : "UNKNOWN: the phone's last report does not name this app; its bridge "
                        "reports again when it has this policy");
    return absl::OkStatus();
  }
  const bool holds = app->state() != v1::PhoneApp::NOT_ENFORCEABLE &&
                     app->state() != v1::PhoneApp::UNKNOWN &&
                     app->state() != v1::PhoneApp::UNSPECIFIED;
  AddLink(out, kCondition, holds,
          absl::StrCat(v1::PhoneApp::State_Name(app->state()), app->why().empty() ? "" : ": ",
                       app->why()));
  return absl::OkStatus();
}

// More to the point than how to ask, where something is under way.
std::string NextStep(const Standing& standing, bool on_device, const std::string& device_id,
                     absl::Time now) {
  if (standing.grant) {
    std::string step = NextStepFor(*standing.grant, standing.member, standing.attest_since, now);
    if (!step.empty()) return step;
  }
  if (standing.request) return NextStepFor(*standing.request);
  if (standing.grant && !on_device && Holds(standing.grant->state())) {
    return absl::StrCat("The person has a grant, but does not use ", device_id,
                        ": take a device of theirs, or enrol this one for them.");
  }
  return "";
}

}  // namespace

absl::StatusOr<std::optional<v1::EmergencyDeny>> EmergencyDenyAt(const Snapshot& snapshot,
                                                                 absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(const DocumentPtr current, FindEmergencyDeny(snapshot, now));
  v1::SignedDoc envelope;
  v1::EmergencyDeny deny;
  if (current == nullptr || !envelope.ParseFromString(*current->bytes) ||
      !deny.ParseFromString(envelope.payload())) {
    return std::nullopt;
  }
  return deny;
}

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
  MUSTER_ASSIGN_OR_RETURN(const Standing standing,
                          LoadStanding(*snapshot, person.person_id(), app_id));
  FillEntitlement(standing, person, in);
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
  if (app.trm.status() == v1::Trm::RESTRICTED && !in.emergency_denied) {
    AddConditions(standing, person, in.now, out);
    const std::string step = NextStep(standing, on_device, device_id, in.now);
    if (!step.empty()) out.set_next_step(step);
  }
  MUSTER_ASSIGN_OR_RETURN(const auto states,
                          StatesOf(*snapshot, device.value, hub.DeliveriesOf(device_id), in.now));
  bool verified = false;
  std::string detail = PolicyDetail(states, &verified);
  AddLink(out, "the device runs the current policy", verified, std::move(detail));
  MUSTER_RETURN_IF_ERROR(AddPhoneLink(*snapshot, device.value, app.app, out));
  return out;
}

}  // namespace muster
