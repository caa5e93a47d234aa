#include "controller/flow/trust.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"
#include "common/time_proto.h"
#include "common/trust_root.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

// Agents take the latest signed issue time for the least it can be. A document from a machine
// whose clock is ahead would end every policy.
constexpr absl::Duration kMaxAhead = absl::Hours(1);

template <typename T>
absl::StatusOr<T> PayloadOf(const v1::SignedDoc& doc, absl::string_view name) {
  T payload;
  if (payload.ParseFromString(doc.payload()) && payload.has_header()) return payload;
  return absl::DataLossError(absl::StrCat("stored document ", name, " is damaged"));
}

// What is in force; while documents are gone through, what would be after those before.
struct InForce {
  std::optional<v1::SignedDoc> root_doc, deny_doc;
  v1::Root root;
  v1::EmergencyDeny deny;
  uint64_t root_revision = 0, deny_revision = 0;
};

absl::StatusOr<InForce> LoadInForce(const Snapshot& snapshot) {
  InForce out;
  MUSTER_ASSIGN_OR_RETURN(auto root, Find<v1::SignedDoc>(snapshot, DocumentKey(kRootName)));
  if (root) {
    MUSTER_ASSIGN_OR_RETURN(out.root, PayloadOf<v1::Root>(root->value, kRootName));
    out.root_doc = std::move(root->value);
    out.root_revision = root->revision;
  }
  MUSTER_ASSIGN_OR_RETURN(auto deny,
                          Find<v1::SignedDoc>(snapshot, DocumentKey(kEmergencyDenyName)));
  if (deny) {
    MUSTER_ASSIGN_OR_RETURN(out.deny,
                            PayloadOf<v1::EmergencyDeny>(deny->value, kEmergencyDenyName));
    out.deny_doc = std::move(deny->value);
    out.deny_revision = deny->revision;
  }
  return out;
}

Floor FloorOf(const v1::DocumentHeader& header, const std::optional<v1::SignedDoc>& doc) {
  if (!doc) return {};
  return {header.epoch(), header.version(), Sha256Hex(doc->payload())};
}

absl::Status CheckIssued(const v1::DocumentHeader& header, absl::Time now) {
  const absl::Time issued = FromProto(header.issued_at());
  if (issued <= now + kMaxAhead) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(header.name(), " version ", header.version(), " was issued ", TimeText(issued),
                   ", and here it is ", TimeText(now),
                   ": set the clock of the machine that made it, then make and sign it again"));
}

// One publication on its way: what it would leave in force and what is written for it.
struct Publication {
  const Services& services;
  const Signer& signer;
  const Actor& actor;
  const Snapshot& snapshot;
  InForce now_in_force;
  Mutation mutation;
  TrustOutcome out;
  std::set<std::string> apps;  // that emergency denies begin or cease to block
  bool root_changed = false, deny_changed = false;
};

// Also a step of the past: a publication that is repeated names the roots before, too.
absl::StatusOr<bool> IsKnownRoot(const Publication& p, const v1::SignedDoc& doc) {
  if (p.now_in_force.root_doc->payload() == doc.payload()) return true;
  v1::AnyPayload any;
  if (!any.ParseFromString(doc.payload())) return false;
  MUSTER_ASSIGN_OR_RETURN(const auto past,
                          Find<v1::SignedDoc>(p.snapshot, RootKey(any.header().version())));
  return past && past->value.payload() == doc.payload();
}

