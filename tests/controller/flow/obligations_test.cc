// Which obligations there are, what follows from them, and that a crash changes nothing.
#include "controller/flow/obligations.h"

#include "controller/flow/incident_decisions.h"
#include "tests/controller/flow/archive_world.h"

namespace muster {
namespace {

using Lines = std::vector<std::string>;

class ObligationsTest : public ArchiveWorld {};

TEST_F(ObligationsTest, AGrantWithoutExportsAccruesFromItsStart) {
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "", "ACCRUING E0_NONE")}));
  Live(14);
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "", "DUE_SOON E0_NONE")}));
  Live(4);
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "", "URGENT E0_NONE")}));
  Live(3);
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "", "OVERDUE E0_NONE")}));
  EXPECT_EQ(Verbs("archive."), (Lines{"archive.due-soon", "archive.urgent", "archive.overdue"}));
}

TEST_F(ObligationsTest, ALookThatChangesNothingWritesNothing) {
  Live(15);
  const int commits = store_->commits();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(store_->commits(), commits);
}

TEST_F(ObligationsTest, AnExportIsOwedWhereItWasReportedAndEndsWhateverChats) {
  Live(3);
  ASSERT_TRUE(Tell(alice_, {Seen("family", 3, "one"), Seen("team", 2, "two")}).ok());
  ASSERT_TRUE(RunArchive().ok());
  Lines want = {Line(alice_.id, "family", "EXPORTED E2_SEEN"),
                Line(alice_.id, "team", "EXPORTED E2_SEEN")};
  std::sort(want.begin(), want.end());
  EXPECT_EQ(Owed(), want);
}

TEST_F(ObligationsTest, OverdueExportsMakeTheGrantExportOnlyUntilTheyAreExported) {
  Live(21);
  EXPECT_EQ(GrantNow(grant_).state(), v1::Grant::ACTIVE);
  Live(6);
  EXPECT_EQ(GrantNow(grant_).state(), v1::Grant::SUSPENDED);
  EXPECT_EQ(GrantNow(grant_).suspended_for(), v1::Grant::Suspension::ARCHIVE_OVERDUE);
  Settle();
  ASSERT_TRUE(Tell(alice_, {Seen("family", 27, "one")}).ok());
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(GrantNow(grant_).state(), v1::Grant::ACTIVE);
  const Lines verbs = Verbs("archive.");
  EXPECT_EQ(std::count(verbs.begin(), verbs.end(), "archive.export-only"), 1);
  EXPECT_EQ(std::count(verbs.begin(), verbs.end(), "archive.resumed"), 1);
}

TEST_F(ObligationsTest, AnInvestigationStandsWhateverIsExported) {
  Live(27);
  ASSERT_TRUE(DecideGrant(*services_, Who("soc"),
                          {.verb = GrantVerb::kSuspend, .grant_id = grant_, .reason = "case"},
                          false)
                  .ok());
  ASSERT_TRUE(Tell(alice_, {Seen("family", 27, "one")}).ok());
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(GrantNow(grant_).suspended_for(), v1::Grant::Suspension::INVESTIGATION);
}

TEST_F(ObligationsTest, ASilentAgentIsUnknownUntilItIsHeardAgain) {
  ASSERT_TRUE(Tell(alice_, {Seen("family", 1, "one")}).ok());
  Advance(4);
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "family", "UNKNOWN E2_SEEN")}));
  ASSERT_TRUE(Hear(alice_).ok());
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "family", "EXPORTED E2_SEEN")}));
}

TEST_F(ObligationsTest, AnUninstallWithUncoveredTimeOpensOneIncidentWhichALaterExportCovers) {
  ASSERT_TRUE(Install(alice_, true).ok());
  Live(5);
  ASSERT_TRUE(Install(alice_, false).ok());
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "", "LOSS_SUSPECTED E0_NONE")}));
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(KeyTails(*store_->Read(), "incident/")->size(), 1u);
  EXPECT_EQ(Verbs("archive."), (Lines{"archive.loss"}));
}

