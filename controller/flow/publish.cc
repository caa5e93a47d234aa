#include "controller/flow/publish.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/signed_doc.h"
#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

struct Stored {
  v1::SignedDoc doc;
  uint64_t revision = 0;
};

absl::StatusOr<std::optional<Stored>> FindStored(const Snapshot& snapshot,
                                                 const std::string& name) {
  MUSTER_ASSIGN_OR_RETURN(auto found, Find<v1::SignedDoc>(snapshot, DocumentKey(name)));
  if (!found) return std::nullopt;
  return Stored{std::move(found->value), found->revision};
}

DocumentPtr Share(const std::string& name, uint64_t version, const v1::SignedDoc& doc) {
  auto out = std::make_shared<Document>();
  out->name = name;
  out->version = version;
  out->sha256 = Sha256Hex(doc.payload());
  out->bytes = std::make_shared<const std::string>(doc.SerializeAsString());
  return out;
}

// True when the stored document says the same and still has half of its life.
template <typename T>
bool StillGood(const T& stored, const T& wanted, absl::Time now) {
  T a = stored, b = wanted;
  a.clear_header();
  b.clear_header();
  if (a.SerializeAsString() != b.SerializeAsString()) return false;
  const absl::Time issued = FromProto(stored.header().issued_at());
  const absl::Time end = FromProto(stored.header().not_after());
  return now < issued + (end - issued) / 2;
}

struct NewDocument {
  std::string name, kind;
  absl::Duration life;
  const PrivateKey& key;
  std::string transaction_id;
};

// Signs `content` as the next version of its name and commits it with its audit entry.
template <typename T>
absl::StatusOr<DocumentPtr> PublishContent(const Services& services, const Snapshot& snapshot,
                                           const NewDocument& what, T content) {
  MUSTER_ASSIGN_OR_RETURN(const std::optional<Stored> stored, FindStored(snapshot, what.name));
  const absl::Time now = services.clock.Now();
  uint64_t version = 0;
  absl::Time issued = now;
  if (stored) {
    T old;
    if (!old.ParseFromString(stored->doc.payload())) {
      return absl::DataLossError(absl::StrCat("stored document ", what.name, " is damaged"));
    }
    version = old.header().version();
    if (StillGood(old, content, now)) return Share(what.name, version, stored->doc);
    // A clock set back must not make a newer document look older than its predecessor.
    issued = std::max(now, FromProto(old.header().issued_at()));
  }
  v1::DocumentHeader* header = content.mutable_header();
  header->set_tenant(services.settings.tenant);
  header->set_kind(what.kind);
  header->set_name(what.name);
  header->set_epoch(1);
  header->set_version(++version);
  *header->mutable_issued_at() = ToProto(issued);
  *header->mutable_not_after() = ToProto(issued + what.life);
  MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, MakeSignedDoc(content, {what.key}));
  Mutation mutation;
  mutation.expects.push_back({DocumentKey(what.name), stored ? stored->revision : 0});
  Put(mutation, DocumentKey(what.name), doc);
  mutation.audit.push_back(
      MakeAuditEntry(services, MusterItself(),
                     {.verb = "document.publish",
                      .object = absl::StrCat("document/", what.name, "@", version),
                      .reason = absl::StrCat("sha256 ", Sha256Hex(doc.payload())),
                      .transaction_id = what.transaction_id}));
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  return Share(what.name, version, doc);
}

absl::StatusOr<v1::DeviceAssignment> CompileAssignment(const Snapshot& snapshot,
                                                       const v1::Device& device, absl::Time now) {
  v1::DeviceAssignment out;
  out.set_device_id(device.device_id());
  out.set_certificate_key_sha256(device.certificate_key_sha256());
  out.set_cohort(CohortName(device.platform()));
  MUSTER_ASSIGN_OR_RETURN(const std::vector<v1::Person> persons, PersonsOfDevice(snapshot, device));
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
      if (auto entitlement = EntitlementOf(grant, person, member, now)) {
        *out.add_entitlements() = *std::move(entitlement);
      }
    }
  }
  return out;
}