absl::Status TakeRoot(Publication& p, const v1::SignedDoc& doc) {
  InForce& current = p.now_in_force;
  MUSTER_ASSIGN_OR_RETURN(const bool known, IsKnownRoot(p, doc));
  if (known) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(current.root));
  const absl::Time now = p.services.clock.Now();
  MUSTER_ASSIGN_OR_RETURN(const Verified<v1::Root> next,
                          VerifyRoot(doc, &trust, p.services.settings.tenant,
                                     FloorOf(current.root.header(), current.root_doc), now));
  MUSTER_RETURN_IF_ERROR(CheckIssued(next.payload().header(), now));
  MUSTER_ASSIGN_OR_RETURN(const Trust next_trust, Trust::FromRoot(next.payload()));
  MUSTER_RETURN_IF_ERROR(p.signer.CanFollow(next_trust));
  for (std::string& change : RootChanges(current.root, next.payload())) {
    p.out.touched.changes.push_back(std::move(change));
  }
  const bool lost_deny = current.deny_doc && !current.deny.lifts_all() &&
                         current.deny.header().epoch() < next_trust.epoch();
  if (lost_deny) {
    p.out.touched.changes.push_back(
        "warning: the emergency deny in force is of an epoch before; sign it anew with `musterctl "
        "trust deny`");
  }
  p.mutation.audit.push_back(
      MakeAuditEntry(p.services, p.actor,
                     {.verb = "trust.root",
                      .object = absl::StrCat("document/root@", next_trust.version()),
                      .before = &current.root,
                      .after = &next.payload(),
                      .reason = absl::StrCat("sha256 ", next.sha256())}));
  Put(p.mutation, RootKey(next_trust.version()), doc);
  if (next_trust.version() > limits::kMaxRootSteps) {
    p.mutation.deletes.push_back(RootKey(next_trust.version() - limits::kMaxRootSteps));
  }
  current.root = next.payload();
  current.root_doc = doc;
  p.root_changed = true;
  return absl::OkStatus();
}

absl::Status WarnOfUnknownApps(Publication& p, const v1::EmergencyDeny& deny) {
  for (const std::string& app : deny.app_ids()) {
    MUSTER_ASSIGN_OR_RETURN(const std::optional<Record> found, p.snapshot.Get(AppKey(app)));
    if (found) continue;
    p.out.touched.changes.push_back(absl::StrCat(
        "warning: there is no app '", app, "' in the catalogue, so this blocks nothing for it"));
  }
  return absl::OkStatus();
}

absl::Status TakeDeny(Publication& p, const v1::SignedDoc& doc) {
  InForce& current = p.now_in_force;
  if (current.deny_doc && current.deny_doc->payload() == doc.payload()) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(current.root));
  const absl::Time now = p.services.clock.Now();
  MUSTER_ASSIGN_OR_RETURN(
      const Verified<v1::EmergencyDeny> next,
      VerifyEmergencyDeny(
          {doc, trust, kEmergencyDenyName, FloorOf(current.deny.header(), current.deny_doc), now}));
  const v1::EmergencyDeny& deny = next.payload();
  MUSTER_RETURN_IF_ERROR(CheckIssued(deny.header(), now));
  p.out.touched.changes.push_back(
      deny.lifts_all()
          ? "emergency deny: lifted"
          : absl::StrCat("emergency deny: blocks ", absl::StrJoin(deny.app_ids(), ", "), " until ",
                         TimeText(FromProto(deny.header().not_after()))));
  MUSTER_RETURN_IF_ERROR(WarnOfUnknownApps(p, deny));
  p.apps.insert(current.deny.app_ids().begin(), current.deny.app_ids().end());
  p.apps.insert(deny.app_ids().begin(), deny.app_ids().end());
  p.mutation.audit.push_back(MakeAuditEntry(
      p.services, p.actor,
      {.verb = "trust.emergency-deny",
       .object = absl::StrCat("document/", kEmergencyDenyName, "@", deny.header().version()),
       .before = current.deny_doc ? &current.deny : nullptr,
       .after = &deny,
       .reason = deny.reason()}));
  current.deny = deny;
  current.deny_doc = doc;
  p.deny_changed = true;
  return absl::OkStatus();
}

absl::Status Take(Publication& p, const v1::SignedDoc& doc) {
  const absl::string_view type = doc.payload_type();
  if (type == kRootKind.payload_type) return TakeRoot(p, doc);
  if (type == kEmergencyDenyKind.payload_type) return TakeDeny(p, doc);
  return absl::InvalidArgumentError(
      absl::StrCat("a '", type, "' is not published this way; roots and emergency denies are"));
}

