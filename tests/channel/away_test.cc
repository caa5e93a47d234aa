// What a device does without its controller, and how it comes back.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "tests/channel/channel.h"

namespace muster {
namespace {

class AwayTest : public Channel {
 protected:
  // An ACTIVE grant for alice that ends in `term`.
  std::string GrantFor(const std::string& person, absl::Duration term) {
    const auto submitted = Submit(*services_, Who("desk"),
                                  {.person_upn = person + "@agency.test",
                                   .app_id = "whatsapp",
                                   .ticket = absl::StrCat("INC", ++tickets_),
                                   .justification = "liaison",
                                   .device_id = "",
                                   .training_acknowledged = "2026-1",
                                   .term = term},
                                  false);
    EXPECT_TRUE(submitted.ok()) << submitted.status();
    EXPECT_TRUE(ApproveBy("soc", submitted->request.request_id()).ok());
    EXPECT_TRUE(Quiet());
    return RequestNow(submitted->request.request_id()).grant_id();
  }
  struct Exchanged {
    int updates = 0, chunks = 0;
  };
  // All that both have to say, and what the controller sent in it.
  Exchanged Exchange(SimLaptop& laptop) {
    Exchanged out;
    for (int i = 0; i < 100; ++i) {
      Settle();
      while (StepUp(laptop)) {
      }
      const Connection& c = connections_[laptop.id()];
      if (c.sink->down.empty()) break;
      v1::ControllerMessage message;
      EXPECT_TRUE(message.ParseFromString(c.sink->down.front()));
      out.updates += message.has_update();
      out.chunks += message.has_chunk();
      StepDown(laptop);
    }
    return out;
  }
  void PassBoth(SimLaptop& laptop, absl::Duration d) {
    clock_.Advance(d);
    laptop.clock().Advance(d);
    laptop.agent().Tick();
  }
};

constexpr uint32_t kAliceUid = 20001, kBobUid = 20002;

TEST_F(AwayTest, ThirtyDaysWithoutAController) {
  SimLaptop& laptop = NewLaptop("alice");
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  const std::string five = GrantFor("alice", absl::Hours(24 * 5));
  const std::string long_one = GrantFor("bob", absl::Hours(24 * 60));
  EXPECT_EQ(laptop.Verdict("whatsapp", kAliceUid), "ALLOW GRANT " + five);
  EXPECT_EQ(laptop.Verdict("whatsapp", kBobUid), "ALLOW GRANT " + long_one);
  EXPECT_EQ(laptop.Verdict("signal", kAliceUid), "BLOCK TRM_PROHIBITED");
  EXPECT_FALSE(laptop.Status().policy_stale());
  Drop(laptop);

  // One day: the Beacon has ended. That is shown and changes no decision.
  PassBoth(laptop, absl::Hours(24));
  EXPECT_EQ(laptop.Verdict("whatsapp", kAliceUid), "ALLOW GRANT " + five);
  EXPECT_FALSE(laptop.Status().policy_stale());
  EXPECT_GE(laptop.Status().stale_because_size(), 1);
  // Five days: alice's term is over, bob's is not.
  PassBoth(laptop, absl::Hours(24 * 4));
  EXPECT_EQ(laptop.Verdict("whatsapp", kAliceUid), "BLOCK NO_GRANT");
  EXPECT_EQ(laptop.Verdict("whatsapp", kBobUid), "ALLOW GRANT " + long_one);
  // Fourteen: the cohort policy has ended, and with it every entitlement. The block stands.
  PassBoth(laptop, absl::Hours(24 * 9));
  EXPECT_EQ(laptop.Verdict("whatsapp", kBobUid), "BLOCK NO_GRANT");
  EXPECT_EQ(laptop.Verdict("signal", kBobUid), "BLOCK TRM_PROHIBITED");
  EXPECT_TRUE(laptop.Status().policy_stale());
  // Thirty, and a restart without a controller.
  PassBoth(laptop, absl::Hours(24 * 16));
  laptop.Boot();
  EXPECT_EQ(laptop.Verdict("whatsapp", kBobUid), "BLOCK NO_GRANT");
  EXPECT_EQ(laptop.Verdict("signal", kBobUid), "BLOCK TRM_PROHIBITED");
  EXPECT_EQ(laptop.Verdict("slack", kBobUid), "REPORT UNLISTED");

  // The controller lived on: documents were renewed and one grant ended. One exchange: each
  // document is sent once, nothing is asked for that the device has.
  work_.WakeAll();  // as each quarter of an hour
  Settle();
  Connect(laptop);
  const Exchanged exchanged = Exchange(laptop);
  EXPECT_EQ(exchanged.updates, 2);  // assignment, cohort policy
  EXPECT_EQ(exchanged.chunks, 0);   // the content is the same
  EXPECT_EQ(InForce(laptop), Wanted(laptop));
  EXPECT_EQ(laptop.Verdict("whatsapp", kAliceUid), "BLOCK NO_GRANT");
  EXPECT_EQ(laptop.Verdict("whatsapp", kBobUid), "ALLOW GRANT " + long_one);
  EXPECT_FALSE(laptop.Status().policy_stale());
  EXPECT_EQ(laptop.Status().stale_because_size(), 0);
}

TEST_F(AwayTest, RootsThatWerePublishedMeanwhileAreWalkedOneByOne) {
  SimLaptop& laptop = NewLaptop("alice");
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  Drop(laptop);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(RotateRoot(i % 2 == 0, i == 3).ok());
    Settle();
  }
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(InForce(laptop), Wanted(laptop));
  v1::Root root;
  ASSERT_TRUE(root.ParseFromString(laptop.Saved().root().payload()));
  EXPECT_EQ(root.header().version(), 6u);
  EXPECT_EQ(root.header().epoch(), 2u);
}

TEST_F(AwayTest, AChangeOfOneAppSendsOneChunk) {
  SimLaptop& laptop = NewLaptop("alice");
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  LoadCatalogue(v1::Trm::PERMITTED);
  EXPECT_EQ(Exchange(laptop).chunks, 1);
  EXPECT_EQ(laptop.Verdict("whatsapp", kAliceUid), "BLOCK BLOCKLISTED");
}

TEST_F(AwayTest, AnEmergencyDenyOutranksAGrantUntilItIsLifted) {
  SimLaptop& laptop = NewLaptop("alice");
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  const std::string grant = GrantFor("alice", absl::Hours(24 * 60));
  ASSERT_TRUE(PublishDeny({"whatsapp", "slack"}, 7).ok());
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(laptop.Verdict("whatsapp", kAliceUid), "BLOCK EMERGENCY_DENY");
  EXPECT_EQ(laptop.Verdict("slack", kAliceUid), "BLOCK EMERGENCY_DENY");
  EXPECT_EQ(Explain(*services_, *hub_, "alice@agency.test", laptop.id(), "whatsapp")->reason(),
            "EMERGENCY_DENY");
  ASSERT_TRUE(PublishDeny({}, 8).ok());
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(laptop.Verdict("whatsapp", kAliceUid), "ALLOW GRANT " + grant);
  EXPECT_FALSE(PublishDeny({"whatsapp"}, 7).ok());
  // One that nobody lifts ends by itself.
  ASSERT_TRUE(PublishDeny({"slack"}, 9).ok());
  ASSERT_TRUE(Quiet());
  Drop(laptop);
  PassBoth(laptop, limits::kEmergencyDenyLife);
  EXPECT_EQ(laptop.Verdict("slack", kAliceUid), "REPORT UNLISTED");
}

TEST_F(AwayTest, ADenyOfAnEpochBeforeStaysWhereItIsAndGoesNowhereElse) {
  SimLaptop& there = NewLaptop("alice");
  SimLaptop& away = NewLaptop("bob");
  Connect(there);
  ASSERT_TRUE(PublishDeny({"slack"}, 7).ok());
  ASSERT_TRUE(Quiet());
  ASSERT_TRUE(RotateRoot(true, true).ok());
  Connect(away);
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(there.Verdict("slack", kAliceUid), "BLOCK EMERGENCY_DENY");
  EXPECT_EQ(away.Verdict("slack", kBobUid), "REPORT UNLISTED");
  EXPECT_EQ(InForce(away), Wanted(away));
  for (const std::string& line : Shown(away)) {
    EXPECT_TRUE(absl::EndsWith(line, " VERIFIED ")) << line;
  }
  EXPECT_EQ(away.Status().stale_because_size(), 0);
  EXPECT_EQ(there.Status().stale_because_size(), 0);
  // Signed anew it reaches both.
  ASSERT_TRUE(PublishDeny({"slack"}, 8).ok());
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(away.Verdict("slack", kBobUid), "BLOCK EMERGENCY_DENY");
}

TEST_F(AwayTest, ACopyOfTheAgentRaisesAnAlarm) {
  SimLaptop& laptop = NewLaptop("alice");
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  const auto alarms = [&] { return LoadDevice(*store_->Read(), laptop.id())->value.alarms(); };
  Drop(laptop);
  laptop.Boot();  // A restart is no copy.
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(alarms().size(), 0);
  // Another agent says Hello with the same certificate, then the first one again.
  DeviceSession copy(*services_, *hub_, instances_);
  auto sink = std::make_shared<Connection::Sink>();
  ASSERT_TRUE(
      copy.Open({laptop.id(), laptop.key_sha256(), absl::InfiniteFuture(), "x"}, sink).ok());
  EXPECT_FALSE(Connected(laptop));
  EXPECT_EQ(connections_[laptop.id()].sink->reason.code(), absl::StatusCode::kAborted);
  v1::AgentMessage hello = laptop.agent().MakeHello();
  hello.mutable_hello()->set_instance_id("the copy");
  ASSERT_TRUE(copy.OnMessage(hello).ok());
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  ASSERT_EQ(alarms().size(), 1);
  EXPECT_EQ(alarms()[0].code(), v1::Alarm::CERTIFICATE_SHARED);
}

TEST_F(AwayTest, AStateThatWasPutBackIsNoticedAndReportsAnew) {
  SimLaptop& laptop = NewLaptop("alice");
  const std::string copy = dir_.File("copy");
  std::filesystem::copy(laptop.dir(), copy, std::filesystem::copy_options::recursive);
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  GrantFor("alice", absl::Hours(24));
  Drop(laptop);
  laptop.Stop();
  std::filesystem::remove_all(laptop.dir());
  std::filesystem::copy(copy, laptop.dir(), std::filesystem::copy_options::recursive);
  laptop.machine().inventory[0].set_version("2");
  laptop.Boot();
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  const v1::Device device = LoadDevice(*store_->Read(), laptop.id())->value;
  ASSERT_EQ(device.alarms_size(), 1);
  EXPECT_EQ(device.alarms(0).code(), v1::Alarm::STATE_ROLLED_BACK);
  EXPECT_GT(device.reports_dropped(), 0u);
  // What the device says now is stored, under numbers that were not used before.
  EXPECT_EQ(Find<v1::DeviceInventory>(*store_->Read(), InventoryKey(laptop.id()))
                .value()
                ->value.items(0)
                .version(),
            "2");
  EXPECT_EQ(InForce(laptop), Wanted(laptop));
  for (const std::string& line : Shown(laptop)) {
    EXPECT_TRUE(absl::EndsWith(line, " VERIFIED ")) << line;
  }
}

TEST_F(AwayTest, ADenyThatIsKeptBackShows) {
  SimLaptop& laptop = NewLaptop("alice");
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  EXPECT_EQ(laptop.Status().stale_because_size(), 0);
  ASSERT_TRUE(PublishDeny({"whatsapp"}, 7).ok());
  Settle();
  // Somebody in between lets only the Beacon pass, without the deny's proof.
  Connection& c = connections_[laptop.id()];
  for (int i = 0; i < 20 && !c.sink->down.empty(); ++i) {
    v1::ControllerMessage message;
    ASSERT_TRUE(message.ParseFromString(c.sink->down.front()));
    c.sink->down.pop_front();
    if (message.has_beacon()) {
      auto* proofs = message.mutable_beacon()->mutable_proofs();
      for (int p = proofs->size() - 1; p >= 0; --p) {
        if (proofs->Get(p).leaf().name() == kEmergencyDenyName) proofs->DeleteSubrange(p, 1);
      }
      laptop.agent().OnMessage(message);
    }
    Taken(c);
    Settle();
  }
  ASSERT_EQ(laptop.Status().stale_because_size(), 1);
  EXPECT_NE(laptop.Status().stale_because(0).find("behind: the beacon names emergency-deny"),
            std::string::npos)
      << laptop.Status().stale_because(0);
}

TEST_F(AwayTest, ARetiredDeviceIsCutOffAtOnce) {
  SimLaptop& laptop = NewLaptop("alice");
  Connect(laptop);
  ASSERT_TRUE(Quiet());
  ASSERT_TRUE(RetireDevice(*services_, Who("soc"), laptop.id(), "lost", false).ok());
  Settle();
  EXPECT_EQ(connections_[laptop.id()].sink->reason.code(), absl::StatusCode::kPermissionDenied);
  Connect(laptop);
  EXPECT_EQ(connections_[laptop.id()].sink->reason.code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace muster
