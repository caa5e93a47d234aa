// Valid-by-default documents for tests: change one thing, and one check must fail.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "common/signed_doc.h"
#include "common/time_proto.h"

namespace muster {

inline const absl::Time kTestNow = absl::FromUnixSeconds(1'800'000'000);

inline PrivateKey NewKey(absl::string_view algorithm = kEcdsaP256Sha256) {
  return *PrivateKey::Generate(algorithm);
}

inline void FillHeader(v1::DocumentHeader* h, const std::string& kind, const std::string& name,
                       uint64_t version) {
  h->set_tenant("agency");
  h->set_kind(kind);
  h->set_name(name);
  h->set_epoch(1);
  h->set_version(version);
  *h->mutable_issued_at() = ToProto(kTestNow - absl::Hours(1));
  *h->mutable_not_after() = ToProto(kTestNow + absl::Hours(24));
}

inline void AddTestRole(v1::Root* root, const std::string& name,
                        const std::vector<PrivateKey>& keys, uint32_t threshold) {
  v1::TrustedRole* role = root->add_roles();
  role->set_role(name);
  role->set_threshold(threshold);
  for (const PrivateKey& key : keys) {
    role->add_key_ids(key.key_id());
    bool known = false;
    for (const auto& k : root->keys()) known = known || k.key_id() == key.key_id();
    if (known) continue;
    v1::TrustedKey* trusted = root->add_keys();
    trusted->set_key_id(key.key_id());
    trusted->set_spki(key.spki());
    trusted->set_algorithm(key.algorithm());
  }
}

// One tenant: 2-of-3 root keys, one key for each other role.
struct TestTenant {
  std::vector<PrivateKey> root_keys = {NewKey(), NewKey(), NewKey()};
  PrivateKey policy = NewKey(), assignment = NewKey(), beacon = NewKey(), emergency = NewKey(),
             stranger = NewKey();

  v1::Root Root(uint64_t version = 1) const {
    v1::Root root;
    FillHeader(root.mutable_header(), "root", "root", version);
    AddTestRole(&root, "root", root_keys, 2);
    AddTestRole(&root, "policy", {policy}, 1);
    AddTestRole(&root, "assignment", {assignment}, 1);
    AddTestRole(&root, "beacon", {beacon}, 1);
    AddTestRole(&root, "emergency", {emergency}, 1);
    return root;
  }
  Trust TrustNow() const { return *Trust::FromRoot(Root()); }

  v1::CohortPolicy Cohort(uint64_t version = 5) const {
    v1::CohortPolicy cohort;
    FillHeader(cohort.mutable_header(), "cohort", "cohort/linux", version);
    cohort.set_platform(v1::Platform::LINUX);
    AddChunk(&cohort, ChunkOf("whatsapp"));
    return cohort;
  }
  // A chunk that names one app.
  static std::string ChunkOf(const std::string& app) {
    v1::CohortContent content;
    content.add_apps()->set_id(app);
    return content.SerializeAsString();
  }
  static void AddChunk(v1::CohortPolicy* cohort, const std::string& bytes) {
    v1::ChunkRef* ref = cohort->add_chunks();
    ref->set_sha256(Sha256Hex(bytes));
    ref->set_size(static_cast<uint32_t>(bytes.size()));
  }
  v1::DeviceAssignment Assignment(uint64_t version = 5) const {
    v1::DeviceAssignment a;
    FillHeader(a.mutable_header(), "assignment", "assignment/dev-1", version);
    a.set_device_id("dev-1");
    a.set_certificate_key_sha256("cafe");
    a.set_cohort("cohort/linux");
    return a;
  }
  v1::EmergencyDeny Deny(uint64_t version = 5) const {
    v1::EmergencyDeny deny;
    FillHeader(deny.mutable_header(), "emergency_deny", "emergency-deny", version);
    deny.add_app_ids("whatsapp");
    return deny;
  }
  v1::Beacon BeaconNow(uint64_t version = 5) const {
    v1::Beacon out;
    FillHeader(out.mutable_header(), "beacon", "beacon", version);
    out.set_tree_size(1);
    out.set_merkle_root(std::string(32, 'x'));
    return out;
  }
};

class SignedDocTest : public testing::Test {
 protected:
  absl::Status Cohort(const v1::SignedDoc& doc, Floor floor = {},
                      const std::string& assigned = "cohort/linux") {
    return VerifyCohort({doc, trust_, "cohort/linux", floor, kTestNow}, v1::Platform::LINUX,
                        assigned)
        .status();
  }
  absl::Status Assignment(const v1::SignedDoc& doc) {
    return VerifyAssignment({doc, trust_, "assignment/dev-1", {}, kTestNow}, "dev-1", "cafe")
        .status();
  }
  absl::Status Deny(const v1::SignedDoc& doc) {
    return VerifyEmergencyDeny({doc, trust_, kEmergencyDenyName, {}, kTestNow}).status();
  }
  absl::Status Beacon(const v1::SignedDoc& doc) {
    return VerifyBeacon({doc, trust_, kBeaconName, {}, kTestNow}).status();
  }
  v1::SignedDoc Sign(const google::protobuf::Message& payload, const PrivateKey& key) {
    return *MakeSignedDoc(payload, {key});
  }
  static std::string Code(const absl::Status& status) {
    if (status.ok()) return "OK";
    const auto code = VerifyCodeOf(status);
    return code ? std::string(VerifyCodeName(*code)) : "no code: " + status.ToString();
  }

  const TestTenant tenant_{};
  const Trust trust_ = tenant_.TrustNow();
};

}  // namespace muster
