#include "controller/flow/publish.h"

#include <algorithm>
#include <set>

#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/domain/owed_chats.h"
#include "controller/flow/attestations.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"
#include "controller/flow/obligations.h"

namespace muster {
namespace {

absl::StatusOr<v1::DeviceAssignment> CompileAssignment(const Snapshot& snapshot,
                                                       const v1::Device& device, absl::Time now) {
  v1::DeviceAssignment out;
  out.set_device_id(device.device_id());
  out.set_certificate_key_sha256(device.certificate_key_sha256());
  out.set_cohort(CohortName(device.platform()));
  std::vector<v1::Obligation> obligations;
  MUSTER_ASSIGN_OR_RETURN(const std::vector<v1::Person> persons, PersonsOfDevice(snapshot, device));
  MUSTER_ASSIGN_OR_RETURN(const auto attest_since, AttestSince(snapshot));
  for (const v1::Person& person : persons) {
    v1::AssignedPerson* assigned = out.add_persons();
    assigned->set_person_id(person.person_id());
    assigned->set_upn(person.upn());
    assigned->set_account_name(person.account_name());
    MUSTER_ASSIGN_OR_RETURN(const std::vector<v1::Grant> grants,
                            GrantsOfPerson(snapshot, person.person_id()));
    for (const v1::Grant& grant : grants) {
      MUSTER_ASSIGN_OR_RETURN(const bool member,
                              IsMember(snapshot, grant.app_id(), person.person_id()));
      auto entitlement = EntitlementOf(grant, person, member, attest_since, now);
      if (!entitlement) continue;
      MUSTER_ASSIGN_OR_RETURN(const bool nothing_left, NothingLeftToExport(snapshot, grant));
      // The agent then has no reason to open the app once more.
      if (entitlement->suspended_by_trm() && nothing_left) continue;
      *out.add_entitlements() = *std::move(entitlement);
    }
    MUSTER_ASSIGN_OR_RETURN(auto owed, ObligationsOf(snapshot, person.person_id()));
    std::move(owed.begin(), owed.end(), std::back_inserter(obligations));
  }
  AssignObligations(obligations, out);
  return out;
}

// The transaction that this publication carries to the device: the one of a grant that is new
// in it. Ties request to device in the audit log.
std::string NewTransaction(const v1::DeviceAssignment& before, const v1::DeviceAssignment& next) {
  std::set<std::string> known;
  for (const v1::Entitlement& e : before.entitlements()) known.insert(e.transaction_id());
  for (const v1::Entitlement& e : next.entitlements()) {
    if (known.erase(e.transaction_id()) == 0) return e.transaction_id();
  }
  return known.empty() ? "" : *known.begin();
}

bool SameContent(const v1::DeviceAssignment& a, const v1::DeviceAssignment& b) {
  v1::DeviceAssignment x = a, y = b;
  x.clear_header();
  y.clear_header();
  return x.SerializeAsString() == y.SerializeAsString();
}

absl::StatusOr<DocumentPtr> TryPublishAssignment(const Services& services, const Signer& signer,
                                                 const std::string& device_id) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(*snapshot, device_id));
  if (device.value.state() != v1::Device::ENROLLED || device.value.bridge()) return nullptr;
  const absl::Time now = services.clock.Now();
  MUSTER_ASSIGN_OR_RETURN(v1::DeviceAssignment next,
                          CompileAssignment(*snapshot, device.value, now));
  const std::string name = AssignmentName(device_id), key = DocumentKey(name);
  MUSTER_ASSIGN_OR_RETURN(const auto stored, Find<v1::SignedDoc>(*snapshot, key));
  v1::DeviceAssignment before;
  if (stored) {
    if (!before.ParseFromString(stored->value.payload())) {
      return absl::DataLossError(absl::StrCat("stored document ", name, " is damaged"));
    }
    if (SameContent(before, next) &&
        IsFresh(signer, stored->value, before.header(), kAssignmentKind.role, now)) {
      return ShareDocument(stored->value);
    }
  }
  *next.mutable_header() = NextHeader(services, signer, kAssignmentKind, name,
                                      limits::kAssignmentLife, stored ? &before.header() : nullptr);
  MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, signer.Sign(next, kAssignmentKind.role));
  Mutation mutation;
  mutation.expects.push_back({key, stored ? stored->revision : 0});
  MUSTER_RETURN_IF_ERROR(PutDocument(mutation, doc));
  AuditPublication(services, doc, next.header(), NewTransaction(before, next), mutation);
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  return ShareDocument(doc);
}

}  // namespace

