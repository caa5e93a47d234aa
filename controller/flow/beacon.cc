#include "controller/flow/beacon.h"

#include <utility>

#include "common/time_proto.h"
#include "controller/flow/lookup.h"
#include "muster/v1/device_service.pb.h"

namespace muster {

std::string Beacons::MessageFor(const std::vector<DocumentPtr>& own) const {
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
  return message.SerializeAsString();
}

absl::Status BeaconMaker::ReadAudit(const Snapshot& snapshot) {
  while (true) {
    const std::string after = audit_.size() == 0 ? "" : AuditKey(audit_.size() - 1);
    MUSTER_ASSIGN_OR_RETURN(const auto page, snapshot.Scan("audit/", after, 1'000));
    for (const Record& record : page) {
      MUSTER_ASSIGN_OR_RETURN(const auto entry, Parse<v1::AuditRecord>(record));
      audit_.Append(entry.value.leaf_hash());
    }
    if (page.size() < 1'000) return absl::OkStatus();
  }
}

absl::StatusOr<BeaconsPtr> BeaconMaker::Make(const Services& services, const Signer& signer) {
  if (!signer.Has(kBeaconKind.role)) return nullptr;
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_RETURN_IF_ERROR(ReadAudit(*snapshot));
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
  MUSTER_ASSIGN_OR_RETURN(const auto stored,
                          Find<v1::SignedDoc>(*snapshot, DocumentKey(kBeaconName)));
  v1::Beacon before;
  if (stored && !before.ParseFromString(stored->value.payload())) {
    return absl::DataLossError("the stored beacon is damaged");
  }
  v1::Beacon beacon;
  *beacon.mutable_header() = NextHeader(services, signer, kBeaconKind, kBeaconName,
                                        limits::kBeaconLife, stored ? &before.header() : nullptr);
  MUSTER_ASSIGN_OR_RETURN(const DocumentPtr deny,
                          FindEmergencyDeny(*snapshot, services.clock.Now()));
  const auto deny_leaf = leaves.find(LeafKey(kEmergencyDenyName));
  if (deny != nullptr && deny_leaf != leaves.end()) {
    *beacon.mutable_emergency_deny() = deny_leaf->second.leaf;
  }
  beacon.set_revision(snapshot->revision());
  beacon.set_tree_size(tree.size());
  beacon.set_merkle_root(tree.Root());
  beacon.set_audit_size(audit_.size());
  beacon.set_audit_root(audit_.Root());
  MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, signer.Sign(beacon, kBeaconKind.role));
  Mutation mutation;
  mutation.expects.push_back({DocumentKey(kBeaconName), stored ? stored->revision : 0});
  Put(mutation, DocumentKey(kBeaconName), doc);
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  return std::make_shared<const Beacons>(doc.SerializeAsString(), std::move(tree),
                                         std::move(leaves));
}

}  // namespace muster
