#include "common/signed_doc.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "tests/common/signed_docs.h"

namespace muster {
namespace {

TEST(SignedBytes, CoverTypeAndLengths) {
  EXPECT_EQ(SignedBytes("a.B", "xyz"), "MUSTERv1 3 a.B 3 xyz");
  EXPECT_EQ(SignedBytes("", ""), "MUSTERv1 0  0 ");
}

TEST_F(SignedDocTest, CohortCases) {
  using Edit = std::function<void(v1::CohortPolicy&)>;
  const struct {
    const char* name;
    Edit edit;
    const char* want;
  } kPayloads[] = {
      {"valid", [](auto&) {}, "OK"},
      {"another tenant", [](auto& c) { c.mutable_header()->set_tenant("other"); }, "WRONG_TENANT"},
      {"another name", [](auto& c) { c.mutable_header()->set_name("cohort/ios"); }, "WRONG_COHORT"},
      {"another kind", [](auto& c) { c.mutable_header()->set_kind("root"); }, "WRONG_COHORT"},
      {"another platform", [](auto& c) { c.set_platform(v1::Platform::IOS); }, "WRONG_COHORT"},
      {"no chunk", [](auto& c) { c.clear_chunks(); }, "EMPTY"},
      {"a chunk twice", [](auto& c) { *c.add_chunks() = c.chunks(0); }, "MALFORMED"},
      {"a chunk without a size", [](auto& c) { c.mutable_chunks(0)->set_size(0); }, "MALFORMED"},
      {"a chunk named by a path", [](auto& c) { c.mutable_chunks(0)->set_sha256("../x"); },
       "MALFORMED"},
      {"an upper-case hash", [](auto& c) { c.mutable_chunks(0)->set_sha256(std::string(64, 'A')); },
       "MALFORMED"},
      {"a large chunk", [](auto& c) { c.mutable_chunks(0)->set_size(limits::kMaxChunkBytes + 1); },
       "OVERSIZE"},
      {"many chunks",
       [](auto& c) {
         for (size_t i = 0; i < limits::kMaxChunks; ++i) *c.add_chunks() = c.chunks(0);
       },
       "OVERSIZE"},
      {"an epoch before the root's", [](auto& c) { c.mutable_header()->set_epoch(0); }, "ROLLBACK"},
      {"an epoch after the root's", [](auto& c) { c.mutable_header()->set_epoch(2); }, "NOT_NAMED"},
      {"ends before it begins",
       [](auto& c) {
         *c.mutable_header()->mutable_issued_at() = ToProto(kTestNow + absl::Hours(25));
       },
       "MALFORMED"},
      {"no header", [](auto& c) { c.clear_header(); }, "MALFORMED"},
      {"version 0", [](auto& c) { c.mutable_header()->set_version(0); }, "MALFORMED"},
      {"no end", [](auto& c) { c.mutable_header()->clear_not_after(); }, "MALFORMED"},
      {"no start", [](auto& c) { c.mutable_header()->clear_issued_at(); }, "MALFORMED"},
      {"ends now", [](auto& c) { *c.mutable_header()->mutable_not_after() = ToProto(kTestNow); },
       "EXPIRED"},
  };
  for (const auto& c : kPayloads) {
    v1::CohortPolicy cohort = tenant_.Cohort();
    c.edit(cohort);
    EXPECT_EQ(Code(Cohort(Sign(cohort, tenant_.policy))), c.want) << c.name;
  }
}

TEST_F(SignedDocTest, ACohortIsTakenOnlyWhenTheAssignmentNamesIt) {
  const v1::SignedDoc doc = Sign(tenant_.Cohort(), tenant_.policy);
  EXPECT_EQ(Code(Cohort(doc, {}, "")), "NOT_NAMED");
  EXPECT_EQ(Code(Cohort(doc, {}, "cohort/windows")), "NOT_NAMED");
  EXPECT_EQ(Code(Cohort(doc, {}, "cohort/linux")), "OK");
}

TEST_F(SignedDocTest, UnderARootThatEndedNothingIsTaken) {
  v1::Root root = tenant_.Root();
  *root.mutable_header()->mutable_not_after() = ToProto(kTestNow);
  const Trust ended = *Trust::FromRoot(root);
  const v1::SignedDoc doc = Sign(tenant_.Deny(), tenant_.emergency);
  const auto verify = [&](absl::Time now) {
    return Code(VerifyEmergencyDeny({doc, ended, kEmergencyDenyName, {}, now}).status());
  };
  EXPECT_EQ(verify(kTestNow - absl::Nanoseconds(1)), "OK");
  EXPECT_EQ(verify(kTestNow), "EXPIRED");
}

TEST_F(SignedDocTest, EnvelopeCases) {
  using Edit = std::function<void(v1::SignedDoc&)>;
  const v1::SignedDoc by_assignment = Sign(tenant_.Cohort(), tenant_.assignment);
  const v1::SignedDoc by_stranger = Sign(tenant_.Cohort(), tenant_.stranger);
  const struct {
    const char* name;
    Edit edit;
    const char* want;
  } kEnvelopes[] = {
      {"one payload bit", [](auto& d) { (*d.mutable_payload())[d.payload().size() - 1] ^= 1; },
       "BAD_SIGNATURE"},
      {"a byte more", [](auto& d) { d.mutable_payload()->push_back(0); }, "BAD_SIGNATURE"},
      {"one signature bit", [](auto& d) { (*d.mutable_signatures(0)->mutable_sig())[8] ^= 1; },
       "BAD_SIGNATURE"},
      {"an empty signature", [](auto& d) { d.mutable_signatures(0)->clear_sig(); },
       "BAD_SIGNATURE"},
      {"another type", [](auto& d) { d.set_payload_type("muster.v1.DeviceAssignment"); },
       "WRONG_TYPE"},
      {"no type", [](auto& d) { d.clear_payload_type(); }, "WRONG_TYPE"},
      {"stripped", [](auto& d) { d.clear_signatures(); }, "THRESHOLD"},
      {"empty payload", [](auto& d) { d.clear_payload(); }, "EMPTY"},
      {"wrong role", [&](auto& d) { d = by_assignment; }, "ROLE"},
      {"unknown key", [&](auto& d) { d = by_stranger; }, "UNKNOWN_KEY"},
      {"unknown beside good", [&](auto& d) { *d.add_signatures() = by_stranger.signatures(0); },
       "OK"},
      {"oversize", [](auto& d) { d.mutable_payload()->resize(limits::kMaxDocumentBytes + 1); },
       "OVERSIZE"},
      {"too many signatures",
       [](auto& d) {
         for (size_t i = 0; i < limits::kMaxSignatures; ++i) *d.add_signatures() = d.signatures(0);
       },
       "OVERSIZE"},
      {"another key's id on the signature",
       [&](auto& d) { d.mutable_signatures(0)->set_key_id(tenant_.assignment.key_id()); }, "ROLE"},
  };
  for (const auto& c : kEnvelopes) {
    v1::SignedDoc doc = Sign(tenant_.Cohort(), tenant_.policy);
    c.edit(doc);
    EXPECT_EQ(Code(Cohort(doc)), c.want) << c.name;
  }
}

TEST_F(SignedDocTest, GarbageThatIsProperlySignedIsMalformed) {
  v1::SignedDoc doc;
  doc.set_payload_type("muster.v1.CohortPolicy");
  doc.set_payload("\xff\xff\xff\xff");
  v1::Signature* s = doc.add_signatures();
  s->set_key_id(tenant_.policy.key_id());
  s->set_sig(*tenant_.policy.Sign(SignedBytes(doc.payload_type(), doc.payload())));
  EXPECT_EQ(Code(Cohort(doc)), "MALFORMED");
}

TEST_F(SignedDocTest, Floors) {
  const v1::SignedDoc doc = Sign(tenant_.Cohort(5), tenant_.policy);
  const std::string same = Sha256Hex(doc.payload());
  const struct {
    const char* name;
    Floor floor;
    const char* want;
  } kCases[] = {
      {"nothing accepted yet", {}, "OK"},
      {"older accepted", {1, 4, "aa"}, "OK"},
      {"the same again", {1, 5, same}, "OK"},
      {"the same version, other bytes", {1, 5, "aa"}, "EQUIVOCATION"},
      {"a newer version", {1, 6, "aa"}, "ROLLBACK"},
      {"a newer epoch", {2, 1, "aa"}, "ROLLBACK"},
      {"a higher version of the epoch before", {0, 9, "aa"}, "OK"},
  };
  for (const auto& c : kCases) EXPECT_EQ(Code(Cohort(doc, c.floor)), c.want) << c.name;
}

TEST_F(SignedDocTest, AssignmentCases) {
  const struct {
    const char* name;
    std::function<void(v1::DeviceAssignment&)> edit;
    const char* want;
  } kCases[] = {
      {"valid", [](auto&) {}, "OK"},
      {"another device", [](auto& a) { a.set_device_id("dev-2"); }, "WRONG_DEVICE"},
      {"another name", [](auto& a) { a.mutable_header()->set_name("assignment/dev-2"); },
       "WRONG_DEVICE"},
      {"another certificate", [](auto& a) { a.set_certificate_key_sha256("beef"); },
       "WRONG_DEVICE"},
      {"no cohort", [](auto& a) { a.clear_cohort(); }, "EMPTY"},
  };
  for (const auto& c : kCases) {
    v1::DeviceAssignment a = tenant_.Assignment();
    c.edit(a);
    EXPECT_EQ(Code(Assignment(Sign(a, tenant_.assignment))), c.want) << c.name;
  }
}

TEST_F(SignedDocTest, RootsVouchForThemselvesAndEachOther) {
  const auto sign = [&](const v1::Root& root, std::vector<PrivateKey> keys) {
    return *MakeSignedDoc(root, keys);
  };
  const auto& k = tenant_.root_keys;
  const auto verify = [&](const v1::SignedDoc& doc, const Trust* current, Floor floor = {}) {
    return Code(VerifyRoot(doc, current, "agency", floor, kTestNow).status());
  };
  EXPECT_EQ(verify(sign(tenant_.Root(), {k[0], k[1]}), nullptr), "OK");
  EXPECT_EQ(verify(sign(tenant_.Root(), {k[0]}), nullptr), "THRESHOLD");
  EXPECT_EQ(verify(sign(tenant_.Root(), {k[0], k[0]}), nullptr), "THRESHOLD");
  EXPECT_EQ(verify(sign(tenant_.Root(), {tenant_.policy}), nullptr), "ROLE");
  EXPECT_EQ(verify(sign(tenant_.Root(2), {k[0], k[2]}), &trust_), "OK");
  EXPECT_EQ(verify(sign(tenant_.Root(3), {k[0], k[2]}), &trust_), "ROLLBACK");
  // New keys alone cannot take over; old keys alone cannot speak for the new.
  TestTenant next;
  EXPECT_EQ(verify(sign(next.Root(2), {next.root_keys[0], next.root_keys[1]}), &trust_),
            "UNKNOWN_KEY");
  EXPECT_EQ(verify(sign(next.Root(2), {k[0], k[1]}), &trust_), "UNKNOWN_KEY");
  EXPECT_EQ(verify(sign(next.Root(2), {k[0], k[1], next.root_keys[0], next.root_keys[1]}), &trust_),
            "OK");
  EXPECT_EQ(verify(sign(tenant_.Root(1), {k[0], k[1]}), &trust_, {1, 2, "aa"}), "ROLLBACK");
  EXPECT_EQ(
      Code(VerifyRoot(sign(tenant_.Root(), {k[0], k[1]}), nullptr, "other", {}, kTestNow).status()),
      "WRONG_TENANT");
}

TEST_F(SignedDocTest, AnEndedRootIsAStepAndNothingMore) {
  const auto& k = tenant_.root_keys;
  v1::Root ended = tenant_.Root(2);
  *ended.mutable_header()->mutable_not_after() = ToProto(kTestNow);
  const v1::SignedDoc doc = *MakeSignedDoc(ended, {k[0], k[1]});
  EXPECT_EQ(Code(VerifyRoot(doc, &trust_, "agency", {}, kTestNow).status()), "EXPIRED");
  EXPECT_EQ(Code(VerifyRootStep(doc, trust_, "agency", {}, kTestNow).status()), "OK");
  // Everything else still counts.
  EXPECT_EQ(
      Code(VerifyRootStep(*MakeSignedDoc(ended, {k[0]}), trust_, "agency", {}, kTestNow).status()),
      "THRESHOLD");
  EXPECT_EQ(Code(VerifyRootStep(doc, trust_, "other", {}, kTestNow).status()), "WRONG_TENANT");
  EXPECT_EQ(Code(VerifyRootStep(doc, trust_, "agency", {1, 3, "aa"}, kTestNow).status()),
            "ROLLBACK");
}

TEST_F(SignedDocTest, AnEpochNeverGoesDown) {
  const auto& k = tenant_.root_keys;
  v1::Root root = tenant_.Root(2);
  root.mutable_header()->set_epoch(0);
  EXPECT_EQ(
      Code(
          VerifyRoot(*MakeSignedDoc(root, {k[0], k[1]}), &trust_, "agency", {}, kTestNow).status()),
      "ROLLBACK");
}

TEST_F(SignedDocTest, ATrustWithHolesIsMalformed) {
  const struct {
    const char* name;
    std::function<void(v1::Root&)> edit;
  } kCases[] = {
      {"threshold 0", [](auto& r) { r.mutable_roles(1)->set_threshold(0); }},
      {"threshold out of reach", [](auto& r) { r.mutable_roles(1)->set_threshold(2); }},
      {"one key listed twice",
       [](auto& r) {
         r.mutable_roles(1)->add_key_ids(r.roles(1).key_ids(0));
         r.mutable_roles(1)->set_threshold(2);
       }},
      {"one key under a second id",
       [](auto& r) {
         v1::TrustedKey copy = r.keys(0);
         copy.set_key_id(std::string(64, '0'));
         *r.add_keys() = copy;
       }},
      {"a key of another algorithm", [](auto& r) { r.mutable_keys(0)->set_algorithm("ed25519"); }},
      {"an unknown key in a role", [](auto& r) { r.mutable_roles(1)->add_key_ids("ff"); }},
      {"a role twice", [](auto& r) { *r.add_roles() = r.roles(1); }},
      {"no root role", [](auto& r) { r.mutable_roles()->DeleteSubrange(0, 1); }},
  };
  for (const auto& c : kCases) {
    v1::Root root = tenant_.Root();
    c.edit(root);
    EXPECT_EQ(Code(Trust::FromRoot(root).status()), "MALFORMED") << c.name;
  }
}

TEST_F(SignedDocTest, BothAlgorithmsSignAndVerify) {
  for (const absl::string_view algorithm : {kEcdsaP256Sha256, kEd25519}) {
    const PrivateKey key = NewKey(algorithm);
    v1::Root root;
    FillHeader(root.mutable_header(), "root", "root", 1);
    AddTestRole(&root, "root", {key}, 1);
    const v1::SignedDoc doc = *MakeSignedDoc(root, {key});
    EXPECT_EQ(Code(VerifyRoot(doc, nullptr, "agency", {}, kTestNow).status()), "OK");
    const PrivateKey again = *PrivateKey::FromPem(*key.ToPem());
    EXPECT_EQ(again.key_id(), key.key_id());
  }
}

TEST_F(SignedDocTest, ReportCases) {
  const PrivateKey device = NewKey();
  const PublicKey key = *PublicKey::FromSpki(device.spki(), kEcdsaP256Sha256);
  v1::Report report;
  report.set_device_id("dev-1");
  report.set_seq(1);
  const auto verify = [&](const v1::SignedDoc& doc) {
    return Code(VerifyReport(doc, key, "dev-1").status());
  };
  EXPECT_EQ(verify(Sign(report, device)), "OK");
  EXPECT_EQ(verify(Sign(report, tenant_.policy)), "UNKNOWN_KEY");
  v1::SignedDoc forged = Sign(report, tenant_.policy);
  forged.mutable_signatures(0)->set_key_id(device.key_id());
  EXPECT_EQ(verify(forged), "BAD_SIGNATURE");
  EXPECT_EQ(verify(Sign(tenant_.Cohort(), device)), "WRONG_TYPE");
  report.set_device_id("dev-2");
  EXPECT_EQ(verify(Sign(report, device)), "WRONG_DEVICE");
  report.set_device_id("dev-1");
  report.set_seq(0);
  EXPECT_EQ(verify(Sign(report, device)), "MALFORMED");
}

}  // namespace
}  // namespace muster
