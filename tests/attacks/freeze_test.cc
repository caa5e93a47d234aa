// Freezing: documents that have ended, clocks that are set back, and a Beacon that does not prove
// what it should.
#include "agent/domain/freshness.h"
#include "tests/attacks/world.h"

namespace muster::attacks {
namespace {

template <typename T>
void EndsNow(T& doc) {
  *doc.mutable_header()->mutable_issued_at() = ToProto(kStart - absl::Hours(1));
  *doc.mutable_header()->mutable_not_after() = ToProto(kStart);
}

v1::BeaconUpdate EditedProof(const World& w, const Edit<v1::InclusionProof>& edit) {
  v1::BeaconUpdate beacon = w.tenant.Beacon(6, w.Leaves());
  edit(*beacon.mutable_proofs(1));
  return beacon;
}

// A document that a later one has put a date above; then the clock is set back.
std::string AfterTheClockWasSetBack(World& w, absl::Time to) {
  w.clock.Advance(absl::Hours(24 * 8));
  w.tenant.now = w.clock.Now();
  w.Take({w.tenant.SignedDeny(6)});
  w.clock.Set(to);
  w.Restart();
  return w.Attack({w.tenant.SignedCohort(6, [](auto& c) {
    *c.mutable_header()->mutable_issued_at() = ToProto(kStart);
    *c.mutable_header()->mutable_not_after() = ToProto(kStart + absl::Hours(24 * 7));
  })});
}

constexpr Case kFreezes[] = {
    {"cohort_at_its_last_second", "EXPIRED",
     [](World& w) { return w.Attack({w.tenant.SignedCohort(6, EndsNow<v1::CohortPolicy>)}); }},
    {"assignment_at_its_last_second", "EXPIRED",
     [](World& w) {
       return w.Attack({w.tenant.SignedAssignment(6, EndsNow<v1::DeviceAssignment>)});
     }},
    {"deny_at_its_last_second", "EXPIRED",
     [](World& w) { return w.Attack({w.tenant.SignedDeny(6, EndsNow<v1::EmergencyDeny>)}); }},
    {"beacon_at_its_last_second", "EXPIRED",
     [](World& w) { return w.AttackBeacon(w.tenant.Beacon(6, w.Leaves(), EndsNow<v1::Beacon>)); }},
    {"all_under_a_root_at_its_last_second", "EXPIRED, EXPIRED, EXPIRED, EXPIRED",
     [](World& w) {
       w.clock.Advance(limits::kRootLife);
       w.tenant.now = w.clock.Now();
       const std::string docs = w.Attack(
           {w.tenant.SignedDeny(6), w.tenant.SignedAssignment(6), w.tenant.SignedCohort(6)});
       return InTurn({docs, w.AttackBeacon(w.tenant.Beacon(6, w.Leaves()))});
     }},
    {"clock_set_back_a_week", "EXPIRED",
     [](World& w) { return AfterTheClockWasSetBack(w, kStart); }},
    {"clock_set_back_to_1970", "EXPIRED",
     [](World& w) { return AfterTheClockWasSetBack(w, absl::UnixEpoch()); }},
    {"the_document_in_force_again_after_its_end", "EXPIRED",
     [](World& w) {
       w.clock.Advance(absl::Hours(24 * 10));
       return w.Attack({w.Saved().cohort()});
     }},
};
MUSTER_ATTACKS(Freeze, kFreezes);

constexpr Case kBeacons[] = {
    {"path_cut_short", "NOT_NAMED",
     [](World& w) {
       return w.AttackBeacon(EditedProof(w, [](auto& p) { p.mutable_path()->RemoveLast(); }));
     }},
    {"path_made_longer", "NOT_NAMED",
     [](World& w) {
       return w.AttackBeacon(EditedProof(w, [](auto& p) { p.add_path(std::string(32, 'x')); }));
     }},
    {"path_with_a_long_hash", "NOT_NAMED",
     [](World& w) {
       return w.AttackBeacon(EditedProof(w, [](auto& p) { p.mutable_path(0)->push_back('x'); }));
     }},
    {"no_path", "NOT_NAMED",
     [](World& w) { return w.AttackBeacon(EditedProof(w, [](auto& p) { p.clear_path(); })); }},
    {"another_index", "NOT_NAMED",
     [](World& w) { return w.AttackBeacon(EditedProof(w, [](auto& p) { p.set_index(2); })); }},
    {"index_outside_the_tree", "NOT_NAMED",
     [](World& w) {
       return w.AttackBeacon(EditedProof(w, [](auto& p) { p.set_index(~uint64_t{0}); }));
     }},
    {"leaf_with_another_hash", "NOT_NAMED",
     [](World& w) {
       return w.AttackBeacon(
           EditedProof(w, [](auto& p) { p.mutable_leaf()->set_sha256(std::string(64, '0')); }));
     }},
    {"leaf_with_a_lower_version", "NOT_NAMED",
     [](World& w) {
       return w.AttackBeacon(EditedProof(w, [](auto& p) { p.mutable_leaf()->set_version(4); }));
     }},
    {"leaf_under_another_name", "NOT_NAMED",
     [](World& w) {
       return w.AttackBeacon(
           EditedProof(w, [](auto& p) { p.mutable_leaf()->set_name("cohort/ios"); }));
     }},
    {"leaf_with_its_fields_run_together", "NOT_NAMED",
     [](World& w) {
       return w.AttackBeacon(EditedProof(w, [](auto& p) {
         p.mutable_leaf()->set_name(absl::StrCat(p.leaf().name(), " 1.5"));
         p.mutable_leaf()->clear_version();
       }));
     }},
    {"proof_from_another_beacon", "NOT_NAMED",
     [](World& w) {
       v1::BeaconUpdate beacon = w.tenant.Beacon(6, w.Leaves());
       *beacon.mutable_proofs(0) = w.tenant.Beacon(5, {w.Leaves()[0]}).proofs(0);
       return w.AttackBeacon(beacon);
     }},
    {"another_tree_size_under_the_signature", "NOT_NAMED",
     [](World& w) {
       return w.AttackBeacon(w.tenant.Beacon(6, w.Leaves(), [](auto& b) { b.set_tree_size(2); }));
     }},
    {"root_hash_swapped", "BAD_SIGNATURE",
     [](World& w) {
       v1::BeaconUpdate beacon = w.tenant.Beacon(6, w.Leaves());
       v1::Beacon payload;
       payload.ParseFromString(beacon.beacon().payload());
       payload.set_merkle_root(LeafHash(LeafText(w.Leaves()[0])));
       beacon.mutable_beacon()->set_payload(payload.SerializeAsString());
       return w.AttackBeacon(beacon);
     }},
    {"root_hash_of_31_bytes", "MALFORMED",
     [](World& w) {
       return w.AttackBeacon(
           w.tenant.Beacon(6, w.Leaves(), [](auto& b) { b.mutable_merkle_root()->pop_back(); }));
     }},
    {"empty_tree", "MALFORMED",
     [](World& w) {
       return w.AttackBeacon(w.tenant.Beacon(6, w.Leaves(), [](auto& b) { b.set_tree_size(0); }));
     }},
    {"17_proofs", "OVERSIZE",
     [](World& w) {
       v1::BeaconUpdate beacon = w.tenant.Beacon(6, w.Leaves());
       while (beacon.proofs_size() < 17)
         *beacon.add_proofs() = v1::InclusionProof(beacon.proofs(0));
       return w.AttackBeacon(beacon);
     }},
    {"other_contents_for_what_is_in_force", "EQUIVOCATION",
     [](World& w) {
       std::vector<v1::DocumentLeaf> leaves = w.Leaves();
       leaves[1].set_sha256(std::string(64, '0'));
       return w.AttackBeacon(w.tenant.Beacon(6, leaves));
     }},
    {"other_contents_for_the_deny_in_force", "EQUIVOCATION",
     [](World& w) {
       return w.AttackBeacon(w.tenant.Beacon(6, w.Leaves(), [&](auto& b) {
         *b.mutable_emergency_deny() = w.Leaves()[3];
         b.mutable_emergency_deny()->set_sha256(std::string(64, '0'));
       }));
     }},
    {"beacon_within_an_update", "WRONG_TYPE",
     [](World& w) { return w.Attack({w.tenant.Beacon(6, w.Leaves()).beacon()}); }},
};
MUSTER_ATTACKS(BeaconProof, kBeacons);

std::vector<std::string> StaleBecause(const World& w, absl::Time now) {
  return agent::CheckFreshness(w.acceptor->current()->own, w.acceptor->current()->beacon, now)
      .stale_because;
}
using Reasons = std::vector<std::string>;

TEST(BeaconShows, FreshWhileEveryDocumentIsProven) {
  const World w;
  EXPECT_EQ(StaleBecause(w, kStart), Reasons{});
}

TEST(BeaconShows, WithheldFromTheStart) {
  const World w{World::Fresh()};
  EXPECT_EQ(StaleBecause(w, kStart), Reasons{"no beacon has reached this device yet"});
}

TEST(BeaconShows, WithoutProofs) {
  World w;
  v1::BeaconUpdate beacon = w.tenant.Beacon(6, w.Leaves());
  beacon.clear_proofs();
  w.TakeBeacon(beacon);
  EXPECT_EQ(StaleBecause(w, kStart), (Reasons{"the beacon proves nothing about root",
                                              "the beacon proves nothing about cohort/linux",
                                              "the beacon proves nothing about assignment/dev-1",
                                              "the beacon proves nothing about emergency-deny"}));
}

TEST(BeaconShows, WithAProofForAnotherDeviceOnly) {
  World w;
  std::vector<v1::DocumentLeaf> leaves = w.Leaves();
  leaves[2].set_name("assignment/dev-2");
  w.TakeBeacon(w.tenant.Beacon(6, leaves));
  EXPECT_EQ(StaleBecause(w, kStart), Reasons{"the beacon proves nothing about assignment/dev-1"});
}

TEST(BeaconShows, ANewerDocumentThatIsWithheld) {
  World w;
  std::vector<v1::DocumentLeaf> leaves = w.Leaves();
  leaves[1].set_version(6);
  w.TakeBeacon(w.tenant.Beacon(6, leaves));
  EXPECT_EQ(StaleBecause(w, kStart),
            Reasons{"behind: the beacon names cohort/linux version 1.6, this device has version "
                    "1.5"});
}

// Its proof may be left out: most devices never had one. So the Beacon itself names it.
TEST(BeaconShows, AnEmergencyDenyThatIsWithheld) {
  World w{World::Fresh()};
  w.Take({w.tenant.SignedAssignment(5), w.tenant.SignedCohort(5)});
  w.TakeBeacon(w.tenant.Beacon(6, w.Leaves()));
  EXPECT_EQ(StaleBecause(w, kStart), Reasons{});
  w.TakeBeacon(w.tenant.Beacon(7, w.Leaves(), [&](auto& b) {
    *b.mutable_emergency_deny() = Tenant::LeafOf(w.tenant.SignedDeny(6));
  }));
  EXPECT_EQ(StaleBecause(w, kStart),
            Reasons{"behind: the beacon names emergency-deny version 1.6, this device has none"});
}

TEST(BeaconShows, AnOlderDocumentThanTheOneInForceChangesNothing) {
  World w;
  w.TakeBeacon(w.tenant.Beacon(6, w.Leaves()));
  w.Take({w.tenant.SignedCohort(6)});
  EXPECT_EQ(StaleBecause(w, kStart), Reasons{});
}

TEST(BeaconShows, AnEndedBeaconIsStaleAndLeavesEverythingInForce) {
  World w;
  const std::string before = w.InForce();
  const absl::Time end = kStart + absl::Hours(24 * 10);
  w.TakeBeacon(w.tenant.Beacon(6, w.Leaves(), [&](auto& b) {
    *b.mutable_header()->mutable_not_after() = ToProto(kStart + absl::Hours(1));
  }));
  EXPECT_EQ(StaleBecause(w, kStart + absl::Hours(1)),
            Reasons{absl::StrCat("the beacon ended ", TimeText(kStart + absl::Hours(1)))});
  EXPECT_EQ(w.InForce(), before);
  w.clock.Set(end - absl::Nanoseconds(1));  // until the last moment of their own
  w.Take({w.Saved().cohort(), w.Saved().assignment()});
}

}  // namespace
}  // namespace muster::attacks
