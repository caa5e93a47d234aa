// A valid-by-default tenant for the agent's tests.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/flow/accept_policy.h"
#include "common/crypto.h"
#include "common/merkle.h"
#include "common/signed_doc.h"
#include "common/time_proto.h"
#include "tests/support/log_folder.h"

namespace muster::agent {

inline absl::Time At(const char* text) {
  absl::Time t;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &t, &error)) std::abort();
  return t;
}

inline constexpr char kTestDevice[] = "dev-1";
inline constexpr char kTestTenant[] = "agency";

// A cohort policy before it is cut into chunks: `content` is the first, `more` the others.
struct TestCohort {
  v1::CohortPolicy policy;
  v1::CohortContent content;
  std::vector<v1::CohortContent> more;
};

// One tenant with its keys. Every Make… gives a document that verifies; `edit` breaks it.
class TestTenant {
 public:
  explicit TestTenant(absl::Time now) : now_(now) {}

  v1::DocumentHeader Header(const char* kind, const std::string& name, uint64_t version) const {
    v1::DocumentHeader h;
    h.set_tenant(kTestTenant);
    h.set_kind(kind);
    h.set_name(name);
    h.set_epoch(epoch_);
    h.set_version(version);
    *h.mutable_issued_at() = ToProto(now_);
    *h.mutable_not_after() = ToProto(now_ + absl::Hours(24));
    return h;
  }

  v1::Root Root(uint64_t version = 1) const {
    v1::Root root;
    *root.mutable_header() = Header("root", "root", version);
    const std::pair<const char*, const PrivateKey*> roles[] = {
        {"root", &root_},     {"policy", &policy_},       {"assignment", &assignment_},
        {"beacon", &beacon_}, {"emergency", &emergency_}, {"log", &log_key_}};
    for (const auto& [role, key] : roles) {
      if (absl::string_view(role) == kLogRole && !has_log_key_) continue;
      v1::TrustedKey* k = root.add_keys();
      k->set_key_id(key->key_id());
      k->set_spki(key->spki());
      k->set_algorithm(key->algorithm());
      v1::TrustedRole* r = root.add_roles();
      r->set_role(role);
      r->add_key_ids(key->key_id());
      r->set_threshold(1);
    }
    return root;
  }

  // One app, `chat`: dpkg package chatapp; RESTRICTED unless told otherwise; blocklisted.
  TestCohort Cohort(uint64_t version = 1, v1::Trm::Status status = v1::Trm::RESTRICTED) const {
    TestCohort out;
    *out.policy.mutable_header() = Header("cohort", CohortName("linux"), version);
    out.policy.set_platform(v1::Platform::LINUX);
    out.policy.set_how_to_ask("Ask the service desk.");
    v1::App* app = out.content.add_apps();
    app->set_id("chat");
    app->set_name("Chat");
    v1::AppIdentity* identity = app->add_identities();
    identity->set_platform(v1::Platform::LINUX);
    identity->set_origin(v1::Origin::DPKG);
    identity->set_package_id("chatapp");
    v1::Trm* trm = out.content.add_trm();
    trm->set_app_id("chat");
    trm->set_status(status);
    trm->set_decision_id("TRM-1");
    out.content.add_blocklist("chat");
    return out;
  }

  // Persons alice and bob; alice is entitled to chat when `granted`.
  v1::DeviceAssignment Assignment(uint64_t version, bool granted) const {
    v1::DeviceAssignment a;
    *a.mutable_header() = Header("assignment", AssignmentName(kTestDevice), version);
    a.set_device_id(kTestDevice);
    a.set_certificate_key_sha256(device_.key_id());
    a.set_cohort(CohortName("linux"));
    for (const char* name : {"alice", "bob"}) {
      v1::AssignedPerson* p = a.add_persons();
      p->set_person_id(absl::StrCat("id-", name));
      p->set_upn(absl::StrCat(name, "@agency.example"));
      p->set_account_name(name);
    }
    if (granted) {
      v1::Entitlement* e = a.add_entitlements();
      e->set_grant_id("GRT-1");
      e->set_person_id("id-alice");
      e->set_app_id("chat");
      *e->mutable_not_after() = ToProto(now_ + absl::Hours(1));
    }
    return a;
  }

  v1::EmergencyDeny Deny(uint64_t version, const std::vector<std::string>& ids) const {
    v1::EmergencyDeny out;
    *out.mutable_header() = Header("emergency_deny", kEmergencyDenyName, version);
    for (const std::string& id : ids) out.add_app_ids(id);
    out.set_lifts_all(ids.empty());
    out.set_reason("a worm");
    return out;
  }

