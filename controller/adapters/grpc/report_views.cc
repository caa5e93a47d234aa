#include "controller/adapters/grpc/report_views.h"

#include "absl/strings/str_join.h"
#include "common/time_proto.h"
#include "controller/adapters/grpc/paging.h"
#include "controller/domain/grant.h"
#include "controller/flow/attestations.h"
#include "controller/flow/lookup.h"
#include "controller/flow/trm_writes.h"

namespace muster {
namespace {

using BlockedApp = v1::ReportBlockedAppsResponse::Item;
using GrantedUser = v1::ReportGrantedUsersResponse::Item;

absl::Status FillBlockedApp(const Snapshot& snapshot, const v1::App& app,
                            const std::map<std::string, uint32_t>& grants,
                            v1::ReportBlockedAppsResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(const AppFacts facts, LoadApp(snapshot, app.id()));
  const bool restricts =
      facts.trm.status() == v1::Trm::RESTRICTED || facts.trm.status() == v1::Trm::PROHIBITED;
  if (!facts.blocklisted && !restricts) return absl::OkStatus();
  BlockedApp* item = out.add_items();
  item->set_app_id(app.id());
  item->set_name(app.name());
  item->set_blocklisted(facts.blocklisted);
  item->set_trm(v1::Trm::Status_Name(facts.trm.status()));
  item->set_decision_id(facts.trm.decision_id());
  if (facts.trm.has_decided_at()) *item->mutable_decided_at() = facts.trm.decided_at();
  MUSTER_ASSIGN_OR_RETURN(const uint32_t installed, CountInstalled(snapshot, app.id()));
  item->set_installed_on(installed);
  const auto held = grants.find(app.id());
  if (held != grants.end()) item->set_grants(held->second);
  return absl::OkStatus();
}

std::string TrainingText(const v1::Grant& grant) {
  if (grant.training_acknowledged().empty()) return "";
  std::string out = grant.training_acknowledged();
  if (!grant.has_training()) return out;
  absl::StrAppend(
      &out, " on ",
      absl::FormatTime("%Y-%m-%d", FromProto(grant.training().at()), absl::UTCTimeZone()));
  if (grant.training().text_sha256().empty()) absl::StrAppend(&out, " (text not on file)");
  return out;
}

absl::Status FillGrantedUser(const Services& services, const Snapshot& snapshot,
                             const v1::Grant& grant, GrantedUser& item) {
  item.set_person_upn(grant.person_upn());
  item.set_app_id(grant.app_id());
  item.set_state(v1::Grant::State_Name(grant.state()));
  item.set_grant_id(grant.grant_id());
  item.set_request_id(grant.request_id());
  *item.mutable_granted_at() = grant.granted_at();
  if (grant.has_not_after()) *item.mutable_not_after() = grant.not_after();
  item.set_training(TrainingText(grant));
  item.set_ticket(grant.ticket());
  item.set_approved_by(absl::StrJoin(grant.approved_by_upn(), " + "));
  MUSTER_ASSIGN_OR_RETURN(const auto request,
                          Find<v1::Request>(snapshot, RequestKey(grant.request_id())));
  if (request) {
    item.set_ticket(request->value.ticket());
    item.set_duty_location(request->value.duty_location());
    if (item.approved_by().empty()) item.set_approved_by(request->value.decided_by_upn());
  }
  MUSTER_ASSIGN_OR_RETURN(const auto person,
                          Find<v1::Person>(snapshot, PersonKey(grant.person_id())));
  if (!person) return absl::OkStatus();
  item.set_person_upn(person->value.upn());
  MUSTER_ASSIGN_OR_RETURN(const auto devices, DevicesOfPerson(snapshot, person->value));
  item.set_devices(absl::StrJoin(devices, " "));
  MUSTER_ASSIGN_OR_RETURN(const bool member, IsMember(snapshot, grant.app_id(), grant.person_id()));
  MUSTER_ASSIGN_OR_RETURN(const auto attest_since, AttestSince(snapshot));
  item.set_not_live_because(
      WhyNotLive(grant, person->value, member, attest_since, services.clock.Now()));
  item.set_live(item.not_live_because().empty());
  return absl::OkStatus();
}

}  // namespace

absl::Status ReportBlockedApps(const Services& services, const v1::ReportBlockedAppsRequest& in,
                               v1::ReportBlockedAppsResponse& out) {
  const auto snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto grants, HoldingGrantsByApp(*snapshot));
  return Page<v1::App>(
      *snapshot, "app/", in.page_size(), in.cursor(),
      [&](const v1::App& app) { return FillBlockedApp(*snapshot, app, grants, out); }, out);
}

absl::Status ReportGrantedUsers(const Services& services, const v1::ReportGrantedUsersRequest& in,
                                v1::ReportGrantedUsersResponse& out) {
  const auto snapshot = services.store.Read();
  std::string person_id;
  if (!in.person_upn().empty()) {
    MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(*snapshot, in.person_upn()));
    person_id = person.person_id();
  }
  return Page<v1::Grant>(
      *snapshot, "grant/", in.page_size(), in.cursor(),
      [&](const v1::Grant& grant) -> absl::Status {
        const bool state = in.state() == v1::Grant::UNSPECIFIED ? Holds(grant.state())
                                                                : grant.state() == in.state();
        if (!state || (!in.app_id().empty() && grant.app_id() != in.app_id()) ||
            (!person_id.empty() && grant.person_id() != person_id)) {
          return absl::OkStatus();
        }
        return FillGrantedUser(services, *snapshot, grant, *out.add_items());
      },
      out);
}

absl::Status ListTrmHistory(const Services& services, const v1::ListTrmHistoryRequest& in,
                            v1::ListTrmResponse& out) {
  const auto snapshot = services.store.Read();
  std::string prefix = "trm_history/";
  if (!in.app_id().empty()) {
    MUSTER_RETURN_IF_ERROR(LoadApp(*snapshot, in.app_id()).status());
    prefix += in.app_id() + "/";
  }
  return Page<v1::Trm>(
      *snapshot, prefix, in.page_size(), in.cursor(),
      [&](const v1::Trm& trm) {
        *out.add_items() = trm;
        return absl::OkStatus();
      },
      out);
}

absl::Status ListWebhooks(const Services& services, const std::vector<Webhook>& webhooks,
                          v1::ListWebhooksResponse& out) {
  const auto snapshot = services.store.Read();
  const uint64_t size = snapshot->log_head().size;
  for (const Webhook& webhook : webhooks) {
    MUSTER_ASSIGN_OR_RETURN(const auto state,
                            Find<v1::WebhookState>(*snapshot, WebhookKey(webhook.name)));
    v1::WebhookState* item = out.add_items();
    if (state) *item = state->value;
    item->set_name(webhook.name);
    // The path and what follows may be a secret of the receiver's.
    item->set_url(webhook.url.substr(0, webhook.url.find('/', webhook.url.find("://") + 3)));
    item->set_waiting(
        state && size > state->value.next_sequence() ? size - state->value.next_sequence() : 0);
  }
  return absl::OkStatus();
}

}  // namespace muster
