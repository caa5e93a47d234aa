#include "common/trust_root.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/time_proto.h"
#include "tests/support/now.h"

namespace muster {
namespace {

PrivateKey New(absl::string_view algorithm = kEcdsaP256Sha256) {
  return *PrivateKey::Generate(algorithm);
}
v1::TrustedKey Public(const PrivateKey& key) { return *TrustedKeyFromSpki(key.spki()); }

// A 2-of-3 ceremony and its online keys.
struct Ceremony {
  std::vector<PrivateKey> root = {New(), New(kEd25519), New()};
  PrivateKey policy = New(), assignment = New(), beacon = New(), emergency = New();
  PrivateKey fresh = New(), stranger = New();

  std::vector<RoleKeys> Roles() const {
    return {{"root", {Public(root[0]), Public(root[1]), Public(root[2])}, 2},
            {"policy", {Public(policy)}},
            {"assignment", {Public(assignment)}},
            {"beacon", {Public(beacon)}},
            {"emergency", {Public(emergency)}}};
  }
  v1::Root First() const { return *FirstRoot("agency", Roles(), kNow); }
};

std::string Draw(const v1::Root& root) {
  std::string out = absl::StrCat(root.header().epoch(), ".", root.header().version(), " ");
  for (const auto& role : root.roles()) {
    absl::StrAppend(&out, role.role(), ":", role.threshold(), "/", role.key_ids_size(), " ");
  }
  return absl::StrCat(out, root.keys_size(), " keys");
}

void Sign(v1::SignedDoc& doc, const PrivateKey& key, const std::vector<SignatureNeed>& needs) {
  const absl::Status status = AddSignature(doc, key, needs);
  ASSERT_TRUE(status.ok()) << status;
}

TEST(PublicKeyPem, ThereAndBackForBothAlgorithms) {
  for (const absl::string_view algorithm : {kEcdsaP256Sha256, kEd25519}) {
    const PrivateKey key = New(algorithm);
    const auto read = TrustedKeyFromPem(PublicKeyPem(key.spki()));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->key_id(), key.key_id());
    EXPECT_EQ(read->spki(), key.spki());
    EXPECT_EQ(absl::string_view(read->algorithm()), algorithm);
  }
}

TEST(PublicKeyPem, OnlyOnePublicKeyIsOne) {
  const std::string pem = PublicKeyPem(New().spki());
  for (const std::string& text : {std::string(), std::string("garbage"), *New().ToPem(), pem + pem,
                                  pem.substr(0, pem.size() / 2), PublicKeyPem("not a key")}) {
    EXPECT_EQ(TrustedKeyFromPem(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(FirstRoot, IsADraftThatItsOwnThresholdMakesARoot) {
  const Ceremony c;
  const v1::Root root = c.First();
  EXPECT_EQ(Draw(root), "1.1 root:2/3 policy:1/1 assignment:1/1 beacon:1/1 emergency:1/1 7 keys");
  EXPECT_EQ(FromProto(root.header().not_after()), kNow + limits::kRootLife);
  const Trust trust = *Trust::FromRoot(root);
  v1::SignedDoc doc = *MakeSignedDoc(root, {});
  EXPECT_EQ(NeedOf(doc, trust, "root").missing(), 2u);
  Sign(doc, c.root[1], {NeedOf(doc, trust, "root")});
  EXPECT_EQ(NeedOf(doc, trust, "root").missing(), 1u);
  EXPECT_EQ(VerifyCodeOf(VerifyRoot(doc, nullptr, "agency", {}, kNow).status()),
            VerifyCode::kThreshold);
  Sign(doc, c.root[2], {NeedOf(doc, trust, "root")});
  const SignatureNeed need = NeedOf(doc, trust, "root");
  EXPECT_TRUE(need.met());
  EXPECT_EQ(need.signed_by, (std::vector<std::string>{c.root[1].key_id(), c.root[2].key_id()}));
  EXPECT_EQ(need.open, (std::vector<std::string>{c.root[0].key_id()}));
  EXPECT_TRUE(VerifyRoot(doc, nullptr, "agency", {}, kNow).ok());
}

TEST(FirstRoot, Refusals) {
  const Ceremony c;
  const auto with = [&](size_t role, RoleKeys keys) {
    std::vector<RoleKeys> roles = c.Roles();
    roles[role] = std::move(keys);
    return FirstRoot("agency", roles, kNow).status();
  };
  const absl::Status kCases[] = {
      with(0, {"root", {Public(c.root[0])}, 0}),                     // threshold 0
      with(0, {"root", {Public(c.root[0])}, 2}),                     // out of reach
      with(0, {"root", {Public(c.root[0]), Public(c.root[0])}, 2}),  // one key twice
      with(1, {"policy", {Public(c.root[0])}}),                      // a root key online
      with(2, {"assignment", {Public(c.policy)}}),                   // one key, two roles
      with(4, {"emergency", {}}),                                    // nobody
      with(4, {"emergenzy", {Public(c.emergency)}}),                 // no such role
      FirstRoot("agency", {c.Roles()[0]}, kNow).status(),            // roles left out
  };
  for (const absl::Status& status : kCases) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  }
}

TEST(FirstRoot, TheLogsKeyIsEd25519AndOne) {
  const Ceremony c;
  const PrivateKey log = New(kEd25519), second = New(kEd25519);
  const auto with = [&](RoleKeys keys) {
    std::vector<RoleKeys> roles = c.Roles();
    roles.push_back(std::move(keys));
    return FirstRoot("agency", roles, kNow);
  };
  EXPECT_EQ(Draw(*with({"log", {}})), Draw(c.First())) << "it may be left out";
  const v1::Root root = *with({"log", {Public(log)}});
  EXPECT_EQ(Draw(root),
            "1.1 root:2/3 policy:1/1 assignment:1/1 beacon:1/1 emergency:1/1 log:1/1 8 keys");
  EXPECT_EQ(with({"log", {Public(c.fresh)}}).status().message(),
            absl::StrCat("the key ", c.fresh.key_id(),
                         " is an ecdsa-p256-sha256 key, and the role log takes ed25519 keys: make "
                         "one with `musterctl trust key --algorithm ed25519`"));
  EXPECT_EQ(with({"log", {Public(log), Public(second)}, 2}).status().message(),
            "one key signs the heads of the audit log: the threshold of the role log is 1");
  // Later: it comes, goes on beside a second, and gives way.
  const RoleChange add = {.role = "log", .add = {Public(log)}};
  EXPECT_EQ(Draw(*NextRoot(c.First(), add, kNow)),
            "1.2 root:2/3 policy:1/1 assignment:1/1 beacon:1/1 emergency:1/1 log:1/1 8 keys");
  const RoleChange rotate = {.role = "log", .add = {Public(second)}, .replace = true};
  const v1::Root rotated = *NextRoot(root, rotate, kNow);
  EXPECT_EQ(RootChanges(root, rotated),
            (std::vector<std::string>{"root 1 -> 2",
                                      absl::StrCat("role log: key ", second.key_id(), " added"),
                                      absl::StrCat("role log: key ", log.key_id(), " removed")}));
  for (const RoleChange& bad :
       {RoleChange{.role = "log", .add = {Public(c.fresh)}},
        RoleChange{.role = "log", .add = {Public(c.root[1])}},  // a root key, though Ed25519
        RoleChange{.role = "log", .add = {Public(second)}, .threshold = 2},
        RoleChange{.role = "log", .remove = {log.key_id()}}}) {
    EXPECT_EQ(NextRoot(root, bad, kNow).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(NextRoot, EachChange) {
  const Ceremony c;
  const v1::Root first = c.First();
  const v1::TrustedKey fresh = Public(c.fresh), stranger = Public(c.stranger);
  const std::string root0 = c.root[0].key_id();
  const std::pair<RoleChange, std::string> kCases[] = {
      {{.role = "root", .add = {fresh}},
       "1.2 root:2/4 policy:1/1 assignment:1/1 beacon:1/1 emergency:1/1 8 keys"},
      {{.role = "root", .add = {fresh}, .threshold = 3},
       "1.2 root:3/4 policy:1/1 assignment:1/1 beacon:1/1 emergency:1/1 8 keys"},
      {{.role = "root", .remove = {root0}},
       "1.2 root:2/2 policy:1/1 assignment:1/1 beacon:1/1 emergency:1/1 6 keys"},
      {{.role = "root", .add = {fresh}, .remove = {root0}},
       "1.2 root:2/3 policy:1/1 assignment:1/1 beacon:1/1 emergency:1/1 7 keys"},
      {{.role = "policy", .add = {fresh}, .replace = true},
       "1.2 root:2/3 policy:1/1 assignment:1/1 beacon:1/1 emergency:1/1 7 keys"},
      {{.role = "policy", .add = {fresh}, .replace = true, .compromised = true},
       "2.2 root:2/3 policy:1/1 assignment:1/1 beacon:1/1 emergency:1/1 7 keys"},
      {{.role = "root", .add = {fresh, stranger}, .replace = true},
       "1.2 root:2/2 policy:1/1 assignment:1/1 beacon:1/1 emergency:1/1 6 keys"},
      {{.role = "root", .add = {fresh, Public(c.root[1]), Public(c.root[2])}, .replace = true},
       "1.2 root:2/3 policy:1/1 assignment:1/1 beacon:1/1 emergency:1/1 7 keys"},
      {{.role = "records", .add = {fresh}},
       "1.2 root:2/3 policy:1/1 assignment:1/1 beacon:1/1 emergency:1/1 records:1/1 8 keys"},
  };
  for (const auto& [change, want] : kCases) {
    const auto next = NextRoot(first, change, kNow + absl::Hours(1));
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_EQ(Draw(*next), want);
    EXPECT_EQ(FromProto(next->header().issued_at()), kNow + absl::Hours(1));
    EXPECT_EQ(FromProto(next->header().not_after()), kNow + absl::Hours(1) + limits::kRootLife);
  }
  const auto back = NextRoot(first, {.role = "root", .add = {fresh}}, kNow - absl::Hours(1));
  EXPECT_EQ(FromProto(back->header().issued_at()), kNow) << "a clock set back";
}

TEST(NextRoot, Refusals) {
  const Ceremony c;
  const v1::Root first = c.First();
  using Code = absl::StatusCode;
  const std::pair<RoleChange, Code> kCases[] = {
      {{.role = "rot", .add = {Public(c.fresh)}}, Code::kInvalidArgument},
      {{.role = "root", .add = {Public(c.root[0])}}, Code::kInvalidArgument},
      {{.role = "root", .add = {Public(c.policy)}}, Code::kInvalidArgument},
      {{.role = "policy", .add = {Public(c.policy)}, .replace = true}, Code::kInvalidArgument},
      {{.role = "policy", .remove = {c.policy.key_id()}}, Code::kInvalidArgument},
      {{.role = "policy", .remove = {c.fresh.key_id()}}, Code::kNotFound},
      {{.role = "root", .add = {Public(c.fresh)}, .replace = true}, Code::kInvalidArgument},
      {{.role = "root", .threshold = 0}, Code::kInvalidArgument},
      {{.role = "root", .threshold = 4}, Code::kInvalidArgument},
  };
  for (const auto& [change, want] : kCases) {
    EXPECT_EQ(NextRoot(first, change, kNow).status().code(), want) << change.role;
  }
}

// The old threshold and the new one both have to agree, whoever is in which.
TEST(AddSignature, ARotationOfTheRootKeysNeedsBothRoots) {
  const Ceremony c;
  const v1::Root first = c.First();
  const Trust old_trust = *Trust::FromRoot(first);
  const v1::Root second = *NextRoot(
      first, {.role = "root", .add = {Public(c.fresh)}, .remove = {c.root[0].key_id()}}, kNow);
  const Trust new_trust = *Trust::FromRoot(second);
  v1::SignedDoc doc = *MakeSignedDoc(second, {});
  const auto needs = [&] {
    return std::vector<SignatureNeed>{NeedOf(doc, old_trust, "root"),
                                      NeedOf(doc, new_trust, "root")};
  };
  const auto missing = [&] {
    return absl::StrCat(needs()[0].missing(), " ", needs()[1].missing());
  };
  EXPECT_EQ(missing(), "2 2");
  Sign(doc, c.fresh, needs());
  EXPECT_EQ(missing(), "2 1");
  Sign(doc, c.root[0], needs());
  EXPECT_EQ(missing(), "1 1");
  EXPECT_EQ(VerifyCodeOf(VerifyRoot(doc, &old_trust, "agency", {}, kNow).status()),
            VerifyCode::kThreshold);
  Sign(doc, c.root[1], needs());
  EXPECT_EQ(missing(), "0 0");
  EXPECT_TRUE(VerifyRoot(doc, &old_trust, "agency", {}, kNow).ok());
}

TEST(AddSignature, AgainByTheSameKeyReplacesItAndNeverCountsTwice) {
  const Ceremony c;
  const Trust trust = *Trust::FromRoot(c.First());
  v1::SignedDoc doc = *MakeSignedDoc(c.First(), {});
  for (int i = 0; i < 3; ++i) Sign(doc, c.root[0], {NeedOf(doc, trust, "root")});
  EXPECT_EQ(doc.signatures_size(), 1);
  EXPECT_EQ(NeedOf(doc, trust, "root").missing(), 1u);
  *doc.add_signatures() = doc.signatures(0);  // as an attacker would
  EXPECT_EQ(NeedOf(doc, trust, "root").missing(), 1u);
  doc.mutable_signatures(0)->set_sig("damaged");
  EXPECT_EQ(NeedOf(doc, trust, "root").misfit, std::vector<std::string>{c.root[0].key_id()});
  Sign(doc, c.root[0], {NeedOf(doc, trust, "root")});
  EXPECT_EQ(doc.signatures_size(), 1);
  EXPECT_EQ(NeedOf(doc, trust, "root").signed_by, std::vector<std::string>{c.root[0].key_id()});
}

TEST(AddSignature, AKeyWithoutASayIsRefusedAndLeavesNoTrace) {
  const Ceremony c;
  const Trust trust = *Trust::FromRoot(c.First());
  v1::SignedDoc doc = *MakeSignedDoc(c.First(), {});
  for (const PrivateKey& key : {c.stranger, c.policy, c.emergency}) {
    const absl::Status status = AddSignature(doc, key, {NeedOf(doc, trust, "root")});
    EXPECT_EQ(VerifyCodeOf(status), VerifyCode::kRole);
    EXPECT_EQ(status.message(),
              absl::StrCat("ROLE: the key ", key.key_id(),
                           " has no say in this document; only keys of role root of root 1 sign "
                           "it"));
  }
  EXPECT_EQ(doc.signatures_size(), 0);
  for (size_t i = 0; i < limits::kMaxSignatures; ++i) doc.add_signatures();
  EXPECT_EQ(VerifyCodeOf(AddSignature(doc, c.root[0], {NeedOf(doc, trust, "root")})),
            VerifyCode::kOversize);
}

TEST(RootChanges, OneLineEach) {
  const Ceremony c;
  const v1::Root first = c.First();
  const v1::Root next = *NextRoot(first,
                                  {.role = "policy",
                                   .add = {Public(c.fresh), Public(c.stranger)},
                                   .replace = true,
                                   .compromised = true,
                                   .threshold = 2},
                                  kNow);
  EXPECT_EQ(
      RootChanges(first, next),
      (std::vector<std::string>{"root 1 -> 2", "epoch 1 -> 2: every document is signed anew",
                                absl::StrCat("role policy: key ", c.fresh.key_id(), " added"),
                                absl::StrCat("role policy: key ", c.stranger.key_id(), " added"),
                                absl::StrCat("role policy: key ", c.policy.key_id(), " removed"),
                                "role policy: threshold 1 -> 2"}));
}

TEST(RootOf, OnlyARoot) {
  const Ceremony c;
  v1::SignedDoc doc = *MakeSignedDoc(c.First(), {});
  EXPECT_EQ(RootOf(doc)->SerializeAsString(), c.First().SerializeAsString());
  doc.set_payload_type("muster.v1.EmergencyDeny");
  EXPECT_EQ(VerifyCodeOf(RootOf(doc).status()), VerifyCode::kWrongType);
  doc.set_payload_type("muster.v1.Root");
  doc.set_payload("");
  EXPECT_EQ(VerifyCodeOf(RootOf(doc).status()), VerifyCode::kMalformed);
}

}  // namespace
}  // namespace muster
