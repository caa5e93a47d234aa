// The link over real TLS to a controller in this process.
#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"
#include "agent/adapters/grpc/controller_link.h"
#include "agent/domain/certificate.h"
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
}

TEST(Backoff, WhatCountsAsASuccess) {
  const auto ms = [](int64_t n) { return absl::Milliseconds(n); };
  struct Case {
    const char* name;
    int failures;  // attempts before that did not connect
    absl::Duration lived;
    bool taken_over;
    absl::Duration next;
  };
  const Case kCases[] = {
      {"a first stream, however short", 0, ms(1), false, ms(200)},
      {"a restart found at the first attempt, long lived", 1, ms(2000), false, ms(200)},
      {"ended as soon as it began", 1, ms(1999), false, ms(400)},
      {"never connected", 1, ms(0), false, ms(400)},
      {"half a minute is enough after any wait", 10, ms(30000), false, ms(200)},
      {"and less is not", 10, ms(29999), false, ms(30000)},
      {"a copy of the certificate", 0, ms(1), true, ms(5000)},
      {"which stayed for long", 3, ms(30000), true, ms(5000)},
      {"and which flaps", 6, ms(29999), true, ms(12800)},
  };
  for (const Case& c : kCases) {
    Backoff backoff;
    for (int i = 0; i < c.failures; ++i) {
      backoff.Ended(absl::ZeroDuration(), false);
      backoff.NextWindow();
    }
    backoff.Ended(c.lived, c.taken_over);
    EXPECT_EQ(backoff.NextWindow(), c.next) << c.name;
  }
}

class LinkTest : public ::testing::Test {
 protected:
  LinkTarget TargetOf(const FakeController& controller, const std::string& name = "dev-1") {
    return {controller.address(), ca_.pem(), *device_key_.ToPem(), ca_.Issue(name, device_key_)};
  }
  std::function<LinkTarget()> Target(const FakeController& controller) {
    return [target = TargetOf(controller)] { return target; };
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

  const SystemClock clock_{};
  const TestCa ca_{};
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
                 },
                 &clock_};
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
  for (int i = 0; i < 3'000 && controller.streams() < 2; ++i) {
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_GE(controller.streams(), 2);
}

// The agent shows it to people, and waits longer when another agent has taken over.
TEST_F(LinkTest, TheControllersReasonForAnEndArrives) {
  FakeController controller(ca_);
  controller.end_with = grpc::Status(grpc::StatusCode::ABORTED, "a newer stream has taken over");
  absl::Notification ended;
  absl::Status why;
  LinkEvents events = Events();
  events.disconnected = [&](const absl::Status& status) {
    if (ended.HasBeenNotified()) return;
    why = status;
    ended.Notify();
  };
  ControllerLink link(Target(controller), events, &outbox_);
  ASSERT_TRUE(ended.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_EQ(why, absl::AbortedError("a newer stream has taken over"));
}

TEST_F(LinkTest, ReconnectsAtOnceWithTheCertificateOfThen) {
  FakeController controller(ca_);
  std::atomic<bool> renewed{false};
  ControllerLink link([&] { return TargetOf(controller, renewed ? "dev-1-renewed" : "dev-1"); },
                      Events(), &outbox_);
  EXPECT_EQ(controller.WaitFor(1).size(), 1u);
  EXPECT_EQ(controller.peer(), "dev-1");
  renewed = true;
  link.Reconnect();
  EXPECT_EQ(controller.WaitFor(2).size(), 2u);
  EXPECT_EQ(controller.peer(), "dev-1-renewed");
}

TEST_F(LinkTest, RenewAnswersWithACertificateForTheSameKey) {
  FakeController controller(ca_);
  const absl::StatusOr<std::string> pem =
      CallRenew(TargetOf(controller), *MakeCsr(device_key_, "dev-1"));
  ASSERT_TRUE(pem.ok()) << pem.status();
  const absl::StatusOr<Certificate> got = ReadCertificate(*pem);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->spki, device_key_.spki());
  EXPECT_EQ(got->common_name, "dev-1");
  LinkTarget anonymous = TargetOf(controller);
  anonymous.key_pem = anonymous.certificate_pem = "";
  EXPECT_EQ(CallRenew(anonymous, "x").status(),
            absl::UnauthenticatedError("a device certificate is needed"));
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
  const auto link =
      std::make_unique<ControllerLink>([target] { return target; }, Events(), &outbox_);
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
