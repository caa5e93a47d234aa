#include "controller/adapters/grpc/admin_views.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/time_proto.h"
#include "controller/adapters/grpc/paging.h"
#include "controller/domain/grant.h"
#include "controller/flow/device_documents.h"
#include "controller/flow/lookup.h"
#include "controller/flow/phone_reports.h"

namespace muster {
namespace {

// The id of the person to filter by; empty when no filter was asked for.
absl::StatusOr<std::string> PersonFilter(const Snapshot& snapshot, const std::string& upn) {
  if (upn.empty()) return std::string();
  MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(snapshot, upn));
  return person.person_id();
}

bool MatchesFilter(const v1::ListRequestsRequest& in, const std::string& person_id, absl::Time now,
                   const v1::Request& r) {
  const absl::Time since = FromProto(r.has_state_since() ? r.state_since() : r.submitted_at());
  return (in.state() == v1::Request::UNSPECIFIED || r.state() == in.state()) &&
         (person_id.empty() || r.person_id() == person_id) &&
         (in.app_id().empty() || r.app_id() == in.app_id()) &&
         (in.ticket().empty() || r.ticket() == in.ticket()) && (!in.open() || IsOpen(r.state())) &&
         (!in.escalated() || !r.escalated_to().empty()) &&
         (!in.has_older_than() || now - since > FromProto(in.older_than()));
}

absl::StatusOr<v1::AppView> ViewOf(const Snapshot& snapshot, const std::string& app_id) {
  MUSTER_ASSIGN_OR_RETURN(AppFacts facts, LoadApp(snapshot, app_id));
  v1::AppView view;
  *view.mutable_app() = std::move(facts.app);
  view.set_trm(facts.trm.status());
  view.set_blocklisted(facts.blocklisted);
  return view;
}

absl::Status CheckBridge(const Snapshot& snapshot, const std::string& device_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(snapshot, device_id));
  if (device.value.bridge()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(device_id, " is no bridge; see `musterctl device show ", device_id, "`"));
}

}  // namespace

absl::Status ListApps(const Services& services, const v1::ListAppsRequest& in,
                      v1::ListAppsResponse& out) {
  const auto snapshot = services.store.Read();
  return Page<v1::App>(
      *snapshot, "app/", in.page_size(), in.cursor(),
      [&](const v1::App& app) -> absl::Status {
        MUSTER_ASSIGN_OR_RETURN(*out.add_items(), ViewOf(*snapshot, app.id()));
        return absl::OkStatus();
      },
      out);
}

absl::Status GetApp(const Services& services, const v1::GetAppRequest& in, v1::AppView& out) {
  MUSTER_ASSIGN_OR_RETURN(out, ViewOf(*services.store.Read(), in.app_id()));
  return absl::OkStatus();
}

absl::Status ListTrm(const Services& services, const v1::ListTrmRequest& in,
                     v1::ListTrmResponse& out) {
  return Page<v1::Trm>(
      *services.store.Read(), "trm/", in.page_size(), in.cursor(),
      [&](const v1::Trm& trm) {
        *out.add_items() = trm;
        return absl::OkStatus();
      },
      out);
}

absl::Status GetBlocklist(const Services& services, v1::GetBlocklistResponse& out) {
  const auto snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto ids, KeyTails(*snapshot, "blocklist/"));
  for (const std::string& id : ids) {
    MUSTER_ASSIGN_OR_RETURN(const v1::AppView view, ViewOf(*snapshot, id));
    auto* item = out.add_items();
    item->set_app_id(id);
    item->set_name(view.app().name());
    item->set_trm(view.trm());
  }
  return absl::OkStatus();
}

absl::Status ListRequests(const Services& services, const v1::ListRequestsRequest& in,
                          v1::ListRequestsResponse& out) {
  const auto snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const std::string person, PersonFilter(*snapshot, in.person_upn()));
  return Page<v1::Request>(
      *snapshot, "request/", in.page_size(), in.cursor(),
      [&](const v1::Request& r) {
        if (MatchesFilter(in, person, services.clock.Now(), r)) *out.add_items() = r;
        return absl::OkStatus();
      },
      out);
}

absl::Status GetRequest(const Services& services, const v1::GetRequestRequest& in,
                        v1::Request& out) {
  MUSTER_ASSIGN_OR_RETURN(const auto request,
                          Load<v1::Request>(*services.store.Read(), RequestKey(in.request_id()),
                                            absl::StrCat("no request '", in.request_id(),
                                                         "'; see `musterctl request list`")));
  out = request.value;
  out.set_revision(request.revision);
  return absl::OkStatus();
}

absl::Status ListGrants(const Services& services, const v1::ListGrantsRequest& in,
                        v1::ListGrantsResponse& out) {
  const auto snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const std::string person, PersonFilter(*snapshot, in.person_upn()));
  return Page<v1::Grant>(
      *snapshot, "grant/", in.page_size(), in.cursor(),
      [&](const v1::Grant& g) {
        const bool keep = (in.state() == v1::Grant::UNSPECIFIED || g.state() == in.state()) &&
                          (person.empty() || g.person_id() == person) &&
                          (in.app_id().empty() || g.app_id() == in.app_id()) &&
                          (!in.review_owed() || OwesReview(g));
        if (keep) *out.add_items() = g;
        return absl::OkStatus();
      },
      out);
}

absl::Status GetGrant(const Services& services, const v1::GetGrantRequest& in, v1::Grant& out) {
  MUSTER_ASSIGN_OR_RETURN(
      const auto grant,
      Load<v1::Grant>(*services.store.Read(), GrantKey(in.grant_id()),
                      absl::StrCat("no grant '", in.grant_id(), "'; see `musterctl grant list`")));
  out = grant.value;
  out.set_revision(grant.revision);
  return absl::OkStatus();
}

