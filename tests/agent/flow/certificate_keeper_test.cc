// The certificate's renewal, with a CA of the test's own.
#include "agent/flow/certificate_keeper.h"

#include <gtest/gtest.h>

#include "common/crypto.h"
#include "tests/agent/certificates.h"
#include "tests/agent/fakes.h"

namespace muster::agent {
namespace {

class CertificateKeeperTest : public ::testing::Test {
 protected:
  std::string Pem(const PrivateKey& key, const std::string& name, absl::Duration life) {
    return TestCertificate(key, name, clock_.Now() - absl::Minutes(5), clock_.Now() + life);
  }
  void SetUp() override {
    CertificateKeeper::Parts parts{.device_id = "dev-1", .key = key_};
    parts.pem = Pem(key_, "dev-1", kLife);
    parts.store = &store_;
    parts.clock = &clock_;
    parts.renew = [this](const std::string& csr) {
      ++calls_;
      EXPECT_FALSE(csr.empty());
      return answer_();
    };
    parts.renewed = [this] { ++renewed_; };
    keeper_ = *CertificateKeeper::New(std::move(parts));
  }

  static constexpr absl::Duration kLife = absl::Hours(24 * 30);
  FakeClock clock_{At("2026-03-01T12:00:00Z")};
  const absl::Time start_ = clock_.Now();
  const PrivateKey key_ = *PrivateKey::Generate(kEcdsaP256Sha256);
  MemoryStateStore store_;
  std::function<absl::StatusOr<std::string>()> answer_;
  int calls_ = 0, renewed_ = 0;
  std::unique_ptr<CertificateKeeper> keeper_;
};

TEST_F(CertificateKeeperTest, RenewsWithAThirdLeftAndSavesBeforeItIsUsed) {
  answer_ = [this] { return Pem(key_, "dev-1", kLife); };
  EXPECT_EQ(keeper_->Step(), start_ + kLife * 2 / 3);
  EXPECT_EQ(calls_, 0);
  clock_.Set(start_ + kLife * 2 / 3);
  const std::string old = keeper_->pem();
  EXPECT_EQ(keeper_->Step(), clock_.Now() + kLife * 2 / 3);
  EXPECT_EQ(renewed_, 1);
  EXPECT_NE(keeper_->pem(), old);
  EXPECT_EQ(store_.files().at(kDeviceCertFile), keeper_->pem());
  EXPECT_EQ(keeper_->not_after(), clock_.Now() + kLife);
}

TEST_F(CertificateKeeperTest, AnAnswerThatIsNoSuccessorIsNotUsed) {
  clock_.Set(start_ + kLife * 2 / 3);
  const PrivateKey other = *PrivateKey::Generate(kEcdsaP256Sha256);
  const std::vector<std::function<absl::StatusOr<std::string>()>> kAnswers = {
      [] { return absl::UnavailableError("down"); },
      [] { return std::string("nonsense"); },
      [&] { return Pem(other, "dev-1", kLife); },
      [&] { return Pem(key_, "dev-2", kLife); },
      [&] { return Pem(key_, "dev-1", start_ + kLife - clock_.Now()); },  // ends no later
  };
  const std::string old = keeper_->pem();
  absl::Duration wait = absl::ZeroDuration();
  for (const auto& answer : kAnswers) {
    answer_ = answer;
    const absl::Time next = keeper_->Step();
    EXPECT_GT(next - clock_.Now(), wait) << "each failure waits longer";
    wait = next - clock_.Now();
    EXPECT_EQ(keeper_->Step(), next) << "and nothing is asked before";
    clock_.Set(next);
    EXPECT_EQ(keeper_->pem(), old);
    EXPECT_TRUE(store_.files().empty());
  }
  EXPECT_EQ(calls_, 5);
  EXPECT_EQ(renewed_, 0);
  answer_ = [this] { return Pem(key_, "dev-1", kLife); };
  keeper_->Step();
  EXPECT_EQ(renewed_, 1);
}

TEST_F(CertificateKeeperTest, WhatCannotBeSavedIsNotUsed) {
  clock_.Set(start_ + kLife);
  answer_ = [this] { return Pem(key_, "dev-1", kLife); };
  store_.before_write = [](const std::string&) { return false; };
  const std::string old = keeper_->pem();
  clock_.Set(keeper_->Step());
  EXPECT_EQ(keeper_->pem(), old);
  EXPECT_EQ(renewed_, 0);
  store_.before_write = nullptr;
  keeper_->Step();
  EXPECT_EQ(renewed_, 1);
}

TEST_F(CertificateKeeperTest, AClockTurnedBackDoesNotPutTheNextAttemptOff) {
  clock_.Set(start_ + kLife * 3 / 4);
  answer_ = [] { return absl::UnavailableError("down"); };
  keeper_->Step();
  clock_.Set(start_ + kLife * 2 / 3);
  EXPECT_LE(keeper_->Step(), clock_.Now() + absl::Minutes(1));
}

}  // namespace
}  // namespace muster::agent
