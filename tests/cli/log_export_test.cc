// Exports from a controller that may lie, against folders that may hold anything.
#include "cli/log_export.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "cli/log_folder.h"
#include "cli/log_verify.h"
#include "common/signed_doc.h"
#include "muster/v1/audit_calls.pb.h"
#include "tests/support/log_folder.h"
#include "tests/support/temp_dir.h"

namespace muster::cli {
namespace {

namespace fs = std::filesystem;

// AdminService's calls on the log, from a log in memory. Answers have few entries, so that an
// export takes many calls.
class FakeLog {
 public:
  explicit FakeLog(LogFolder log) : log(std::move(log)) {}

  AdminCall call() {
    return [this](const std::string& method, const google::protobuf::Message& in,
                  google::protobuf::Message* out) { return Answer(method, in, *out); };
  }

  LogFolder log;
  uint64_t pruned_below = 0;
  std::vector<v1::AuditWitness> witnesses;
  std::vector<uint64_t> about;  // what ListAudit finds
  int fail_after_reads = -1;    // that many calls of ReadAuditLog, then UNAVAILABLE; -1: never

 private:
  absl::Status Answer(const std::string& method, const google::protobuf::Message& in,
                      google::protobuf::Message& out) {
    if (method == "GetAuditCheckpoint") {
      auto& answer = dynamic_cast<v1::AuditCheckpoint&>(out);
      answer.set_checkpoint(log.Note(log.size()));
      answer.set_key(log.KeyText());
      answer.set_size(log.size());
      answer.set_pruned_below(pruned_below);
    } else if (method == "ListAuditWitnesses") {
      auto& answer = dynamic_cast<v1::ListAuditWitnessesResponse&>(out);
      for (const v1::AuditWitness& w : witnesses) *answer.add_items() = w;
    } else if (method == "ListAudit") {
      auto& answer = dynamic_cast<v1::ListAuditResponse&>(out);
      for (const uint64_t sequence : about) answer.add_items()->set_sequence(sequence);
    } else if (method == "ReadAuditLog") {
      if (fail_after_reads >= 0 && fail_after_reads-- == 0) return absl::UnavailableError("gone");
      Read(dynamic_cast<const v1::ReadAuditLogRequest&>(in),
           dynamic_cast<v1::ReadAuditLogResponse&>(out));
    } else if (method == "ProveAudit") {
      const uint64_t sequence = dynamic_cast<const v1::ProveAuditRequest&>(in).sequence();
      auto& answer = dynamic_cast<v1::ProveAuditResponse&>(out);
      const LogProof proof = log.Proof(sequence, log.size());
      if (sequence >= pruned_below) answer.set_entry(proof.entry);
      for (const std::string& hash : proof.path) answer.add_path(hash);
      answer.set_checkpoint(proof.checkpoint);
    } else {
      return absl::UnimplementedError(method);
    }
    return absl::OkStatus();
  }

  void Read(const v1::ReadAuditLogRequest& in, v1::ReadAuditLogResponse& out) {
    constexpr uint64_t kAtOnce = 100;
    for (uint64_t i = in.from(); i < std::min(in.until(), in.from() + kAtOnce); ++i) {
      v1::AuditRecord& record = *out.add_records();
      if (i >= pruned_below) record.set_entry(log.entry(i));
      record.set_leaf_hash(log.leaves()[i]);
    }
  }
};

LogFolder LogOf(uint64_t size) {
  LogFolder log;
  log.AddSome(size);
  return log;
}

class LogExportTest : public ::testing::Test {
 protected:
  std::string dir() const { return temp_.File("export"); }

  absl::StatusOr<LogExportOutcome> Export(FakeLog& from, const std::string& about = "") {
    return ExportLog({dir(), from.call(), {}, about});
  }
  // Relative path -> bytes, without what is for people only.
  LogFiles Files() const {
    LogFiles out;
    for (const auto& e : fs::recursive_directory_iterator(dir())) {
      if (!e.is_regular_file() || e.path().filename() == kReadmeFile) continue;
      std::ifstream in(e.path(), std::ios::binary);
      out[fs::relative(e.path(), dir()).string()] = {std::istreambuf_iterator<char>(in), {}};
    }
    return out;
  }
  void ExpectGood(const LogFolder& log) {
    const auto report = VerifyLogExport({dir(), {log.Key()}, {}});
    ASSERT_TRUE(report.ok()) << report.status();
    for (const LogFinding& f : report->findings) {
      ADD_FAILURE() << f.code << " " << f.place << " " << f.detail;
    }
    EXPECT_EQ(report->head.size, log.size());
  }

