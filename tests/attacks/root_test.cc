// Roots: the key-rotation, threshold and version families of The Update Framework's conformance
// suite, in our documents.
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tests/attacks/world.h"

namespace muster::attacks {
namespace {

std::string SpkiOf(const char* group, const char* form, const char* encoding) {
  EVP_PKEY* key = group != nullptr ? EVP_EC_gen(group) : EVP_PKEY_dup(TestKey("root1").handle());
  if (form != nullptr) EVP_PKEY_set_utf8_string_param(key, "point-format", form);
  if (encoding != nullptr) EVP_PKEY_set_utf8_string_param(key, "encoding", encoding);
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key, &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  EVP_PKEY_free(key);
  return out;
}

// Root 2 where root1 has a second record under the hash of `spki`, and a threshold of 3 that the
// two records and one other key would meet.
v1::SignedDoc SecondRecord(World& w, const std::string& spki) {
  return w.tenant.SignedRoot(2, [&](v1::Root& r) {
    v1::TrustedKey key = KeyRecord(TestKey("root1"));
    key.set_spki(spki);
    key.set_key_id(Sha256Hex(spki));
    *r.add_keys() = key;
    FindRole(r, "root")->add_key_ids(key.key_id());
    FindRole(r, "root")->set_threshold(3);
  });
}

v1::SignedDoc EditedKey(World& w, const std::string& spki, absl::string_view algorithm) {
  return w.tenant.SignedRoot(2, [&](v1::Root& r) {
    v1::TrustedKey* key = r.add_keys();
    key->set_spki(spki);
    key->set_key_id(Sha256Hex(spki));
    key->set_algorithm(std::string(algorithm));
  });
}

v1::SignedDoc EditedRole(World& w, const char* name, const Edit<v1::TrustedRole>& edit) {
  return w.tenant.SignedRoot(2, [&](v1::Root& r) { edit(*FindRole(r, name)); });
}

// The root role handed over to root4, root5 and root6.
v1::Root HandedOver(const World& w, uint64_t version) {
  return w.tenant.Root(version, [](v1::Root& r) {
    SetRole(r, "root", {"root4", "root5", "root6"}, 2);
    DropUnusedKeys(r);
  });
}

void HandOver(World& w) {
  w.Take({By(HandedOver(w, 2), {"root1", "root2", "root4", "root5"})});
  w.tenant.root_keys = {"root4", "root5", "root6"};
}

constexpr Case kVersions[] = {
    {"skips_a_version", "ROLLBACK", [](World& w) { return w.Attack({w.tenant.SignedRoot(3)}); }},
    {"jumps_to_the_last_version", "ROLLBACK",
     [](World& w) { return w.Attack({w.tenant.SignedRoot(~uint64_t{0})}); }},
    {"same_version_other_bytes", "EQUIVOCATION",
     [](World& w) {
       w.tenant.now += absl::Seconds(1);
       return w.Attack({w.tenant.SignedRoot(1)});
     }},
    {"older_root_again", "ROLLBACK",
     [](World& w) {
       w.Take({w.tenant.SignedRoot(2)});
       return w.Attack({w.tenant.SignedRoot(1)});
     }},
    {"epoch_goes_down", "ROLLBACK",
     [](World& w) {
       w.Take({w.tenant.SignedRoot(2, [](auto& r) { r.mutable_header()->set_epoch(2); })});
       std::string out = w.Attack({w.tenant.SignedRoot(3)});
       w.tenant.epoch = 2;
       return out;
     }},
    {"version_0", "MALFORMED", [](World& w) { return w.Attack({w.tenant.SignedRoot(0)}); }},
    {"without_its_dates", "MALFORMED",
     [](World& w) {
       return w.Attack(
           {w.tenant.SignedRoot(2, [](auto& r) { r.mutable_header()->clear_not_after(); })});
     }},
    {"under_another_name", "MALFORMED",
     [](World& w) {
       return w.Attack(
           {w.tenant.SignedRoot(2, [](auto& r) { r.mutable_header()->set_name("root2"); })});
     }},
    {"of_another_tenant", "WRONG_TENANT",
     [](World& w) {
       return w.Attack(
           {w.tenant.SignedRoot(2, [](auto& r) { r.mutable_header()->set_tenant("other"); })});
     }},
    {"ended_root_vouches_for_nothing_else", "EXPIRED, EXPIRED, EXPIRED",
     [](World& w) {
       w.Take({w.tenant.SignedRoot(
           2, [&](auto& r) { *r.mutable_header()->mutable_issued_at() = ToProto(kStart); })});
       w.clock.Advance(limits::kRootLife);
       w.tenant.now = w.clock.Now();
       return w.Attack(
           {w.tenant.SignedDeny(6), w.tenant.SignedAssignment(6), w.tenant.SignedCohort(6)});
     }},
};
MUSTER_ATTACKS(RootVersion, kVersions);

constexpr Case kRootSignatures[] = {
    {"old_keys_alone", "UNKNOWN_KEY",
     [](World& w) {
       return w.Attack({By(HandedOver(w, 2), {"root1", "root2"})});
     }},
    {"old_keys_that_are_still_listed", "ROLE",
     [](World& w) {
       return w.Attack({w.tenant.SignedRoot(2, [](auto& r) {
         SetRole(r, "root", {"root4", "root5", "root6"}, 2);
       })});
     }},
    {"new_keys_alone", "UNKNOWN_KEY",
     [](World& w) {
       return w.Attack({By(HandedOver(w, 2), {"root4", "root5"})});
     }},
    {"neither", "UNKNOWN_KEY",
     [](World& w) {
       return w.Attack({By(HandedOver(w, 2), {"stranger", "device"})});
     }},
    {"one_below_the_old_threshold", "THRESHOLD",
     [](World& w) {
       return w.Attack({By(HandedOver(w, 2), {"root1", "root4", "root5"})});
     }},
    {"one_below_the_new_threshold", "THRESHOLD",
     [](World& w) {
       return w.Attack({By(HandedOver(w, 2), {"root1", "root2", "root4"})});
     }},
    {"one_key_signs_twice", "THRESHOLD",
     [](World& w) {
       return w.Attack({By(w.tenant.Root(2), {"root1", "root1"})});
     }},
    {"one_signature_under_two_ids", "BAD_SIGNATURE",
     [](World& w) {
       v1::SignedDoc doc = By(w.tenant.Root(2), {"root1", "root1"});
       doc.mutable_signatures(1)->set_key_id(TestKey("root2").key_id());
       return w.Attack({doc});
     }},
    {"key_id_in_capitals", "THRESHOLD",
     [](World& w) {
       v1::SignedDoc doc = w.tenant.SignedRoot(2);
       std::string id = doc.signatures(1).key_id();
       for (char& c : id) c = static_cast<char>(toupper(c));
       doc.mutable_signatures(1)->set_key_id(id);
       return w.Attack({doc});
     }},
    {"a_key_without_a_role", "THRESHOLD",
     [](World& w) {
       w.Take({w.tenant.SignedRoot(
           2, [](auto& r) { *r.add_keys() = KeyRecord(TestKey("stranger")); })});
       return w.Attack({By(w.tenant.Root(3), {"root1", "stranger"})});
     }},
    {"after_the_hand_over_the_old_keys", "UNKNOWN_KEY",
     [](World& w) {
       HandOver(w);
       return w.Attack({By(w.tenant.Root(3), {"root1", "root2"})});
     }},
    {"after_the_hand_over_one_of_each", "THRESHOLD",
     [](World& w) {
       HandOver(w);
       return w.Attack({By(w.tenant.Root(3), {"root1", "root4"})});
     }},
    {"replaced_policy_key_signs_on", "UNKNOWN_KEY",
     [](World& w) {
       w.tenant.policy_key = "policy2";
       w.Take({w.tenant.SignedRoot(2)});
       return w.Attack({By(w.tenant.Cohort(6), {"policy"})});
     }},
    {"key_moved_to_another_role_signs_its_old_kind", "ROLE",
     [](World& w) {
       w.tenant.policy_key = "policy2";
       w.Take({w.tenant.SignedRoot(2, [](auto& r) { SetRole(r, "records", {"policy"}, 1); })});
       return w.Attack({By(w.tenant.Cohort(6), {"policy"})});
     }},
    {"raised_threshold_of_the_policy_role", "THRESHOLD",
     [](World& w) {
       w.Take({w.tenant.SignedRoot(2, [](auto& r) {
         SetRole(r, "policy", {"policy", "policy2"}, 2);
       })});
       return w.Attack({w.tenant.SignedCohort(6)});
     }},
    {"role_that_the_root_dropped", "ROLE",
     [](World& w) {
       w.Take({w.tenant.SignedRoot(2, [](auto& r) { r.mutable_roles()->DeleteSubrange(1, 1); })});
       return w.Attack({w.tenant.SignedCohort(6)});
     }},
};
MUSTER_ATTACKS(RootSignature, kRootSignatures);

constexpr Case kContents[] = {
    {"threshold_0_for_root", "MALFORMED",
     [](World& w) {
       return w.Attack({EditedRole(w, "root", [](auto& r) { r.set_threshold(0); })});
     }},
    {"threshold_above_the_keys", "MALFORMED",
     [](World& w) {
       return w.Attack({EditedRole(w, "root", [](auto& r) { r.set_threshold(4); })});
     }},
    {"role_without_keys", "MALFORMED",
     [](World& w) {
       return w.Attack({EditedRole(w, "policy", [](auto& r) { r.clear_key_ids(); })});
     }},
    {"no_role_root", "MALFORMED",
     [](World& w) {
       return w.Attack({EditedRole(w, "root", [](auto& r) { r.set_role("boot"); })});
     }},
    {"role_without_a_name", "MALFORMED",
     [](World& w) {
       return w.Attack({EditedRole(w, "records", [](auto& r) { r.clear_role(); })});
     }},
    {"one_role_twice", "MALFORMED",
     [](World& w) {
       return w.Attack({w.tenant.SignedRoot(
           2, [](auto& r) { *r.add_roles() = v1::TrustedRole(*FindRole(r, "policy")); })});
     }},
    {"role_names_a_key_that_is_not_there", "MALFORMED",
     [](World& w) {
       return w.Attack(
           {EditedRole(w, "policy", [](auto& r) { r.add_key_ids(TestKey("stranger").key_id()); })});
     }},
    {"one_key_record_twice", "MALFORMED",
     [](World& w) {
       return w.Attack(
           {w.tenant.SignedRoot(2, [](auto& r) { *r.add_keys() = KeyRecord(TestKey("policy")); })});
     }},
    {"same_point_compressed", "MALFORMED",
     [](World& w) { return w.Attack({SecondRecord(w, SpkiOf(nullptr, "compressed", nullptr))}); }},
    {"same_point_hybrid", "MALFORMED",
     [](World& w) { return w.Attack({SecondRecord(w, SpkiOf(nullptr, "hybrid", nullptr))}); }},
    {"same_point_with_explicit_parameters", "MALFORMED",
     [](World& w) { return w.Attack({SecondRecord(w, SpkiOf(nullptr, nullptr, "explicit"))}); }},
    {"same_point_with_a_longer_length", "MALFORMED",
     [](World& w) {
       std::string spki = TestKey("root1").spki();
       spki.replace(1, 1, "\x81\x59");
       return w.Attack({SecondRecord(w, spki)});
     }},
    {"key_with_a_byte_more", "MALFORMED",
     [](World& w) {
       return w.Attack({EditedKey(w, TestKey("stranger").spki() + "x", kEcdsaP256Sha256)});
     }},
    {"ed25519_key_recorded_as_p256", "MALFORMED",
     [](World& w) { return w.Attack({EditedKey(w, TestKey("ed").spki(), kEcdsaP256Sha256)}); }},
    {"p256_key_recorded_as_ed25519", "MALFORMED",
     [](World& w) { return w.Attack({EditedKey(w, TestKey("stranger").spki(), kEd25519)}); }},
    {"unknown_algorithm", "MALFORMED",
     [](World& w) { return w.Attack({EditedKey(w, TestKey("stranger").spki(), "none")}); }},
    {"p384_key", "MALFORMED",
     [](World& w) {
       return w.Attack({EditedKey(w, SpkiOf("P-384", nullptr, nullptr), kEcdsaP256Sha256)});
     }},
};
MUSTER_ATTACKS(RootContent, kContents);

TEST(RootChain, FiveStepsInOneUpdateWalkThroughEndedRoots) {
  World w;
  Docs chain;
  for (uint64_t version = 6; version >= 2; --version) {
    chain.push_back(w.tenant.SignedRoot(version));
  }
  w.clock.Advance(limits::kRootLife);
  w.tenant.now = w.clock.Now();
  chain.push_back(w.tenant.SignedRoot(7));
  EXPECT_EQ(w.Feed(chain), "OK, OK, OK, OK, OK, OK");
  w.ExpectUnharmed();
}

TEST(RootChain, NothingIsTakenBehindAHole) {
  World w;
  EXPECT_EQ(w.Feed({w.tenant.SignedRoot(2), w.tenant.SignedRoot(4), w.tenant.SignedRoot(5)}),
            "ROLLBACK, ROLLBACK, OK");
  w.ExpectUnharmed();
}

TEST(RootChain, NothingIsTakenBehindAStepThatIsNotSigned) {
  World w;
  EXPECT_EQ(w.Feed({w.tenant.SignedRoot(2), By(w.tenant.Root(3), {"root1", "stranger"}),
                    w.tenant.SignedRoot(4)}),
            "THRESHOLD, ROLLBACK, OK");
  w.ExpectUnharmed();
}

TEST(RootChain, TheFirstRootMustVouchForItself) {
  const Tenant tenant;
  const auto verify = [&](const v1::SignedDoc& doc, absl::Time now) {
    const auto code = VerifyCodeOf(VerifyRoot(doc, nullptr, "agency", {}, now).status());
    return code ? VerifyCodeName(*code) : "OK";
  };
  EXPECT_EQ(verify(tenant.SignedRoot(1), kStart), "OK");
  EXPECT_EQ(verify(By(tenant.Root(1), {"root1"}), kStart), "THRESHOLD");
  EXPECT_EQ(verify(By(tenant.Root(1), {"stranger"}), kStart), "UNKNOWN_KEY");
  EXPECT_EQ(verify(tenant.SignedRoot(1), kStart + limits::kRootLife), "EXPIRED");
}

}  // namespace
}  // namespace muster::attacks
