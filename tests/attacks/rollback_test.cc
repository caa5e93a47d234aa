// Going back: older versions, older epochs, two contents of one version; over restarts and over
// saves that failed.
#include "tests/attacks/world.h"

namespace muster::attacks {
namespace {

// Other bytes than World's own.
template <typename T>
void Reword(T& doc) {
  *doc.mutable_header()->mutable_not_after() = ToProto(kStart + absl::Hours(24 * 9));
}

// Epoch 2 has begun; the tenant's next documents are of epoch 1 again.
void BeginEpoch2(World& w) {
  w.tenant.epoch = 2;
  w.Take({w.tenant.SignedRoot(2)});
  w.tenant.epoch = 1;
}
std::string OfEpoch1(World& w, const v1::SignedDoc& doc) {
  std::string out = w.Attack({doc});
  w.tenant.epoch = 2;
  return out;
}

constexpr Case kRollbacks[] = {
    {"lower_cohort", "ROLLBACK", [](World& w) { return w.Attack({w.tenant.SignedCohort(4)}); }},
    {"lower_assignment", "ROLLBACK",
     [](World& w) { return w.Attack({w.tenant.SignedAssignment(4)}); }},
    {"lower_deny", "ROLLBACK", [](World& w) { return w.Attack({w.tenant.SignedDeny(4)}); }},
    {"lower_beacon", "ROLLBACK",
     [](World& w) { return w.AttackBeacon(w.tenant.Beacon(4, w.Leaves())); }},
    {"other_bytes_of_the_cohort", "EQUIVOCATION",
     [](World& w) { return w.Attack({w.tenant.SignedCohort(5, Reword<v1::CohortPolicy>)}); }},
    {"other_bytes_of_the_assignment", "EQUIVOCATION",
     [](World& w) {
       return w.Attack({w.tenant.SignedAssignment(5, Reword<v1::DeviceAssignment>)});
     }},
    {"other_bytes_of_the_deny", "EQUIVOCATION",
     [](World& w) { return w.Attack({w.tenant.SignedDeny(5, Reword<v1::EmergencyDeny>)}); }},
    {"other_bytes_of_the_beacon", "EQUIVOCATION",
     [](World& w) { return w.AttackBeacon(w.tenant.Beacon(5, w.Leaves(), Reword<v1::Beacon>)); }},
    {"older_epoch_higher_version_cohort", "ROLLBACK",
     [](World& w) {
       BeginEpoch2(w);
       return OfEpoch1(w, w.tenant.SignedCohort(999));
     }},
    {"older_epoch_higher_version_assignment", "ROLLBACK",
     [](World& w) {
       BeginEpoch2(w);
       return OfEpoch1(w, w.tenant.SignedAssignment(999));
     }},
    {"older_epoch_higher_version_deny", "ROLLBACK",
     [](World& w) {
       BeginEpoch2(w);
       return OfEpoch1(w, w.tenant.SignedDeny(999));
     }},
    {"older_epoch_higher_version_beacon", "ROLLBACK",
     [](World& w) {
       BeginEpoch2(w);
       std::string out = w.AttackBeacon(w.tenant.Beacon(999, w.Leaves()));
       w.tenant.epoch = 2;
       return out;
     }},
    {"after_a_restart_cohort", "ROLLBACK",
     [](World& w) {
       w.Restart();
       return w.Attack({w.tenant.SignedCohort(4)});
     }},
    {"after_a_restart_assignment", "ROLLBACK",
     [](World& w) {
       w.Restart();
       return w.Attack({w.tenant.SignedAssignment(4)});
     }},
    {"after_a_restart_deny", "ROLLBACK",
     [](World& w) {
       w.Restart();
       return w.Attack({w.tenant.SignedDeny(4)});
     }},
    {"after_a_restart_beacon", "ROLLBACK",
     [](World& w) {
       w.Restart();
       return w.AttackBeacon(w.tenant.Beacon(4, w.Leaves()));
     }},
    {"after_a_restart_root", "ROLLBACK",
     [](World& w) {
       w.Take({w.tenant.SignedRoot(2)});
       w.Restart();
       return w.Attack({w.tenant.SignedRoot(1)});
     }},
    {"unexpired_original_after_a_newer_one", "ROLLBACK, ROLLBACK, ROLLBACK",
     [](World& w) {
       const v1::AcceptedState old = w.Saved();
       w.Take({w.tenant.SignedDeny(6), w.tenant.SignedAssignment(6), w.tenant.SignedCohort(6)});
       return w.Attack({old.emergency_deny(), old.assignment(), old.cohort()});
     }},
    {"older_after_a_save_that_failed", "NOT_SAVED, ROLLBACK",
     [](World& w) {
       w.store.before_write = [](const std::string& name) { return name != agent::kAcceptedFile; };
       std::string first = w.Attack({w.tenant.SignedCohort(6)});
       w.store.before_write = nullptr;
       return InTurn({first, w.Attack({w.tenant.SignedCohort(4)})});
     }},
    {"older_than_one_that_waits_for_chunks", "NEED 1, ROLLBACK",
     [](World& w) {
       std::string first = w.Attack({w.tenant.SignedCohort(
           7, [&](auto& c) { *c.add_chunks() = w.tenant.Chunk(Tenant::Content("more")); })});
       return InTurn({first, w.Attack({w.tenant.SignedCohort(6)})});
     }},
    {"other_bytes_of_one_that_waits_for_chunks", "NEED 1, EQUIVOCATION",
     [](World& w) {
       std::string first = w.Attack({w.tenant.SignedCohort(
           7, [&](auto& c) { *c.add_chunks() = w.tenant.Chunk(Tenant::Content("more")); })});
       return InTurn({first, w.Attack({w.tenant.SignedCohort(7)})});
     }},
};
MUSTER_ATTACKS(Rollback, kRollbacks);

TEST(RollbackOrder, ANewerAndAnOlderInOneUpdateEndWithTheNewer) {
  World w;
  EXPECT_EQ(w.Feed({w.tenant.SignedCohort(7), w.tenant.SignedCohort(6)}), "OK, OK");
  EXPECT_TRUE(absl::StrContains(w.InForce(), "cohort/linux 1.7 "));
  w.ExpectUnharmed();
}

TEST(RollbackOrder, AFailedSaveRaisesNoFloor) {
  World w;
  w.store.before_write = [](const std::string& name) { return name != agent::kAcceptedFile; };
  EXPECT_EQ(w.Attack({w.tenant.SignedDeny(9), w.tenant.SignedAssignment(9)}),
            "NOT_SAVED, NOT_SAVED");
  w.store.before_write = nullptr;
  w.Take({w.tenant.SignedDeny(6), w.tenant.SignedAssignment(6)});
  w.ExpectUnharmed();
}

}  // namespace
}  // namespace muster::attacks
