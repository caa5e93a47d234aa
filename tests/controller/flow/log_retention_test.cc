#include "controller/flow/log_retention.h"

#include "common/log_limits.h"
#include "controller/flow/audit.h"
#include "controller/flow/compliance_history.h"
#include "controller/flow/deadlines.h"
#include "controller/flow/holds.h"
#include "controller/flow/webhooks.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

class Receiver final : public WebhookTransport {
 public:
  absl::Status Post(const WebhookPost& post) override {
    bodies.push_back(post.body);
    return absl::OkStatus();
  }
  std::vector<std::string> bodies;
};

// Something else happens right before the next commit.
class RacedStore final : public Store {
 public:
  RacedStore(Store& real, std::function<void()> race) : real_(real), race_(std::move(race)) {}
  std::unique_ptr<Snapshot> Read() const override { return real_.Read(); }
  absl::StatusOr<uint64_t> Commit(Mutation m) override {
    if (race_) std::exchange(race_, nullptr)();
    return real_.Commit(std::move(m));
  }

 private:
  Store& real_;
  std::function<void()> race_;
};

class LogRetentionTest : public World {
 protected:
  LogRetentionTest() {
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
  }

  void KeepYears(uint32_t years) {
    v1::RetentionPolicy policy;
    policy.set_time_zone("America/New_York");
    policy.mutable_audit_log()->set_keep_years(years);
    policy.mutable_audit_log()->set_authority("GRS 3.2, item 031");
    Mutation mutation;
    Put(mutation, kRetentionKey, policy);
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  // Entries on alice, until the log has so many.
  void FillTo(uint64_t size) {
    Mutation mutation;
    v1::Person alice;
    alice.set_person_id(IdOf(kAlice));
    for (uint64_t i = store_->Read()->log_head().size; i < size; ++i) {
      mutation.audit.push_back(MakeAuditEntry(
          *services_, Who("soc"), {.verb = "person.note", .object = "note/1", .after = &alice}));
    }
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  void ReadersAt(uint64_t place) {
    v1::WebhookState state;
    state.set_next_sequence(place);
    Mutation mutation;
    Put(mutation, kFigureEventsPlace, state);
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  // A log of 700 old entries that may all go but for the last tile.
  void OldLog(uint64_t size = 700) {
    FillTo(size);
    KeepYears(7);
    ReadersAt(size);
    clock_.Advance(absl::Hours(24 * 366 * 7));
  }
  absl::StatusOr<LogPruning> Prune(bool dry_run = false, absl::Time before = absl::InfinitePast()) {
    v1::PruneAuditRequest in;
    in.set_reason("schedule");
    in.set_dry_run(dry_run);
    if (before != absl::InfinitePast()) *in.mutable_before() = ToProto(before);
    return PruneAuditLog(*services_, Who("second"), in);
  }
  uint64_t Texts() {
    uint64_t out = 0;
    EXPECT_TRUE(ForEach<v1::AuditRecord>(*store_->Read(), "audit/",
                                         [&](const std::string&, const auto& record) {
                                           out += record.value.entry().empty() ? 0 : 1;
                                           return absl::OkStatus();
                                         })
                    .ok());
    return out;
  }
};

TEST_F(LogRetentionTest, KeptForGoodUnlessTheAgencySaysOtherwise) {
  FillTo(700);
  clock_.Advance(absl::Hours(24 * 366 * 50));
  const absl::Status refused = Prune().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(refused.message(),
            "entries of the audit log are kept for good: retention.yaml has no audit_log; to "
            "change that, set its keep_years and authority and run `musterctl apply`");
  EXPECT_EQ(Texts(), 700u);
}

TEST_F(LogRetentionTest, TextsGoAndTheLogStaysWhatItWas) {
  OldLog();
  const LogHead head = store_->Read()->log_head();
  const auto path = *InclusionPath(*store_->Read(), 100, 700);
  const auto planned = Prune(true);
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->pruned_below, 512u);
  EXPECT_EQ(planned->touched.changes,
            std::vector<std::string>{"entries 0 to 511 lose their text and keep their hashes"});
  EXPECT_EQ(Texts(), 700u) << "a dry run writes nothing";
  EXPECT_EQ(store_->Read()->log_head().size, 700u);

  const auto done = Prune();
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->pruned, 512u);
  EXPECT_EQ(done->pruned_below, 512u);
  EXPECT_EQ(done->held_by, "") << "the log itself ends there";
  const auto snapshot = store_->Read();
  EXPECT_EQ(*PrunedBelow(*snapshot), 512u);
  EXPECT_EQ(Texts(), 701u - 512u) << "and the entry that says so";
  EXPECT_EQ(*RootAt(*snapshot, 700), head.root);
  EXPECT_EQ(*InclusionPath(*snapshot, 100, 700), path);
  const auto said = Audited("audit.prune");
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].sequence(), 700u);
  EXPECT_EQ(said[0].actor_upn(), "second@agency.test");
  EXPECT_EQ(said[0].reason(), "schedule");
  EXPECT_EQ(said[0].before(), R"({"pruned_below":0})");
  EXPECT_EQ(said[0].after(), R"({"pruned_below":512,"pruned":512,"keep_years":7,)"
                             R"("authority":"GRS 3.2, item 031"})");
  EXPECT_EQ(Prune()->pruned, 0u);
  EXPECT_EQ(Audited("audit.prune").size(), 1u) << "nothing done, nothing said";
}

