#include "controller/flow/record_kinds.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/flow/record_indexes.h"
#include "controller/flow/records.h"
#include "muster/v1/app.pb.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/archive_calls.pb.h"
#include "muster/v1/audit.pb.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/document.pb.h"
#include "muster/v1/guidance.pb.h"
#include "muster/v1/person.pb.h"
#include "muster/v1/phone.pb.h"
#include "muster/v1/policy.pb.h"
#include "muster/v1/report.pb.h"
#include "muster/v1/request.pb.h"
#include "muster/v1/rollout.pb.h"
#include "muster/v1/trm.pb.h"
#include "muster/v1/webhook.pb.h"

namespace muster {
namespace {

using enum RecordForm;

template <typename T>
const google::protobuf::Message* Of() {
  return &T::default_instance();
}

template <typename T>
const T& Message(const RecordView& record) {
  return *google::protobuf::DynamicCastToGenerated<T>(record.message);
}

// The n-th part of a key, from 0; the last one with all that follows.
absl::string_view Part(absl::string_view key, int n) {
  for (; n > 0; --n) {
    const size_t slash = key.find('/');
    if (slash == absl::string_view::npos) return "";
    key.remove_prefix(slash + 1);
  }
  return key.substr(0, key.find('/'));
}

absl::string_view Last(absl::string_view key) { return key.substr(key.rfind('/') + 1); }

// Keys that a record's own fields say.
template <typename T, const std::string& (T::*kId)() const>
std::string KeyById(const RecordView& record) {
  return absl::StrCat(Part(record.key, 0), "/", (Message<T>(record).*kId)());
}

std::string KeyOfDocument(const RecordView& record) {
  v1::AnyPayload payload;
  // A payload that cannot be read belongs nowhere.
  if (!payload.ParseFromString(Message<v1::SignedDoc>(record).payload())) return "document/";
  return absl::StrCat(Part(record.key, 0), "/", payload.header().name());
}

std::string KeyOfRoot(const RecordView& record) {
  v1::AnyPayload payload;
  if (!payload.ParseFromString(Message<v1::SignedDoc>(record).payload())) return "root_version/";
  return RootKey(payload.header().version());
}

std::string KeyOfExport(const RecordView& record) {
  const auto& seen = Message<v1::ExportRecord>(record).seen();
  return ExportKey(seen.person_id(), seen.app_id(), seen.chat_key(), seen.export_sha256());
}

std::string KeyOfStatement(const RecordView& record) {
  const auto& said = Message<v1::StatementRecord>(record).statement();
  return StatementKey(said.person_id(), said.app_id(), said.chat_key());
}

std::string KeyOfObligation(const RecordView& record) {
  const auto& o = Message<v1::Obligation>(record);
  return ObligationKey(o.person_id(), o.app_id(), o.device_id(), o.chat_key());
}

std::string KeyOfMember(const RecordView& record) {
  const auto& m = Message<v1::Membership>(record);
  return m.inactive_because().empty() ? MemberKey(m.app_id(), m.person_id())
                                      : InactiveMemberKey(m.app_id(), m.person_id());
}

std::string KeyOfIntent(const RecordView& record) {
  const auto& intent = Message<v1::WriteIntent>(record);
  return WriteKey(intent.app_id(), intent.person_id());
}

std::string KeyOfState(const RecordView& record) {
  const auto& state = Message<v1::DocumentState>(record);
  return DocumentStateKey(state.device_id(), state.name());
}

std::string KeyOfReceipt(const RecordView& record) {
  return ReceiptKey(Message<v1::ReceiptRecord>(record).bag_id());
}

std::string KeyOfTraining(const RecordView& record) {
  return TrainingKey(Message<v1::TrainingText>(record).version());
}

std::string KeyOfArchiveText(const RecordView& record) {
  return ArchiveTextKey(Message<v1::Guidance>(record).archive_version());
}

// Records that this one is about.
template <std::string (*kKey)(absl::string_view)>
std::string ByBytes(const RecordView& record) {
  return kKey(record.bytes);
}
template <std::string (*kKey)(absl::string_view)>
std::string ByLast(const RecordView& record) {
  return kKey(Last(record.key));
}
template <std::string (*kKey)(absl::string_view)>
std::string BySecond(const RecordView& record) {
  return kKey(Part(record.key, 1));
}
std::string RequestOfIntent(const RecordView& record) {
  return RequestKey(Message<v1::WriteIntent>(record).request_id());
}
std::string ByItsBytes(const RecordView& record) { return std::string(record.bytes); }

constexpr RecordKind kKinds[] = {
    // What is decided by: the catalogue and the agency's settings.
    {"app/", kMessage, Of<v1::App>, KeyById<v1::App, &v1::App::id>},
    {"trm/", kMessage, Of<v1::Trm>, KeyById<v1::Trm, &v1::Trm::app_id>},
    {"trm_history/", kMessage, Of<v1::Trm>},
    {"blocklist/", kMark},
    {"cohort_settings/", kMessage, Of<v1::CohortPolicy>},
    {"guidance", kMessage, Of<v1::Guidance>},
    {"training/", kMessage, Of<v1::TrainingText>, KeyOfTraining},
    {"archive_text/", kMessage, Of<v1::Guidance>, KeyOfArchiveText},
    {"attest_since", kMessage, Of<v1::TrainingText>},
    {"retention", kMessage, Of<v1::RetentionPolicy>},
    {"applied_policies", kMessage, Of<v1::AppliedPolicies>},
    {"policy_set", kMark},
    // The directory.
    {"person/", kMessage, Of<v1::Person>, KeyById<v1::Person, &v1::Person::person_id>,
     IndexesOfPerson},
    {"person_by_upn/", kText, nullptr, nullptr, nullptr, ByBytes<PersonKey>, true},
    {"person_by_account/", kText, nullptr, nullptr, nullptr, ByBytes<PersonKey>, true},
    {"person_by_alias/", kMark, nullptr, nullptr, nullptr, ByLast<PersonKey>, true},
    {"person_by_employee/", kMark, nullptr, nullptr, nullptr, ByLast<PersonKey>, true},
    {"role/", kMessage, Of<v1::PersonRole>, nullptr, nullptr, BySecond<PersonKey>},
    {"role_member/", kMark, nullptr, nullptr, nullptr, ByLast<PersonKey>},
    {"member/", kMessage, Of<v1::Membership>, KeyOfMember, nullptr, ByLast<PersonKey>},
    {"inactive_member/", kMessage, Of<v1::Membership>, KeyOfMember, nullptr, ByLast<PersonKey>},
    {"write/", kMessage, Of<v1::WriteIntent>, KeyOfIntent, nullptr, RequestOfIntent},
    {"removal/", kMark},
    {"membership_set", kMark},
    {"run/", kMessage, Of<v1::SyncRun>, KeyById<v1::SyncRun, &v1::SyncRun::run_id>, IndexesOfRun},
    {"last_applied_run", kMessage, Of<v1::SyncRun>},
    {"failing_run", kMessage, Of<v1::SyncRun>},
    {"held_run", kText, nullptr, nullptr, nullptr, ByBytes<RunKey>, true},
    {"released_run", kText, nullptr, nullptr, nullptr, ByBytes<RunKey>, true},
    {"session/", kMessage, Of<v1::Session>},
    {"sign_in/", kMessage, Of<v1::SignInFailures>},
    // Requests and grants.
    {"request/", kMessage, Of<v1::Request>, KeyById<v1::Request, &v1::Request::request_id>,
     IndexesOfRequest},
    {"request_by_person/", kMark, nullptr, nullptr, nullptr, ByLast<RequestKey>, true},
    {"request_open/", kText, nullptr, nullptr, nullptr, ByBytes<RequestKey>, true},
    {"ticket/", kText, nullptr, nullptr, nullptr, ByBytes<RequestKey>, true},
    {"work/request/", kMark, nullptr, nullptr, nullptr, ByLast<RequestKey>},
    {"work/grant/", kMark, nullptr, nullptr, nullptr, ByLast<GrantKey>},
    {"work/join/", kMark, nullptr, nullptr, nullptr, ByLast<GrantKey>},
    {"grant/", kMessage, Of<v1::Grant>, KeyById<v1::Grant, &v1::Grant::grant_id>, IndexesOfGrant},
    {"grant_by_person/", kMark, nullptr, nullptr, nullptr, ByLast<GrantKey>, true},
    {"grant_live/", kText, nullptr, nullptr, nullptr, ByBytes<GrantKey>, true},
    {"counter/", kNumber},
    // Devices and what they are sent.
    {"device/", kMessage, Of<v1::Device>, KeyById<v1::Device, &v1::Device::device_id>,
     IndexesOfDevice},
    {"device_by_owner/", kMark, nullptr, nullptr, nullptr, ByLast<DeviceKey>, true},
    {"device_by_account/", kMark, nullptr, nullptr, nullptr, ByLast<DeviceKey>, true},
    {"phone_by_bridge/", kMark, nullptr, nullptr, nullptr, ByLast<DeviceKey>, true},
    {"phone/", kMessage, Of<v1::PhoneStatus>, KeyById<v1::PhoneStatus, &v1::PhoneStatus::device_id>,
     nullptr, ByLast<DeviceKey>},
    {"phone_problem/", kText, nullptr, nullptr, nullptr, BySecond<PhoneKey>},
    {"inventory/", kMessage, Of<v1::DeviceInventory>,
     KeyById<v1::DeviceInventory, &v1::DeviceInventory::device_id>, IndexesOfInventory,
     ByLast<DeviceKey>},
    {"installed/", kMark, nullptr, nullptr, nullptr, ByLast<InventoryKey>, true},
    {"tampering/", kMessage, Of<v1::StatusReport>, nullptr, nullptr, ByLast<DeviceKey>},
    {"exec/", kMessage, Of<v1::ExecRecord>, nullptr, nullptr, BySecond<DeviceKey>},
    {"witness/", kMessage, Of<v1::AuditWitness>,
     KeyById<v1::AuditWitness, &v1::AuditWitness::device_id>, nullptr, ByLast<DeviceKey>},
    {"token/", kMessage, Of<v1::EnrollmentToken>,
     KeyById<v1::EnrollmentToken, &v1::EnrollmentToken::token_sha256>},
    {"document/", kMessage, Of<v1::SignedDoc>, KeyOfDocument, IndexesOfDocument},
    {"document_base/", kMessage, Of<v1::SignedDoc>, KeyOfDocument, IndexesOfDocument},
    {"document_state/", kMessage, Of<v1::DocumentState>, KeyOfState, nullptr, BySecond<DeviceKey>},
    {"leaf/", kMessage, Of<v1::DocumentLeaf>, nullptr, nullptr, DocumentOfLeaf, true},
    {"chunk/", kHashed},
    {"rollout/", kMessage, Of<v1::Rollout>},
    {"root_version/", kMessage, Of<v1::SignedDoc>, KeyOfRoot},
    // The archive and its incidents.
    {"export/", kMessage, Of<v1::ExportRecord>, KeyOfExport, IndexesOfExport},
    // An export that a later one holds is dropped; its bag's id stays taken.
    {"bag/", kText},
    {"receipt/", kMessage, Of<v1::ReceiptRecord>, KeyOfReceipt, IndexesOfReceipt},
    {"receipt_pending/", kText, nullptr, nullptr, nullptr, ByItsBytes, true},
    {"statement/", kMessage, Of<v1::StatementRecord>, KeyOfStatement},
    {"attestation/", kMessage, Of<v1::GuidanceAttestation>,
     KeyById<v1::GuidanceAttestation, &v1::GuidanceAttestation::person_id>},
    {"obligation/", kMessage, Of<v1::Obligation>, KeyOfObligation},
    {"archive_work/", kMark},
    {"archive_next/", kText, nullptr, nullptr, IndexesOfArchiveNext},
    {"archive_due/", kMark, nullptr, nullptr, nullptr, ByLast<ArchiveNextKey>, true},
    {"archive_walk", kText},
    {"app_gone/", kMessage, Of<v1::Incident>, nullptr, nullptr, ByLast<DeviceKey>},
    {"device_gone/", kMessage, Of<v1::Incident>, nullptr, nullptr, ByLast<DeviceKey>},
    {"incident/", kMessage, Of<v1::Incident>, KeyById<v1::Incident, &v1::Incident::incident_id>,
     IndexesOfIncident},
    {"incident_open/", kText, nullptr, nullptr, nullptr, ByBytes<IncidentKey>, true},
    {"incident_report/", kMessage, Of<v1::IncidentReportResponse>, nullptr, nullptr,
     ByLast<IncidentKey>},
    {"work/incident/", kText, nullptr, nullptr, nullptr, ByBytes<IncidentKey>, true},
    {"hold/", kMessage, Of<v1::Hold>, KeyById<v1::Hold, &v1::Hold::hold_id>},
    {"figures/", kMessage, Of<v1::ComplianceFigures>},
    {"figures_day", kText},
    {"figure_events/", kMessage, Of<v1::ReportQuarterlyResponse>},
    {"figure_events_place", kMessage, Of<v1::WebhookState>},
    // The log's own.
    {"webhook/", kMessage, Of<v1::WebhookState>,
     KeyById<v1::WebhookState, &v1::WebhookState::name>},
    {"audit_pruned_below", kNumber},
};

}  // namespace

absl::Span<const RecordKind> RecordKinds() { return kKinds; }

const RecordKind* FindRecordKind(absl::string_view key) {
  const RecordKind* best = nullptr;
  for (const RecordKind& kind : kKinds) {
    const bool fits = absl::EndsWith(kind.prefix, "/")
                          ? absl::StartsWith(key, kind.prefix) && key != kind.prefix
                          : key == kind.prefix;
    if (fits && (best == nullptr || kind.prefix.size() > best->prefix.size())) best = &kind;
  }
  return best;
}

}  // namespace muster
