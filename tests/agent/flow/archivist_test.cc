#include "agent/flow/archivist.h"

#include "absl/strings/match.h"
#include "agent/domain/export_reading.h"
#include "tests/agent/flow/archive_fixture.h"

namespace muster::agent {
namespace {

using Lines = std::vector<std::string>;

std::string Short(const std::string& content) { return Sha256Hex(content).substr(0, 8); }

TEST_F(ArchivistTest, AnExportIsReadPackedAndToldOnce) {
  world_.files["chat.txt"] = Export("one", "2026-02-01T08:00:00Z", "2026-02-20T09:30:00Z");
  archivist_->Step();
  EXPECT_EQ(world_.reads, 0) << "it may still be written to";
  Work();
  ASSERT_EQ(ToldExports(), Lines{Short("one") + " packed"});
  const v1::ExportSeen& seen = reports_[0].exports(0);
  EXPECT_EQ(seen.person_id(), "id-alice");
  EXPECT_EQ(seen.app_id(), "chat");
  EXPECT_EQ(seen.chat_key(), ChatKeyOfName(std::string(32, 's'), "ANA  a\xcc\x88"));
  EXPECT_EQ(TimeText(FromProto(seen.first_at())), "2026-02-01T13:00:00Z");  // New York's 8:00
  EXPECT_EQ(TimeText(FromProto(seen.last_at())), "2026-02-20T14:30:00Z");
  EXPECT_EQ(TimeText(FromProto(seen.made_at())), "2026-02-20T14:30:00Z");
  EXPECT_EQ(seen.bag_id(), BagIdOf("id-alice", "chat", Sha256Hex("one")));
  EXPECT_EQ(seen.participant_keys_size(), 1);
  EXPECT_EQ(world_.salts["id-alice"], std::string(32, 's'));
  // Neither again in this run, nor in the next one, nor under another name.
  Restart();
  world_.files["copy.txt"] = world_.files["chat.txt"];
  world_.files["copy.txt"].stamp.key.ino = 9;
  Work();
  Work();
  EXPECT_EQ(ToldExports().size(), 1u);
  EXPECT_EQ(world_.packs, 1);
  EXPECT_EQ(State().exports_size(), 1);
}

// A crash may hide that it was packed, and the records office be faster than the second try.
TEST(MakeBagInfo, IsTheSameWheneverItIsPacked) {
  v1::ExportSeen seen;
  *seen.mutable_seen_at() = ToProto(absl::FromUnixSeconds(1'772'236'799));  // 2026-02-27 23:59:59 Z
  const archive::BagInfo info = MakeBagInfo(seen, "Ana", "device", "agency");
  EXPECT_EQ(archive::FindInfo(info, archive::kInfoBaggingDate), "2026-02-27");
}

TEST_F(ArchivistTest, TheNextExportShowsThatNothingIsBetween) {
  world_.files["a.txt"] = Export("one", "2026-02-01T08:00:00Z", "2026-02-20T09:30:00Z");
  Work();
  world_.files["b.txt"] = Export("two", "2026-02-10T08:00:00Z", "2026-02-28T09:30:00Z", 2);
  world_.files["b.txt"].shows = {Sha256Hex("one")};
  Work();
  ASSERT_EQ(reports_.size(), 2u);
  EXPECT_EQ(reports_[1].exports(0).continues(), Sha256Hex("one"));
  EXPECT_EQ(reports_[1].exports(0).overlap_messages(), 1u);
  // An older one, added later, is compared with the latest, and does not take its place.
  world_.files["c.txt"] = Export("old", "2026-01-01T08:00:00Z", "2026-01-02T09:30:00Z", 3);
  Work();
  EXPECT_EQ(reports_[2].exports(0).continues(), "");
  EXPECT_EQ(State().chats(0).tail().export_sha256(), Sha256Hex("two"));
}

TEST_F(ArchivistTest, WhatIsOfTheFutureProvesNothingBeyondNow) {
  world_.files["a.txt"] = Export("one", "2026-02-01T08:00:00Z", "2027-02-20T09:30:00Z");
  Work();
  EXPECT_EQ(reports_[0].exports(0).made_at().seconds(), reports_[0].exports(0).seen_at().seconds());
}

TEST_F(ArchivistTest, AmbiguousDatesAreSaidAndProveNothing) {
  world_.files["a.txt"] = Export("one", "2026-02-01T08:00:00Z", "2026-02-03T09:30:00Z");
  world_.files["a.txt"].read.set_ambiguous(true);
  Work();
  EXPECT_TRUE(reports_[0].exports(0).ambiguous());
  EXPECT_EQ(State().chats(0).tail().entries_size(), 0);
  EXPECT_EQ(notices_.sent, Lines{"20001 An export proves nothing yet"});
}

TEST_F(ArchivistTest, UnreadableFilesAreToldOnceByTheirCode) {
  struct Case {
    absl::Status status;
    const char* code;
  };
  const Case kCases[] = {
      {absl::InvalidArgumentError("no line is one of a chat"), "NOT_AN_EXPORT"},
      {absl::InvalidArgumentError("refused zip: a bomb"), "ZIP_REFUSED"},
      {absl::ResourceExhaustedError("too much"), "TOO_LARGE"},
      {absl::UnavailableError("Input/output error"), "UNREADABLE"},
  };
  uint64_t ino = 1;
  for (const Case& c : kCases) {
    reports_.clear();
    notices_.sent.clear();
    ++ino;
    world_.files = {
        {absl::StrCat("f", ino), Export("x", "2026-02-01T08:00:00Z", "2026-02-03T09:30:00Z", ino)}};
    world_.files.begin()->second.fails = c.status;
    for (int i = 0; i < 20; ++i) {
      Work();
      clock_.Advance(absl::Minutes(3));
    }
    Restart();
    Work();
    ASSERT_EQ(reports_.size(), 1u) << c.code;
    ASSERT_EQ(reports_[0].unreadable_size(), 1) << c.code;
    EXPECT_EQ(reports_[0].unreadable(0).code(), c.code);
    EXPECT_EQ(notices_.sent, Lines{"20001 An export was not taken"}) << c.code;
  }
  const absl::StatusOr<v1::ArchiveView> view = archivist_->View(kAliceUid);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->problems_size(), 4);
}

TEST_F(ArchivistTest, WithoutAnAppNothingIsReadUntilThereIsOne) {
  world_.files["signal/a.txt"] = Export("one", "2026-02-01T08:00:00Z", "2026-02-03T09:30:00Z");
  Work();
  EXPECT_EQ(world_.reads, 0);
  EXPECT_EQ(notices_.sent.size(), 1u);
  world_.files["chat/a.txt"] = world_.files["signal/a.txt"];
  world_.files.erase("signal/a.txt");
  Work();
  EXPECT_EQ(ToldExports().size(), 1u);
}

TEST_F(ArchivistTest, AnAbsentShareDelaysAndLosesNothing) {
  world_.away = true;
  world_.files["a.txt"] = Export("one", "2026-02-01T08:00:00Z", "2026-02-03T09:30:00Z");
  Work();
  EXPECT_EQ(world_.reads, 0) << "no salt of its own as long as the share may come back";
  EXPECT_EQ(archivist_->View(kAliceUid)->problems_size(), 1);
  // It does not come back for a day: then the device goes on with a salt of its own.
  clock_.Advance(limits::kSaltWait);
  Work();
  EXPECT_EQ(ToldExports(), Lines{Short("one")});
  EXPECT_EQ(archivist_->View(kAliceUid)->waiting_to_be_packed(), 1u);
  Restart();
  world_.away = false;
  clock_.Advance(limits::kMaxPackPause);
  Work();
  EXPECT_EQ(ToldExports(), (Lines{Short("one"), Short("one") + " packed"}));
  EXPECT_EQ(world_.salts["id-alice"], std::string(32, 's')) << "its own is the share's now";
}

TEST_F(ArchivistTest, WhatCannotBePackedKeepsNothingElseWaiting) {
  Work();  // the salt
  world_.away = true;
  const size_t gone = limits::kMaxReadsPerStep + 1;
  for (size_t i = 0; i < gone + 3; ++i) {
    world_.files[absl::StrCat("f", 100 + i)] =
        Export(absl::StrCat("text ", i), "2026-02-01T08:00:00Z", "2026-02-03T09:30:00Z", i + 1);
  }
  for (int i = 0; i < 3; ++i) Work();
  EXPECT_EQ(archivist_->View(kAliceUid)->waiting_to_be_packed(), gone + 3);
  world_.away = false;
  for (size_t i = 0; i < gone; ++i) world_.files.erase(absl::StrCat("f", 100 + i));
  // The disk is at fault with one, and its owner alone reads which.
  world_.pack_fails[absl::StrCat("f", 100 + gone)] =
      absl::ResourceExhaustedError("Chat with Zoe.txt: input/output error");
  bool said = false;
  for (int i = 0; i < 6; ++i) {
    clock_.Advance(limits::kMaxPackPause);
    Work();
    const absl::StatusOr<v1::ArchiveView> alice = archivist_->View(kAliceUid);
    const absl::StatusOr<v1::ArchiveView> bob = archivist_->View(kBobUid);
    ASSERT_TRUE(alice.ok() && bob.ok());
    said = said || absl::StrContains(alice->DebugString(), "Zoe");
    EXPECT_FALSE(absl::StrContains(bob->DebugString(), "Zoe"));
  }
  EXPECT_TRUE(said);
  EXPECT_EQ(world_.bags.size(), 2u);
}

TEST_F(ArchivistTest, AnotherDeviceOfThePersonTakesTheSaltOfTheShare) {
  world_.salts["id-alice"] = std::string(32, 'q');
  world_.files["a.txt"] = Export("one", "2026-02-01T08:00:00Z", "2026-02-03T09:30:00Z");
  Work();
  EXPECT_EQ(reports_[0].exports(0).chat_key(), ChatKeyOfName(std::string(32, 'q'), "Ana \xc3\x84"));
}

// Whichever write fails, or after whichever the agent dies: in the end everything was told, packed
// and kept once.
TEST_F(ArchivistTest, HealsAfterACrashAtAnyStep) {
  for (int step = 0; step < 12; ++step) {
    store_.SetFiles({});
    store_.before_write = nullptr;
    world_ = FakeArchive();
    reports_.clear();
    Restart();
    world_.files["a.txt"] = Export("one", "2026-02-01T08:00:00Z", "2026-02-20T09:30:00Z");
    int left = step;
    store_.before_write = [&](const std::string&) { return left-- > 0; };
    Work();
    store_.before_write = nullptr;
    Restart();
    for (int i = 0; i < 3; ++i) {
      clock_.Advance(limits::kSaltRetry);
      Work();
    }
    std::set<std::string> told;
    for (const std::string& line : ToldExports()) told.insert(line);
    EXPECT_TRUE(told.contains(Short("one") + " packed")) << step;
    EXPECT_EQ(world_.bags.size(), 1u) << step;
    const v1::ArchiveState state = State();
    ASSERT_EQ(state.exports_size(), 1) << step;
    EXPECT_TRUE(state.exports(0).packed_reported()) << step;
    EXPECT_EQ(state.exports(0).seen().participant_keys_size(), 0) << step;
  }
}

TEST_F(ArchivistTest, WhatCannotBeQueuedIsToldLater) {
  reports_work_ = false;
  world_.files["a.txt"] = Export("one", "2026-02-01T08:00:00Z", "2026-02-20T09:30:00Z");
  Work();
  reports_work_ = true;
  Work();
  EXPECT_EQ(ToldExports(), Lines{Short("one") + " packed"});
  archivist_->ReportInFull();
  Work();
  EXPECT_EQ(ToldExports().size(), 2u);
}

TEST_F(ArchivistTest, ASubmittedFileGoesTheSameWay) {
  const FakeFile file = Export("one", "2026-02-01T08:00:00Z", "2026-02-20T09:30:00Z");
  const auto submit = [&](uint32_t uid) {
    return archivist_->Submit({}, std::make_shared<FakeArchive::Held>(&world_, "x.txt", file), uid);
  };
  EXPECT_EQ(submit(4711)->status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(submit(kAliceUid).has_value());
  EXPECT_FALSE(submit(kAliceUid).has_value()) << "the same question";
  archivist_->Step();
  const auto answer = submit(kAliceUid);
  ASSERT_TRUE(answer.has_value());
  ASSERT_TRUE(answer->ok()) << answer->status();
  EXPECT_EQ((*answer)->export_sha256(), Sha256Hex("one"));
  EXPECT_EQ(ToldExports(), Lines{Short("one") + " packed"});
}

}  // namespace
}  // namespace muster::agent
