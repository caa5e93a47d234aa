// The audit log: what a controller that holds every online key can show a device that has seen
// more. The device is the witness.
#include "common/checkpoint.h"
#include "common/log_limits.h"
#include "tests/attacks/witness_world.h"

namespace muster::attacks {
namespace {

// `evidence`: the head is signed and no honest log has it, so it is kept; else nothing is saved.
struct WitnessCase {
  const char* name;
  const char* want;
  bool evidence;
  std::string (*play)(WitnessWorld&);
};
std::ostream& operator<<(std::ostream& out, const WitnessCase& c) { return out << c.name; }

std::string Note(const std::string& text, const std::string& name, const char* key) {
  return *SignNote(text, name, TestKey(key));
}
std::string TextOf(const LogFolder& log, uint64_t size, const std::string& origin) {
  return CheckpointText({origin, size, log.Root(size)});
}

constexpr WitnessCase kForks[] = {
    {"rewritten_from_an_old_point_with_the_log_key", "INCONSISTENT", true,
     [](WitnessWorld& w) { return w.Offer(w.Of(w.Rewritten())); }},
    {"first_entry_rewritten", "INCONSISTENT", true,
     [](WitnessWorld& w) { return w.Offer(w.Of(w.Rewritten(0))); }},
    {"last_entry_rewritten", "INCONSISTENT", true,
     [](WitnessWorld& w) { return w.Offer(w.Of(w.Rewritten(8))); }},
    {"rewritten_under_the_proof_of_the_honest_log", "INCONSISTENT", true,
     [](WitnessWorld& w) {
       v1::BeaconUpdate fork = w.Of(w.Rewritten());
       w.tenant.log.AddSome(3);
       *fork.mutable_audit_path() = w.Honest(9).audit_path();
       return w.Offer(fork);
     }},
    {"restored_old_copy", "ROLLBACK", true,
     [](WitnessWorld& w) { return w.Offer(w.Of(Tenant::SomeLog())); }},
    {"one_entry_cut_off", "ROLLBACK", true,
     [](WitnessWorld& w) {
       LogFolder shorter = Tenant::SomeLog();
       shorter.AddSome(3);
       return w.Offer(w.Of(shorter));
     }},
    {"log_begun_anew_without_an_epoch", "ROLLBACK", true,
     [](WitnessWorld& w) { return w.Offer(w.Of(LogFolder("agency", TestKey("log")))); }},
    {"restored_old_copy_that_has_grown_on", "INCONSISTENT", true,
     [](WitnessWorld& w) {
       LogFolder copy = Tenant::SomeLog();
       while (copy.size() < 12) copy.AddBytes(absl::StrCat("after the restore ", copy.size()));
       return w.Offer(w.Of(copy));
     }},
    {"equal_size_another_root", "EQUIVOCATION", true,
     [](WitnessWorld& w) {
       LogFolder fork = w.tenant.log;
       fork.Replace(8, "nothing happened");
       return w.Offer(w.Of(fork));
     }},
    {"two_entries_swapped", "EQUIVOCATION", true,
     [](WitnessWorld& w) {
       LogFolder fork = w.tenant.log;
       fork.Replace(3, w.tenant.log.entry(4));
       fork.Replace(4, w.tenant.log.entry(3));
       return w.Offer(w.Of(fork));
     }},
    {"proof_of_another_head", "INCONSISTENT", true,
     [](WitnessWorld& w) {
       w.tenant.log.AddSome(1);
       const v1::BeaconUpdate shorter = w.Honest(9);
       return w.Offer(w.Grown([&](auto& u) { *u.mutable_audit_path() = shorter.audit_path(); }));
     }},
    {"path_cut_short", "INCONSISTENT", true,
     [](WitnessWorld& w) {
       return w.Offer(w.Grown([](auto& u) { u.mutable_audit_path()->RemoveLast(); }));
     }},
    {"path_made_longer", "INCONSISTENT", true,
     [](WitnessWorld& w) {
       return w.Offer(w.Grown([](auto& u) { u.add_audit_path(std::string(32, 'x')); }));
     }},
    {"rewritten_again_after_a_restart", "INCONSISTENT, INCONSISTENT", true,
     [](WitnessWorld& w) {
       const std::string first = w.Offer(w.Of(w.Rewritten()));
       w.Restart();
       return InTurn({first, w.Offer(w.Of(w.Rewritten(6)))});
     }},
    {"missing_proof", "NOT_NAMED", false,
     [](WitnessWorld& w) {
       return w.Offer(w.Grown([](auto& u) {
         u.clear_audit_from();
         u.clear_audit_path();
       }));
     }},
    {"proof_from_another_size", "NOT_NAMED", false,
     [](WitnessWorld& w) {
       w.tenant.log.AddSome(3);
       return w.Offer(w.Honest(5));
     }},
    {"path_with_a_short_hash", "MALFORMED", false,
     [](WitnessWorld& w) {
       return w.Offer(w.Grown([](auto& u) { u.mutable_audit_path(0)->pop_back(); }));
     }},
    {"oversize_path", "OVERSIZE", false,
     [](WitnessWorld& w) {
       return w.Offer(w.Grown([](auto& u) {
         while (u.audit_path_size() <= static_cast<int>(limits::kMaxConsistencyHashes)) {
           u.add_audit_path(std::string(32, 'x'));
         }
       }));
     }},
    {"replayed_beacon_of_a_shorter_log", "ROLLBACK", false,
     [](WitnessWorld& w) {
       const v1::BeaconUpdate old = w.tenant.Beacon(5, w.Leaves());
       return w.Offer(old);
     }},
};

constexpr WitnessCase kNotes[] = {
    {"none", "MALFORMED", false, [](WitnessWorld& w) { return w.Offer(w.WithNote("")); }},
    {"without_a_signature", "MALFORMED", false,
     [](WitnessWorld& w) {
       return w.Offer(w.WithNote(TextOf(w.tenant.log, 9, "agency/audit") + "\n"));
     }},
    {"by_another_key", "UNKNOWN_KEY", false,
     [](WitnessWorld& w) {
       return w.Offer(
           w.WithNote(Note(TextOf(w.tenant.log, 9, "agency/audit"), "agency/audit", "log2")));
     }},
    {"by_the_emergency_key", "UNKNOWN_KEY", false,
     [](WitnessWorld& w) {
       return w.Offer(
           w.WithNote(Note(TextOf(w.tenant.log, 9, "agency/audit"), "agency/audit", "emergency")));
     }},
    {"of_another_tenant", "UNKNOWN_KEY", false,
     [](WitnessWorld& w) {
       return w.Offer(
           w.WithNote(Note(TextOf(w.tenant.log, 9, "other/audit"), "other/audit", "log")));
     }},
    {"of_another_log_by_this_key", "WRONG_TENANT", false,
     [](WitnessWorld& w) {
       return w.Offer(
           w.WithNote(Note(TextOf(w.tenant.log, 9, "agency/other"), "agency/audit", "log")));
     }},
    {"edited_after_it_was_signed", "BAD_SIGNATURE", false,
     [](WitnessWorld& w) {
       std::string note = w.tenant.log.Note(9);
       note[note.find("\n9\n") + 1] = '8';
       return w.Offer(w.WithNote(note));
     }},
    {"of_the_head_before", "NOT_NAMED", false,
     [](WitnessWorld& w) { return w.Offer(w.WithNote(w.tenant.log.Note(9))); }},
    {"of_a_rewritten_log_of_that_size", "NOT_NAMED", false,
     [](WitnessWorld& w) {
       const std::string note = w.Rewritten().Note(12);
       return w.Offer(w.WithNote(note));
     }},
    {"over_16_kib", "OVERSIZE", false,
     [](WitnessWorld& w) {
       return w.Offer(w.WithNote(std::string(limits::kMaxNoteBytes + 1, 'x')));
     }},
    {"root_of_31_bytes", "MALFORMED", false,
     [](WitnessWorld& w) {
       w.tenant.log.AddSome(3);
       return w.Offer(w.Honest(9, [](auto& b) { b.mutable_audit_root()->pop_back(); }));
     }},
    {"no_entries_and_a_root", "MALFORMED", false,
     [](WitnessWorld& w) { return w.Offer(w.Honest(9, [](auto& b) { b.set_audit_size(0); })); }},
};

class WitnessTest : public ::testing::TestWithParam<WitnessCase> {
 protected:
  static void Play(const WitnessCase& c) {
    WitnessWorld world;
    const std::string in_force = world.InForce();
    const v1::AcceptedState before = world.Saved();
    const LogFolder honest = world.tenant.log;
    EXPECT_EQ(c.play(world), c.want);
    const v1::AcceptedState after = world.Saved();
    // Refused: all that may have changed is the evidence.
    v1::AcceptedState rest = after;
    v1::SeenLog* log = rest.mutable_audit_log();
    log->clear_refused_checkpoint();
    log->clear_refused_code();
    log->clear_refused_detail();
    log->clear_refused_at();
    EXPECT_EQ(rest.SerializeAsString(), before.SerializeAsString());
    if (c.evidence) {
      v1::Beacon beacon;
      ASSERT_TRUE(beacon.ParseFromString(world.last.beacon().payload()));
      EXPECT_EQ(after.audit_log().refused_checkpoint(), beacon.audit_checkpoint());
      EXPECT_EQ(after.audit_log().refused_code(),
                std::string(c.want).substr(0, std::string(c.want).find(',')));
    } else {
      EXPECT_EQ(after.audit_log().refused_code(), "");
    }
    EXPECT_EQ(world.InForce(), in_force);
    world.ExpectUnharmed();
    // The honest log goes on, and is taken.
    EXPECT_EQ(world.Seen(), Head(9, honest.Root(9)));
    world.tenant.log = honest;
    world.tenant.log.AddSome(7);
    EXPECT_EQ(world.Offer(world.Honest(9)), "OK");
    EXPECT_EQ(world.Seen(), Head(16, world.tenant.log.Root(16)));
    EXPECT_EQ(world.Saved().audit_log().refused_code(), after.audit_log().refused_code());
  }
};

class AuditLogFork : public WitnessTest {};
TEST_P(AuditLogFork, Refused) { Play(GetParam()); }
INSTANTIATE_TEST_SUITE_P(, AuditLogFork, ::testing::ValuesIn(kForks),
                         [](const auto& test) { return test.param.name; });

class AuditCheckpoint : public WitnessTest {};
TEST_P(AuditCheckpoint, Refused) { Play(GetParam()); }
INSTANTIATE_TEST_SUITE_P(, AuditCheckpoint, ::testing::ValuesIn(kNotes),
                         [](const auto& test) { return test.param.name; });

TEST(Witness, TheFirstHeadIsTakenOnTrustAndNoOtherOne) {
  WitnessWorld w;
  const LogFolder fork = w.Rewritten();
  World fresh{World::Fresh()};
  fresh.tenant.log = fork;
  fresh.TakeBeacon(fresh.tenant.Beacon(6, fresh.Leaves()));
  EXPECT_EQ(fresh.acceptor->seen_log().size(), 12u);
  EXPECT_EQ(w.Offer(w.Of(fork)), "INCONSISTENT");
}

// A kill between the checks and the save, or a full disk.
TEST(Witness, AHeadThatWasNotSavedWasNotSeen) {
  WitnessWorld w;
  w.tenant.log.AddSome(3);
  w.store.before_write = [](const std::string&) { return false; };
  EXPECT_EQ(w.Offer(w.Honest(9)), "NOT_SAVED");
  EXPECT_EQ(w.Seen().first, 9u);
  w.store.before_write = nullptr;
  w.Restart();
  EXPECT_EQ(w.Seen().first, 9u);
  EXPECT_EQ(w.Offer(w.Honest(9)), "OK");
  EXPECT_EQ(w.Seen().first, 12u);
}

TEST(Witness, AForkIsRefusedAndAlarmedThoughItCannotBeSaved) {
  WitnessWorld w;
  w.store.before_write = [](const std::string&) { return false; };
  const agent::AcceptOutcome outcome = w.acceptor->AcceptBeacon(w.Of(w.Rewritten()));
  EXPECT_EQ(World::Texts(outcome), "INCONSISTENT");
  EXPECT_EQ(outcome.alarms.size(), 1u);
  EXPECT_EQ(w.Saved().audit_log().refused_code(), "");
  w.store.before_write = nullptr;
  EXPECT_EQ(w.Offer(w.Of(w.Rewritten())), "INCONSISTENT");
  EXPECT_EQ(w.Saved().audit_log().refused_code(), "INCONSISTENT");
}

// The state directory of the device comes back from a backup: it has seen less, and that still
// holds.
TEST(Witness, AStatePutBackStillHoldsTheControllerToWhatItSaw) {
  WitnessWorld w;
  const auto backup = w.store.files();
  w.tenant.log.AddSome(3);
  EXPECT_EQ(w.Offer(w.Honest(9)), "OK");
  w.store.SetFiles(backup);
  w.Restart();
  EXPECT_EQ(w.Seen().first, 9u);
  EXPECT_EQ(w.Offer(w.Of(w.Rewritten())), "INCONSISTENT");
  EXPECT_EQ(w.Offer(w.Honest(9)), "OK");
}

TEST(Witness, OnlyAnEpochBeginsTheLogAnewAndThatIsTold) {
  WitnessWorld w;
  const std::string before = w.tenant.log.Note(9);
  LogFolder anew("agency", TestKey("log"));
  anew.AddBytes("the first entry of another log");
  EXPECT_EQ(w.Offer(w.Of(anew)), "ROLLBACK");
  w.tenant.epoch = 2;
  w.Take({w.tenant.SignedRoot(2)});
  const agent::AcceptOutcome outcome = w.acceptor->AcceptBeacon(w.Of(anew));
  EXPECT_EQ(World::Texts(outcome), "OK");
  EXPECT_EQ(outcome.alarms,
            std::vector<std::string>{"The controller's audit log began anew with epoch 2. If that "
                                     "was not announced, tell the auditors; what this device saw "
                                     "before is shown by `muster-agent witness`."});
  EXPECT_EQ(w.Seen(), Head(1, anew.Root(1)));
  const v1::SeenLog seen = w.Saved().audit_log();
  EXPECT_EQ(seen.epoch(), 2u);
  EXPECT_EQ(seen.refused_code(), "EPOCH");
  EXPECT_EQ(seen.refused_checkpoint(), before);
  EXPECT_TRUE(agent::WitnessDue(seen, w.clock.Now()));
  // Once: the new log then has to go on.
  LogFolder more = anew;
  more.AddSome(1);
  EXPECT_EQ(w.acceptor->AcceptBeacon(w.Of(more, 1)).alarms.size(), 0u);
  EXPECT_EQ(w.Seen(), Head(2, more.Root(2)));
  EXPECT_EQ(w.Offer(w.Of(anew, 1)), "ROLLBACK");
}

TEST(Witness, AnEpochWhoseLogGoesOnClosesWhatWasRefused) {
  WitnessWorld w;
  EXPECT_EQ(w.Offer(w.Of(w.Rewritten())), "INCONSISTENT");
  w.tenant.epoch = 2;
  w.Take({w.tenant.SignedRoot(2)});
  w.tenant.log.AddSome(3);
  const agent::AcceptOutcome outcome = w.acceptor->AcceptBeacon(w.Honest(9));
  EXPECT_EQ(World::Texts(outcome), "OK");
  EXPECT_EQ(outcome.alarms.size(), 0u);
  EXPECT_EQ(w.Saved().audit_log().refused_code(), "");
  EXPECT_EQ(w.Saved().audit_log().epoch(), 2u);
  EXPECT_EQ(w.Seen().first, 12u);
}

// A theft of the log's key is answered by another key; the log goes on.
TEST(Witness, AnotherKeyOfTheLogHasToContinueTheSameLog) {
  WitnessWorld w;
  w.Take({w.tenant.SignedRoot(2, [](auto& r) { SetRole(r, "log", {"log2"}, 1); })});
  w.tenant.log.AddSome(3);
  EXPECT_EQ(w.Offer(w.Honest(9)), "UNKNOWN_KEY");
  LogFolder by_new("agency", TestKey("log2"));
  for (uint64_t i = 0; i < 12; ++i) by_new.AddBytes(w.tenant.log.entry(i));
  LogFolder fork = by_new;
  fork.Replace(7, "nothing happened");
  EXPECT_EQ(w.Offer(w.Of(fork)), "INCONSISTENT");
  EXPECT_EQ(w.Offer(w.Of(by_new)), "OK");
}

// What an agent saved that knew nothing of the log.
TEST(Witness, ADeviceFromBeforeTakesTheFirstHeadItIsShown) {
  WitnessWorld w;
  v1::AcceptedState before = w.Saved();
  before.clear_audit_log();
  ASSERT_TRUE(w.store.Write(agent::kAcceptedFile, before.SerializeAsString()).ok());
  w.Restart();
  EXPECT_EQ(w.Seen().first, 0u);
  EXPECT_EQ(w.Offer(w.tenant.Beacon(6, w.Leaves())), "OK");  // the one it has already
  EXPECT_EQ(w.Seen(), Head(9, w.tenant.log.Root(9)));
}

// Without a key of the log a Beacon still holds the controller to what it said; there is only
// nothing signed to hand on.
TEST(Witness, WithoutAKeyOfTheLogTheHeadCountsAllTheSame) {
  WitnessWorld w;
  w.Take({w.tenant.SignedRoot(2, [](v1::Root& r) {
    for (int i = 0; i < r.roles_size(); ++i) {
      if (r.roles(i).role() == kLogRole) r.mutable_roles()->DeleteSubrange(i--, 1);
    }
  })});
  EXPECT_EQ(w.Offer(w.Of(w.Rewritten())), "INCONSISTENT");
  EXPECT_EQ(w.Saved().audit_log().refused_code(), "INCONSISTENT");
  EXPECT_EQ(w.Saved().audit_log().refused_checkpoint(), "") << "nobody vouches for it";
  w.tenant.log.AddSome(3);
  EXPECT_EQ(w.Offer(w.Honest(9)), "OK");
  EXPECT_EQ(w.Saved().audit_log().checkpoint(), "");
}

}  // namespace
}  // namespace muster::attacks
