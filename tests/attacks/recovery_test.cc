// Emergency denies, fast-forward with a stolen key, and the way back from one.
#include "agent/domain/policy_index.h"
#include "tests/attacks/world.h"

namespace muster::attacks {
namespace {

constexpr Case kDenies[] = {
    {"of_no_app", "EMPTY",
     [](World& w) {
       return w.Attack({w.tenant.SignedDeny(6, [](auto& d) { d.clear_app_ids(); })});
     }},
    {"denies_and_lifts_at_once", "MALFORMED",
     [](World& w) {
       return w.Attack({w.tenant.SignedDeny(6, [](auto& d) { d.set_lifts_all(true); })});
     }},
    {"of_257_apps", "OVERSIZE",
     [](World& w) {
       return w.Attack({w.tenant.SignedDeny(6, [](auto& d) {
         while (d.app_ids_size() < 257) d.add_app_ids("x");
       })});
     }},
    {"lifted_by_an_older_version", "ROLLBACK",
     [](World& w) {
       return w.Attack({w.tenant.SignedDeny(4, [](auto& d) {
         d.clear_app_ids();
         d.set_lifts_all(true);
       })});
     }},
    {"lifted_under_the_same_version", "EQUIVOCATION",
     [](World& w) {
       return w.Attack({w.tenant.SignedDeny(5, [](auto& d) {
         d.clear_app_ids();
         d.set_lifts_all(true);
       })});
     }},
    {"lifted_by_the_policy_key", "ROLE",
     [](World& w) {
       return w.Attack({By(w.tenant.Deny(6,
                                         [](auto& d) {
                                           d.clear_app_ids();
                                           d.set_lifts_all(true);
                                         }),
                           {"policy"})});
     }},
    {"replayed_after_it_was_lifted", "ROLLBACK",
     [](World& w) {
       const v1::SignedDoc old = w.Saved().emergency_deny();
       w.Take({w.tenant.SignedDeny(6, [](auto& d) {
         d.clear_app_ids();
         d.set_lifts_all(true);
       })});
       return w.Attack({old});
     }},
    {"under_a_name_of_its_own", "MALFORMED",
     [](World& w) {
       return w.Attack(
           {w.tenant.SignedDeny(6, [](auto& d) { d.mutable_header()->set_name("deny/2"); })});
     }},
};
MUSTER_ATTACKS(EmergencyDeny, kDenies);

// What the thief of one online key signs: the last version there is.
constexpr uint64_t kLast = ~uint64_t{0};

// The answer of `play` to documents of epoch 2 while the root is of epoch 1.
template <typename Play>
std::string InEpoch2(World& w, Play play) {
  w.tenant.epoch = 2;
  std::string out = play(w);
  w.tenant.epoch = 1;
  return out;
}

constexpr Case kEpochs[] = {
    {"cohort_above_the_roots", "NOT_NAMED",
     [](World& w) {
       return InEpoch2(w, [](World& x) { return x.Attack({x.tenant.SignedCohort(6)}); });
     }},
    {"assignment_above_the_roots", "NOT_NAMED",
     [](World& w) {
       return InEpoch2(w, [](World& x) { return x.Attack({x.tenant.SignedAssignment(6)}); });
     }},
    {"deny_above_the_roots", "NOT_NAMED",
     [](World& w) {
       return InEpoch2(w, [](World& x) { return x.Attack({x.tenant.SignedDeny(6)}); });
     }},
    {"beacon_above_the_roots", "NOT_NAMED",
     [](World& w) {
       return InEpoch2(w, [](World& x) { return x.AttackBeacon(x.tenant.Beacon(6, x.Leaves())); });
     }},
    {"stolen_key_after_the_recovery", "UNKNOWN_KEY",
     [](World& w) {
       w.Take({w.tenant.SignedCohort(kLast)});
       w.tenant.policy_key = "policy2";
       w.tenant.epoch = 2;
       w.Take({w.tenant.SignedRoot(2)});
       return w.Attack({By(w.tenant.Cohort(7), {"policy"})});
     }},
    {"last_version_of_the_epoch_before", "ROLLBACK",
     [](World& w) {
       const v1::SignedDoc last = w.tenant.SignedCohort(kLast);
       w.tenant.epoch = 2;
       w.Take({w.tenant.SignedRoot(2)});
       return w.Attack({last});
     }},
    {"ends_before_it_was_issued", "MALFORMED",
     [](World& w) {
       return w.Attack({w.tenant.SignedCohort(6, [](auto& c) {
         *c.mutable_header()->mutable_issued_at() = ToProto(kStart + absl::Hours(24 * 365));
       })});
     }},
    {"issued_at_the_end_of_time", "MALFORMED",
     [](World& w) {
       return w.Attack({w.tenant.SignedCohort(6, [](auto& c) {
         c.mutable_header()->mutable_issued_at()->set_seconds(INT64_MAX);
         c.mutable_header()->mutable_not_after()->set_seconds(INT64_MAX);
         c.mutable_header()->mutable_not_after()->set_nanos(INT32_MAX);
       })});
     }},
};
MUSTER_ATTACKS(Epoch, kEpochs);

// Each kind but the root: its last version is taken, the honest next one is not; a root of the
// next epoch brings everything back.
void RecoversFromTheLastVersion(const std::function<v1::SignedDoc(World&, uint64_t)>& make) {
  World w;
  w.Take({make(w, kLast)});
  EXPECT_EQ(w.Attack({make(w, 6)}), "ROLLBACK");
  w.tenant.epoch = 2;
  w.tenant.policy_key = "policy2";
  w.Take({w.tenant.SignedRoot(2), w.tenant.SignedDeny(1), w.tenant.SignedAssignment(1),
          w.tenant.SignedCohort(1)});
  w.ExpectUnharmed();
}

TEST(FastForward, ACohortsLastVersionIsUndoneByANewEpoch) {
  RecoversFromTheLastVersion([](World& w, uint64_t v) { return w.tenant.SignedCohort(v); });
}

TEST(FastForward, AnAssignmentsLastVersionIsUndoneByANewEpoch) {
  RecoversFromTheLastVersion([](World& w, uint64_t v) { return w.tenant.SignedAssignment(v); });
}

TEST(FastForward, ADenysLastVersionIsUndoneByANewEpoch) {
  RecoversFromTheLastVersion([](World& w, uint64_t v) { return w.tenant.SignedDeny(v); });
}

TEST(FastForward, ABeaconsLastVersionIsUndoneByANewEpoch) {
  World w;
  w.TakeBeacon(w.tenant.Beacon(kLast, w.Leaves()));
  EXPECT_EQ(w.AttackBeacon(w.tenant.Beacon(6, w.Leaves())), "ROLLBACK");
  w.tenant.epoch = 2;
  w.Take({w.tenant.SignedRoot(2)});
  w.TakeBeacon(w.tenant.Beacon(1, w.Leaves()));
  w.ExpectUnharmed();
}

TEST(FastForward, ADateFarAheadIsUndoneByANewEpoch) {
  World w;
  const absl::Time ahead = kStart + absl::Hours(24 * 3650);
  w.TakeBeacon(w.tenant.Beacon(6, w.Leaves(), [&](auto& b) {
    *b.mutable_header()->mutable_issued_at() = ToProto(ahead);
    *b.mutable_header()->mutable_not_after() = ToProto(ahead + absl::Hours(1));
  }));
  EXPECT_EQ(w.Attack({w.tenant.SignedCohort(6)}), "EXPIRED");
  w.tenant.epoch = 2;
  w.Take({w.tenant.SignedRoot(2), w.tenant.SignedCohort(1)});
  EXPECT_EQ(agent::HighestIssued(w.Saved()), kStart);
  w.ExpectUnharmed();
}

std::shared_ptr<const agent::PolicyIndex> IndexOf(const World& w) {
  const agent::AcceptedPolicy& policy = *w.acceptor->current();
  agent::PolicyParts parts;
  parts.content = policy.content;
  parts.assignment = &*policy.assignment;
  parts.emergency_deny = policy.emergency_deny ? &*policy.emergency_deny : nullptr;
  parts.uid_of = {{"alice", 1001}, {"mallory", 1002}};
  return agent::PolicyIndex::Build(std::move(parts));
}

TEST(StolenKey, TheEmergencyKeyGrantsNothing) {
  World w;
  // A deny that carries an assignment's fields as well; mallory would be entitled to chat.
  v1::DeviceAssignment grant;
  v1::AssignedPerson* mallory = grant.add_persons();
  mallory->set_person_id("id-mallory");
  mallory->set_account_name("mallory");
  v1::Entitlement* e = grant.add_entitlements();
  e->set_person_id("id-mallory");
  e->set_app_id("chat");
  *e->mutable_not_after() = ToProto(kStart + absl::Hours(1));
  const v1::EmergencyDeny lift = w.tenant.Deny(6, [](auto& d) {
    d.clear_app_ids();
    d.set_lifts_all(true);
  });
  w.Take({RawBy("muster.v1.EmergencyDeny", lift.SerializeAsString() + grant.SerializeAsString(),
                "emergency")});
  const auto index = IndexOf(w);
  EXPECT_EQ(index->Decide(*index->FindApp("chat"), 1001, kStart).verdict, v1::Verdict::ALLOW);
  EXPECT_EQ(index->Decide(*index->FindApp("chat"), 1002, kStart).verdict, v1::Verdict::BLOCK);
}

TEST(StolenKey, ALiftTakesBackADenyAndNothingOfThePolicy) {
  World w;
  EXPECT_EQ(IndexOf(w)->Decide(0, 1001, kStart).verdict, v1::Verdict::BLOCK);
  w.Take({w.tenant.SignedDeny(6, [](auto& d) {
    d.clear_app_ids();
    d.set_lifts_all(true);
  })});
  EXPECT_EQ(IndexOf(w)->Decide(0, 1001, kStart).verdict, v1::Verdict::ALLOW);
  EXPECT_EQ(IndexOf(w)->Decide(0, 1002, kStart).verdict, v1::Verdict::BLOCK);
}

TEST(StolenKey, AnEntitlementOfAPersonWhoIsNotOnTheDeviceIsNobodys) {
  World w;
  w.Take({w.tenant.SignedDeny(6,
                              [](auto& d) {
                                d.clear_app_ids();
                                d.set_lifts_all(true);
                              }),
          w.tenant.SignedAssignment(
              6, [](auto& a) { a.mutable_persons(0)->set_account_name("somebody-else"); })});
  for (const uint32_t uid : {1001u, 1002u}) {
    EXPECT_EQ(IndexOf(w)->Decide(0, uid, kStart).verdict, v1::Verdict::BLOCK) << uid;
  }
  EXPECT_EQ(IndexOf(w)->Decide(0, std::nullopt, kStart).verdict, v1::Verdict::BLOCK);
}

}  // namespace
}  // namespace muster::attacks