  TempDir temp_;
};

TEST_F(LogExportTest, WritesExactlyTheFilesOfTheSpecification) {
  for (const uint64_t size : {0, 1, 255, 256, 257, 512, 700}) {
    fs::remove_all(dir());
    FakeLog fake(LogOf(size));
    const auto done = Export(fake);
    ASSERT_TRUE(done.ok()) << size << ": " << done.status();
    EXPECT_EQ(done->entries, size);
    EXPECT_EQ(Files(), fake.log.Files(size)) << size;
    EXPECT_TRUE(fs::exists(dir() + "/README.txt"));
    ExpectGood(fake.log);
  }
}

TEST_F(LogExportTest, ContinuesAnOlderExportFromAnySize) {
  for (const uint64_t from : {0, 1, 255, 256, 300, 512, 600}) {
    fs::remove_all(dir());
    FakeLog fake(LogOf(from));
    ASSERT_TRUE(Export(fake).ok());
    fake.log.AddSome(600 - from);
    const auto done = Export(fake);
    ASSERT_TRUE(done.ok()) << from << ": " << done.status();
    EXPECT_EQ(done->continued_at, from);
    EXPECT_EQ(done->entries, 600 - from);
    LogFiles want = fake.log.Files(600);
    if (from < 600) {
      want["witness/export-" + std::to_string(from) + ".checkpoint"] = fake.log.Note(from);
    }
    EXPECT_EQ(Files(), want) << from;
    ExpectGood(fake.log);
  }
}

TEST_F(LogExportTest, ALogThatWasRewrittenDoesNotContinueAnExportAndAllIsKept) {
  FakeLog fake(LogOf(300));
  ASSERT_TRUE(Export(fake).ok());
  const LogFiles before = Files();
  for (const uint64_t size : {300, 301, 600}) {
    FakeLog forged(LogOf(size));
    forged.log.Replace(10, forged.log.entry(11));
    const auto done = Export(forged);
    EXPECT_EQ(VerifyCodeOf(done.status()), VerifyCode::kInconsistent) << done.status();
    EXPECT_EQ(Files(), before) << size;
  }
  FakeLog shorter(LogOf(299));
  const auto done = Export(shorter);
  EXPECT_EQ(VerifyCodeOf(done.status()), VerifyCode::kInconsistent) << done.status();
  EXPECT_EQ(Files(), before);
  ExpectGood(fake.log);
}

TEST_F(LogExportTest, EntriesThatDoNotLeadToTheSignedHeadAreRefused) {
  FakeLog fake(LogOf(300));
  FakeLog other(LogOf(300));
  other.log.Replace(10, other.log.entry(11));
  const AdminCall honest = fake.call(), forged = other.call();
  const auto done =
      ExportLog({dir(),
                 [&](const std::string& method, const auto& in, auto* out) {
                   return (method == "ReadAuditLog" ? forged : honest)(method, in, out);
                 },
                 {},
                 ""});
  EXPECT_EQ(VerifyCodeOf(done.status()), VerifyCode::kInconsistent) << done.status();
  EXPECT_EQ(Files(), LogFiles());
  ASSERT_TRUE(Export(fake).ok()) << "the folder can be used";
}

TEST_F(LogExportTest, ARunThatIsCutOffLeavesTheOlderExportAndTheNextOneHeals) {
  FakeLog fake(LogOf(300));
  ASSERT_TRUE(Export(fake).ok());
  const LogFiles before = Files();
  fake.log.AddSome(700);
  fake.fail_after_reads = 4;
  EXPECT_TRUE(absl::IsUnavailable(Export(fake).status()));
  EXPECT_EQ(Files(), before);
  // Killed in the middle: what was written lies there, and the mark.
  LogFiles half = fake.log.Files(1000);
  half.erase(kCheckpointFile);
  half.erase(TilePath(0, 3, 232));
  half[kUnfinishedFile] = "";
  WriteLogFiles(half, dir());
  fake.fail_after_reads = -1;
  ASSERT_TRUE(Export(fake).ok());
  ExpectGood(fake.log);
}

TEST_F(LogExportTest, AFolderOfOthersOrADamagedExportIsLeftAlone) {
  FakeLog fake(LogOf(300));
  WriteLogFiles({{"letter.txt", "x"}}, dir());
  EXPECT_TRUE(absl::IsInvalidArgument(Export(fake).status()));
  EXPECT_EQ(Files(), (LogFiles{{"letter.txt", "x"}}));
  fs::remove_all(dir());
  ASSERT_TRUE(Export(fake).ok());
  fake.log.AddSome(10);
  for (const std::string& path : {TilePath(0, 1, 44), BundlePath(1, 44), TilePath(1, 0, 1)}) {
    const LogFiles good = Files();
    LogFiles bad = good;
    bad[path][20] ^= 1;
    WriteLogFiles({{path, bad[path]}}, dir());
    const auto done = Export(fake);
    EXPECT_TRUE(absl::IsFailedPrecondition(done.status())) << path << done.status();
    EXPECT_EQ(Files(), bad) << path;
    WriteLogFiles({{path, good.at(path)}}, dir());
  }
}

TEST_F(LogExportTest, ARefusedExportLeavesNoFolderBehind) {
  FakeLog fake(LogOf(5));
  fake.fail_after_reads = 0;
  EXPECT_TRUE(absl::IsUnavailable(Export(fake).status()));
  EXPECT_FALSE(fs::exists(dir()));
}

TEST_F(LogExportTest, AnotherLogsKeyIsRefused) {
  FakeLog fake(LogOf(5));
  const auto done =
      ExportLog({dir(), fake.call(), {LogFolder("agency", OtherLogTestKey()).Key()}, ""});
  EXPECT_EQ(VerifyCodeOf(done.status()), VerifyCode::kUnknownKey) << done.status();
}

TEST_F(LogExportTest, WitnessesAndProofsComeWithIt) {
  FakeLog fake(LogOf(300));
  LogFolder fork = LogOf(200);
  fork.Replace(1, fork.entry(2));
  v1::AuditWitness& witness = fake.witnesses.emplace_back();
  witness.set_device_id("dev-1");
  witness.set_checkpoint(fake.log.Note(250));
  fake.about = {7, 290, 300};
  ASSERT_TRUE(Export(fake, "request/REQ-7").ok());
  LogFiles want = fake.log.Files(300);
  want["witness/dev-1.checkpoint"] = fake.log.Note(250);
  want["proofs/7.tlog-proof"] = FormatLogProof(fake.log.Proof(7, 300));
  want["proofs/290.tlog-proof"] = FormatLogProof(fake.log.Proof(290, 300));
  EXPECT_EQ(Files(), want) << "entry 300 came after";
  ExpectGood(fake.log);

  // A controller that forgot: the device's later note stays, and so does what it refused.
  witness.set_checkpoint(fake.log.Note(100));
  witness.set_refused_checkpoint(fork.Note(200));
  ASSERT_TRUE(Export(fake).ok());
  want["witness/dev-1.refused"] = fork.Note(200);
  EXPECT_EQ(Files(), want);
  const auto report = VerifyLogExport({dir(), {fake.log.Key()}, {}});
  ASSERT_TRUE(report.ok());
  ASSERT_EQ(report->findings.size(), 1U);
  EXPECT_EQ(report->findings[0].code, "FORK");

  witness.set_device_id("../../etc/x");
  EXPECT_TRUE(absl::IsInvalidArgument(Export(fake).status()));
}

TEST_F(LogExportTest, ANoteOfAnotherLogIsNotReplacedByALaterOne) {
  FakeLog fake(LogOf(300));
  LogFolder fork = LogOf(200);
  fork.Replace(1, fork.entry(2));
  v1::AuditWitness& witness = fake.witnesses.emplace_back();
  witness.set_device_id("dev-1");
  witness.set_checkpoint(fork.Note(200));
  ASSERT_TRUE(Export(fake).ok());
  witness.set_checkpoint(fake.log.Note(250));
  ASSERT_TRUE(Export(fake).ok());
  EXPECT_EQ(Files()["witness/dev-1.checkpoint"], fork.Note(200));
  EXPECT_EQ(Files().size(), fake.log.Files(300).size() + 2);
}

TEST_F(LogExportTest, NothingIsWrittenThroughALink) {
  FakeLog fake(LogOf(300));
  fs::create_directories(temp_.File("elsewhere"));
  fs::create_directories(dir());
  fs::create_symlink(temp_.File("elsewhere"), dir() + "/tile");
  WriteLogFiles({{kUnfinishedFile, ""}}, dir());
  EXPECT_TRUE(absl::IsInvalidArgument(Export(fake).status()));
  EXPECT_TRUE(fs::is_empty(temp_.File("elsewhere")));
}

TEST_F(LogExportTest, AListOfWitnessesThatNeverEndsIsRefused) {
  FakeLog fake(LogOf(3));
  const AdminCall honest = fake.call();
  const AdminCall endless = [&](const std::string& method, const google::protobuf::Message& in,
                                google::protobuf::Message* out) {
    const absl::Status status = honest(method, in, out);
    if (method == "ListAuditWitnesses") {
      dynamic_cast<v1::ListAuditWitnessesResponse*>(out)->set_next_cursor("on");
    }
    return status;
  };
  EXPECT_EQ(VerifyCodeOf(ExportLog({dir(), endless, {}, ""}).status()), VerifyCode::kInconsistent);
  EXPECT_FALSE(fs::exists(dir()));
}

TEST_F(LogExportTest, ADamagedBundleOfAnOlderExportProvesNothing) {
  FakeLog fake(LogOf(300));
  ASSERT_TRUE(Export(fake).ok());
  WriteLogFiles({{"tile/entries/000", std::string()}}, dir());
  fake.about = {7};
  EXPECT_TRUE(absl::IsFailedPrecondition(Export(fake, "request/REQ-7").status()));
}

TEST_F(LogExportTest, PrunedEntriesAreHashesOnly) {
  FakeLog fake(LogOf(700));
  v1::AuditEntry prune;
  prune.set_verb("audit.prune");
  prune.set_outcome("ok");
  prune.set_after(R"({"pruned_below":512})");
  prune.mutable_at()->set_seconds(1'900'000'000);
  fake.log.Add(prune);
  fake.pruned_below = 512;
  const auto done = Export(fake);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->entries, 701U - 512U);
  LogFiles want = fake.log.Files(701);
  want.erase(BundlePath(0, kTileWidth));
  want.erase(BundlePath(1, kTileWidth));
  EXPECT_EQ(Files(), want);
  ExpectGood(fake.log);
  EXPECT_TRUE(absl::IsFailedPrecondition(FetchProof(fake.call(), 5, {fake.log.Key()}).status()));
  EXPECT_TRUE(FetchProof(fake.call(), 600, {fake.log.Key()}).ok());
}

// A text that is gone although nothing was pruned.
TEST_F(LogExportTest, ATextThatIsTakenOutIsRefused) {
  FakeLog fake(LogOf(300));
  const AdminCall honest = fake.call();
  const auto done = ExportLog(
      {dir(),
       [&](const std::string& method, const google::protobuf::Message& in,
           google::protobuf::Message* out) {
         const absl::Status status = honest(method, in, out);
         if (method == "ReadAuditLog") {
           dynamic_cast<v1::ReadAuditLogResponse*>(out)->mutable_records(3)->clear_entry();
         }
         return status;
       },
       {},
       ""});
  EXPECT_EQ(VerifyCodeOf(done.status()), VerifyCode::kInconsistent) << done.status();
  EXPECT_TRUE(absl::StrContains(done.status().message(), "entry 3")) << done.status();
}

}  // namespace
}  // namespace muster::cli
