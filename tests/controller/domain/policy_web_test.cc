// Web clients in the policy files: changes, conflicts, and where they are sent.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "controller/domain/policy_set.h"
#include "tests/support/now.h"

namespace muster {
namespace {

using Texts = std::vector<std::string>;

v1::App WebApp(const std::string& id, const std::vector<v1::AppIdentity>& identities) {
  v1::App app;
  app.set_id(id);
  app.set_name("Name of " + id);
  for (const auto& identity : identities) *app.add_identities() = identity;
  return app;
}

v1::Trm WebTrm(const std::string& id, v1::Trm::Status status) {
  v1::Trm trm;
  trm.set_app_id(id);
  trm.set_status(status);
  trm.set_decision_id("T-1");
  return trm;
}

PolicySet TwoApps() {
  PolicySet set;
  for (const char* id : {"a", "b"}) {
    v1::AppIdentity identity;
    identity.set_platform(v1::Platform::LINUX);
    identity.set_origin(v1::Origin::DPKG);
    identity.set_package_id(std::string(id) + "-pkg");
    set.apps[id] = WebApp(id, {identity});
  }
  return set;
}

TEST(PlanApply, SaysWhichWebHostsChange) {
  PolicySet current = TwoApps();
  current.apps["a"].add_web_hosts("old.a.example");
  LoadedPolicies loaded;
  loaded.apps = {{current.apps["a"], "catalogue/a.yaml", 1, 1}};
  loaded.apps[0].value.set_web_hosts(0, "web.a.example");
  loaded.apps[0].value.add_web_hosts("chat.a.example");
  EXPECT_EQ(PlanApply(current, loaded, false, kNow).changes,
            Texts{"app a changed: 2 web hosts added, 1 web host removed"});
  loaded.apps[0].value = current.apps["a"];
  loaded.apps[0].value.clear_web_hosts();
  EXPECT_EQ(PlanApply(current, loaded, false, kNow).changes,
            Texts{"app a changed: 1 web host removed"});
}

TEST(PlanApply, OneWebHostIsOneAppsAlone) {
  PolicySet current = TwoApps();
  current.apps["a"].add_web_hosts("web.a.example");
  LoadedPolicies loaded;
  loaded.apps = {{current.apps["b"], "catalogue/b.yaml", 1, 5}};
  loaded.apps[0].value.add_web_hosts("web.a.example");
  const PolicyChange change = PlanApply(current, loaded, false, kNow);
  ASSERT_EQ(change.issues.size(), 1u);
  EXPECT_EQ(IssueText(change.issues[0]),
            "catalogue/b.yaml:1:5: 'web host web.a.example' is an identity of both app 'a' and app "
            "'b'; keep it in one of them");
}

TEST(CompileContent, AWebClientBelongsToEveryPlatform) {
  PolicySet set;
  v1::AppIdentity android;
  android.set_platform(v1::Platform::ANDROID);
  android.set_origin(v1::Origin::ANDROID_PACKAGE);
  android.set_package_id("im.w");
  set.apps["w"] = WebApp("w", {android});
  set.apps["w"].add_web_hosts("web.w.example");
  set.trm["w"] = WebTrm("w", v1::Trm::PROHIBITED);
  for (const v1::Platform::Id platform : kPlatforms) {
    v1::CohortContent want;
    *want.add_apps() = set.apps["w"];
    if (platform != v1::Platform::ANDROID) want.mutable_apps(0)->clear_identities();
    *want.add_trm() = set.trm["w"];
    EXPECT_EQ(CompileContent(set, platform).DebugString(), want.DebugString())
        << PlatformName(platform);
  }
}

}  // namespace
}  // namespace muster
