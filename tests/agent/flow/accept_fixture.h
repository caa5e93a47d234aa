// A PolicyAcceptor over a store in memory.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/flow/accept_policy.h"
#include "tests/agent/fakes.h"

namespace muster::agent {

inline const absl::Time kNow = At("2026-03-01T12:00:00Z");

// "ack cohort/linux 1", "nack assignment/dev-1 2 EXPIRED" or "need 3".
inline std::vector<std::string> Texts(const AcceptOutcome& outcome) {
  std::vector<std::string> out;
  for (const v1::AgentMessage& m : outcome.answers) {
    if (m.has_ack()) {
      out.push_back(absl::StrCat("ack ", m.ack().name(), " ", m.ack().version()));
    } else if (m.has_need()) {
      out.push_back(absl::StrCat("need ", m.need().chunks_size()));
    } else {
      out.push_back(
          absl::StrCat("nack ", m.nack().name(), " ", m.nack().version(), " ", m.nack().code()));
    }
  }
  return out;
}

using Strings = std::vector<std::string>;

class AcceptPolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store_.Write(kAcceptedFile, tenant_.Enrolled().SerializeAsString()).ok());
    Restart();
  }
  // As after a kill: only what is on disk is left.
  void Restart() {
    acceptor_ = NewAcceptor();
    ASSERT_TRUE(acceptor_->Load().ok());
  }
  std::unique_ptr<PolicyAcceptor> NewAcceptor() {
    return std::make_unique<PolicyAcceptor>(
        tenant_.identity(), &store_, &clock_,
        [this](std::shared_ptr<const AcceptedPolicy> p) { applied_.push_back(std::move(p)); });
  }
  AcceptOutcome Offer(const std::vector<v1::SignedDoc>& docs, uint64_t nonce = 7) {
    return acceptor_->Accept(tenant_.UpdateOf(docs, nonce));
  }
  AcceptOutcome Feed(const std::string& sha256) {
    return acceptor_->AddChunk(tenant_.chunks().at(sha256));
  }
  // The whole exchange: every chunk that is asked for is sent, and the Need left out.
  AcceptOutcome Accept(const std::vector<v1::SignedDoc>& docs) {
    AcceptOutcome all = Offer(docs);
    if (all.answers.empty() || !all.answers.back().has_need()) return all;
    const v1::Need need = all.answers.back().need();
    all.answers.pop_back();
    for (const std::string& sha256 : need.chunks()) {
      AcceptOutcome more = Feed(sha256);
      for (v1::AgentMessage& m : more.answers) all.answers.push_back(std::move(m));
      all.changed |= more.changed;
      if (!more.last_refused.empty()) all.last_refused = more.last_refused;
    }
    return all;
  }
  // Nothing changed: neither in force, nor on disk, nor after a restart.
  void ExpectUnchanged(const std::vector<v1::SignedDoc>& docs, const Strings& want) {
    const auto files = store_.files();
    const size_t applied = applied_.size();
    const AcceptOutcome outcome = Accept(docs);
    EXPECT_EQ(Texts(outcome), want);
    EXPECT_FALSE(outcome.changed);
    EXPECT_EQ(store_.files(), files);
    EXPECT_EQ(applied_.size(), applied);
  }
  void Assign() { Accept({tenant_.Sign(tenant_.Assignment(1, true))}); }

  FakeClock clock_{kNow};
  TestTenant tenant_{kNow};
  MemoryStateStore store_;
  std::vector<std::shared_ptr<const AcceptedPolicy>> applied_;
  std::unique_ptr<PolicyAcceptor> acceptor_;
};

}  // namespace muster::agent
