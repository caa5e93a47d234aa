// What others got wrong: the four published verifier bugs that DESIGN names, and the list of
// Chromium's policy validator.
#include "tests/attacks/world.h"

namespace muster::attacks {
namespace {

constexpr Case kBugs[] = {
    {"one_key_counted_twice_under_one_id", "THRESHOLD",
     [](World& w) {
       return w.Attack({By(w.tenant.Root(2), {"root1", "root1", "root1"})});
     }},
    {"one_key_listed_twice_in_its_role", "MALFORMED",
     [](World& w) {
       return w.Attack({w.tenant.SignedRoot(2, [](auto& r) {
         FindRole(r, "policy")->add_key_ids(TestKey("policy").key_id());
         FindRole(r, "policy")->set_threshold(2);
       })});
     }},
    {"one_key_counted_twice_under_two_ids", "MALFORMED",
     [](World& w) {
       return w.Attack({w.tenant.SignedRoot(2, [](auto& r) {
         v1::TrustedKey key = KeyRecord(TestKey("policy"));
         key.set_key_id(std::string(64, '0'));
         *r.add_keys() = key;
         FindRole(r, "policy")->add_key_ids(key.key_id());
         FindRole(r, "policy")->set_threshold(2);
       })});
     }},
    {"threshold_0", "MALFORMED",
     [](World& w) {
       return w.Attack(
           {w.tenant.SignedRoot(2, [](auto& r) { FindRole(r, "policy")->set_threshold(0); })});
     }},
    {"stripped_signatures_of_every_kind", "THRESHOLD, THRESHOLD, THRESHOLD, THRESHOLD",
     [](World& w) {
       Docs docs = {w.tenant.SignedRoot(2), w.tenant.SignedDeny(6), w.tenant.SignedAssignment(6),
                    w.tenant.SignedCohort(6)};
       for (v1::SignedDoc& doc : docs) doc.clear_signatures();
       return w.Attack(docs);
     }},
    {"state_saved_before_the_rollback_check", "ROLLBACK, ROLLBACK, ROLLBACK",
     [](World& w) {
       // Were it saved first, a restart would take the older ones for what was there.
       const Docs older = {w.tenant.SignedDeny(4), w.tenant.SignedAssignment(4),
                           w.tenant.SignedCohort(4)};
       w.Attack(older);
       w.Restart();
       return w.Attack(older);
     }},
};
MUSTER_ATTACKS(PublishedBug, kBugs);

constexpr Case kChromium[] = {
    {"bad_signature", "BAD_SIGNATURE",
     [](World& w) {
       v1::SignedDoc doc = w.tenant.SignedCohort(6);
       (*doc.mutable_signatures(0)->mutable_sig())[9] ^= 1;
       return w.Attack({doc});
     }},
    {"bad_key_verification_signature", "UNKNOWN_KEY",
     [](World& w) {
       return w.Attack({By(w.tenant.Root(2, [](auto& r) { SetRole(r, "policy", {"stranger"}, 1); }),
                           {"stranger"})});
     }},
    {"payload_parse_error", "MALFORMED",
     [](World& w) {
       return w.Attack({RawBy("muster.v1.DeviceAssignment", "\x0a", "assignment")});
     }},
    {"policy_parse_error", "NEED 1, MALFORMED",
     [](World& w) {
       const std::string bytes = "\x0a\xff";
       const std::string need = w.Attack({w.tenant.SignedCohort(
           6, [&](auto& c) { *c.mutable_chunks(0) = w.tenant.Chunk(bytes); })});
       return InTurn({need, w.AttackChunk(Sha256Hex(bytes), bytes)});
     }},
    {"wrong_policy_type", "WRONG_TYPE",
     [](World& w) {
       return w.Attack(
           {RawBy("muster.v1.Receipt", w.tenant.Cohort(6).SerializeAsString(), "policy")});
     }},
    {"wrong_settings_entity", "WRONG_COHORT",
     [](World& w) {
       return w.Attack({w.tenant.SignedCohort(
           6, [](auto& c) { c.mutable_header()->set_name("cohort/linux/extra"); })});
     }},
    {"timestamp_missing", "MALFORMED",
     [](World& w) {
       return w.Attack(
           {w.tenant.SignedAssignment(6, [](auto& a) { a.mutable_header()->clear_issued_at(); })});
     }},
    {"timestamp_from_the_past", "EXPIRED",
     [](World& w) {
       w.tenant.now = kStart - absl::Hours(24 * 10);
       return w.Attack({w.tenant.SignedAssignment(6)});
     }},
    {"wrong_device_token", "WRONG_DEVICE",
     [](World& w) {
       return w.Attack(
           {w.tenant.SignedAssignment(6, [](auto& a) { a.clear_certificate_key_sha256(); })});
     }},
    {"wrong_device_id", "WRONG_DEVICE",
     [](World& w) {
       return w.Attack({w.tenant.SignedAssignment(6, [](auto& a) { a.clear_device_id(); })});
     }},
    {"wrong_domain", "WRONG_TENANT",
     [](World& w) {
       return w.Attack({w.tenant.SignedAssignment(
           6, [](auto& a) { a.mutable_header()->set_tenant("Agency"); })});
     }},
    {"empty_policy", "EMPTY, EMPTY, EMPTY",
     [](World& w) {
       return w.Attack({w.tenant.SignedDeny(6, [](auto& d) { d.clear_app_ids(); }),
                        w.tenant.SignedAssignment(6, [](auto& a) { a.clear_cohort(); }),
                        w.tenant.SignedCohort(6, [](auto& c) { c.clear_chunks(); })});
     }},
};
MUSTER_ATTACKS(ChromiumList, kChromium);

TEST(ChromiumRule, ATimestampFromTheFutureIsTakenAndHoldsTheClock) {
  World w;
  const absl::Time later = kStart + absl::Hours(1);
  w.tenant.now = later;
  w.Take({w.tenant.SignedAssignment(6)});
  EXPECT_EQ(agent::HighestIssued(w.Saved()), later);
  w.ExpectUnharmed();
}

}  // namespace
}  // namespace muster::attacks