absl::StatusOr<DocumentPtr> ShareDocument(const v1::SignedDoc& doc) {
  v1::AnyPayload payload;
  if (!payload.ParseFromString(doc.payload()) || !payload.has_header()) {
    return absl::DataLossError(
        absl::StrCat("a stored ", doc.payload_type(), " is damaged; restore it from a backup"));
  }
  auto out = std::make_shared<Document>();
  out->name = payload.header().name();
  out->epoch = payload.header().epoch();
  out->version = payload.header().version();
  out->sha256 = Sha256Hex(doc.payload());
  out->issued_at = FromProto(payload.header().issued_at());
  out->not_after = FromProto(payload.header().not_after());
  out->bytes = std::make_shared<const std::string>(doc.SerializeAsString());
  return out;
}

v1::DocumentLeaf LeafOf(const v1::DocumentHeader& header, absl::string_view payload) {
  v1::DocumentLeaf leaf;
  leaf.set_name(header.name());
  leaf.set_epoch(header.epoch());
  leaf.set_version(header.version());
  leaf.set_sha256(Sha256Hex(payload));
  return leaf;
}

absl::Status PutDocument(Mutation& mutation, const v1::SignedDoc& doc) {
  v1::AnyPayload payload;
  if (!payload.ParseFromString(doc.payload()) || payload.header().name().empty()) {
    return absl::InternalError("a document without a name cannot be stored");
  }
  Put(mutation, DocumentKey(payload.header().name()), doc);
  Put(mutation, LeafKey(payload.header().name()), LeafOf(payload.header(), doc.payload()));
  return absl::OkStatus();
}

v1::DocumentHeader NextHeader(const Services& services, const Signer& signer,
                              const DocumentKind& kind, const std::string& name,
                              absl::Duration life, const v1::DocumentHeader* before) {
  // A clock set back must not make a newer document look older than its predecessor.
  absl::Time issued = services.clock.Now();
  if (before != nullptr) issued = std::max(issued, FromProto(before->issued_at()));
  v1::DocumentHeader header;
  header.set_tenant(services.settings.tenant);
  header.set_kind(std::string(kind.kind));
  header.set_name(name);
  header.set_epoch(signer.epoch());
  header.set_version(before == nullptr ? 1 : before->version() + 1);
  *header.mutable_issued_at() = ToProto(issued);
  *header.mutable_not_after() = ToProto(issued + life);
  return header;
}

bool IsFresh(const Signer& signer, const v1::SignedDoc& doc, const v1::DocumentHeader& header,
             absl::string_view role, absl::Time now) {
  const absl::Time issued = FromProto(header.issued_at());
  const absl::Time end = FromProto(header.not_after());
  return now < issued + (end - issued) / 2 && header.epoch() == signer.epoch() &&
         signer.SignedByCurrentKeys(doc, role);
}

void AuditPublication(const Services& services, const v1::SignedDoc& doc,
                      const v1::DocumentHeader& header, const std::string& transaction_id,
                      Mutation& mutation) {
  mutation.audit.push_back(
      MakeAuditEntry(services, MusterItself(),
                     {.verb = "document.publish",
                      .object = absl::StrCat("document/", header.name(), "@", header.version()),
                      .reason = absl::StrCat("sha256 ", Sha256Hex(doc.payload())),
                      .transaction_id = transaction_id}));
}

absl::StatusOr<DocumentPtr> PublishAssignment(const Services& services, const Signer& signer,
                                              const std::string& device_id) {
  return RetryAborted([&] { return TryPublishAssignment(services, signer, device_id); });
}

absl::StatusOr<DocumentPtr> FindEmergencyDeny(const Snapshot& snapshot, absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(const DocumentPtr root, FindDocument(snapshot, DocumentKey(kRootName)));
  MUSTER_ASSIGN_OR_RETURN(DocumentPtr deny,
                          FindDocument(snapshot, DocumentKey(kEmergencyDenyName)));
  const bool counts =
      deny != nullptr && root != nullptr && now < deny->not_after && deny->epoch >= root->epoch;
  return counts ? deny : nullptr;
}

absl::StatusOr<DocumentPtr> FindDocument(const Snapshot& snapshot, const std::string& key) {
  MUSTER_ASSIGN_OR_RETURN(const auto stored, Find<v1::SignedDoc>(snapshot, key));
  if (!stored) return nullptr;
  return ShareDocument(stored->value);
}

}  // namespace muster
