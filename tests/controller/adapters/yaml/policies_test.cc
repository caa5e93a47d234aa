// The policies that Muster ships, loaded as an agency would load them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "common/app_identity.h"
#include "controller/adapters/yaml/policy_loader.h"
#include "controller/domain/policy_set.h"
#include "tests/support/now.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

fs::path PoliciesFolder() { return fs::path(MUSTER_SOURCE_DIR) / "policies"; }

std::vector<PolicyFileText> ReadPolicies() {
  std::vector<PolicyFileText> files;
  for (const auto& entry : fs::recursive_directory_iterator(PoliciesFolder())) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    files.push_back({fs::relative(entry.path(), PoliciesFolder()).generic_string(), text.str()});
  }
  return files;
}

class ShippedPolicies : public testing::Test {
 protected:
  void SetUp() override {
    loaded_ = LoadPolicies(ReadPolicies());
    for (const PolicyIssue& issue : loaded_.issues) ADD_FAILURE() << IssueText(issue);
    change_ = PlanApply({}, loaded_.policies, /*prune=*/true, kNow);
    for (const PolicyIssue& issue : change_.issues) ADD_FAILURE() << IssueText(issue);
    ASSERT_FALSE(change_.result.apps.empty());
    for (const auto& [id, app] : change_.result.apps) apps_.push_back(&app);
  }

  std::string MatchDpkg(const std::string& package, const std::string& path) const {
    ProvenFacts facts;
    facts.platform = v1::Platform::LINUX;
    facts.origin = v1::Origin::DPKG;
    facts.package_id = package;
    facts.path = path;
    const auto match = MatchApps(apps_, facts);
    return match.has_value() ? match->app_id : "";
  }

  LoadResult loaded_;
  PolicyChange change_;
  std::vector<const v1::App*> apps_;
};

TEST_F(ShippedPolicies, BlocklistIsExactlyTheFortyTwo) {
  const std::set<std::string> want = {"whatsapp",
                                      "whatsapp-business",
                                      "signal",
                                      "telegram",
                                      "telegram-x",
                                      "snapchat",
                                      "facebook-messenger",
                                      "viber",
                                      "messenger-lite",
                                      "wechat",
                                      "line",
                                      "line-lite",
                                      "kakaotalk",
                                      "discord",
                                      "skype",
                                      "threema",
                                      "element",
                                      "session",
                                      "wire",
                                      "wickr-me",
                                      "zalo",
                                      "imo",
                                      "bip",
                                      "qq",
                                      "kik",
                                      "groupme",
                                      "confide",
                                      "dust",
                                      "silence",
                                      "briar",
                                      "jami",
                                      "tox",
                                      "keybase",
                                      "zangi",
                                      "botim",
                                      "icq",
                                      "marco-polo",
                                      "textnow",
                                      "tango",
                                      "voxer",
                                      "hike",
                                      "google-chat"};
  ASSERT_EQ(want.size(), 42u);
  EXPECT_EQ(change_.result.blocklist, want);
  for (const std::string& id : want) EXPECT_EQ(change_.result.apps.count(id), 1u) << id;
}

TEST_F(ShippedPolicies, TrmStatuses) {
  std::map<std::string, v1::Trm::Status> got, want;
  std::set<std::string> decisions;
  for (const auto& [id, trm] : change_.result.trm) {
    got[id] = trm.status();
    decisions.insert(trm.decision_id());
    EXPECT_TRUE(trm.has_decided_at()) << id;
    EXPECT_NE(trm.author(), "") << id;
    EXPECT_NE(trm.reason(), "") << id;
  }
  for (const std::string& id : change_.result.blocklist) want[id] = v1::Trm::PROHIBITED;
  want["whatsapp"] = v1::Trm::RESTRICTED;
  want["wickr"] = v1::Trm::PERMITTED;
  EXPECT_EQ(got, want);
  EXPECT_EQ(decisions.size(), got.size());
}

TEST_F(ShippedPolicies, OtherCataloguedAppsAreUnlistedAndNotBlocked) {
  std::set<std::string> others;
  for (const v1::App* app : apps_) {
    if (change_.result.trm.count(app->id()) == 0) others.insert(app->id());
  }
  EXPECT_EQ(others, (std::set<std::string>{"bbm", "delta-chat", "dino", "gajim", "houseparty",
                                           "justalk", "neochat", "nheko", "olvid", "pidgin",
                                           "rocket-chat", "simplex", "slack"}));
}

