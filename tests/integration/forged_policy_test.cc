// Documents that a real controller signed, then changed, replayed or mixed up: `muster-agent
// verify` refuses each, offline, with its code. Nothing is enforced here.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/signed_doc.h"
#include "tests/integration/laptop.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

class ForgedPolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.ApplyPolicies(laptop_.chat());
    laptop_.Join(tenant_, kAlice);
    old_cohort_ = Read("cohort.pb");
    old_assignment_ = Read("assignment.pb");
    // Newer versions of both come into force.
    tenant_.Grant(kAlice);
    tenant_.Get(kAdmin, {"trm", "set", "it-chat", "PERMITTED", "--decision", "T", "--reason", "x"});
    ASSERT_TRUE(WaitUntil(absl::Seconds(150), [&] {
      return Read("cohort.pb").payload() != old_cohort_.payload() &&
             Read("assignment.pb").payload() != old_assignment_.payload();
    }));
    laptop_.agent().Stop();
  }

  v1::SignedDoc Read(const std::string& name) {
    v1::SignedDoc doc;
    EXPECT_TRUE(doc.ParseFromString(ReadWhole(laptop_.agent().state() + "/" + name))) << name;
    return doc;
  }

  std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = tenant_.folder() + "/" + name;
    EXPECT_TRUE(WriteWhole(path, bytes));
    return path;
  }

  std::string root() const { return tenant_.data() + "/trust/root.pb"; }

  // "OK" or the code.
  std::string Verify(const std::string& bytes, const std::vector<std::string>& options) {
    const std::string path = Write("document", bytes);
    std::vector<std::string> argv = {ProgramPath("muster-agent"), "verify", "--trust", root()};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.push_back(path);
    const CommandResult result = RunCommand(argv);
    const std::string start = path + " ";
    EXPECT_TRUE(absl::StartsWith(result.out, start)) << result;
    const std::string rest = result.out.substr(std::min(start.size(), result.out.size()));
    const std::string code = rest.substr(0, rest.find_first_of(" \n"));
    EXPECT_EQ(result.exit_code, code == "OK" ? 0 : 3) << result;
    return code;
  }
  std::string Verify(const std::string& bytes) {
    return Verify(bytes, {"--state", laptop_.agent().state()});
  }

  // Signed with a key of this tenant.
  v1::SignedDoc Sign(const google::protobuf::Message& payload, const std::string& key) {
    const auto private_key = PrivateKey::FromPem(ReadWhole(tenant_.data() + "/" + key));
    EXPECT_TRUE(private_key.ok()) << private_key.status();
    return *MakeSignedDoc(payload, {*private_key});
  }

  TestAccounts accounts_{1};
  TestTenant tenant_{DirectoryKind::kLdif, accounts_.name(0), "it-bob"};
  TestLaptop laptop_{tenant_.folder()};
  v1::SignedDoc old_cohort_, old_assignment_;
};

TEST_F(ForgedPolicyTest, EveryForgeryHasItsCode) {
  const v1::SignedDoc cohort = Read("cohort.pb"), assignment = Read("assignment.pb");
  EXPECT_EQ(Verify(Read("root.pb").SerializeAsString()), "OK");
  EXPECT_EQ(Verify(cohort.SerializeAsString()), "OK");
  EXPECT_EQ(Verify(assignment.SerializeAsString()), "OK");

  v1::SignedDoc doc = cohort;
  doc.mutable_payload()->back() ^= 1;
  EXPECT_EQ(Verify(doc.SerializeAsString()), "BAD_SIGNATURE");
  doc = cohort;
  doc.clear_signatures();
  EXPECT_EQ(Verify(doc.SerializeAsString()), "THRESHOLD");
  doc = cohort;
  doc.mutable_signatures(0)->set_key_id(std::string(64, 'a'));
  EXPECT_EQ(Verify(doc.SerializeAsString()), "UNKNOWN_KEY");
  doc = cohort;
  doc.set_payload_type("muster.v1.DeviceAssignment");
  EXPECT_EQ(Verify(doc.SerializeAsString()), "ROLE");
  doc.set_payload_type("muster.v1.Receipt");
  EXPECT_EQ(Verify(doc.SerializeAsString()), "WRONG_TYPE");
  doc = cohort;
  doc.clear_payload();
  EXPECT_EQ(Verify(doc.SerializeAsString()), "EMPTY");
  EXPECT_EQ(Verify(""), "EMPTY");
  EXPECT_EQ(Verify("this is no document"), "MALFORMED");
  doc = cohort;
  doc.set_payload(std::string(2 << 20, 'x'));
  EXPECT_EQ(Verify(doc.SerializeAsString()), "OVERSIZE");

  EXPECT_EQ(Verify(old_cohort_.SerializeAsString()), "ROLLBACK");
  EXPECT_EQ(Verify(old_assignment_.SerializeAsString()), "ROLLBACK");
  EXPECT_EQ(Verify(old_cohort_.SerializeAsString(), {}), "OK") << "without a state it is not old";
  EXPECT_EQ(Verify(cohort.SerializeAsString(), {"--at", "2090-01-01T00:00:00Z"}), "EXPIRED");
  EXPECT_EQ(Verify(assignment.SerializeAsString(), {"--device", "dev-0"}), "WRONG_DEVICE");
}

