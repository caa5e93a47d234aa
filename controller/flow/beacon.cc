#include "controller/flow/beacon.h"

#include <optional>
#include <utility>

#include "common/time_proto.h"
#include "controller/flow/lookup.h"
#include "muster/v1/device_service.pb.h"

namespace muster {
namespace {

// The Beacon before, as stored.
struct Before {
  uint64_t revision = 0;  // 0: none
  v1::Beacon beacon;
  const v1::DocumentHeader* header() const { return revision == 0 ? nullptr : &beacon.header(); }
};

absl::StatusOr<Before> LoadBefore(const Snapshot& snapshot) {
  Before out;
  MUSTER_ASSIGN_OR_RETURN(const auto stored,
                          Find<v1::SignedDoc>(snapshot, DocumentKey(kBeaconName)));
  if (!stored) return out;
  if (!out.beacon.ParseFromString(stored->value.payload())) {
    return absl::DataLossError("the stored beacon is damaged");
  }
  out.revision = stored->revision;
  return out;
}

// What every device would find out: it is better that the controller does first. A log may begin
// anew with an epoch.
absl::Status CheckContinues(const Snapshot& snapshot, const Before& before, uint32_t epoch) {
  const v1::Beacon& last = before.beacon;
  if (before.revision == 0 || last.audit_root().empty() || last.header().epoch() < epoch) {
    return absl::OkStatus();
  }
  const LogHead head = snapshot.log_head();
  if (last.audit_size() <= head.size) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> path,
                            ConsistencyPath(snapshot, last.audit_size(), head.size));
    if (Continues(last.audit_size(), last.audit_root(), head.size, head.root, path)) {
      return absl::OkStatus();
    }
  }
  return absl::DataLossError(absl::StrCat(
      "the audit log of ", head.size, " entries does not continue the one of ", last.audit_size(),
      " that beacon ", last.header().version(),
      " named, so no device would accept it: somebody has changed the store. Keep a copy of it for "
      "the auditors and restore the last backup"));
}

absl::Status NameLog(const LogHead& head, const Services& services, const Signer& signer,
                     v1::Beacon& beacon) {
  beacon.set_audit_size(head.size);
  beacon.set_audit_root(head.root);
  if (!signer.Has(kLogRole)) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(
      *beacon.mutable_audit_checkpoint(),
      signer.SignLogHead({LogOrigin(services.settings.tenant), head.size, head.root}));
  return absl::OkStatus();
}

// A log only grows, so whatever the store holds later has these proofs too: no snapshot is kept.
std::unique_ptr<const LogContinuity> ProofsFrom(const Store& store, uint64_t size) {
  return std::make_unique<const LogContinuity>(
      size, [&store, size](uint64_t from) { return ConsistencyPath(*store.Read(), from, size); });
}

}  // namespace

Beacons::Beacons(const v1::SignedDoc& doc, MerkleTree tree, std::map<std::string, Leaf> leaves,
                 std::unique_ptr<const LogContinuity> log)
    : signed_doc_(doc.SerializeAsString()),
      sha256_(Sha256Hex(doc.payload())),
      tree_(std::move(tree)),
      leaves_(std::move(leaves)),
      log_(std::move(log)) {}

std::string Beacons::MessageFor(const std::vector<DocumentPtr>& own, uint64_t log_seen) const {
  v1::ControllerMessage message;
  v1::BeaconUpdate* out = message.mutable_beacon();
  out->mutable_beacon()->ParseFromString(signed_doc_);
  for (const DocumentPtr& doc : own) {
    auto it = leaves_.find(BaseLeafKey(doc->name));
    if (it == leaves_.end() || it->second.leaf.sha256() != doc->sha256) {
      it = leaves_.find(LeafKey(doc->name));
    }
    if (it == leaves_.end()) continue;  // younger than this Beacon
    v1::InclusionProof* proof = out->add_proofs();
    *proof->mutable_leaf() = it->second.leaf;
    proof->set_index(it->second.index);
    for (std::string& hash : tree_.Path(it->second.index)) proof->add_path(std::move(hash));
  }
  const auto path = log_ == nullptr ? nullptr : log_->From(log_seen);
  if (path != nullptr) {
    out->set_audit_from(log_seen);
    out->mutable_audit_path()->Assign(path->begin(), path->end());
  }
  return message.SerializeAsString();
}

absl::StatusOr<BeaconsPtr> MakeBeacon(const Services& services, const Signer& signer) {
  if (!signer.Has(kBeaconKind.role)) return nullptr;
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  std::vector<std::string> hashes;
  std::map<std::string, Beacons::Leaf> leaves;
  MUSTER_RETURN_IF_ERROR(ForEach<v1::DocumentLeaf>(
      *snapshot, "leaf/", [&](const std::string& key, Versioned<v1::DocumentLeaf>& leaf) {
        hashes.push_back(LeafHash(LeafText(leaf.value)));
        leaves[key] = {std::move(leaf.value), hashes.size() - 1};
        return absl::OkStatus();
      }));
  if (hashes.empty()) return nullptr;
  MerkleTree tree(std::move(hashes));
  MUSTER_ASSIGN_OR_RETURN(const Before before, LoadBefore(*snapshot));
  v1::Beacon beacon;
  *beacon.mutable_header() =
      NextHeader(services, signer, kBeaconKind, kBeaconName, limits::kBeaconLife, before.header());
  MUSTER_RETURN_IF_ERROR(CheckContinues(*snapshot, before, beacon.header().epoch()));
  MUSTER_ASSIGN_OR_RETURN(const DocumentPtr deny,
                          FindEmergencyDeny(*snapshot, services.clock.Now()));
  const auto deny_leaf = leaves.find(LeafKey(kEmergencyDenyName));
  if (deny != nullptr && deny_leaf != leaves.end()) {
    *beacon.mutable_emergency_deny() = deny_leaf->second.leaf;
  }
  beacon.set_revision(snapshot->revision());
  beacon.set_tree_size(tree.size());
  beacon.set_merkle_root(tree.Root());
  const LogHead head = snapshot->log_head();
  MUSTER_RETURN_IF_ERROR(NameLog(head, services, signer, beacon));
  MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, signer.Sign(beacon, kBeaconKind.role));
  Mutation mutation;
  mutation.expects.push_back({DocumentKey(kBeaconName), before.revision});
  Put(mutation, DocumentKey(kBeaconName), doc);
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  return std::make_shared<const Beacons>(doc, std::move(tree), std::move(leaves),
                                         ProofsFrom(services.store, head.size));
}

}  // namespace muster