// The transaction that this publication carries to the device: the one of a grant that is new
// in it. Ties request to device in the audit log.
std::string NewTransaction(const Snapshot& snapshot, const v1::DeviceAssignment& next) {
  std::set<std::string> known;
  if (auto stored = FindStored(snapshot, AssignmentName(next.device_id())); stored.ok()) {
    v1::DeviceAssignment old;
    if (*stored && old.ParseFromString((*stored)->doc.payload())) {
      for (const v1::Entitlement& e : old.entitlements()) known.insert(e.transaction_id());
      for (const v1::Entitlement& e : next.entitlements()) {
        if (!known.contains(e.transaction_id())) return e.transaction_id();
        known.erase(e.transaction_id());
      }
    } else {
      return next.entitlements().empty() ? "" : next.entitlements(0).transaction_id();
    }
  }
  return known.empty() ? "" : *known.begin();
}

absl::StatusOr<DocumentPtr> TryPublishAssignment(const Services& services, const SigningKeys& keys,
                                                 const std::string& device_id) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(*snapshot, device_id));
  if (device.value.state() != v1::Device::ENROLLED) return nullptr;
  MUSTER_ASSIGN_OR_RETURN(v1::DeviceAssignment content,
                          CompileAssignment(*snapshot, device.value, services.clock.Now()));
  const std::string transaction = NewTransaction(*snapshot, content);
  return PublishContent(services, *snapshot,
                        {.name = AssignmentName(device_id),
                         .kind = "assignment",
                         .life = limits::kAssignmentLife,
                         .key = keys.assignment,
                         .transaction_id = transaction},
                        std::move(content));
}

absl::StatusOr<DocumentPtr> TryPublishCohort(const Services& services, const SigningKeys& keys,
                                             v1::Platform::Id platform) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const PolicySet set, LoadPolicySet(*snapshot));
  v1::CohortPolicy content = CompileCohort(set, platform, services.settings.how_to_ask);
  if (content.apps().empty()) return nullptr;
  return PublishContent(services, *snapshot,
                        {.name = CohortName(platform),
                         .kind = "cohort",
                         .life = limits::kCohortLife,
                         .key = keys.policy,
                         .transaction_id = ""},
                        std::move(content));
}

}  // namespace

std::string CohortName(v1::Platform::Id platform) {
  return absl::StrCat("cohort/", PlatformName(platform));
}

std::string AssignmentName(absl::string_view device_id) {
  return absl::StrCat("assignment/", device_id);
}

absl::StatusOr<DocumentPtr> PublishCohort(const Services& services, const SigningKeys& keys,
                                          v1::Platform::Id platform) {
  return RetryAborted([&] { return TryPublishCohort(services, keys, platform); });
}

absl::StatusOr<DocumentPtr> PublishAssignment(const Services& services, const SigningKeys& keys,
                                              const std::string& device_id) {
  return RetryAborted([&] { return TryPublishAssignment(services, keys, device_id); });
}

absl::StatusOr<DocumentPtr> FindDocument(const Snapshot& snapshot, const std::string& name) {
  MUSTER_ASSIGN_OR_RETURN(const std::optional<Stored> stored, FindStored(snapshot, name));
  if (!stored) return nullptr;
  v1::AnyPayload payload;
  if (!payload.ParseFromString(stored->doc.payload())) {
    return absl::DataLossError(absl::StrCat("stored document ", name, " is damaged"));
  }
  return Share(name, payload.header().version(), stored->doc);
}

absl::StatusOr<std::vector<DocumentPtr>> DocumentsFor(const Snapshot& snapshot,
                                                      const v1::Platform::Id platform,
                                                      const std::string& device_id) {
  std::vector<DocumentPtr> out;
  for (const std::string& name :
       {std::string(kRootName), CohortName(platform), AssignmentName(device_id)}) {
    MUSTER_ASSIGN_OR_RETURN(DocumentPtr doc, FindDocument(snapshot, name));
    if (doc != nullptr) out.push_back(std::move(doc));
  }
  return out;
}

}  // namespace muster