TEST_F(ShippedPolicies, EveryIdentitySaysWhereItWasVerified) {
  for (const v1::App* app : apps_) {
    EXPECT_FALSE(app->identities().empty()) << app->id();
    for (const v1::AppIdentity& identity : app->identities()) {
      EXPECT_NE(identity.verified(), "") << app->id() << identity.ShortDebugString();
    }
  }
}

TEST_F(ShippedPolicies, DebianPackages) {
  const struct {
    std::string package, path, want;
  } kCases[] = {
      {"toxic", "/usr/bin/toxic", "tox"},
      {"qtox", "/usr/bin/qtox", "tox"},
      {"utox", "/usr/bin/utox", "tox"},
      {"telegram-desktop", "/usr/bin/telegram-desktop", "telegram"},
      {"jami", "/usr/bin/jami", "jami"},
      {"jami-daemon", "/usr/libexec/jamid", "jami"},
      {"dino-im", "/usr/bin/dino-im", "dino"},
      {"gajim", "/usr/bin/gajim", "gajim"},
      {"nheko", "/usr/bin/nheko", "nheko"},
      {"neochat", "/usr/bin/neochat", "neochat"},
      {"pidgin", "/usr/bin/pidgin", "pidgin"},
      {"slack-desktop", "", "slack"},
      {"wechat", "/opt/wechat/wechat", "wechat"},
      // Same letters, other programs.
      {"slack", "/usr/sbin/slack", ""},
      {"slack", "/usr/lib/slack/slack-sync", ""},
      {"weechat", "/usr/bin/weechat", ""},
      {"weechat-curses", "/usr/bin/weechat", ""},
      {"weechat-headless", "/usr/bin/weechat-headless", ""},
      {"", "/usr/sbin/slack", ""},
      {"", "/usr/bin/weechat", ""},
      // The package's name decides, not the file's.
      {"coreutils", "/usr/bin/toxic", ""},
  };
  for (const auto& c : kCases) EXPECT_EQ(MatchDpkg(c.package, c.path), c.want) << c.package;
}

TEST_F(ShippedPolicies, ClientsAndModsReachTheirApp) {
  std::map<std::string, std::string> got;  // client -> app
  for (const v1::App* app : apps_) {
    for (const v1::AppIdentity& identity : app->identities()) {
      if (!identity.client().empty()) got[identity.client()] = app->id();
    }
  }
  EXPECT_EQ(got, (std::map<std::string, std::string>{{"Caprine", "facebook-messenger"},
                                                     {"GBWhatsApp", "whatsapp"},
                                                     {"Molly", "signal"},
                                                     {"Telegram Plus", "telegram"},
                                                     {"Vesktop", "discord"},
                                                     {"WhatsApp for Linux", "whatsapp"},
                                                     {"WhatsDesk", "whatsapp"},
                                                     {"Whatsie", "whatsapp"},
                                                     {"ZapZap", "whatsapp"},
                                                     {"viber-unofficial", "viber"}}));
}

TEST_F(ShippedPolicies, TheTwoWickrsAreApart) {
  const auto facts = [&](const std::string& id) {
    std::vector<std::string> out;
    for (const auto& identity : change_.result.apps.at(id).identities()) {
      for (const std::string& fact : IdentityFacts(identity)) out.push_back(fact);
    }
    return out;
  };
  EXPECT_EQ(facts("wickr"), (std::vector<std::string>{"android package com.wickr.pro",
                                                      "ios bundle com.wickr.pro.prod",
                                                      "windows winget Amazon.Wickr"}));
  EXPECT_EQ(facts("wickr-me"),
            (std::vector<std::string>{"android package com.mywickr.wickr2",
                                      "ios bundle com.mywickr.wickr", "linux snap wickrme"}));
}

TEST_F(ShippedPolicies, ApplyingThemAgainChangesNothing) {
  const PolicyChange again = PlanApply(change_.result, loaded_.policies, /*prune=*/true, kNow);
  EXPECT_EQ(again.issues, std::vector<PolicyIssue>{});
  EXPECT_EQ(again.changes, std::vector<std::string>{});
  EXPECT_EQ(again.touched_apps, std::set<std::string>{});
}

TEST_F(ShippedPolicies, BlocklistFileHasOneIdPerLineAndNothingElse) {
  std::ifstream in(PoliciesFolder() / "blocklist.yaml");
  std::string line;
  ASSERT_TRUE(std::getline(in, line));
  EXPECT_EQ(line, "apps:");
  std::set<std::string> ids;
  while (std::getline(in, line)) {
    ASSERT_EQ(line.substr(0, 4), "  - ");
    ids.insert(line.substr(4));
  }
  EXPECT_EQ(ids, change_.result.blocklist);
}

}  // namespace
}  // namespace muster