TEST_F(ObligationsTest, ALostDeviceIsALossAndAnotherOneBeginsToOwe) {
  Live(2);
  ASSERT_TRUE(RetireDevice(*services_, Who("soc"), alice_.id, "Lost on a train.", false).ok());
  const TestDevice next = Enrol("alice");
  ASSERT_TRUE(RunArchive().ok());
  Lines want = {Line(alice_.id, "", "LOSS_SUSPECTED E0_NONE"),
                Line(next.id, "", "ACCRUING E0_NONE")};
  std::sort(want.begin(), want.end());
  EXPECT_EQ(Owed(), want);
  const auto ids = *KeyTails(*store_->Read(), "incident/");
  ASSERT_EQ(ids.size(), 1u);
  EXPECT_EQ(Load<v1::Incident>(*store_->Read(), IncidentKey(ids[0]), "missing")->value.cause(),
            v1::Incident::DEVICE_LOST);
}

// Deciding about the one must not decide about the other.
TEST_F(ObligationsTest, ALossWhileAGapIsOpenHasAnIncidentOfItsOwn) {
  ASSERT_TRUE(Tell(alice_, {Seen("family", 0, "one")}).ok());
  Live(4);
  v1::ExportSeen later = Seen("family", 1, "two");
  later.set_from_start(false);
  ASSERT_TRUE(Tell(alice_, {later}).ok());
  ASSERT_TRUE(RunArchive().ok());
  Live(3);
  ASSERT_TRUE(RetireDevice(*services_, Who("soc"), alice_.id, "Lost on a train.", false).ok());
  ASSERT_TRUE(RunArchive().ok());
  auto ids = *KeyTails(*store_->Read(), "incident/");
  ASSERT_EQ(ids.size(), 1u);
  for (const IncidentVerb verb : {IncidentVerb::kAssess, IncidentVerb::kDismiss}) {
    IncidentInput in;
    in.verb = verb;
    in.incident_id = ids[0];
    in.reason = "nothing was written on those days";
    ASSERT_TRUE(DecideIncident(*services_, Who("second"), in, false).ok());
  }
  ASSERT_TRUE(RunArchive().ok());
  ids = *KeyTails(*store_->Read(), "incident/");
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(Load<v1::Incident>(*store_->Read(), IncidentKey(ids[1]), "missing")->value.cause(),
            v1::Incident::DEVICE_LOST);
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "family", "LOSS_SUSPECTED E2_SEEN")}));
}

TEST_F(ObligationsTest, AChatMovesToTheDeviceThatReportedItLast) {
  ASSERT_TRUE(Tell(alice_, {Seen("family", 1, "one")}).ok());
  ASSERT_TRUE(RunArchive().ok());
  TestDevice next = Enrol("alice");
  Live(2);
  ASSERT_TRUE(Tell(next, {Seen("family", 3, "two")}).ok());
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(Owed(), (Lines{Line(next.id, "family", "EXPORTED E2_SEEN")}));
}

TEST_F(ObligationsTest, WhatAnEndedGrantOwesStaysOwed) {
  Live(2);
  ASSERT_TRUE(Revoke(grant_, "left the project").ok());
  Live(19);
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "", "OVERDUE E0_NONE")}));
}

TEST_F(ObligationsTest, DevicesAreToldAndNothingIsSignedAgainThatTheyKnow) {
  const auto assigned = [&] {
    const DocumentPtr doc = *FindDocument(*store_->Read(), DocumentKey(AssignmentName(alice_.id)));
    v1::SignedDoc envelope;
    v1::DeviceAssignment assignment;
    EXPECT_TRUE(envelope.ParseFromString(*doc->bytes));
    EXPECT_TRUE(assignment.ParseFromString(envelope.payload()));
    return assignment;
  };
  Settle();
  ASSERT_EQ(assigned().obligations_size(), 1);
  EXPECT_EQ(assigned().obligations(0).state(), v1::Obligation::ACCRUING);
  const uint64_t version = assigned().header().version();
  Live(3);
  Settle();
  EXPECT_EQ(assigned().header().version(), version);
}