  // What is current: `docs`, among others. The proofs are theirs.
  v1::BeaconUpdate Beacon(uint64_t version, const std::vector<v1::SignedDoc>& docs) const {
    std::vector<v1::DocumentLeaf> leaves(1);
    leaves[0].set_name("assignment/dev-0");
    for (const v1::SignedDoc& doc : docs) {
      v1::AnyPayload any;
      if (!any.ParseFromString(doc.payload())) std::abort();
      v1::DocumentLeaf& leaf = leaves.emplace_back();
      leaf.set_name(any.header().name());
      leaf.set_epoch(any.header().epoch());
      leaf.set_version(any.header().version());
      leaf.set_sha256(Sha256Hex(doc.payload()));
    }
    std::vector<std::string> hashes;
    for (const v1::DocumentLeaf& leaf : leaves) hashes.push_back(LeafHash(LeafText(leaf)));
    const MerkleTree tree(hashes);
    v1::Beacon beacon;
    *beacon.mutable_header() = Header("beacon", kBeaconName, version);
    beacon.set_tree_size(tree.size());
    beacon.set_merkle_root(tree.Root());
    beacon.set_audit_size(log_.size());
    beacon.set_audit_root(log_.Root(log_.size()));
    if (has_log_key_) beacon.set_audit_checkpoint(log_.Note(log_.size()));
    v1::BeaconUpdate out;
    *out.mutable_beacon() = Sign(beacon);
    if (log_from_ <= log_.size()) {
      out.set_audit_from(log_from_);
      const auto path = ConsistencyPath(log_, log_from_, log_.size());
      out.mutable_audit_path()->Assign(path->begin(), path->end());
    }
    for (size_t i = 1; i < leaves.size(); ++i) {
      v1::InclusionProof* proof = out.add_proofs();
      *proof->mutable_leaf() = leaves[i];
      proof->set_index(i);
      for (std::string& hash : tree.Path(i)) proof->add_path(std::move(hash));
    }
    return out;
  }

  v1::SignedDoc Sign(const v1::Root& m) const { return *MakeSignedDoc(m, {root_}); }
  v1::SignedDoc Sign(const v1::CohortPolicy& m) const { return *MakeSignedDoc(m, {policy_}); }
  v1::SignedDoc Sign(const v1::DeviceAssignment& m) const {
    return *MakeSignedDoc(m, {assignment_});
  }
  v1::SignedDoc Sign(const v1::Beacon& m) const { return *MakeSignedDoc(m, {beacon_}); }
  v1::SignedDoc Sign(const v1::EmergencyDeny& m) const { return *MakeSignedDoc(m, {emergency_}); }
  // Names the chunks, and keeps them for whoever asks.
  v1::SignedDoc Sign(TestCohort m) const {
    m.policy.clear_chunks();
    m.more.insert(m.more.begin(), m.content);
    for (const v1::CohortContent& part : m.more) {
      v1::Chunk chunk;
      chunk.set_data(part.SerializeAsString());
      chunk.set_sha256(Sha256Hex(chunk.data()));
      v1::ChunkRef* ref = m.policy.add_chunks();
      ref->set_sha256(chunk.sha256());
      ref->set_size(static_cast<uint32_t>(chunk.data().size()));
      chunks_[chunk.sha256()] = chunk;
    }
    return Sign(m.policy);
  }
  // Every chunk signed so far, by hash.
  const std::map<std::string, v1::Chunk>& chunks() const { return chunks_; }

  v1::Update UpdateOf(const std::vector<v1::SignedDoc>& docs, uint64_t nonce = 7) const {
    v1::Update update;
    update.set_nonce(nonce);
    for (const v1::SignedDoc& d : docs) *update.add_documents() = d;
    return update;
  }

  DeviceIdentity identity() const { return {kTestTenant, kTestDevice, device_.key_id()}; }
  v1::AcceptedState Enrolled() const {
    const v1::SignedDoc root = Sign(Root());
    return FirstState(root, *VerifyRoot(root, nullptr, kTestTenant, Floor(), now_));
  }
  const PrivateKey& device_key() const { return device_; }
  const PrivateKey& policy_key() const { return policy_; }
  const PrivateKey& emergency_key() const { return emergency_; }
  absl::Time now() const { return now_; }
  // The audit log that Beacons name, empty at first; and how much of it their proofs start from.
  LogFolder& log() { return log_; }
  void ProveLogFrom(uint64_t size) { log_from_ = size; }
  // From here on the root names a key of the log, and Beacons carry a checkpoint.
  void NameLogKey() { has_log_key_ = true; }
  // Of documents made from here on: when they are issued, and their epoch.
  void SetEpoch(uint32_t epoch) { epoch_ = epoch; }
  void SetNow(absl::Time now) { now_ = now; }
  // Another policy key, as after a theft; the root of the next version has to say so.
  void ReplacePolicyKey() { policy_ = NewKey(); }

 private:
  static PrivateKey NewKey() { return *PrivateKey::Generate(kEcdsaP256Sha256); }
  absl::Time now_;
  uint32_t epoch_ = 1;
  PrivateKey root_ = NewKey(), policy_ = NewKey(), assignment_ = NewKey(), device_ = NewKey(),
             beacon_ = NewKey(), emergency_ = NewKey(), log_key_ = LogTestKey();
  LogFolder log_{kTestTenant, log_key_};
  uint64_t log_from_ = 0;
  bool has_log_key_ = false;
  mutable std::map<std::string, v1::Chunk> chunks_;
};

}  // namespace muster::agent
