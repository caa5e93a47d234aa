#include "agent/flow/report_log.h"

#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_format.h"
#include "common/limits.h"
#include "common/signed_doc.h"
#include "tests/agent/fakes.h"

namespace muster::agent {
namespace {

v1::Report StatusBody() {
  v1::Report body;
  body.mutable_status()->set_hostname("h");
  return body;
}
v1::Report ExecBody() {
  v1::Report body;
  body.mutable_exec()->add_items()->set_app_id("chat");
  return body;
}

class ReportLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<ReportLog> Open() {
    auto log = std::make_unique<ReportLog>(kTestDevice, tenant_.device_key(), &store_, &clock_);
    EXPECT_TRUE(log->Open().ok());
    return log;
  }
  // Every waiting report, verified as the controller would.
  std::vector<v1::Report> Waiting(ReportLog& log) {
    std::vector<v1::Report> out;
    const PublicKey key = *PublicKey::FromSpki(tenant_.device_key().spki(), kEcdsaP256Sha256);
    for (uint64_t after = 0;;) {
      auto next = *log.Next(after);
      if (!next) return out;
      absl::StatusOr<v1::Report> report = VerifyReport(next->doc, key, kTestDevice);
      EXPECT_TRUE(report.ok()) << report.status();
      EXPECT_EQ(report->seq(), next->seq);
      hashes_[next->seq] = Sha256Hex(next->doc.payload());
      after = next->seq;
      out.push_back(*std::move(report));
    }
  }

  FakeClock clock_{At("2026-03-01T12:00:00Z")};
  TestTenant tenant_{clock_.Now()};
  MemoryStateStore store_;
  std::map<uint64_t, std::string> hashes_;
};

TEST_F(ReportLogTest, NumberedAndChained) {
  auto log = Open();
  for (uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(*log->Append(StatusBody()), i);
  const std::vector<v1::Report> reports = Waiting(*log);
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].prev_sha256(), "");
  EXPECT_EQ(reports[1].prev_sha256(), hashes_[1]);
  EXPECT_EQ(reports[2].prev_sha256(), hashes_[2]);
}

// protobuf writes a text that is no UTF-8, and never reads it again.
TEST_F(ReportLogTest, ATextThatNobodyCouldReadIsMendedAndTheRestStays) {
  auto log = Open();
  v1::Report status = StatusBody(), exec = ExecBody();
  status.mutable_status()->add_cannot_enforce("a line\nand one more");
  status.mutable_status()->add_cannot_enforce("programs on /home/u/caf\xE9 are not seen");
  v1::ExecReport::Item* item = exec.mutable_exec()->mutable_items(0);
  item->set_path("/home/\xFF");
  item->set_denied(true);
  exec.mutable_exec()->add_items()->set_path("/home/\u00e9\t");
  for (const v1::Report& body : {status, exec}) ASSERT_TRUE(log->Append(body).ok());
  log = Open();
  const std::vector<v1::Report> reports = Waiting(*log);
  ASSERT_EQ(reports.size(), 2u);
  const auto& texts = reports[0].status().cannot_enforce();
  EXPECT_EQ(std::vector<std::string>(texts.begin(), texts.end()),
            (std::vector<std::string>{"a line\nand one more",
                                      "programs on /home/u/caf\uFFFD are not seen"}));
  EXPECT_EQ(reports[0].status().hostname(), "h");
  ASSERT_EQ(reports[1].exec().items_size(), 2);
  EXPECT_EQ(reports[1].exec().items(0).path(), "/home/\uFFFD");
  EXPECT_TRUE(reports[1].exec().items(0).denied());
  EXPECT_EQ(reports[1].exec().items(1).path(), "/home/\u00e9\t");
  EXPECT_EQ(reports[1].dropped_before(), 0u);
}

// As an older agent wrote them: the agent must still start, and the loss is told.
TEST_F(ReportLogTest, AStoredReportThatNobodyCanReadIsLostAndTold) {
  auto log = Open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(log->Append(StatusBody()).ok());
  Waiting(*log);
  for (const uint64_t seq : {1u, 4u}) {
    v1::Report bad = StatusBody();
    bad.set_device_id(kTestDevice);
    bad.set_seq(seq);
    bad.mutable_status()->set_hostname("h\xC3");
    const v1::SignedDoc doc = *MakeSignedDoc(bad, {tenant_.device_key()});
    hashes_[seq] = Sha256Hex(doc.payload());
    ASSERT_TRUE(store_.Write(absl::StrFormat("spool/%012d.pb", seq), doc.SerializeAsString()).ok());
  }
  log = Open();
  EXPECT_EQ(log->waiting(), 2u);
  EXPECT_FALSE(store_.files().contains("spool/000000000001.pb"));
  EXPECT_FALSE(store_.files().contains("spool/000000000004.pb"));
  log = Open();  // the count outlives a crash, and is not counted twice
  EXPECT_EQ(*log->Append(StatusBody()), 5u);
  const std::vector<v1::Report> reports = Waiting(*log);
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[2].prev_sha256(), hashes_[4]);
  EXPECT_EQ(reports[2].dropped_before(), 2u);
}

