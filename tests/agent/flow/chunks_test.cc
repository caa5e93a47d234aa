// A cohort policy in chunks: asked for, resumed, replaced, and never half in force.
#include <gtest/gtest.h>

#include "tests/agent/flow/accept_fixture.h"

namespace muster::agent {
namespace {

class ChunksTest : public AcceptPolicyTest {
 protected:
  void SetUp() override {
    AcceptPolicyTest::SetUp();
    Assign();
  }
  // `chat` and as many others, one chunk each.
  v1::SignedDoc Policy(uint64_t version, int others, const std::string& prefix = "app") {
    TestCohort cohort = tenant_.Cohort(version);
    for (int i = 0; i < others; ++i) {
      cohort.more.emplace_back().add_apps()->set_id(absl::StrCat(prefix, i));
    }
    return tenant_.Sign(cohort);
  }
  static Strings Wanted(const AcceptOutcome& outcome) {
    const v1::Need& need = outcome.answers.back().need();
    return {need.chunks().begin(), need.chunks().end()};
  }
  Strings ChunkFiles() { return *store_.List(kChunkDir); }
  Strings Apps() {
    Strings out;
    for (const v1::App& app : acceptor_->current()->content.apps()) out.push_back(app.id());
    return out;
  }
};

TEST_F(ChunksTest, TheLastChunkPutsItInForceUnderTheUpdatesNonce) {
  const AcceptOutcome offered = Offer({Policy(1, 2)}, 42);
  EXPECT_EQ(Texts(offered), Strings{"need 3"});
  EXPECT_EQ(offered.answers[0].need().nonce(), 42u);
  EXPECT_FALSE(offered.changed);
  const Strings wanted = Wanted(offered);
  EXPECT_TRUE(Feed(wanted[2]).answers.empty());
  EXPECT_TRUE(Feed(wanted[0]).answers.empty());
  EXPECT_FALSE(acceptor_->current()->cohort.has_value());
  EXPECT_EQ(ChunkFiles().size(), 2u);
  const AcceptOutcome done = Feed(wanted[1]);
  EXPECT_EQ(Texts(done), Strings{"ack cohort/linux 1"});
  EXPECT_EQ(done.answers[0].ack().nonce(), 42u);
  EXPECT_TRUE(done.changed);
  EXPECT_EQ(Apps(), (Strings{"chat", "app0", "app1"}));
  EXPECT_TRUE(ChunkFiles().empty()) << "accepted.pb holds them now";
  Restart();
  EXPECT_EQ(Apps(), (Strings{"chat", "app0", "app1"}));
}

TEST_F(ChunksTest, OnlyWhatChangedIsAskedFor) {
  Accept({Policy(1, 3)});
  EXPECT_EQ(Texts(Offer({Policy(2, 4)})), Strings{"need 1"});
  EXPECT_EQ(Texts(Offer({Policy(3, 1)})), Strings{"ack cohort/linux 3"}) << "all at hand";
  EXPECT_EQ(Apps(), (Strings{"chat", "app0"}));
}

TEST_F(ChunksTest, AKillBetweenChunksAsksOnlyForTheRest) {
  const v1::SignedDoc doc = Policy(1, 4);
  const Strings wanted = Wanted(Offer({doc}));
  for (size_t i = 0; i + 1 < wanted.size(); ++i) {
    Feed(wanted[i]);
    Restart();
    EXPECT_FALSE(acceptor_->current()->cohort.has_value());
    EXPECT_EQ(Wanted(Offer({doc})), Strings(wanted.begin() + i + 1, wanted.end()));
  }
  EXPECT_EQ(Texts(Feed(wanted.back())), Strings{"ack cohort/linux 1"});
}

TEST_F(ChunksTest, ADamagedFileIsAsMissing) {
  const v1::SignedDoc doc = Policy(1, 2);
  const Strings wanted = Wanted(Offer({doc}));
  Feed(wanted[0]);
  Feed(wanted[1]);
  ASSERT_TRUE(store_.Write(absl::StrCat(kChunkDir, "/", wanted[1]), "torn").ok());
  Restart();
  EXPECT_EQ(Wanted(Offer({doc})), (Strings{wanted[1], wanted[2]}));
}

TEST_F(ChunksTest, WhatWasNotAskedForIsIgnored) {
  Offer({Policy(1, 1)});
  Policy(9, 9, "other");  // signed, never offered
  const auto files = store_.files();
  v1::Chunk nameless;
  nameless.set_data("x");
  EXPECT_TRUE(acceptor_->AddChunk(nameless).answers.empty());
  for (const auto& [sha256, chunk] : tenant_.chunks()) {
    v1::Chunk other = chunk;
    other.set_sha256(std::string(64, '0'));
    EXPECT_TRUE(acceptor_->AddChunk(other).answers.empty());
  }
  EXPECT_EQ(store_.files(), files);
}

TEST_F(ChunksTest, OtherBytesUnderAnAskedNameAreRefused) {
  const Strings wanted = Wanted(Offer({Policy(1, 1)}, 42));
  v1::Chunk forged = tenant_.chunks().at(wanted[0]);
  forged.mutable_data()->append("x");
  const AcceptOutcome outcome = acceptor_->AddChunk(forged);
  EXPECT_EQ(Texts(outcome), Strings{"nack cohort/linux 1 MALFORMED"});
  EXPECT_EQ(outcome.answers[0].nack().nonce(), 42u);
  EXPECT_TRUE(ChunkFiles().empty());
  EXPECT_TRUE(Feed(wanted[0]).answers.empty()) << "nothing waits any more";
}

TEST_F(ChunksTest, ContentThatCannotBeUsedIsRefused) {
  TestCohort garbage = tenant_.Cohort(1), no_app = tenant_.Cohort(1);
  no_app.content.clear_apps();
  EXPECT_EQ(Texts(Accept({tenant_.Sign(no_app)})), Strings{"nack cohort/linux 1 EMPTY"});
  v1::Chunk chunk;
  chunk.set_data("\xff\xff");
  chunk.set_sha256(Sha256Hex(chunk.data()));
  v1::ChunkRef* ref = garbage.policy.add_chunks();
  ref->set_sha256(chunk.sha256());
  ref->set_size(2);
  EXPECT_EQ(Texts(Offer({tenant_.Sign(garbage.policy)})), Strings{"need 1"});
  EXPECT_EQ(Texts(acceptor_->AddChunk(chunk)), Strings{"nack cohort/linux 1 MALFORMED"});
  EXPECT_FALSE(acceptor_->current()->cohort.has_value());
  EXPECT_EQ(Texts(Accept({Policy(1, 0)})), Strings{"ack cohort/linux 1"}) << "no floor was moved";
}

TEST_F(ChunksTest, ANewerManifestReplacesTheOneThatWaitsAndAnOlderDoesNot) {
  const Strings old = Wanted(Offer({Policy(5, 2, "old")}));
  Feed(old[0]);
  Feed(old[1]);
  const AcceptOutcome newer = Offer({Policy(6, 1, "new")}, 43);
  EXPECT_EQ(Texts(newer), Strings{"need 1"});
  EXPECT_EQ(ChunkFiles().size(), 1u) << "only what the newer one names is kept";
  EXPECT_TRUE(Feed(old[2]).answers.empty());
  EXPECT_EQ(Texts(Offer({Policy(5, 2, "old")})), Strings{"nack cohort/linux 5 ROLLBACK"});
  EXPECT_EQ(Texts(Offer({Policy(6, 2, "fork")})), Strings{"nack cohort/linux 6 EQUIVOCATION"});
  const AcceptOutcome done = Feed(Wanted(newer)[0]);
  EXPECT_EQ(Texts(done), Strings{"ack cohort/linux 6"});
  EXPECT_EQ(done.answers[0].ack().nonce(), 43u);
}

// The manifest is verified again with its last chunk: time, keys and epoch may have moved.
TEST_F(ChunksTest, APolicyThatEndedWhileItWaitedIsRefused) {
  const Strings wanted = Wanted(Offer({Policy(1, 0)}));
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(Texts(Feed(wanted[0])), Strings{"nack cohort/linux 1 EXPIRED"});
}

TEST_F(ChunksTest, APolicyWhoseKeyWasRevokedWhileItWaitedIsRefused) {
  const Strings wanted = Wanted(Offer({Policy(1, 0)}));
  tenant_.ReplacePolicyKey();
  Offer({tenant_.Sign(tenant_.Root(2))});
  EXPECT_EQ(Texts(Feed(wanted[0])), Strings{"nack cohort/linux 1 UNKNOWN_KEY"});
}

TEST_F(ChunksTest, APolicyOfTheEpochBeforeIsRefusedWithItsLastChunk) {
  const Strings wanted = Wanted(Offer({Policy(1, 0)}));
  tenant_.SetEpoch(2);
  Offer({tenant_.Sign(tenant_.Root(2))});
  EXPECT_EQ(Texts(Feed(wanted[0])), Strings{"nack cohort/linux 1 ROLLBACK"});
}

TEST_F(ChunksTest, AFullDiskRefusesAndLaterResumes) {
  const v1::SignedDoc doc = Policy(1, 1);
  const Strings wanted = Wanted(Offer({doc}));
  Feed(wanted[0]);
  store_.before_write = [](const std::string&) { return false; };
  EXPECT_EQ(Texts(Feed(wanted[1])), Strings{"nack cohort/linux 1 NOT_SAVED"});
  store_.before_write = nullptr;
  EXPECT_EQ(Wanted(Offer({doc})), Strings{wanted[1]});
  store_.before_write = [](const std::string& name) { return name != kAcceptedFile; };
  EXPECT_EQ(Texts(Feed(wanted[1])), Strings{"nack cohort/linux 1 NOT_SAVED"});
  EXPECT_FALSE(acceptor_->current()->cohort.has_value());
  store_.before_write = nullptr;
  EXPECT_EQ(Texts(Offer({doc})), Strings{"ack cohort/linux 1"});
}

// Stops at every write and removal in turn, as a crash there would: after it the device runs the
// old policy or the new one, whole, and the same exchange completes.
TEST_F(ChunksTest, ACrashAtAnyWriteLeavesOldOrNew) {
  Accept({Policy(1, 2, "old")});
  const auto before = store_.files();
  const v1::SignedDoc assignment = tenant_.Sign(tenant_.Assignment(2, false));
  const Strings old_apps = {"chat", "old0", "old1"};
  struct Case {
    v1::SignedDoc doc;
    Strings apps;
    bool at_hand;  // then one rename changes both documents
  };
  const Case kCases[] = {{Policy(2, 2, "new"), {"chat", "new0", "new1"}, false},
                         {Policy(2, 1, "old"), {"chat", "old0"}, true}};
  for (const Case& c : kCases) {
    int steps = 0;
    for (bool finished = false; !finished; ++steps) {
      ASSERT_LT(steps, 100);
      store_.SetFiles(before);
      Restart();
      int left = steps;
      // After the crash nothing is written any more.
      store_.before_write = [&](const std::string&) { return left-- > 0; };
      Accept({assignment, c.doc});
      finished = left >= 0;
      store_.before_write = nullptr;
      Restart();
      const bool cohort_new = acceptor_->current()->cohort->header().version() == 2;
      const bool assignment_new = acceptor_->current()->assignment->header().version() == 2;
      EXPECT_EQ(Apps(), cohort_new ? c.apps : old_apps) << steps;
      EXPECT_TRUE(assignment_new || !cohort_new) << steps;
      EXPECT_TRUE(cohort_new || !assignment_new || !c.at_hand) << steps;
      EXPECT_EQ(Texts(Accept({assignment, c.doc})),
                (Strings{"ack assignment/dev-1 2", "ack cohort/linux 2"}))
          << steps;
      EXPECT_EQ(Apps(), c.apps) << steps;
    }
    EXPECT_GE(steps, c.at_hand ? 3 : 8) << "the state, its copies, the chunks, what is cleaned";
  }
}

}  // namespace
}  // namespace muster::agent