absl::Status ListDevices(const Services& services, const v1::ListDevicesRequest& in,
                         v1::ListDevicesResponse& out) {
  const auto snapshot = services.store.Read();
  if (!in.app_id().empty()) MUSTER_RETURN_IF_ERROR(LoadApp(*snapshot, in.app_id()).status());
  if (!in.bridge_id().empty()) MUSTER_RETURN_IF_ERROR(CheckBridge(*snapshot, in.bridge_id()));
  return Page<v1::Device>(
      *snapshot, "device/", in.page_size(), in.cursor(),
      [&](const v1::Device& device) -> absl::Status {
        if (!in.group().empty() && device.group() != in.group()) return absl::OkStatus();
        if (in.alarmed() && device.alarms().empty()) return absl::OkStatus();
        if (in.phones() && device.bridge_id().empty()) return absl::OkStatus();
        if (!in.bridge_id().empty() && device.bridge_id() != in.bridge_id()) {
          return absl::OkStatus();
        }
        if (!in.app_id().empty()) {
          MUSTER_ASSIGN_OR_RETURN(const auto installed,
                                  snapshot->Get(InstalledKey(in.app_id(), device.device_id())));
          if (!installed) return absl::OkStatus();
        }
        v1::Device* item = out.add_items();
        *item = device;
        item->clear_certificate_spki();
        return absl::OkStatus();
      },
      out);
}

absl::Status GetDevice(const Services& services, const DeviceHub& hub,
                       const v1::GetDeviceRequest& in, v1::DeviceView& out) {
  const auto snapshot = services.store.Read();
  const std::string& id = in.device_id();
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(*snapshot, id));
  *out.mutable_device() = device.value;
  out.mutable_device()->clear_certificate_spki();
  out.set_connected(hub.Connected(id));
  MUSTER_ASSIGN_OR_RETURN(const auto states, StatesOf(*snapshot, device.value, hub.DeliveriesOf(id),
                                                      services.clock.Now()));
  for (const v1::DocumentState& state : states) *out.add_documents() = state;
  MUSTER_ASSIGN_OR_RETURN(const auto persons, PersonsOfDevice(*snapshot, device.value));
  for (const v1::Person& person : persons) {
    v1::AssignedPerson* assigned = out.add_persons();
    assigned->set_person_id(person.person_id());
    assigned->set_upn(person.upn());
    assigned->set_account_name(person.account_name());
  }
  MUSTER_ASSIGN_OR_RETURN(const auto inventory,
                          Find<v1::DeviceInventory>(*snapshot, InventoryKey(id)));
  if (inventory) {
    for (const v1::InventoryItem& item : inventory->value.items()) {
      *out.add_inventory() = item;
      if (!item.app_id().empty()) *out.add_apps_installed() = item;
    }
  }
  MUSTER_ASSIGN_OR_RETURN(auto phone, FindPhoneStatus(*snapshot, device.value));
  if (phone) *out.mutable_phone() = *std::move(phone);
  MUSTER_ASSIGN_OR_RETURN(auto witness, Find<v1::AuditWitness>(*snapshot, WitnessKey(id)));
  if (witness) *out.mutable_audit_witness() = std::move(witness->value);
  std::vector<v1::ExecRecord> execs;
  MUSTER_RETURN_IF_ERROR(
      ForEach<v1::ExecRecord>(*snapshot, absl::StrCat("exec/", id, "/"),
                              [&](const std::string&, Versioned<v1::ExecRecord>& record) {
                                execs.push_back(std::move(record.value));
                                return absl::OkStatus();
                              }));
  for (auto it = execs.rbegin(); it != execs.rend(); ++it) {
    *out.add_recent_execs() = std::move(*it);
  }
  return absl::OkStatus();
}

absl::Status GetPolicy(const Services& services, const Signer& signer, v1::PolicyView& out) {
  const auto snapshot = services.store.Read();
  out.set_tenant(services.settings.tenant);
  out.set_revision(snapshot->revision());
  MUSTER_ASSIGN_OR_RETURN(const auto applied,
                          Find<v1::AppliedPolicies>(*snapshot, kAppliedPoliciesKey));
  if (applied) {
    out.set_applied_commit(applied->value.commit());
    *out.mutable_applied_at() = applied->value.at();
    out.set_applied_by(applied->value.by_upn());
  }
  for (const auto& [role, count] : signer.counts())
    (*out.mutable_signed_since_start())[role] = count;
  const auto add = [&](const std::string& key,
                       const Versioned<v1::SignedDoc>& doc) -> absl::Status {
    v1::AnyPayload payload;
    if (!payload.ParseFromString(doc.value.payload())) {
      return absl::DataLossError(absl::StrCat("store: record ", key, " is damaged"));
    }
    v1::PolicyView::Document* item = out.add_items();
    item->set_name(payload.header().name());
    item->set_payload_type(doc.value.payload_type());
    item->set_epoch(payload.header().epoch());
    item->set_version(payload.header().version());
    item->set_sha256(Sha256Hex(doc.value.payload()));
    *item->mutable_issued_at() = payload.header().issued_at();
    *item->mutable_not_after() = payload.header().not_after();
    for (const v1::Signature& s : doc.value.signatures()) item->add_signed_by(s.key_id());
    return absl::OkStatus();
  };
  // Assignments are one per device and shown there.
  for (const char* name : {kRootName, kBeaconName, kEmergencyDenyName, "cohort/"}) {
    MUSTER_RETURN_IF_ERROR(ForEach<v1::SignedDoc>(*snapshot, DocumentKey(name), add));
  }
  return absl::OkStatus();
}

}  // namespace muster