// A crash before any commit: the next round comes to the same, and no reminder is lost or doubled.
TEST_F(ObligationsTest, ACrashBetweenStepsHeals) {
  for (int i = 1; i <= 27; ++i) {
    Advance(1);
    ASSERT_TRUE(Hear(alice_).ok());
    store_->FailIn(1);
    (void)RunArchive();
    store_->FailIn(0);
    ASSERT_TRUE(RunArchive().ok());
  }
  EXPECT_EQ(GrantNow(grant_).suspended_for(), v1::Grant::Suspension::ARCHIVE_OVERDUE);
  EXPECT_EQ(Verbs("archive."), (Lines{"archive.due-soon", "archive.urgent", "archive.overdue",
                                      "archive.export-only"}));
}

// Counts what a round asks of the store.
class CountingStore final : public Store {
 public:
  explicit CountingStore(Store& real) : real_(real) {}
  std::unique_ptr<Snapshot> Read() const override {
    return std::make_unique<Counting>(real_.Read(), reads);
  }
  absl::StatusOr<uint64_t> Commit(Mutation m) override { return real_.Commit(std::move(m)); }
  mutable int reads = 0;

 private:
  class Counting final : public Snapshot {
   public:
    Counting(std::unique_ptr<Snapshot> real, int& reads) : real_(std::move(real)), reads_(reads) {}
    absl::StatusOr<std::optional<Record>> Get(const std::string& key) const override {
      ++reads_;
      return real_->Get(key);
    }
    absl::StatusOr<std::vector<Record>> Scan(const std::string& prefix, const std::string& after,
                                             size_t limit) const override {
      ++reads_;
      return real_->Scan(prefix, after, limit);
    }
    uint64_t revision() const override { return real_->revision(); }
    LogHead log_head() const override { return real_->log_head(); }
    absl::StatusOr<std::vector<uint64_t>> FindInLog(const std::string& term, uint64_t from,
                                                    size_t limit) const override {
      ++reads_;
      return real_->FindInLog(term, from, limit);
    }
    absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t index,
                                         uint64_t width) const override {
      ++reads_;
      return real_->ReadTile(level, index, width);
    }

   private:
    std::unique_ptr<Snapshot> real_;
    int& reads_;
  };
  Store& real_;
};

TEST_F(ObligationsTest, ARoundCostsWhatChangedNotWhatThereIs) {
  breaks_store_ = true;
  // 50,000 obligations whose time has not come.
  constexpr int kPersons = 5'000, kEach = 10;
  for (int person = 0; person < kPersons; ++person) {
    Mutation mutation;
    const std::string id = absl::StrFormat("p%05d", person);
    for (int chat = 0; chat < kEach; ++chat) {
      v1::Obligation o;
      o.set_person_id(id);
      Put(mutation, ObligationKey(id, kApp, "d", absl::StrCat(chat)), o);
    }
    const std::string due = ArchiveDueKey(clock_.Now() + absl::Hours(24 + person), id);
    PutMark(mutation, due);
    mutation.puts.push_back({ArchiveNextKey(id), due});
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  CountingStore counting(*store_);
  const Services services{counting, clock_, entropy_, work_, settings_};
  ASSERT_TRUE(RunArchiveDeadlines(services).ok());
  counting.reads = 0;
  ASSERT_TRUE(RunArchiveDeadlines(services).ok());
  EXPECT_LE(counting.reads, 3);
}

TEST_F(ObligationsTest, AWalkLooksAtEverybodyOnce) {
  ASSERT_TRUE(StartArchiveWalk(*services_).ok());
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_TRUE(KeyTails(*store_->Read(), "archive_work/")->empty());
  EXPECT_FALSE((*store_->Read()->Get(kArchiveWalkKey)).has_value());
}

}  // namespace
}  // namespace muster