TEST_F(ReportLogTest, GoesOnAfterARestartAndAfterAcknowledgements) {
  auto log = Open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(log->Append(StatusBody()).ok());
  Waiting(*log);
  log = Open();
  EXPECT_EQ(log->waiting(), 3u);
  ASSERT_TRUE(log->Acknowledge(3).ok());
  EXPECT_EQ(log->waiting(), 0u);
  log = Open();
  EXPECT_EQ(*log->Append(StatusBody()), 4u);
  EXPECT_EQ(Waiting(*log)[0].prev_sha256(), hashes_[3]);
}

TEST_F(ReportLogTest, AcknowledgingWhatDoesNotExistRemovesNothing) {
  auto log = Open();
  ASSERT_TRUE(log->Append(StatusBody()).ok());
  EXPECT_EQ(log->Acknowledge(2).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(log->waiting(), 1u);
  EXPECT_TRUE(log->Acknowledge(1).ok());
  EXPECT_TRUE(log->Acknowledge(1).ok()) << "told twice";
}

TEST_F(ReportLogTest, AStateThatWasPutBackGoesOnWhereTheControllerIs) {
  auto log = Open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(log->Append(StatusBody()).ok());
  ASSERT_TRUE(log->SkipTo(9).ok());
  EXPECT_EQ(log->waiting(), 0u);
  log = Open();
  EXPECT_EQ(*log->Append(StatusBody()), 10u);
  const std::vector<v1::Report> reports = Waiting(*log);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].dropped_before(), 3u);
  EXPECT_EQ(reports[0].prev_sha256(), "");
  EXPECT_FALSE(log->SkipTo(11 + limits::kMaxReportsSkipped).ok());
  EXPECT_EQ(log->head().seq(), 10u);
}

TEST_F(ReportLogTest, ACopyThatWroteOnKeepsWhatIsAboveTheOthers) {
  auto log = Open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(log->Append(StatusBody()).ok());
  Waiting(*log);
  EXPECT_FALSE(log->IsForeign(2, hashes_[2]));
  EXPECT_FALSE(log->IsForeign(2, "")) << "not said";
  EXPECT_TRUE(log->IsForeign(2, hashes_[1]));
  EXPECT_TRUE(log->IsForeign(4, ""));
  ASSERT_TRUE(log->SkipTo(2).ok());
  EXPECT_EQ(*log->Append(StatusBody()), 4u);
  const std::vector<v1::Report> reports = Waiting(*log);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].seq(), 3u);
  EXPECT_EQ(reports[1].dropped_before(), 2u);
}

TEST_F(ReportLogTest, AFailedSaveGivesNoNumberAwayAndCountsWhatCannotBeToldAgain) {
  auto log = Open();
  store_.before_write = [](const std::string&) { return false; };
  EXPECT_FALSE(log->Append(StatusBody()).ok());
  EXPECT_FALSE(log->Append(ExecBody()).ok());
  EXPECT_FALSE(log->Append(ExecBody()).ok());
  store_.before_write = nullptr;
  EXPECT_EQ(*log->Append(StatusBody()), 1u);
  log->CountLost();
  EXPECT_EQ(*log->Append(StatusBody()), 2u);
  EXPECT_EQ(*log->Append(StatusBody()), 3u);
  const std::vector<v1::Report> reports = Waiting(*log);
  EXPECT_EQ(reports[0].dropped_before(), 2u);
  EXPECT_EQ(reports[1].dropped_before(), 1u);
  EXPECT_EQ(reports[2].dropped_before(), 0u);
}

