// An enrolled agent's acceptor with a policy in force, and what an attack on it must leave as
// it was.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/flow/accept_policy.h"
#include "tests/agent/fakes.h"
#include "tests/attacks/tenant.h"

namespace muster::attacks {

using Docs = std::vector<v1::SignedDoc>;

class World {
 public:
  // In force: root 1, and version 5 of all others.
  World() { Enrol(true); }
  // Right after enrolment: root 1 alone.
  struct Fresh {};
  explicit World(Fresh) { Enrol(false); }

  // What an honest controller sends: everything must be taken, chunks included.
  void Take(const Docs& docs) {
    const std::string answers = Feed(docs);
    EXPECT_EQ(answers, absl::StrJoin(std::vector<std::string>(docs.size(), "OK"), ", "));
  }
  void TakeBeacon(const v1::BeaconUpdate& beacon) {
    EXPECT_EQ(Texts(acceptor->AcceptBeacon(beacon)), "OK");
  }

  // What the attacker sends. Each answer's code; nothing may have changed, in memory or on disk,
  // nor may the state have been written.
  std::string Attack(const Docs& docs) {
    return Unchanged([&] { return Texts(acceptor->Accept(UpdateOf(docs))); });
  }
  std::string AttackBeacon(const v1::BeaconUpdate& beacon) {
    return Unchanged([&] { return Texts(acceptor->AcceptBeacon(beacon)); });
  }
  std::string AttackChunk(const std::string& sha256, const std::string& bytes) {
    v1::Chunk chunk;
    chunk.set_sha256(sha256);
    chunk.set_data(bytes);
    return Unchanged([&] { return Texts(acceptor->AddChunk(chunk)); });
  }

  // As Attack, without a word on what it changed.
  std::string Feed(const Docs& docs) {
    agent::AcceptOutcome outcome = acceptor->Accept(UpdateOf(docs));
    std::vector<std::string> answers;
    for (size_t i = 0; i < outcome.answers.size(); ++i) {
      const v1::AgentMessage message = outcome.answers[i];
      if (!message.has_need()) {
        answers.push_back(Text(message));
        continue;
      }
      for (const std::string& sha256 : message.need().chunks()) {
        const agent::AcceptOutcome more = acceptor->AddChunk(tenant.chunks.at(sha256));
        outcome.answers.insert(outcome.answers.end(), more.answers.begin(), more.answers.end());
      }
    }
    return absl::StrJoin(answers, ", ");
  }

  void Restart() {
    acceptor = std::make_unique<agent::PolicyAcceptor>(
        agent::DeviceIdentity{"agency", kDevice, TestKey("device").key_id()}, &store, &clock,
        [this](const std::shared_ptr<const agent::AcceptedPolicy>&) { ++applied; });
    ASSERT_TRUE(acceptor->Load().ok());
  }

  // name epoch.version hash, of everything in force.
  std::string InForce() const {
    std::string out;
    for (const agent::OwnDocument& own : acceptor->current()->own) {
      absl::StrAppend(&out, own.name, " ", own.epoch, ".", own.version, " ", own.sha256, "\n");
    }
    return out;
  }

  // The attack has cost nothing: a restart finds the same, and what an honest controller sends
  // next is taken.
  void ExpectUnharmed() {
    const std::string before = InForce();
    store.before_write = nullptr;
    Restart();
    EXPECT_EQ(InForce(), before);
    tenant.now = std::max(clock.Now(), agent::HighestIssued(Saved()));
    uint64_t root = 0;
    for (const agent::OwnDocument& own : acceptor->current()->own) {
      if (own.name == kRootName) root = own.version;
    }
    Take({tenant.SignedRoot(root + 1), tenant.SignedDeny(1000), tenant.SignedAssignment(1000),
          tenant.SignedCohort(1000)});
  }

