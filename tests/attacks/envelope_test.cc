// The envelope: types, framing, signers, sizes.
#include "tests/attacks/world.h"

namespace muster::attacks {
namespace {

v1::SignedDoc Edited(v1::SignedDoc doc, const Edit<v1::SignedDoc>& edit) {
  edit(doc);
  return doc;
}

constexpr char kCohortType[] = "muster.v1.CohortPolicy";
constexpr char kDenyType[] = "muster.v1.EmergencyDeny";

constexpr Case kEnvelopes[] = {
    {"stripped", "THRESHOLD",
     [](World& w) {
       return w.Attack({Edited(w.tenant.SignedCohort(6), [](auto& d) { d.clear_signatures(); })});
     }},
    {"17_signatures", "OVERSIZE",
     [](World& w) {
       return w.Attack({Edited(w.tenant.SignedCohort(6), [](auto& d) {
         while (d.signatures_size() < 17) *d.add_signatures() = v1::Signature(d.signatures(0));
       })});
     }},
    {"payload_over_1_mib", "OVERSIZE",
     [](World& w) {
       return w.Attack({w.tenant.SignedCohort(
           6, [](auto& c) { c.set_how_to_ask(std::string(1 << 20, 'x')); })});
     }},
    {"payload_empty", "EMPTY",
     [](World& w) { return w.Attack({RawBy(kCohortType, "", "policy")}); }},
    {"payload_that_is_no_message", "MALFORMED",
     [](World& w) { return w.Attack({RawBy(kCohortType, "\xff\xff\xff", "policy")}); }},
    {"payload_without_a_header", "MALFORMED",
     [](World& w) {
       return w.Attack({w.tenant.SignedCohort(6, [](auto& c) { c.clear_header(); })});
     }},
    {"one_bit_of_the_payload", "BAD_SIGNATURE",
     [](World& w) {
       return w.Attack(
           {Edited(w.tenant.SignedCohort(6), [](auto& d) { d.mutable_payload()->back() ^= 1; })});
     }},
    {"a_field_added_at_the_end", "BAD_SIGNATURE",
     [](World& w) {
       return w.Attack({Edited(w.tenant.SignedCohort(6), [](auto& d) {
         v1::CohortPolicy more;
         more.set_how_to_ask("Ask me.");
         d.mutable_payload()->append(more.SerializeAsString());
       })});
     }},
    {"signature_of_no_bytes", "BAD_SIGNATURE",
     [](World& w) {
       return w.Attack({Edited(w.tenant.SignedCohort(6),
                               [](auto& d) { d.mutable_signatures(0)->clear_sig(); })});
     }},
    {"signature_without_a_key_id", "UNKNOWN_KEY",
     [](World& w) {
       return w.Attack({Edited(w.tenant.SignedCohort(6),
                               [](auto& d) { d.mutable_signatures(0)->clear_key_id(); })});
     }},
    {"good_signature_behind_a_bad_one", "BAD_SIGNATURE",
     [](World& w) {
       return w.Attack({Edited(w.tenant.SignedCohort(6), [](auto& d) {
         *d.add_signatures() = v1::Signature(d.signatures(0));
         d.mutable_signatures(0)->set_sig("bad");
       })});
     }},
    {"type_unknown", "WRONG_TYPE",
     [](World& w) {
       return w.Attack(
           {Edited(w.tenant.SignedCohort(6), [](auto& d) { d.set_payload_type("x"); })});
     }},
    {"type_empty", "WRONG_TYPE",
     [](World& w) {
       return w.Attack({Edited(w.tenant.SignedCohort(6), [](auto& d) { d.clear_payload_type(); })});
     }},
    {"type_with_a_byte_more", "WRONG_TYPE",
     [](World& w) {
       return w.Attack(
           {RawBy("muster.v1.CohortPolicy ", w.tenant.Cohort(6).SerializeAsString(), "policy")});
     }},
};
MUSTER_ATTACKS(Envelope, kEnvelopes);

// One key for two roles: then the type under the signature is all that tells documents apart.
void OneKeyForTwoRoles(World& w) {
  w.Take({w.tenant.SignedRoot(2, [](auto& r) { SetRole(r, "emergency", {"policy"}, 1); })});
}

// The bytes that a signer without our framing would cover.
v1::SignedDoc SignedOver(World& w, const std::string& message) {
  v1::SignedDoc doc = w.tenant.SignedCohort(6);
  doc.mutable_signatures(0)->set_sig(*TestKey("policy").Sign(message));
  return doc;
}

constexpr Case kTypes[] = {
    {"cohort_as_an_assignment", "ROLE",
     [](World& w) {
       return w.Attack({Edited(w.tenant.SignedCohort(6),
                               [](auto& d) { d.set_payload_type("muster.v1.DeviceAssignment"); })});
     }},
    {"assignment_as_a_cohort", "ROLE",
     [](World& w) {
       return w.Attack({Edited(w.tenant.SignedAssignment(6),
                               [](auto& d) { d.set_payload_type(kCohortType); })});
     }},
    {"deny_as_a_cohort_by_a_key_of_both_roles", "BAD_SIGNATURE",
     [](World& w) {
       OneKeyForTwoRoles(w);
       return w.Attack({Edited(By(w.tenant.Deny(6), {"policy"}),
                               [](auto& d) { d.set_payload_type(kCohortType); })});
     }},
    {"cohort_as_a_deny_by_a_key_of_both_roles", "BAD_SIGNATURE",
     [](World& w) {
       OneKeyForTwoRoles(w);
       return w.Attack(
           {Edited(w.tenant.SignedCohort(6), [](auto& d) { d.set_payload_type(kDenyType); })});
     }},
    {"cohort_signed_as_a_deny_by_a_key_of_both_roles", "MALFORMED",
     [](World& w) {
       OneKeyForTwoRoles(w);
       return w.Attack({RawBy(kDenyType, w.tenant.Cohort(6).SerializeAsString(), "policy")});
     }},
    {"assignment_that_calls_itself_a_cohort", "WRONG_DEVICE",
     [](World& w) {
       return w.Attack(
           {w.tenant.SignedAssignment(6, [](auto& a) { a.mutable_header()->set_kind("cohort"); })});
     }},
    {"assignment_under_the_cohorts_name", "WRONG_DEVICE",
     [](World& w) {
       return w.Attack({w.tenant.SignedAssignment(
           6, [](auto& a) { a.mutable_header()->set_name("cohort/linux"); })});
     }},
    {"cohort_that_calls_itself_an_assignment", "WRONG_COHORT",
     [](World& w) {
       return w.Attack(
           {w.tenant.SignedCohort(6, [](auto& c) { c.mutable_header()->set_kind("assignment"); })});
     }},
    {"bytes_moved_from_payload_to_type", "WRONG_TYPE",
     [](World& w) {
       const v1::SignedDoc doc = w.tenant.SignedCohort(6);
       return w.Attack({Edited(doc, [&](auto& d) {
         d.set_payload_type(
             absl::StrCat(kCohortType, " ", doc.payload().size(), " ", doc.payload().substr(0, 4)));
         d.set_payload(doc.payload().substr(4));
       })});
     }},
    {"signature_over_the_payload_alone", "BAD_SIGNATURE",
     [](World& w) { return w.Attack({SignedOver(w, w.tenant.SignedCohort(6).payload())}); }},
    {"signature_without_the_lengths", "BAD_SIGNATURE",
     [](World& w) {
       return w.Attack({SignedOver(
           w, absl::StrCat("MUSTERv1 ", kCohortType, " ", w.tenant.SignedCohort(6).payload()))});
     }},
    {"signature_of_another_version_of_the_framing", "BAD_SIGNATURE",
     [](World& w) {
       std::string message = SignedBytes(kCohortType, w.tenant.SignedCohort(6).payload());
       message[7] = '2';
       return w.Attack({SignedOver(w, message)});
     }},
};
MUSTER_ATTACKS(PayloadType, kTypes);

v1::SignedDoc OfKind(World& w, const std::string& kind, const Names& signers) {
  if (kind == "root") return By(w.tenant.Root(2), signers);
  if (kind == "cohort") return By(w.tenant.Cohort(6), signers);
  if (kind == "assignment") return By(w.tenant.Assignment(6), signers);
  return By(w.tenant.Deny(6), signers);
}

// Every key of the root but the right one, and the device's own.
std::string ByEveryOtherRole(World& w, const std::string& kind, const std::string& right) {
  std::set<std::string> out;
  for (const char* key : {"root1", "policy", "assignment", "beacon", "emergency", "records"}) {
    if (right == key) continue;
    if (kind == "beacon") {
      v1::BeaconUpdate beacon = w.tenant.Beacon(6, w.Leaves());
      v1::Beacon payload;
      payload.ParseFromString(beacon.beacon().payload());
      *beacon.mutable_beacon() = By(payload, {key});
      out.insert(w.AttackBeacon(beacon));
    } else {
      out.insert(w.Attack({OfKind(w, kind, {key})}));
    }
  }
  if (kind != "beacon") out.insert(w.Attack({OfKind(w, kind, {"device"})}));
  return absl::StrJoin(out, ", ");
}

constexpr Case kRoles[] = {
    {"root_by_every_online_key", "ROLE, UNKNOWN_KEY",
     [](World& w) { return ByEveryOtherRole(w, "root", "root1"); }},
    {"cohort_by_every_other_role", "ROLE, UNKNOWN_KEY",
     [](World& w) { return ByEveryOtherRole(w, "cohort", "policy"); }},
    {"assignment_by_every_other_role", "ROLE, UNKNOWN_KEY",
     [](World& w) { return ByEveryOtherRole(w, "assignment", "assignment"); }},
    {"deny_by_every_other_role", "ROLE, UNKNOWN_KEY",
     [](World& w) { return ByEveryOtherRole(w, "emergency_deny", "emergency"); }},
    {"beacon_by_every_other_role", "ROLE",
     [](World& w) { return ByEveryOtherRole(w, "beacon", "beacon"); }},
};
MUSTER_ATTACKS(WrongRole, kRoles);

std::string OfOtherTenant(World& w, const std::string& kind) {
  w.tenant.name = "other";
  std::string out = kind == "beacon" ? w.AttackBeacon(w.tenant.Beacon(6, w.Leaves()))
                    : kind == "root" ? w.Attack({w.tenant.SignedRoot(2)})
                                     : w.Attack({OfKind(w, kind,
                                                        {kind == "cohort"       ? "policy"
                                                         : kind == "assignment" ? "assignment"
                                                                                : "emergency"})});
  w.tenant.name = "agency";
  return out;
}

// Two tenants that share keys, and device ids: the tenant's name is all that differs.
constexpr Case kTenants[] = {
    {"root", "WRONG_TENANT", [](World& w) { return OfOtherTenant(w, "root"); }},
    {"cohort", "WRONG_TENANT", [](World& w) { return OfOtherTenant(w, "cohort"); }},
    {"assignment_of_the_same_device_id", "WRONG_TENANT",
     [](World& w) { return OfOtherTenant(w, "assignment"); }},
    {"deny", "WRONG_TENANT", [](World& w) { return OfOtherTenant(w, "emergency_deny"); }},
    {"beacon", "WRONG_TENANT", [](World& w) { return OfOtherTenant(w, "beacon"); }},
    {"assignment_by_its_own_keys", "UNKNOWN_KEY",
     [](World& w) {
       v1::DeviceAssignment other = w.tenant.Assignment(6);
       other.mutable_header()->set_tenant("other");
       return w.Attack({By(other, {"stranger"})});
     }},
};
MUSTER_ATTACKS(CrossTenant, kTenants);

TEST(Framing, NoTwoDocumentsShareTheirSignedBytes) {
  // What a framing without lengths would run together.
  EXPECT_NE(SignedBytes("a b", "c"), SignedBytes("a", "b c"));
  EXPECT_NE(SignedBytes("a", "1 b"), SignedBytes("a 1", "b"));
  EXPECT_EQ(SignedBytes("a.B", "xyz"), "MUSTERv1 3 a.B 3 xyz");
}

TEST(Framing, AFieldFromTheFutureIsKeptUnderTheSignature) {
  World w;
  const std::string payload = w.tenant.Deny(6).SerializeAsString() + "\xfa\x06\x01x";
  w.Take({RawBy(kDenyType, payload, "emergency")});
  EXPECT_EQ(w.Saved().emergency_deny().payload(), payload);
  w.ExpectUnharmed();
}

}  // namespace
}  // namespace muster::attacks