v1::PolicyView::Document Describe(const v1::SignedDoc& doc) {
  v1::AnyPayload any;
  any.ParseFromString(doc.payload());
  v1::PolicyView::Document out;
  out.set_name(any.header().name());
  out.set_payload_type(doc.payload_type());
  out.set_epoch(any.header().epoch());
  out.set_version(any.header().version());
  out.set_sha256(Sha256Hex(doc.payload()));
  *out.mutable_issued_at() = any.header().issued_at();
  *out.mutable_not_after() = any.header().not_after();
  for (const v1::Signature& s : doc.signatures()) out.add_signed_by(s.key_id());
  return out;
}

absl::Status CountTouched(Publication& p) {
  if (!p.root_changed && !p.deny_changed) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const auto devices, EnrolledDevices(p.snapshot));
  p.out.touched.devices = static_cast<uint32_t>(devices.size());
  MUSTER_ASSIGN_OR_RETURN(const auto persons, PersonsHolding(p.snapshot, p.apps));
  p.out.touched.persons = static_cast<uint32_t>(persons.size());
  return absl::OkStatus();
}

absl::Status WritePublication(Publication& p) {
  const InForce& next = p.now_in_force;
  p.mutation.expects.push_back({DocumentKey(kRootName), next.root_revision});
  p.mutation.expects.push_back({DocumentKey(kEmergencyDenyName), next.deny_revision});
  if (p.root_changed) MUSTER_RETURN_IF_ERROR(PutDocument(p.mutation, *next.root_doc));
  if (p.deny_changed) MUSTER_RETURN_IF_ERROR(PutDocument(p.mutation, *next.deny_doc));
  return p.services.store.Commit(std::move(p.mutation)).status();
}

absl::StatusOr<TrustOutcome> TryPublish(const Services& services, Signer& signer,
                                        const Actor& actor,
                                        const std::vector<v1::SignedDoc>& documents, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(InForce in_force, LoadInForce(*snapshot));
  if (!in_force.root_doc) return absl::FailedPreconditionError("there is no root of trust yet");
  Publication p{.services = services,
                .signer = signer,
                .actor = actor,
                .snapshot = *snapshot,
                .now_in_force = std::move(in_force),
                .mutation = {},
                .out = {},
                .apps = {}};
  for (const v1::SignedDoc& doc : documents) {
    MUSTER_RETURN_IF_ERROR(Take(p, doc));
    p.out.items.push_back(Describe(doc));
  }
  MUSTER_RETURN_IF_ERROR(CountTouched(p));
  if (dry_run || (!p.root_changed && !p.deny_changed)) return std::move(p.out);
  MUSTER_RETURN_IF_ERROR(WritePublication(p));
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(p.now_in_force.root));
  if (p.root_changed) MUSTER_RETURN_IF_ERROR(signer.Follow(trust));
  services.work.WakeAll();
  return std::move(p.out);
}

absl::Status StoreFirstRoot(const Services& services, const v1::SignedDoc& doc,
                            const Verified<v1::Root>& root, const v1::Root* before,
                            uint64_t revision) {
  Mutation mutation;
  mutation.expects.push_back({DocumentKey(kRootName), revision});
  MUSTER_RETURN_IF_ERROR(PutDocument(mutation, doc));
  const uint64_t version = root.payload().header().version();
  Put(mutation, RootKey(version), doc);
  mutation.audit.push_back(
      MakeAuditEntry(services, MusterItself(),
                     {.verb = "trust.root",
                      .object = absl::StrCat("document/root@", version),
                      .before = before,
                      .after = &root.payload(),
                      .reason = absl::StrCat("sha256 ", root.sha256(), ", from trust/root.pb")}));
  return services.store.Commit(std::move(mutation)).status();
}

