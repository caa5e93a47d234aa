// The audit log as an auditor takes it away and checks it: real programs, and the verifier under
// docs/ that has no code of ours.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

class AuditTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.ApplyPolicies("/usr/bin/none");
    request_ = tenant_.Submit(kAlice);
    const Answer head = tenant_.Ask(kRecords, {"audit", "checkpoint", "--key-out", key_});
    ASSERT_EQ(head.code(), 0) << head;
  }

  // `musterctl audit verify`, with no profile at all.
  CommandResult Verify(const std::string& path, std::vector<std::string> more = {}) {
    std::vector<std::string> args = {
        ProgramPath("musterctl"), "audit", "verify", path, "--key", key_};
    args.insert(args.end(), more.begin(), more.end());
    return RunCommand(args);
  }
  CommandResult VerifyInPython(const std::string& path) {
    return RunCommand({"python3", MUSTER_SOURCE_DIR "/docs/verify_audit.py", path, key_});
  }
  Answer Export() { return tenant_.Ask(kRecords, {"audit", "export", dir_, "--key", key_}); }

  TestTenant tenant_{DirectoryKind::kLdif, "it-alice", "it-bob"};
  const std::string key_ = tenant_.folder() + "/log.key", dir_ = tenant_.folder() + "/export";
  std::string request_;
};

TEST_F(AuditTest, AnExportIsTakenContinuedAndCheckedByTwoVerifiers) {
  const Answer first = Export();
  ASSERT_EQ(first.code(), 0) << first;
  EXPECT_EQ(Verify(dir_).exit_code, 0) << Verify(dir_);
  EXPECT_EQ(VerifyInPython(dir_).exit_code, 0) << VerifyInPython(dir_);

  tenant_.Submit(kBob);
  const Answer second = Export();
  ASSERT_EQ(second.code(), 0) << second;
  EXPECT_EQ(second.json.value("continued_at", 0), first.json.value("size", -1));
  EXPECT_GT(second.json.value("size", 0), first.json.value("size", 0));
  EXPECT_EQ(Verify(dir_).exit_code, 0) << Verify(dir_);
  EXPECT_EQ(VerifyInPython(dir_).exit_code, 0) << VerifyInPython(dir_);
}

TEST_F(AuditTest, ADecisionIsProvenInOneFile) {
  const std::string proof = tenant_.folder() + "/letter.tlog-proof";
  const Answer made =
      tenant_.Ask(kRecords, {"audit", "prove", "--object", "request/" + request_, "--out", proof});
  ASSERT_EQ(made.code(), 0) << made;
  const CommandResult good = Verify(proof, {"-o", "json"});
  ASSERT_EQ(good.exit_code, 0) << good;
  const Json json = Json::parse(good.out, nullptr, false);
  EXPECT_EQ(json["entry"].value("object", ""), "request/" + request_);
  EXPECT_EQ(VerifyInPython(proof).exit_code, 0) << VerifyInPython(proof);

  std::ifstream in(proof);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  text[text.find("extra ") + 40] ^= 1;
  std::ofstream(proof) << text;
  EXPECT_EQ(Verify(proof).exit_code, 3);
  EXPECT_NE(VerifyInPython(proof).exit_code, 0);
}

// The whole data folder is put back as it was: the log is good in itself, but it is not the one
// that the auditor took.
TEST_F(AuditTest, AStoreThatWasPutBackDoesNotContinueAnExport) {
  tenant_.StopController();
  fs::copy(tenant_.data(), tenant_.folder() + "/backup", fs::copy_options::recursive);
  tenant_.StartController();
  for (int i = 0; i < 3; ++i) tenant_.Submit(CrewUpn(i + 1));
  ASSERT_EQ(Export().code(), 0);
  tenant_.StopController();
  fs::remove_all(tenant_.data());
  fs::rename(tenant_.folder() + "/backup", tenant_.data());
  tenant_.StartController();
  for (int i = 0; i < 8; ++i) tenant_.Submit(CrewUpn(i + 1));
  const Answer refused = Export();
  EXPECT_EQ(refused.code(), 3) << refused;
  EXPECT_NE(refused.command.err.find("INCONSISTENT"), std::string::npos) << refused;
  EXPECT_EQ(Verify(dir_).exit_code, 0) << "the older export is as it was";

  const std::string other = tenant_.folder() + "/other";
  ASSERT_EQ(tenant_.Ask(kRecords, {"audit", "export", other}).code(), 0);
  EXPECT_EQ(Verify(other).exit_code, 0) << "by itself nothing shows it";
  EXPECT_EQ(Verify(other, {"--witness", dir_ + "/checkpoint"}).exit_code, 3);
}

TEST_F(AuditTest, WhoMayNotReadTheLogGetsNone) {
  EXPECT_EQ(tenant_.Ask(kServiceDesk, {"audit", "export", dir_}).code(), 4);
  EXPECT_FALSE(fs::exists(dir_));
  EXPECT_EQ(tenant_.Ask(kServiceDesk, {"audit", "checkpoint"}).code(), 0) << "a witness may be "
                                                                             "anybody";
}

}  // namespace
}  // namespace muster
