// One stream for many phones: who says what when, the chain of each one's reports, and that nothing
// leaves before it is saved.
#include "tests/bridge/flow/sessions_fixture.h"

namespace muster::bridge {
namespace {

TEST_F(SessionsTest, TheBridgeSaysHelloFirst) {
  Add("phn-1", PhoneOf("alice"));
  Add("phn-2", PhoneOf("bob", v1::Platform::ANDROID));
  Connect();
  EXPECT_EQ(Take(), (Strings{"- hello  seq 0 root=1", "phn-1 hello alice seq 0 root=1",
                             "phn-2 hello bob seq 0 root=1"}));
  Add("phn-3", PhoneOf("carol"));
  EXPECT_EQ(WorkAndTake(), (Strings{"phn-3 hello carol seq 0 root=1"}));
  Add("phn-1", PhoneOf("dave"));  // the phone has another user
  EXPECT_EQ(WorkAndTake(), (Strings{"phn-1 hello dave seq 0 root=1"}));
}

TEST_F(SessionsTest, NothingLeavesBeforeItIsSaved) {
  Add("phn-1", PhoneOf("alice"));
  Connect();
  Take();
  store_.commit_error = absl::ResourceExhaustedError("no space");
  Offer("phn-1", {Assign("phn-1", 1, true)});
  ASSERT_TRUE(sessions_->Report("phn-1", PhoneBody(1)).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(sessions_->Flush()));
  EXPECT_EQ(WorkAndTake(), Strings());
  EXPECT_EQ(sessions_->last_error(), "the bridge's state could not be saved: no space");
  store_.commit_error = absl::OkStatus();
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(WorkAndTake(),
            (Strings{"phn-1 ack assignment/phn-1 1", "phn-1 report phn-1 1 phone 1"}));

  // Killed between the save in memory and the commit: as if it had never come.
  Offer("phn-1", {Assign("phn-1", 2, true)});
  ASSERT_TRUE(sessions_->Report("phn-1", PhoneBody(2)).ok());
  Crash();
  Connect();
  EXPECT_EQ(Take(),
            (Strings{"- hello  seq 0 root=1", "phn-1 hello alice seq 1 root=1 assignment/phn-1=1",
                     "phn-1 report phn-1 1 phone 1"}));
  // Killed between the commit and the answer: the Hello says what is here.
  Offer("phn-1", {Assign("phn-1", 2, true)});
  ASSERT_TRUE(sessions_->Flush().ok());
  Crash();
  Connect();
  EXPECT_EQ(Take()[1], "phn-1 hello alice seq 1 root=1 assignment/phn-1=2");
}

TEST_F(SessionsTest, ReportsOfEachPhoneAreOneChain) {
  Add("phn-1", PhoneOf("alice"));
  Add("phn-2", PhoneOf("bob"));
  for (uint32_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(sessions_->Report("phn-1", PhoneBody(i)).ok());
    ASSERT_TRUE(sessions_->Report("phn-2", PhoneBody(10 * i)).ok());
  }
  EXPECT_TRUE(absl::IsNotFound(sessions_->Report("phn-9", PhoneBody(1))));
  Connect();
  std::vector<v1::AgentMessage> sent = TakeMessages();
  ASSERT_EQ(sent.size(), 9u);
  std::map<std::string, std::string> last;
  const PublicKey key = *PublicKey::FromSpki(tenant_.device_key().spki(), kEcdsaP256Sha256);
  for (size_t i = 3; i < sent.size(); ++i) {
    const auto report = VerifyReport(sent[i].report(), key, sent[i].device_id());
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->prev_sha256(), last[sent[i].device_id()]);
    last[sent[i].device_id()] = Sha256Hex(sent[i].report().payload());
  }
  AckReport("phn-1", sent[4].report());  // its second
  // A dropped stream: what was not acknowledged comes again, in order.
  Disconnect();
  Boot();
  Connect();
  EXPECT_EQ(Take(), (Strings{"- hello  seq 0 root=1", "phn-1 hello alice seq 3 root=1",
                             "phn-2 hello bob seq 3 root=1", "phn-1 report phn-1 3 phone 3",
                             "phn-2 report phn-2 1 phone 10", "phn-2 report phn-2 2 phone 20",
                             "phn-2 report phn-2 3 phone 30"}));
}

TEST_F(SessionsTest, TheNewestReportsOfAPhoneAreKept) {
  Add("phn-1", PhoneOf("alice"));
  for (uint32_t i = 1; i <= 100; ++i) {
    ASSERT_TRUE(sessions_->Report("phn-1", PhoneBody(i)).ok());
  }
  Connect();
  const Strings sent = Take();
  ASSERT_EQ(sent.size(), 2 + limits::kMaxPhoneReportsWaiting);
  EXPECT_EQ(sent[2], "phn-1 report phn-1 85 phone 85");
  EXPECT_EQ(sent.back(), "phn-1 report phn-1 100 phone 100");
}

TEST_F(SessionsTest, ARefusedPhoneRestsUntilTheNextStream) {
  Add("phn-1", PhoneOf("alice"));
  Add("phn-2", PhoneOf("bob"));
  Connect();
  Take();
  v1::ControllerMessage refusal;
  refusal.set_device_id("phn-1");
  refusal.mutable_refusal()->set_message("phn-1 has another owner");
  sessions_->OnMessage(refusal);
  ASSERT_TRUE(sessions_->Report("phn-1", PhoneBody(1)).ok());
  ASSERT_TRUE(sessions_->Report("phn-2", PhoneBody(2)).ok());
  v1::Report own;
  own.mutable_bridge();
  ASSERT_TRUE(sessions_->Report("", own).ok());
  EXPECT_EQ(WorkAndTake(),
            (Strings{"phn-2 report phn-2 1 phone 2",
                     "- report dev-bridge 1 bridge phn-1: phn-1 has another owner"}));
  Disconnect();
  Connect();
  EXPECT_EQ(Take(), (Strings{"- hello  seq 1 root=1", "phn-1 hello alice seq 1 root=1",
                             "phn-2 hello bob seq 1 root=1",
                             "- report dev-bridge 1 bridge phn-1: phn-1 has another owner",
                             "phn-1 report phn-1 1 phone 1", "phn-2 report phn-2 1 phone 2"}));
}

TEST_F(SessionsTest, AStateThatWasPutBackGoesOnBehindWhatTheControllerHas) {
  Add("phn-1", PhoneOf("alice"));
  ASSERT_TRUE(sessions_->Flush().ok());
  const auto copy = store_.committed();
  Connect();
  for (uint32_t i = 1; i <= 3; ++i) ASSERT_TRUE(sessions_->Report("phn-1", PhoneBody(i)).ok());
  Work();
  const v1::SignedDoc third = TakeMessages().back().report();
  sessions_.reset();
  store_.Restore(copy);
  Boot();
  Connect();
  ASSERT_TRUE(sessions_->Report("phn-1", PhoneBody(9)).ok());
  WorkAndTake();
  AckReport("phn-1", third);
  EXPECT_EQ(anew_, (Strings{"phn-1"}));
  ASSERT_TRUE(sessions_->Report("phn-1", PhoneBody(9)).ok());
  const Strings after = WorkAndTake();
  EXPECT_EQ(after, (Strings{"phn-1 report phn-1 4 phone 9", "phn-1 report phn-1 5 policy of 1"}));
}

TEST_F(SessionsTest, APhoneThatLeftIsSaidGoodbyeOnEachStreamUntilTheControllerForgetsIt) {
  Add("phn-1", PhoneOf("alice"));
  Connect();
  Give("phn-1", {Assign("phn-1", 1, true), Cohort(1)});
  known_.erase("phn-1");
  sessions_->Leave("phn-1");
  EXPECT_EQ(WorkAndTake(), (Strings{"phn-1 leave"}));
  EXPECT_TRUE(absl::IsNotFound(sessions_->Report("phn-1", PhoneBody(1))));
  Boot();
  Connect();
  EXPECT_EQ(Take(), (Strings{"- hello  seq 0 root=1",
                             "phn-1 hello alice seq 1 root=1 cohort/ios=1 assignment/phn-1=1",
                             "phn-1 leave"}));
  v1::ControllerMessage refusal;
  refusal.set_device_id("phn-1");
  refusal.mutable_refusal()->set_message("phn-1 is retired");
  sessions_->OnMessage(refusal);
  Work();
  Boot();
  Connect();
  EXPECT_EQ(Take(), (Strings{"- hello  seq 0 root=1"}));
  // It comes back with what it had: nothing older is taken.
  Add("phn-1", PhoneOf("alice"));
  EXPECT_EQ(Verdict("phn-1"), "ALLOW GRANT GRT-1");
}

TEST_F(SessionsTest, AProofIsOwedUntilItIsSaved) {
  Add("phn-1", PhoneOf("alice"));
  Connect();
  Take();
  v1::Canary canary;
  canary.set_filesystem("restrictions profile");
  canary.set_result(v1::Canary::BLOCKED);
  canaries_ = {canary};
  store_.commit_error = absl::UnavailableError("the disk is gone");
  Offer("phn-1", {Assign("phn-1", 1, true), Cohort(1)});
  Feed("phn-1", tenant_.chunks().begin()->first);
  Work();
  store_.commit_error = absl::OkStatus();
  clock_.Advance(absl::Seconds(10));
  Work();
  const v1::AgentMessage last = TakeMessages().back();
  v1::Report report;
  ASSERT_TRUE(report.ParseFromString(last.report().payload()));
  ASSERT_EQ(report.policy().documents_size(), 3);
  EXPECT_EQ(report.policy().documents(1).name(), "cohort/ios");
  EXPECT_EQ(report.policy().documents(2).name(), "assignment/phn-1");
  ASSERT_EQ(report.policy().canaries_size(), 1);
  EXPECT_EQ(report.policy().canaries(0).filesystem(), "restrictions profile");
  // Told once: a start tells nothing again.
  Boot();
  Connect();
  const Strings again = Take();
  EXPECT_EQ(again.back(), "phn-1 report phn-1 1 policy of 3");
  EXPECT_EQ(again.size(), 3u);
}

TEST_F(SessionsTest, ThousandsOfPhonesAreGreetedAPartAtATime) {
  constexpr int kPhones = 1'000;
  for (int i = 0; i < kPhones; ++i) Add(absl::StrCat("phn-", i), PhoneOf("alice"));
  for (int i = 0; i < kPhones; ++i) {
    ASSERT_TRUE(sessions_->Report(absl::StrCat("phn-", i), PhoneBody(1)).ok());
  }
  Connect();
  std::set<std::string> greeted, reported;
  for (const v1::AgentMessage& m : TakeMessages()) {
    if (m.has_hello()) {
      EXPECT_TRUE(greeted.insert(m.device_id()).second);
    }
    if (!m.has_report()) continue;
    EXPECT_TRUE(greeted.contains(m.device_id()));
    EXPECT_TRUE(reported.insert(m.device_id()).second);
  }
  EXPECT_EQ(greeted.size(), kPhones + 1u);
  EXPECT_EQ(reported.size(), kPhones + 0u);
}

}  // namespace
}  // namespace muster::bridge