TEST(WorthOf, AllowsLeastProofMost) {
  v1::Report allowed = ExecBody(), tampered = StatusBody(), lost, inventory, policy, disarm;
  allowed.mutable_exec()->mutable_items(0)->set_verdict("ALLOW");
  v1::Report mixed = allowed;
  mixed.mutable_exec()->add_items()->set_verdict("BLOCK");
  tampered.mutable_status()->add_tampering();
  lost.mutable_exec()->set_dropped(3);
  inventory.mutable_inventory();
  policy.mutable_policy();
  disarm.mutable_disarm();
  const std::pair<v1::Report, Worth> kCases[] = {
      {allowed, Worth::kAllowed}, {mixed, Worth::kExec},      {lost, Worth::kExec},
      {ExecBody(), Worth::kExec}, {inventory, Worth::kState}, {StatusBody(), Worth::kState},
      {tampered, Worth::kProof},  {policy, Worth::kProof},    {disarm, Worth::kProof},
  };
  for (const auto& [body, want] : kCases) EXPECT_EQ(WorthOf(body), want) << body.DebugString();
}

TEST_F(ReportLogTest, AtTheCapTheLeastWorthGoesFirstAlsoAfterARestart) {
  auto log = Open();
  v1::Report policy, allowed = ExecBody();
  policy.mutable_policy();
  allowed.mutable_exec()->mutable_items(0)->set_verdict("ALLOW");
  for (const v1::Report& body : {policy, StatusBody(), ExecBody(), allowed, allowed}) {
    ASSERT_TRUE(log->Append(body).ok());
  }
  while (log->waiting() < limits::kMaxSpooledReports) ASSERT_TRUE(log->Append(policy).ok());
  log = Open();
  // In the order in which they go; then the oldest proof makes room for a newer one.
  for (const uint64_t gone : {4u, 5u, 3u, 2u, 1u}) {
    EXPECT_TRUE(store_.files().contains(absl::StrFormat("spool/%012d.pb", gone)));
    ASSERT_TRUE(log->Append(policy).ok());
    EXPECT_FALSE(store_.files().contains(absl::StrFormat("spool/%012d.pb", gone))) << gone;
  }
  EXPECT_EQ(log->Append(allowed).status().code(), absl::StatusCode::kResourceExhausted)
      << "worth less than all that waits";
  ASSERT_TRUE(log->Append(policy).ok());
  EXPECT_EQ(Waiting(*log).back().dropped_before(), 2u) << "itself, and the one it made room for";
}

// A disk that is full for any stretch of writes: what was lost is what is said to be lost.
TEST_F(ReportLogTest, EveryLossIsToldWhereverTheDiskIsFull) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    store_.SetFiles({});
    auto log = Open();
    int full_from = static_cast<int>(random() % 40), full_for = 1 + static_cast<int>(random() % 20);
    store_.before_write = [&](const std::string&) { return full_from-- > 0 || full_for-- <= 0; };
    uint64_t execs = 0, came = 0, told = 0, last = 0;
    const auto take = [&] {
      for (const v1::Report& r : Waiting(*log)) {
        if (r.seq() <= last) continue;  // told before; its file could not be removed
        last = r.seq();
        came += r.has_exec();
        told += r.dropped_before();
      }
      // As the controller: it has stored them, whether or not the files can be removed.
      log->Acknowledge(last).IgnoreError();
    };
    for (int i = 0; i < 40; ++i) {
      const bool exec = random() % 2 == 0;
      execs += exec;
      log->Append(exec ? ExecBody() : StatusBody()).IgnoreError();
      if (random() % 8 == 0) take();
    }
    store_.before_write = nullptr;
    ASSERT_TRUE(log->Append(StatusBody()).ok());
    take();
    EXPECT_EQ(came + told, execs) << seed;
  }
}

TEST_F(ReportLogTest, AtTheCapExecutionsGoFirstAndTheLossIsTold) {
  auto log = Open();
  ASSERT_TRUE(log->Append(StatusBody()).ok());  // 1
  ASSERT_TRUE(log->Append(ExecBody()).ok());    // 2: the first to go
  while (log->waiting() < limits::kMaxSpooledReports) {
    ASSERT_TRUE(log->Append(StatusBody()).ok());
  }
  ASSERT_TRUE(log->Append(StatusBody()).ok());
  ASSERT_TRUE(log->Append(StatusBody()).ok());  // no execution left: 1 goes
  EXPECT_EQ(log->waiting(), limits::kMaxSpooledReports);
  const std::vector<v1::Report> reports = Waiting(*log);
  EXPECT_EQ(reports.front().seq(), 3u);
  EXPECT_EQ(reports[reports.size() - 2].dropped_before(), 1u);
  EXPECT_EQ(reports.back().dropped_before(), 1u);
  EXPECT_EQ(reports.back().prev_sha256(), hashes_[reports.back().seq() - 1]);
}

}  // namespace
}  // namespace muster::agent