TEST_F(ForgedPolicyTest, WhatAKeyMayNotSign) {
  v1::CohortPolicy policy;
  ASSERT_TRUE(policy.ParseFromString(Read("cohort.pb").payload()));
  const auto versioned = [&](uint64_t by) {
    v1::CohortPolicy next = policy;
    next.mutable_header()->set_version(policy.header().version() + by);
    return next;
  };
  EXPECT_EQ(Verify(Sign(versioned(1), "keys/policy.key").SerializeAsString()), "OK");
  EXPECT_EQ(Verify(Sign(versioned(1), "keys/assignment.key").SerializeAsString()), "ROLE");
  EXPECT_EQ(Verify(Sign(versioned(1), "root-keys/root-1.key").SerializeAsString()), "ROLE");
  v1::CohortPolicy same = versioned(0);
  same.set_how_to_ask("Ask somebody else.");
  EXPECT_EQ(Verify(Sign(same, "keys/policy.key").SerializeAsString()), "EQUIVOCATION");
  v1::CohortPolicy empty = versioned(1);
  empty.clear_chunks();
  EXPECT_EQ(Verify(Sign(empty, "keys/policy.key").SerializeAsString()), "EMPTY");
  v1::CohortPolicy phones = versioned(1);
  phones.set_platform(v1::Platform::ANDROID);
  EXPECT_EQ(Verify(Sign(phones, "keys/policy.key").SerializeAsString()), "WRONG_COHORT");
  v1::CohortPolicy foreign = versioned(1);
  foreign.mutable_header()->set_tenant("other");
  EXPECT_EQ(Verify(Sign(foreign, "keys/policy.key").SerializeAsString()), "WRONG_TENANT");
  v1::CohortPolicy old_epoch = versioned(100);
  old_epoch.mutable_header()->set_epoch(policy.header().epoch() - 1);
  EXPECT_EQ(Verify(Sign(old_epoch, "keys/policy.key").SerializeAsString()), "ROLLBACK");

  v1::DeviceAssignment assignment;
  ASSERT_TRUE(assignment.ParseFromString(Read("assignment.pb").payload()));
  assignment.mutable_header()->set_version(assignment.header().version() + 1);
  EXPECT_EQ(Verify(Sign(assignment, "keys/assignment.key").SerializeAsString()), "OK");
  v1::DeviceAssignment replayed = assignment;
  replayed.set_certificate_key_sha256(std::string(64, '0'));
  EXPECT_EQ(Verify(Sign(replayed, "keys/assignment.key").SerializeAsString()), "WRONG_DEVICE");
  // A root of one key signs nothing: two of three must.
  v1::Root next_root;
  ASSERT_TRUE(next_root.ParseFromString(Read("root.pb").payload()));
  next_root.mutable_header()->set_version(next_root.header().version() + 1);
  EXPECT_EQ(Verify(Sign(next_root, "root-keys/root-1.key").SerializeAsString()), "THRESHOLD");
}

TEST_F(ForgedPolicyTest, AnotherTenantsTrust) {
  ASSERT_EQ(RunCommand({ProgramPath("musterd"), "init", "--dir", tenant_.folder() + "/twin",
                        "--tenant", "it"})
                .exit_code,
            0);
  const CommandResult result = RunCommand({ProgramPath("muster-agent"), "verify", "--trust",
                                           tenant_.folder() + "/twin/trust/root.pb",
                                           laptop_.agent().state() + "/cohort.pb"});
  EXPECT_EQ(result.exit_code, 3) << result;
  EXPECT_TRUE(absl::StrContains(result.out, "cohort.pb UNKNOWN_KEY ")) << result;
}

}  // namespace
}  // namespace muster
