// Texts of old entries go from the store of a real musterd, and everything else stays proven.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/time_proto.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kPatience = absl::Seconds(150);
constexpr absl::Duration kYear = absl::Hours(24 * 366);
constexpr int kNobodys = 300, kOld = 600;  // the rest of the old ones are about Alice

class AuditPruneTest : public ::testing::Test {
 protected:
  // A musterd of today goes on with a log whose first entries are of eight years ago.
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    alice_ = AliceId();
    tenant_.StopController();
    fs::remove_all(tenant_.data() + "/db");
    ASSERT_NO_FATAL_FAILURE(WriteOldEntries());
    ASSERT_NO_FATAL_FAILURE(tenant_.StartController());
    ASSERT_EQ(AliceId(), alice_);
    tenant_.ApplyPolicies("/usr/bin/none");
    KeepSevenYears();
    ASSERT_EQ(tenant_.Ask(kRecords, {"audit", "checkpoint", "--key-out", key_}).code(), 0);
  }

  std::string AliceId() {
    return tenant_.Get(kAdmin, {"person", "show", kAlice}).value("person_id", "");
  }
  void WriteOldEntries() {
    const auto store = RocksDbStore::Open(tenant_.data() + "/db");
    ASSERT_TRUE(store.ok()) << store.status();
    Mutation mutation;
    for (int i = 0; i < kOld; ++i) {
      v1::AuditEntry& entry = mutation.audit.emplace_back();
      *entry.mutable_at() = ToProto(SystemClock().Now() - 8 * kYear);
      entry.set_verb("person.note");
      entry.set_object(absl::StrCat("person/", i < kNobodys ? "nobody" : alice_));
      entry.set_reason(absl::StrCat("note ", i));
      entry.set_outcome("ok");
    }
    const auto revision = (*store)->Commit(std::move(mutation));
    ASSERT_TRUE(revision.ok()) << revision.status();
  }
  void KeepSevenYears() {
    const std::string folder = tenant_.folder() + "/retention";
    fs::create_directories(folder);
    WriteWhole(folder + "/retention.yaml",
               ReadWhole(MUSTER_SOURCE_DIR "/policies/retention.yaml") +
                   "audit_log:\n  keep_years: 7\n  authority: GRS 3.2, item 031\n");
    tenant_.Apply(folder);
  }

  Answer Prune(std::vector<std::string> more = {}) {
    std::vector<std::string> args = {"audit", "prune", "--reason", "The schedule says so"};
    args.insert(args.end(), more.begin(), more.end());
    return tenant_.Ask(kRecords, args);
  }
  // The count for the reports reads the log at its own pace, and nothing goes before it.
  bool ReportsHaveRead() {
    return WaitUntil(kPatience, [&] {
      const std::string held = Prune({"--dry-run"}).json.value("held_by", "?");
      return !absl::StrContains(held, "has not come to entry") && held != "?";
    });
  }
  // The export in `name`, new or continued, is whole by both verifiers, and so is the store.
  void ExpectProven(const std::string& name) {
    const std::string dir = tenant_.folder() + "/" + name;
    const Answer made = tenant_.Ask(kRecords, {"audit", "export", dir, "--key", key_});
    ASSERT_EQ(made.code(), 0) << made;
    ExpectVerified(dir);
    const CommandResult fsck =
        RunCommand({ProgramPath("musterd"), "fsck", "--dir", tenant_.data(), "-o", "json"});
    EXPECT_EQ(fsck.exit_code, 0) << fsck;
  }
  void ExpectVerified(const std::string& path) {
    const CommandResult ours =
        RunCommand({ProgramPath("musterctl"), "audit", "verify", path, "--key", key_});
    EXPECT_EQ(ours.exit_code, 0) << ours;
    const CommandResult python =
        RunCommand({"python3", MUSTER_SOURCE_DIR "/docs/verify_audit.py", path, key_});
    EXPECT_EQ(python.exit_code, 0) << python;
  }
  bool HasBundle(const std::string& name, const std::string& bundle) {
    return fs::exists(absl::StrCat(tenant_.folder(), "/", name, "/tile/entries/", bundle));
  }

  TestTenant tenant_{DirectoryKind::kLdif, "it-alice", "it-bob"};
  const std::string key_ = tenant_.folder() + "/log.key";
  std::string alice_;
};

TEST_F(AuditPruneTest, TextsGoUpToWhatAHoldKeepsAndEverythingStaysProven) {
  ExpectProven("before");
  const std::string letter = tenant_.folder() + "/letter.tlog-proof";
  ASSERT_EQ(tenant_.Ask(kRecords, {"audit", "prove", "7", "--out", letter}).code(), 0);
  ASSERT_TRUE(ReportsHaveRead()) << Prune({"--dry-run"});
  const Json hold = tenant_.Get(
      kRecords, {"hold", "place", "--person", kAlice, "--reason", "Litigation of this year"});

  const Answer held = Prune();
  ASSERT_EQ(held.code(), 0) << held;
  EXPECT_EQ(held.json.value("pruned", 0), 256) << held;
  EXPECT_EQ(held.json.value("pruned_below", 0), 256) << held;
  const std::string why = held.json.value("held_by", "");
  EXPECT_TRUE(absl::StartsWith(why, hold.value("hold_id", "?"))) << why;
  EXPECT_TRUE(absl::StrContains(why, absl::StrCat("entry ", kNobodys, " "))) << why;
  EXPECT_EQ(Prune().json.value("pruned", -1), 0) << "no further, however often";
  ExpectProven("held");
  EXPECT_FALSE(HasBundle("held", "000"));
  EXPECT_TRUE(HasBundle("held", "001"));

  tenant_.Get(kRecords, {"hold", "release", hold.value("hold_id", "?"), "--reason", "Settled"});
  const Answer rest = Prune();
  EXPECT_EQ(rest.json.value("pruned", 0), 256) << rest;
  EXPECT_EQ(rest.json.value("pruned_below", 0), 512) << rest;
  EXPECT_EQ(rest.json.value("held_by", "?"), "") << "the next is of today";

  // It is the same after a new start, for whoever begins, goes on, or has an entry in a letter.
  tenant_.StopController();
  tenant_.StartController();
  ExpectProven("after");
  EXPECT_FALSE(HasBundle("after", "001"));
  EXPECT_TRUE(HasBundle("after", "002") || HasBundle("after", "002.p")) << "the last old ones";
  ExpectProven("before");
  EXPECT_TRUE(HasBundle("before", "000")) << "what an auditor took stays his";
  ExpectVerified(letter);
  const Json told = tenant_.Get(kRecords, {"audit", "list", "--verb", "audit.prune"});
  EXPECT_EQ(told["items"].size(), 2u) << told;
}

TEST_F(AuditPruneTest, OnlyTheRecordsOfficerMayAndNothingYoungGoes) {
  ASSERT_TRUE(ReportsHaveRead()) << Prune({"--dry-run"});
  const Answer desk = tenant_.Ask(kServiceDesk, {"audit", "prune", "--reason", "Tidy up"});
  EXPECT_EQ(desk.code(), 4) << desk;
  const Answer young = Prune({"--before", "30d"});
  EXPECT_EQ(young.code(), 2) << young;
  EXPECT_TRUE(absl::StrContains(young.command.err, "kept for 7 years")) << young;
  ExpectProven("whole");
  EXPECT_TRUE(HasBundle("whole", "000"));
}

}  // namespace
}  // namespace muster
