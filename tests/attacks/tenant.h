// A tenant whose documents verify, made so that one edit or another signer makes an attack.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "common/merkle.h"
#include "common/signed_doc.h"
#include "common/time_proto.h"
#include "muster/v1/device_service.pb.h"
#include "tests/attacks/keys.h"
#include "tests/support/log_folder.h"

namespace muster::attacks {

inline constexpr char kDevice[] = "dev-1";
inline const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

template <typename T>
using Edit = std::function<void(T&)>;
using Names = std::vector<std::string>;  // of test keys

// Signed by these keys, whatever it is.
inline v1::SignedDoc By(const google::protobuf::Message& payload, const Names& signers) {
  std::vector<PrivateKey> keys;
  for (const std::string& name : signers) keys.push_back(TestKey(name));
  return *MakeSignedDoc(payload, keys);
}

// A signature over these very bytes under this type.
inline v1::SignedDoc RawBy(const std::string& type, const std::string& payload,
                           const std::string& signer) {
  v1::SignedDoc doc;
  doc.set_payload_type(type);
  doc.set_payload(payload);
  v1::Signature* s = doc.add_signatures();
  s->set_key_id(TestKey(signer).key_id());
  s->set_sig(*TestKey(signer).Sign(SignedBytes(type, payload)));
  return doc;
}

inline v1::TrustedKey KeyRecord(const PrivateKey& key) {
  v1::TrustedKey out;
  out.set_key_id(key.key_id());
  out.set_spki(key.spki());
  out.set_algorithm(key.algorithm());
  return out;
}

inline v1::TrustedRole* FindRole(v1::Root& root, const std::string& name) {
  for (v1::TrustedRole& role : *root.mutable_roles()) {
    if (role.role() == name) return &role;
  }
  return nullptr;
}

// Gives the role these keys and no other; records of new keys are added.
inline void SetRole(v1::Root& root, const std::string& name, const Names& keys,
                    uint32_t threshold) {
  v1::TrustedRole* role = FindRole(root, name);
  if (role == nullptr) role = root.add_roles();
  role->Clear();
  role->set_role(name);
  role->set_threshold(threshold);
  for (const std::string& key : keys) {
    const std::string& id = TestKey(key).key_id();
    role->add_key_ids(id);
    bool known = false;
    for (const v1::TrustedKey& k : root.keys()) known = known || k.key_id() == id;
    if (!known) *root.add_keys() = KeyRecord(TestKey(key));
  }
}

// Drops the records of keys that no role names.
inline void DropUnusedKeys(v1::Root& root) {
  v1::Root out = root;
  out.clear_keys();
  for (const v1::TrustedKey& key : root.keys()) {
    for (const v1::TrustedRole& role : root.roles()) {
      const auto& ids = role.key_ids();
      if (std::find(ids.begin(), ids.end(), key.key_id()) == ids.end()) continue;
      *out.add_keys() = key;
      break;
    }
  }
  root = out;
}

struct Tenant {
  std::string name = "agency";
  uint32_t epoch = 1;
  absl::Time now = kStart;
  Names root_keys = {"root1", "root2", "root3"};
  std::string policy_key = "policy";
  std::map<std::string, v1::Chunk> chunks = {};  // every one made so far, by hash
  LogFolder log = SomeLog();                     // the audit log; Beacons name all of it

  static LogFolder SomeLog() {
    LogFolder out("agency", TestKey("log"));
    out.AddSome(5);
    return out;
  }

  template <typename T>
  T Payload(absl::string_view kind, const std::string& doc_name, uint64_t version) const {
    T out;
    v1::DocumentHeader* h = out.mutable_header();
    h->set_tenant(name);
    h->set_kind(std::string(kind));
    h->set_name(doc_name);
    h->set_epoch(epoch);
    h->set_version(version);
    *h->mutable_issued_at() = ToProto(now);
    *h->mutable_not_after() = ToProto(now + absl::Hours(24 * 10));
    return out;
  }

  // 2 of 3 for root, one key for each other role; lives a year.
  v1::Root Root(uint64_t version, const Edit<v1::Root>& edit = nullptr) const {
    auto out = Payload<v1::Root>("root", kRootName, version);
    *out.mutable_header()->mutable_not_after() = ToProto(now + limits::kRootLife);
    SetRole(out, "root", root_keys, 2);
    SetRole(out, "policy", {policy_key}, 1);
    for (const char* role : {"assignment", "beacon", "emergency", "records", "log"}) {
      SetRole(out, role, {role}, 1);
    }
    if (edit) edit(out);
    return out;
  }
  v1::SignedDoc SignedRoot(uint64_t version, const Edit<v1::Root>& edit = nullptr) const {
    return By(Root(version, edit), {root_keys[0], root_keys[1]});
  }

