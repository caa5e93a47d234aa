// What the worker puts in force, the supervisor decides by: nothing is lost between the two.
#include "agent/flow/gate_messages.h"

#include <gtest/gtest.h>

#include "tests/agent/test_tenant.h"

namespace muster::agent {
namespace {

class GateMessagesTest : public ::testing::Test {
 protected:
  EnforcementState State() {
    const TestCohort cohort = tenant_.Cohort();
    assignment_ = tenant_.Assignment(3, true);
    deny_.mutable_header()->set_name("emergency");
    deny_.add_app_ids("chat");
    deny_.set_reason("stolen");
    PolicyParts parts;
    parts.content = cohort.content;
    parts.how_to_ask = "Ask.";
    parts.cohort_not_after = now_ + absl::Hours(3);
    parts.assignment = &assignment_;
    parts.emergency_deny = &deny_;
    parts.uid_of = {{"alice", 20001}};
    parts.time_floor = now_;
    parts.windows = {{{20001, "chat"}, now_ + absl::Minutes(30)}};
    CandidateIndex::Parts candidates;
    candidates.files = {{{{1, 2}, 3, 4, 5}, 0, "/x/chat"}};
    candidates.paths = {{"/x/chat", 0, FileStamp{{1, 2}, 3, 4, 5}}, {"/x/other", -1, std::nullopt}};
    candidates.hashes = {{9, "aa", 0, true, "bb", "resources/app.asar", 7, "cc"}};
    candidates.foreign_paths = {"/usr/bin/other"};
    candidates.spared = {{8, 9}};
    return {PolicyIndex::Build(std::move(parts)),
            std::make_shared<const CandidateIndex>(std::move(candidates)), now_ + absl::Minutes(5),
            "cohort/linux version 7"};
  }

  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  TestTenant tenant_{now_};
  v1::DeviceAssignment assignment_;
  v1::EmergencyDeny deny_;
};

TEST_F(GateMessagesTest, AStateArrivesAsItWasSent) {
  const EnforcementState sent = State();
  const auto got = FromGateState(ToGateState(sent));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(ToGateState(*got).SerializeAsString(), ToGateState(sent).SerializeAsString());
  EXPECT_TRUE(got->candidates->parts() == sent.candidates->parts());
  EXPECT_EQ(got->monitor_until, sent.monitor_until);
  EXPECT_EQ(got->policy_version, sent.policy_version);
  EXPECT_EQ(got->policy->windows(), sent.policy->windows());
  for (const std::optional<uint32_t> uid : {std::optional<uint32_t>(20001), {}, {0}}) {
    for (const absl::Duration later : {absl::ZeroDuration(), absl::Hours(2), absl::Hours(4)}) {
      EXPECT_EQ(got->policy->Explain(0, uid, now_ + later).DebugString(),
                sent.policy->Explain(0, uid, now_ + later).DebugString());
    }
  }
}

TEST_F(GateMessagesTest, NoPolicyYet) {
  const auto got = FromGateState(ToGateState({}));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->policy, nullptr);
  EXPECT_EQ(got->candidates, nullptr);
}

TEST_F(GateMessagesTest, AnAppThatIsNotThereIsRefused) {
  for (const int app : {-1, 1}) {
    v1::GateState state = ToGateState(State());
    state.mutable_files(0)->set_app(app);
    EXPECT_EQ(FromGateState(state).status().code(), absl::StatusCode::kInvalidArgument) << app;
  }
}

TEST_F(GateMessagesTest, ARecordArrivesAsItWasSent) {
  ExecRecord record;
  record.app_id = "chat";
  record.uid = 7;
  record.verdict = v1::Verdict::BLOCK;
  record.reason = "NO_GRANT";
  record.path = "/x/chat";
  record.denied = record.killed = true;
  record.at = now_;
  record.terminal = "/dev/pts/3";
  const v1::GateRecord sent = ToGateRecord(record);
  EXPECT_EQ(ToGateRecord(FromGateRecord(sent)).SerializeAsString(), sent.SerializeAsString());
  EXPECT_EQ(FromGateRecord(sent).terminal, "/dev/pts/3");
  record.uid.reset();
  EXPECT_EQ(FromGateRecord(ToGateRecord(record)).uid, std::nullopt);
}

// Anybody names his files and mounts as he likes; protobuf writes such bytes and never reads them.
TEST_F(GateMessagesTest, ARecordAndAStatusOfNamesThatAreNoTextAreReadAgain) {
  ExecRecord record;
  record.path = "/home/u/\xff";
  EnforcerStatus status;
  status.marked = {"/home/u/caf\xE9", "/home/u/x"};
  status.cannot_enforce = {"programs on /home/u/caf\xE9 are not seen"};
  v1::GateReply sent, got;
  *sent.add_records() = ToGateRecord(record);
  *sent.mutable_status() = ToGateStatus(status);
  ASSERT_TRUE(got.ParseFromString(sent.SerializeAsString()));
  EXPECT_EQ(FromGateRecord(got.records(0)).path, "/home/u/\uFFFD");
  const EnforcerStatus back = FromGateStatus(got.status());
  EXPECT_EQ(back.marked, (std::vector<std::string>{"/home/u/caf\uFFFD", "/home/u/x"}));
  EXPECT_EQ(back.cannot_enforce,
            std::vector<std::string>{"programs on /home/u/caf\uFFFD are not seen"});
}

// What is opened and marked by its path must stay that path.
TEST_F(GateMessagesTest, APathThatIsNoTextArrivesAsItIs) {
  EnforcementState state = State();
  CandidateIndex::Parts parts;
  const std::string odd = "/home/u/\xff\n", looks_sent = "hex:ff";
  parts.files = {{{{1, 2}, 3, 4, 5}, 0, odd}, {{{1, 3}, 3, 4, 5}, 0, "/x/caf\u00e9\t"}};
  parts.paths = {{odd, 0, std::nullopt}};
  parts.hashes = {{9, "aa", 0, true, "", "caf\xE9", 7, "cc"},
                  {9, "bb", 0, true, "", looks_sent, 7, "cc"}};
  parts.foreign_paths = {odd};
  state.candidates = std::make_shared<const CandidateIndex>(parts);
  v1::GateState sent;
  ASSERT_TRUE(sent.ParseFromString(ToGateState(state).SerializeAsString()));
  const auto got = FromGateState(sent);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(got->candidates->parts() == state.candidates->parts());
}

}  // namespace
}  // namespace muster::agent