absl::Status AdoptFile(const Services& services, const InForce& stored, const v1::SignedDoc& file) {
  if (stored.root_doc) {
    if (stored.root_doc->payload() == file.payload()) return absl::OkStatus();
    MUSTER_ASSIGN_OR_RETURN(const v1::Root root, RootOf(file));
    // Later roots are published into the store; the file stays as it was.
    if (root.header().version() < stored.root.header().version()) return absl::OkStatus();
  }
  std::optional<Trust> current;
  if (stored.root_doc) {
    MUSTER_ASSIGN_OR_RETURN(current, Trust::FromRoot(stored.root));
  }
  const absl::StatusOr<Verified<v1::Root>> root =
      VerifyRoot(file, current ? &*current : nullptr, services.settings.tenant,
                 FloorOf(stored.root.header(), stored.root_doc), services.clock.Now());
  if (!root.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "trust/root.pb is refused: ", root.status().message(),
        stored.root_doc ? absl::StrCat("; the store holds root ", stored.root.header().version(),
                                       ": put that one there, or remove the file")
                        : ""));
  }
  return StoreFirstRoot(services, file, *root, stored.root_doc ? &stored.root : nullptr,
                        stored.root_revision);
}

}  // namespace

absl::StatusOr<TrustOutcome> PublishTrust(const Services& services, Signer& signer,
                                          const Actor& actor,
                                          const std::vector<v1::SignedDoc>& documents,
                                          bool dry_run) {
  if (documents.empty()) return absl::InvalidArgumentError("there is no document to publish");
  if (documents.size() > limits::kMaxTrustDocuments) {
    return absl::InvalidArgumentError(absl::StrCat(documents.size(), " documents; at most ",
                                                   limits::kMaxTrustDocuments, " at once"));
  }
  return RetryAborted([&] { return TryPublish(services, signer, actor, documents, dry_run); });
}

absl::Status AdoptRoot(const Services& services, Signer& signer,
                       const std::optional<v1::SignedDoc>& file) {
  if (file) {
    MUSTER_ASSIGN_OR_RETURN(const InForce stored, LoadInForce(*services.store.Read()));
    MUSTER_RETURN_IF_ERROR(AdoptFile(services, stored, *file));
  }
  MUSTER_ASSIGN_OR_RETURN(const InForce stored, LoadInForce(*services.store.Read()));
  if (!stored.root_doc) {
    return absl::FailedPreconditionError(
        "there is no root of trust yet: make one with `musterctl trust init`, have it signed with "
        "`musterctl trust sign`, and install it with `musterctl trust publish --dir DATA_DIR "
        "ROOT`");
  }
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(stored.root));
  return signer.Follow(trust);
}

absl::StatusOr<std::vector<DocumentPtr>> RootsAfter(const Snapshot& snapshot, uint64_t version) {
  MUSTER_ASSIGN_OR_RETURN(const InForce in_force, LoadInForce(snapshot));
  std::vector<DocumentPtr> out;
  const uint64_t last = in_force.root.header().version();
  for (uint64_t next = version; next < last;) {
    ++next;
    MUSTER_ASSIGN_OR_RETURN(
        const auto step, Load<v1::SignedDoc>(snapshot, RootKey(next),
                                             absl::StrCat("root ", next,
                                                          " is no longer kept: a device that holds "
                                                          "root ",
                                                          version, " has to be enrolled again")));
    MUSTER_ASSIGN_OR_RETURN(DocumentPtr document, ShareDocument(step.value));
    out.push_back(std::move(document));
  }
  return out;
}

absl::Status GetTrust(const Services& services, v1::TrustView& out) {
  MUSTER_ASSIGN_OR_RETURN(InForce in_force, LoadInForce(*services.store.Read()));
  if (in_force.root_doc) *out.mutable_root() = *std::move(in_force.root_doc);
  if (in_force.deny_doc) *out.mutable_emergency_deny() = *std::move(in_force.deny_doc);
  return absl::OkStatus();
}

}  // namespace muster