  // The chunk of these bytes, kept for whoever asks.
  v1::ChunkRef Chunk(const std::string& bytes) {
    v1::Chunk chunk;
    chunk.set_data(bytes);
    chunk.set_sha256(Sha256Hex(bytes));
    v1::ChunkRef ref;
    ref.set_sha256(chunk.sha256());
    ref.set_size(static_cast<uint32_t>(bytes.size()));
    chunks[chunk.sha256()] = chunk;
    return ref;
  }
  // One app of this id: dpkg package of the same name, RESTRICTED, blocklisted.
  static std::string Content(const std::string& id) {
    v1::CohortContent content;
    v1::App* app = content.add_apps();
    app->set_id(id);
    app->set_name(id);
    v1::AppIdentity* identity = app->add_identities();
    identity->set_platform(v1::Platform::LINUX);
    identity->set_origin(v1::Origin::DPKG);
    identity->set_package_id(id);
    v1::Trm* trm = content.add_trm();
    trm->set_app_id(id);
    trm->set_status(v1::Trm::RESTRICTED);
    content.add_blocklist(id);
    return content.SerializeAsString();
  }
  v1::CohortPolicy Cohort(uint64_t version, const Edit<v1::CohortPolicy>& edit = nullptr) {
    auto out = Payload<v1::CohortPolicy>("cohort", CohortName("linux"), version);
    out.set_platform(v1::Platform::LINUX);
    *out.add_chunks() = Chunk(Content("chat"));
    if (edit) edit(out);
    return out;
  }
  v1::SignedDoc SignedCohort(uint64_t version, const Edit<v1::CohortPolicy>& edit = nullptr) {
    return By(Cohort(version, edit), {policy_key});
  }

  // Alice is entitled to chat.
  v1::DeviceAssignment Assignment(uint64_t version,
                                  const Edit<v1::DeviceAssignment>& edit = nullptr) const {
    auto out = Payload<v1::DeviceAssignment>("assignment", AssignmentName(kDevice), version);
    out.set_device_id(kDevice);
    out.set_certificate_key_sha256(TestKey("device").key_id());
    out.set_cohort(CohortName("linux"));
    v1::AssignedPerson* person = out.add_persons();
    person->set_person_id("id-alice");
    person->set_account_name("alice");
    v1::Entitlement* e = out.add_entitlements();
    e->set_grant_id("GRT-1");
    e->set_person_id("id-alice");
    e->set_app_id("chat");
    *e->mutable_not_after() = ToProto(now + absl::Hours(24 * 5));
    if (edit) edit(out);
    return out;
  }
  v1::SignedDoc SignedAssignment(uint64_t version,
                                 const Edit<v1::DeviceAssignment>& edit = nullptr) const {
    return By(Assignment(version, edit), {"assignment"});
  }

  v1::EmergencyDeny Deny(uint64_t version, const Edit<v1::EmergencyDeny>& edit = nullptr) const {
    auto out = Payload<v1::EmergencyDeny>("emergency_deny", kEmergencyDenyName, version);
    out.add_app_ids("chat");
    if (edit) edit(out);
    return out;
  }
  v1::SignedDoc SignedDeny(uint64_t version, const Edit<v1::EmergencyDeny>& edit = nullptr) const {
    return By(Deny(version, edit), {"emergency"});
  }

  static v1::DocumentLeaf LeafOf(const v1::SignedDoc& doc) {
    v1::AnyPayload any;
    if (!any.ParseFromString(doc.payload())) std::abort();
    v1::DocumentLeaf leaf;
    leaf.set_name(any.header().name());
    leaf.set_epoch(any.header().epoch());
    leaf.set_version(any.header().version());
    leaf.set_sha256(Sha256Hex(doc.payload()));
    return leaf;
  }
  // For a device that has seen the first `from` entries of the log.
  v1::BeaconUpdate Continuing(uint64_t from, v1::BeaconUpdate update) const {
    update.set_audit_from(from);
    const auto path = ConsistencyPath(log, from, log.size());
    update.mutable_audit_path()->Assign(path->begin(), path->end());
    return update;
  }
  // Over these leaves, with a proof for each; of the log for a device that has seen all of it.
  v1::BeaconUpdate Beacon(uint64_t version, const std::vector<v1::DocumentLeaf>& leaves,
                          const Edit<v1::Beacon>& edit = nullptr) const {
    std::vector<std::string> hashes;
    for (const v1::DocumentLeaf& leaf : leaves) hashes.push_back(LeafHash(LeafText(leaf)));
    const MerkleTree tree(hashes);
    auto beacon = Payload<v1::Beacon>("beacon", kBeaconName, version);
    beacon.set_tree_size(tree.size());
    beacon.set_merkle_root(tree.Root());
    beacon.set_audit_size(log.size());
    beacon.set_audit_root(log.Root(log.size()));
    beacon.set_audit_checkpoint(log.Note(log.size()));
    if (edit) edit(beacon);
    v1::BeaconUpdate out;
    *out.mutable_beacon() = By(beacon, {"beacon"});
    for (size_t i = 0; i < leaves.size(); ++i) {
      v1::InclusionProof* proof = out.add_proofs();
      *proof->mutable_leaf() = leaves[i];
      proof->set_index(i);
      for (const std::string& hash : tree.Path(i)) proof->add_path(hash);
    }
    return out;
  }
};

}  // namespace muster::attacks