TEST_F(LogRetentionTest, BadQuestionsChangeNothing) {
  OldLog();
  v1::PruneAuditRequest in;
  EXPECT_EQ(PruneAuditLog(*services_, Who("second"), in).status().code(),
            absl::StatusCode::kInvalidArgument)
      << "no reason";
  const absl::Status late = Prune(false, clock_.Now()).status();
  EXPECT_EQ(late.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(late.message(),
            "entries are kept for 7 years (audit_log of retention.yaml), and "
            "2034-01-20T08:00:00Z is not so long ago; name a time before 2027-01-20");
  EXPECT_EQ(Prune(false, absl::FromUnixSeconds(1'700'000'000))->pruned, 0u) << "nothing is older";
  EXPECT_EQ(Texts(), 700u);
}

TEST_F(LogRetentionTest, AHoldKeepsItsPersonUntilItIsReleased) {
  FillTo(300);
  Mutation other;
  for (int i = 0; i < 300; ++i) {
    other.audit.push_back(
        MakeAuditEntry(*services_, Who("soc"), {.verb = "x.y", .object = "note/2"}));
  }
  const uint64_t first = store_->Read()->log_head().size;
  ASSERT_TRUE(store_->Commit(std::move(other)).ok());
  OldLog(700);
  v1::PlaceHoldRequest place;
  place.set_person_upn("alice@agency.test");
  place.set_reason("litigation");
  const auto hold = PlaceHold(*services_, Who("second"), place);
  ASSERT_TRUE(hold.ok()) << hold.status();
  const auto held = Prune();
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ(held->pruned, 0u);
  EXPECT_LT(*PrunedBelow(*store_->Read()), first);
  EXPECT_EQ(held->held_by.substr(0, 45), "HOLD-000001 (person alice@agency.test): entry");
  v1::ReleaseHoldRequest release;
  release.set_hold_id(hold->hold.hold_id());
  release.set_reason("settled");
  ASSERT_TRUE(EndHold(*services_, Who("second"), release).ok());
  EXPECT_EQ(Prune()->pruned, 512u);
}

TEST_F(LogRetentionTest, AHoldThatIsPlacedMeanwhileIsNotTooLate) {
  OldLog();
  RacedStore raced(*store_, [&] {
    v1::PlaceHoldRequest place;
    place.set_person_upn("alice@agency.test");
    place.set_reason("litigation");
    ASSERT_TRUE(PlaceHold(*services_, Who("second"), place).ok());
  });
  const Services services{raced, clock_, entropy_, work_, settings_};
  v1::PruneAuditRequest in;
  in.set_reason("schedule");
  const auto done = PruneAuditLog(services, Who("second"), in);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->pruned, 0u);
  EXPECT_EQ(done->held_by.substr(0, 45), "HOLD-000001 (person alice@agency.test): entry");
  EXPECT_EQ(Texts(), store_->Read()->log_head().size);
}

TEST_F(LogRetentionTest, WhatIsOpenKeepsItsEntries) {
  const auto request = SubmitFor("bob");
  ASSERT_TRUE(request.ok()) << request.status();
  OldLog();
  const auto held = Prune();
  EXPECT_EQ(held->pruned, 0u);
  EXPECT_EQ(held->held_by.find("request REQ-000001, which is still open: entry"), 0u)
      << held->held_by;
  settings_.decision_times.sla = absl::Hours(24 * 366 * 9);  // no escalation of each past day
  ASSERT_TRUE(RunDeadlines(*services_).ok());
  ASSERT_EQ(RequestNow(request->request_id()).state(), v1::Request::EXPIRED_UNDECIDED);
  EXPECT_EQ(Prune()->pruned, 512u);
}

TEST_F(LogRetentionTest, AWebhookThatIsSetUpIsWaitedFor) {
  Receiver receiver;
  WebhookSender sender(*services_, {"itsm", "https://x", "", "secret", {}}, receiver,
                       [](const absl::Status&, absl::string_view) {});
  ASSERT_TRUE(sender.Round().ok());  // it begins here
  const uint64_t place = store_->Read()->log_head().size;
  OldLog();
  settings_.webhooks = {"itsm", "new"};
  const auto held = Prune();
  EXPECT_EQ(held->pruned, 0u);
  EXPECT_EQ(held->held_by, absl::StrCat("webhook itsm has not come to entry ", place, " yet"));
  settings_.webhooks.clear();  // no longer set up: nobody waits for it
  EXPECT_EQ(Prune()->pruned, 512u);
  // Set up again, it goes on with what is still there.
  ASSERT_TRUE(SubmitFor("alice").ok());
  for (int i = 0; i < 100 && receiver.bodies.empty(); ++i) ASSERT_TRUE(sender.Round().ok());
  ASSERT_EQ(receiver.bodies.size(), 1u);
  EXPECT_NE(receiver.bodies[0].find("request.submit"), std::string::npos);
}

TEST_F(LogRetentionTest, TheReportsAreWaitedForAndGoOn) {
  OldLog();
  ReadersAt(300);
  EXPECT_EQ(Prune()->pruned, 256u);
  ASSERT_TRUE(RunComplianceHistory(*services_).ok());
  ReadersAt(700);
  EXPECT_EQ(Prune()->pruned, 256u);
  Mutation lost;
  lost.deletes.push_back(kFigureEventsPlace);
  ASSERT_TRUE(store_->Commit(std::move(lost)).ok());
  EXPECT_TRUE(RunComplianceHistory(*services_).ok());
}

TEST_F(LogRetentionTest, ACrashBetweenBatchesHealsWithTheNextCall) {
  const uint64_t size = 2 * limits::kMaxPrunedEntries + 600;
  for (uint64_t at = 1'000; at < size; at += 1'000) FillTo(at);
  OldLog(size);
  const int before = store_->commits();
  store_->FailIn(2);
  EXPECT_EQ(Prune().status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(store_->commits(), before + 1);
  EXPECT_EQ(*PrunedBelow(*store_->Read()), limits::kMaxPrunedEntries);
  EXPECT_EQ(Audited("audit.prune").size(), 1u);
  const auto rest = Prune();
  ASSERT_TRUE(rest.ok()) << rest.status();
  const uint64_t until = size / kTileWidth * kTileWidth;
  EXPECT_EQ(rest->pruned_below, until);
  EXPECT_EQ(rest->pruned, until - limits::kMaxPrunedEntries);
  EXPECT_EQ(Audited("audit.prune").size(), 3u);
  EXPECT_EQ(Texts(), size + 3 - until);
  EXPECT_EQ(*RootAt(*store_->Read(), store_->Read()->log_head().size),
            store_->Read()->log_head().root);
}

}  // namespace
}  // namespace muster
