// The link over real TLS to a controller in this process.
#include <gtest/gtest.h>

#include <atomic>

#include "agent/adapters/files/identity_files.h"
#include "agent/adapters/grpc/controller_link.h"
#include "tests/agent/adapters/grpc/fake_controller.h"
#include "tests/agent/fakes.h"

namespace muster::agent {
namespace {

TEST(Backoff, GrowsToACapAndStartsAgain) {
  Backoff backoff;
  std::vector<absl::Duration> got;
  for (int i = 0; i < 10; ++i) got.push_back(backoff.NextWindow());
  const std::vector<absl::Duration> want = {absl::Milliseconds(200),   absl::Milliseconds(400),
                                            absl::Milliseconds(800),   absl::Milliseconds(1600),
                                            absl::Milliseconds(3200),  absl::Milliseconds(6400),
                                            absl::Milliseconds(12800), absl::Milliseconds(25600),
                                            absl::Seconds(30),         absl::Seconds(30)};
  EXPECT_EQ(got, want);
  backoff.Drain(absl::Seconds(90));
  EXPECT_EQ(backoff.NextWindow(), absl::Seconds(90));
  backoff.Drain(absl::Hours(1000));
  EXPECT_EQ(backoff.NextWindow(), absl::Hours(1)) << "nobody sends a device away for weeks";
  backoff.Succeeded();
  EXPECT_EQ(backoff.NextWindow(), absl::Milliseconds(200));
}

class LinkTest : public ::testing::Test {
 protected:
  LinkTarget Target(const FakeController& controller) {
    return {controller.address(), ca_.pem(), *device_key_.ToPem(), ca_.Issue("dev-1", device_key_)};
  }
  LinkEvents Events() {
    LinkEvents events;
    events.hello = [] {
      v1::AgentMessage hello;
      hello.mutable_hello()->set_agent_version("test");
      return hello;
    };
    events.connected = [this] { ++connected_; };
    events.disconnected = [this](const absl::Status&) { ++disconnected_; };
    events.message = [this](const v1::ControllerMessage& m) {
      if (m.has_report_ack()) acked_ = m.report_ack().seq();
      if (!m.has_update()) return;
      v1::AgentMessage ack;
      ack.mutable_ack()->set_nonce(m.update().nonce());
      outbox_.Push(ack);
    };
    return events;
  }

  const TestCa ca_;
  const PrivateKey device_key_ = *PrivateKey::Generate(kEcdsaP256Sha256);
  std::atomic<int> connected_{0}, disconnected_{0};
  std::atomic<uint64_t> acked_{0}, reports_{0};
  Outbox outbox_{[this](uint64_t after) -> std::optional<Outbox::Numbered> {
    if (after >= reports_) return std::nullopt;
    v1::Report report;
    report.set_seq(after + 1);
    Outbox::Numbered out;
    out.seq = after + 1;
    out.message.mutable_report()->set_payload(report.SerializeAsString());
    return out;
  }};
};

TEST_F(LinkTest, HelloFirstThenAnswersAndReports) {
  FakeController controller(ca_);
  controller.on_hello.mutable_update()->set_nonce(42);
  reports_ = 2;
  ControllerLink link(Target(controller), Events(), &outbox_);
  const std::vector<v1::AgentMessage> got = controller.WaitFor(4);
  ASSERT_EQ(got.size(), 4u);
  EXPECT_EQ(got[0].hello().agent_version(), "test");
  EXPECT_TRUE(controller.authenticated());
  int acks = 0, reports = 0;
  for (const v1::AgentMessage& m : got) {
    acks += m.has_ack() && m.ack().nonce() == 42;
    reports += m.has_report();
  }
  EXPECT_EQ(acks, 1);
  EXPECT_EQ(reports, 2);
  reports_ = 3;
  outbox_.Wake();
  EXPECT_EQ(controller.WaitFor(5).size(), 5u);
  EXPECT_EQ(connected_, 1);
}

TEST_F(LinkTest, ConnectsAgainAndSendsWhatStillWaits) {
  auto first = std::make_unique<FakeController>(ca_);
  const int port = first->port();
  reports_ = 1;
  ControllerLink link(Target(*first), Events(), &outbox_);
  EXPECT_EQ(first->WaitFor(2).size(), 2u);
  first.reset();
  FakeController second(ca_, port);
  EXPECT_EQ(second.WaitFor(2).size(), 2u);
  EXPECT_GE(disconnected_, 1);
}

TEST_F(LinkTest, ADrainEndsTheStream) {
  FakeController controller(ca_);
  *controller.on_hello.mutable_drain()->mutable_window() = ToProto(absl::Milliseconds(1));
  ControllerLink link(Target(controller), Events(), &outbox_);
  for (int i = 0; i < 100 && controller.streams() < 2; ++i) {
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_GE(controller.streams(), 2);
}

TEST_F(LinkTest, AControllerOfAnotherCaIsNotTalkedTo) {
  const TestCa other;
  FakeController controller(other);
  {
    ControllerLink link(Target(controller), Events(), &outbox_);
    while (disconnected_ == 0) absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_EQ(controller.streams(), 0);
  EXPECT_EQ(connected_, 0);
}

TEST_F(LinkTest, StopsAtOnceWhenNobodyListens) {
  LinkTarget target = {"localhost:1", ca_.pem(), *device_key_.ToPem(),
                       ca_.Issue("dev-1", device_key_)};
  const auto link = std::make_unique<ControllerLink>(target, Events(), &outbox_);
  while (disconnected_ == 0) absl::SleepFor(absl::Milliseconds(10));
}

TEST_F(LinkTest, EnrolSendsARequestForItsOwnKey) {
  FakeController controller(ca_);
  controller.enroll_response.set_device_id("dev-9");
  controller.enroll_response.set_tenant("agency");
  v1::EnrollRequest request;
  request.set_token("good");
  request.set_csr(*MakeCsr(device_key_, "laptop"));
  const absl::StatusOr<v1::EnrollResponse> got =
      CallEnroll(controller.address(), ca_.pem(), request);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*SpkiOfCertificate(got->certificate_pem()), device_key_.spki());

  request.set_token("used");
  const absl::Status refused = CallEnroll(controller.address(), ca_.pem(), request).status();
  EXPECT_EQ(refused, absl::PermissionDeniedError("the token is used or expired"));

  const TestCa other;
  EXPECT_EQ(CallEnroll(controller.address(), other.pem(), request).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace muster::agent
