#include "controller/flow/record_indexes.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/signed_doc.h"
#include "controller/domain/grant.h"
#include "controller/domain/incident.h"
#include "controller/domain/request.h"
#include "controller/flow/publish.h"
#include "controller/flow/records.h"
#include "google/protobuf/message.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/document.pb.h"
#include "muster/v1/grant.pb.h"
#include "muster/v1/person.pb.h"
#include "muster/v1/policy.pb.h"
#include "muster/v1/request.pb.h"

namespace muster {
namespace {

using Need = IndexEntry::Need;

template <typename T>
const T& As(const RecordView& record) {
  return *google::protobuf::DynamicCastToGenerated<T>(record.message);
}

IndexEntry MarkAt(std::string key) { return {std::move(key), "1"}; }

constexpr char kDocuments[] = "document/";
constexpr char kAssignments[] = "assignment/";

// A retired device keeps its last assignment, but it is no longer current.
absl::StatusOr<bool> IsCurrent(const Snapshot& snapshot, absl::string_view name) {
  if (!absl::ConsumePrefix(&name, kAssignments)) return true;
  MUSTER_ASSIGN_OR_RETURN(const auto device, Find<v1::Device>(snapshot, DeviceKey(name)));
  return device && device->value.state() == v1::Device::ENROLLED;
}

}  // namespace

absl::Status IndexesOfPerson(const Snapshot&, const RecordView& record, IndexEntries& out) {
  const auto& person = As<v1::Person>(record);
  const std::string& id = person.person_id();
  if (!person.employee_id().empty()) out.push_back(MarkAt(EmployeeKey(person.employee_id(), id)));
  if (person.deleted()) return absl::OkStatus();
  // Two accounts of a directory may have one name: then it finds one of them.
  if (!person.upn().empty()) out.push_back({UpnKey(person.upn()), id, Need::kSome});
  if (!person.account_name().empty()) {
    out.push_back({AccountKey(person.account_name()), id, Need::kSome});
  }
  for (const std::string& alias : person.aliases()) out.push_back(MarkAt(AliasKey(alias, id)));
  return absl::OkStatus();
}

absl::Status IndexesOfRequest(const Snapshot&, const RecordView& record, IndexEntries& out) {
  const auto& request = As<v1::Request>(record);
  const std::string& id = request.request_id();
  out.push_back(MarkAt(PersonRequestKey(request.person_id(), id)));
  if (IsOpen(request.state())) {
    out.push_back({OpenRequestKey(request.person_id(), request.app_id()), id});
  }
  // The ticket of a request that came to nothing may stand for a later one.
  out.push_back({TicketKey(request.ticket_source(), request.ticket()), id,
                 CameToNothing(request.state()) ? Need::kSome : Need::kExact});
  if (IsOpen(request.state()) && request.state() != v1::Request::SUBMITTED &&
      !IsUndecided(request.state())) {
    out.push_back(MarkAt(RequestWorkKey(id)));
  }
  return absl::OkStatus();
}

absl::Status IndexesOfGrant(const Snapshot&, const RecordView& record, IndexEntries& out) {
  const auto& grant = As<v1::Grant>(record);
  out.push_back(MarkAt(PersonGrantKey(grant.person_id(), grant.grant_id())));
  if (Holds(grant.state())) {
    out.push_back({LiveGrantKey(grant.person_id(), grant.app_id()), grant.grant_id()});
  } else if (grant.state() == v1::Grant::REVOKING) {
    out.push_back(MarkAt(GrantWorkKey(grant.grant_id())));
  }
  return absl::OkStatus();
}

absl::Status IndexesOfDevice(const Snapshot&, const RecordView& record, IndexEntries& out) {
  const auto& device = As<v1::Device>(record);
  if (device.state() != v1::Device::ENROLLED) return absl::OkStatus();
  if (!device.bridge_id().empty()) {
    out.push_back(MarkAt(PhoneOfBridgeKey(device.bridge_id(), device.device_id())));
  }
  if (!device.owner_id().empty() && !device.bridge()) {
    out.push_back(MarkAt(DeviceOwnerKey(device.owner_id(), device.device_id())));
  }
  for (const std::string& account : device.local_accounts()) {
    out.push_back(MarkAt(DeviceAccountKey(account, device.device_id())));
  }
  return absl::OkStatus();
}

absl::Status IndexesOfInventory(const Snapshot&, const RecordView& record, IndexEntries& out) {
  const auto& inventory = As<v1::DeviceInventory>(record);
  std::set<std::string> apps;
  for (const v1::InventoryItem& item : inventory.items()) {
    if (!item.app_id().empty()) apps.insert(item.app_id());
  }
  for (const std::string& app : apps) {
    out.push_back(MarkAt(InstalledKey(app, inventory.device_id())));
  }
  return absl::OkStatus();
}

absl::Status IndexesOfDocument(const Snapshot& snapshot, const RecordView& record,
                               IndexEntries& out) {
  const auto& doc = As<v1::SignedDoc>(record);
  v1::AnyPayload payload;
  if (!payload.ParseFromString(doc.payload())) return absl::OkStatus();  // key_of tells of it
  const std::string& name = payload.header().name();
  if (name == kBeaconName) return absl::OkStatus();  // the tree's head is none of its leaves
  const bool base = !absl::StartsWith(record.key, kDocuments);
  MUSTER_ASSIGN_OR_RETURN(const bool current, IsCurrent(snapshot, name));
  out.push_back({base ? BaseLeafKey(name) : LeafKey(name),
                 LeafOf(payload.header(), doc.payload()).SerializeAsString(),
                 current ? Need::kExact : Need::kAllowed});
  v1::CohortPolicy policy;
  if (doc.payload_type() != kCohortKind.payload_type || !policy.ParseFromString(doc.payload())) {
    return absl::OkStatus();
  }
  for (const v1::ChunkRef& chunk : policy.chunks()) {
    out.push_back({ChunkKey(name, chunk.sha256()), "", Need::kSome});
  }
  return absl::OkStatus();
}

std::string DocumentOfLeaf(const RecordView& record) {
  const std::string& name = As<v1::DocumentLeaf>(record).name();
  return record.key == BaseLeafKey(name) ? BaseDocumentKey(name) : DocumentKey(name);
}

absl::Status IndexesOfExport(const Snapshot&, const RecordView& record, IndexEntries& out) {
  const auto& seen = As<v1::ExportRecord>(record).seen();
  if (!seen.bag_id().empty()) out.push_back({BagKey(seen.bag_id()), std::string(record.key)});
  return absl::OkStatus();
}

absl::Status IndexesOfReceipt(const Snapshot&, const RecordView& record, IndexEntries& out) {
  const auto& receipt = As<v1::ReceiptRecord>(record);
  if (!receipt.has_held_at() && receipt.refused_code().empty()) {
    out.push_back(
        {ReceiptPendingKey(receipt.device_id(), receipt.bag_id()), std::string(record.key)});
  }
  return absl::OkStatus();
}

absl::Status IndexesOfIncident(const Snapshot&, const RecordView& record, IndexEntries& out) {
  const auto& incident = As<v1::Incident>(record);
  const std::string& id = incident.incident_id();
  if (IsOpenIncident(incident.state())) {
    out.push_back(
        {OpenIncidentKey(incident.person_id(), incident.app_id(), incident.device_id()), id});
  }
  if (incident.state() == v1::Incident::REPORTED || incident.state() == v1::Incident::UPDATED) {
    out.push_back({IncidentTimerKey(id), id});
  }
  if (HasDraft(incident.state())) out.push_back({IncidentReportKey(id), "", Need::kSome});
  return absl::OkStatus();
}

absl::Status IndexesOfRun(const Snapshot&, const RecordView& record, IndexEntries& out) {
  const auto& run = As<v1::SyncRun>(record);
  if (run.state() == v1::SyncRun::HELD) out.push_back({kHeldRunKey, run.run_id()});
  if (run.state() == v1::SyncRun::RELEASED && run.applied_by().empty()) {
    out.push_back({kReleasedRunKey, run.run_id(), Need::kAllowed});
  }
  return absl::OkStatus();
}

absl::Status IndexesOfArchiveNext(const Snapshot&, const RecordView& record, IndexEntries& out) {
  out.push_back(MarkAt(std::string(record.bytes)));
  return absl::OkStatus();
}

}  // namespace muster
