// What the engine tells of itself.
#include "bridge/flow/engine.h"

#include <gtest/gtest.h>

#include "tests/agent/test_tenant.h"
#include "tests/bridge/memory_bridge_store.h"

namespace muster::bridge {
namespace {

TEST(Engine, TellsWhatIsWrongWithSigningUntilItIsMended) {
  FakeClock clock(agent::At("2026-03-01T12:00:00Z"));
  agent::TestTenant tenant(clock.Now());
  MemoryBridgeStore store;
  ASSERT_TRUE(store.Write(agent::kAcceptedFile, tenant.Enrolled().SerializeAsString()).ok());
  std::string trouble = "the certificate ends soon";
  EngineParts parts{
      .identity = {agent::kTestTenant, "dev-bridge", tenant.device_key().key_id(), "start-1"},
      .key = tenant.device_key(),
      .store = &store,
      .clock = &clock};
  parts.fleet.tenant = agent::kTestTenant;
  parts.fleet.bridge_id = "dev-bridge";
  parts.fleet.signing_trouble = [&trouble](absl::Time) { return trouble; };
  Engine engine(std::move(parts));
  ASSERT_TRUE(engine.Load().ok());
  const auto told = [&] {
    clock.Advance(absl::Minutes(1));
    engine.Tick();
    v1::BridgeReport report;
    const auto kept = store.Read(kBridgeReportFile);
    EXPECT_TRUE(kept.ok() && *kept && report.ParseFromString(**kept));
    return report.last_error();
  };
  EXPECT_EQ(told(), "the certificate ends soon");
  absl::Time wake;
  const auto call = engine.TakeCall(&wake);
  ASSERT_TRUE(call.has_value());
  UemAnswer denied;
  denied.status = absl::UnauthenticatedError("no");
  engine.GiveAnswer(*call, denied);
  EXPECT_EQ(told().substr(0, 63),
            "the certificate ends soon; and the UEM refuses the bridge's acc");
  trouble.clear();
  EXPECT_EQ(told().substr(0, 34), "the UEM refuses the bridge's accou");
}

}  // namespace
}  // namespace muster::bridge