  v1::AcceptedState Saved() const {
    v1::AcceptedState state;
    EXPECT_TRUE(state.ParseFromString(store.files().at(agent::kAcceptedFile)));
    return state;
  }
  // The leaves of everything in force.
  std::vector<v1::DocumentLeaf> Leaves() const {
    const v1::AcceptedState state = Saved();
    std::vector<v1::DocumentLeaf> out;
    for (const auto* doc :
         {&state.root(), &state.cohort(), &state.assignment(), &state.emergency_deny()}) {
      if (!doc->payload().empty()) out.push_back(Tenant::LeafOf(*doc));
    }
    return out;
  }

  static v1::Update UpdateOf(const Docs& docs) {
    v1::Update update;
    update.set_nonce(7);
    for (const v1::SignedDoc& doc : docs) *update.add_documents() = doc;
    return update;
  }
  // "OK, ROLLBACK": one code an answer.
  static std::string Texts(const agent::AcceptOutcome& outcome) {
    std::vector<std::string> out;
    for (const v1::AgentMessage& m : outcome.answers) out.push_back(Text(m));
    return absl::StrJoin(out, ", ");
  }

  Tenant tenant;
  FakeClock clock{kStart};
  agent::MemoryStateStore store;
  std::unique_ptr<agent::PolicyAcceptor> acceptor;
  int applied = 0;

 private:
  void Enrol(bool with_policy) {
    const v1::SignedDoc root = tenant.SignedRoot(1);
    const auto verified = VerifyRoot(root, nullptr, "agency", {}, kStart);
    ASSERT_TRUE(
        store.Write(agent::kAcceptedFile, agent::FirstState(root, *verified).SerializeAsString())
            .ok());
    Restart();
    if (!with_policy) return;
    Take({tenant.SignedDeny(5), tenant.SignedAssignment(5), tenant.SignedCohort(5)});
    TakeBeacon(tenant.Beacon(5, Leaves()));
  }
  static std::string Text(const v1::AgentMessage& m) {
    if (m.has_ack()) return "OK";
    if (m.has_need()) return absl::StrCat("NEED ", m.need().chunks_size());
    return m.nack().code();
  }
  // Hashes by name, without the chunks that wait: they are not in force.
  std::map<std::string, std::string> Files() const {
    std::map<std::string, std::string> out;
    for (const auto& [name, bytes] : store.files()) {
      if (!absl::StartsWith(name, agent::kChunkDir)) out[name] = Sha256Hex(bytes);
    }
    return out;
  }
  template <typename Step>
  std::string Unchanged(Step step) {
    const auto files = Files();
    const std::string in_force = InForce();
    const int was_applied = applied;
    int writes = 0;
    const auto before_write = store.before_write;
    store.before_write = [&](const std::string& name) {
      const bool allowed = before_write == nullptr || before_write(name);
      writes += allowed && !absl::StartsWith(name, agent::kChunkDir) ? 1 : 0;
      return allowed;
    };
    std::string answers = step();
    store.before_write = before_write;
    EXPECT_EQ(Files(), files);
    EXPECT_EQ(InForce(), in_force);
    EXPECT_EQ(applied, was_applied);
    EXPECT_EQ(writes, 0);
    return answers;
  }
};

// Answers of several steps. In braces, so that they are played from left to right.
inline std::string InTurn(const std::vector<std::string>& steps) {
  std::vector<std::string> answers;
  for (const std::string& step : steps) {
    if (!step.empty()) answers.push_back(step);
  }
  return absl::StrJoin(answers, ", ");
}

// One named attack: what the agent answers, and how it is played.
struct Case {
  const char* name;
  const char* want;
  std::string (*play)(World&);
};
inline std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

class AttackTest : public ::testing::TestWithParam<Case> {
 protected:
  static void Play(const Case& c) {
    World world;
    EXPECT_EQ(c.play(world), c.want);
    world.ExpectUnharmed();
  }
};

}  // namespace muster::attacks

// A table of attacks as a suite: each is a test `Suite.Refused/<name>`.
#define MUSTER_ATTACKS(Suite, table)                            \
  class Suite : public AttackTest {};                           \
  TEST_P(Suite, Refused) { Play(GetParam()); }                  \
  INSTANTIATE_TEST_SUITE_P(, Suite, ::testing::ValuesIn(table), \
                           [](const auto& test) { return test.param.name; })
