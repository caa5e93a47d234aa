#include "agent/domain/browser_policy.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

using Texts = std::vector<std::string>;

const Texts kHosts = {"web.a.example", "web.b.example"};
constexpr char kBoth[] = R"({
  "URLBlocklist": [
    "web.a.example",
    "web.b.example"
  ]
}
)";

TEST(PlanChromium, WritesOurHosts) {
  EXPECT_EQ(PlanChromium(kHosts, {}), (ChromiumPlan{kBoth, "", {}}));
  EXPECT_EQ(PlanChromium({}, {{"a.json", R"({"URLBlocklist":["x"]})"}}), ChromiumPlan());
}

TEST(PlanChromium, KeepsTheListThatWouldCountWithoutOurs) {
  const std::map<std::string, std::string> others = {
      {"a.json", R"({"URLBlocklist":["not-effective.example"]})"},
      {"b.json", R"(/* agency */ {"HomepageLocation":"x","URLBlocklist":["ads.example", 7,
                    "web.a.example"]})"},
      {"c.json", R"({"URLBlocklist":"a wrong type does not count"})"},
  };
  EXPECT_EQ(PlanChromium(kHosts, others), (ChromiumPlan{R"({
  "URLBlocklist": [
    "web.a.example",
    "web.b.example",
    "ads.example"
  ]
}
)",
                                                        "b.json",
                                                        {}}));
}

TEST(PlanChromium, SaysWhatOthersSetAgainstIt) {
  const std::string after =
      "zzz.json sets URLBlocklist too and is read after zz-muster.json, so ours does not count; "
      "rename it";
  const std::string opens = " by URLAllowlist, which wins over our block; remove that entry";
  const std::string unknown =
      " names web addresses, but is not JSON that Muster reads; whether it opens a web client is "
      "not known";
  const struct {
    std::map<std::string, std::string> others;
    Texts want;
  } kCases[] = {
      {{{"zzz.json", R"({"URLBlocklist":["x"]})"}}, {after}},
      {{{"zzz.json", R"({"URLBlocklist":["web.a.example","x","web.b.example"]})"}}, {}},
      {{{"a", R"({"URLAllowlist":["web.a.example"]})"}}, {"a opens web.a.example" + opens}},
      {{{"a", R"({"URLAllowlist":["https://.Login.web.b.example:443/x"]})"}},
       {"a opens https://.Login.web.b.example:443/x" + opens}},
      {{{"a", R"({"URLAllowlist":["web.a.example/chat"]})"}},
       {"a opens web.a.example/chat" + opens}},
      {{{"a", R"({"URLAllowlist":["a.example","*","example","notweb.a.example"]})"}}, {}},
      {{{"a", R"({"URLAllowlist":["web.a.example"]})"}, {"b", R"({"URLAllowlist":["x"]})"}}, {}},
      {{{"a", R"({"URLBlocklist":["x"})"}}, {"a" + unknown}},
      {{{"a", R"({"URLAllowlist":["web.a.example", ] , })"}}, {"a opens web.a.example" + opens}},
      {{{"a", R"({"URLAllowlist":["x,]\",}"],"y":"\\",})"}}, {}},
      {{{"a\n", "URLAllowlist"}}, {"a?" + unknown}},
      {{{"a", "anything else"}}, {}},
      {{{"a", absl::StrCat(R"({"URLBlocklist":)", std::string(100'000, '['))}}, {"a" + unknown}},
  };
  for (const auto& c : kCases) {
    const ChromiumPlan plan = PlanChromium(kHosts, c.others);
    EXPECT_EQ(plan.notes, c.want) << c.others.begin()->second.substr(0, 99);
    EXPECT_EQ(plan.text, kBoth);
  }
}

TEST(PlanChromium, SaysWhenTheListIsTooLong) {
  std::string list;
  for (int i = 0; i < 999; ++i) absl::StrAppend(&list, list.empty() ? "" : ",", "\"h", i, "\"");
  const ChromiumPlan plan =
      PlanChromium(kHosts, {{"a.json", absl::StrCat(R"({"URLBlocklist":[)", list, "]}")}});
  EXPECT_EQ(plan.notes, Texts{"with the entries of a.json the list has 1001 entries; the browser "
                              "reads 1000"});
}

const Texts kOurs = {"*://*.web.a.example/*", "*://*.web.b.example/*"};
constexpr char kFirefoxBoth[] = R"({
  "policies": {
    "WebsiteFilter": {
      "Block": [
        "*://*.web.a.example/*",
        "*://*.web.b.example/*"
      ]
    }
  }
}
)";

TEST(PlanFirefox, WritesAFileOfItsOwnAndTakesItAway) {
  EXPECT_EQ(PlanFirefox(kHosts, std::nullopt, {}),
            (FirefoxPlan{.text = kFirefoxBoth, .ours = kOurs}));
  EXPECT_EQ(PlanFirefox(kHosts, kFirefoxBoth, kOurs),
            (FirefoxPlan{.text = kFirefoxBoth, .ours = kOurs}));
  EXPECT_EQ(PlanFirefox({}, kFirefoxBoth, kOurs), FirefoxPlan());
  EXPECT_EQ(PlanFirefox({}, std::nullopt, {}), FirefoxPlan());
}

TEST(PlanFirefox, KeepsTheAgencysOwn) {
  const std::string agency = R"({"x": [1.5, null],
 "policies": {"DisableTelemetry": true, "WebsiteFilter": {
   "Exceptions": ["*://intranet.example/*"], "Block": ["*://ads.example/*", 7, "*://*.web.b.example/*"]}}})";
  const FirefoxPlan plan = PlanFirefox(kHosts, agency, {});
  EXPECT_EQ(plan, (FirefoxPlan{.text = R"({
  "x": [
    1.5,
    null
  ],
  "policies": {
    "DisableTelemetry": true,
    "WebsiteFilter": {
      "Exceptions": [
        "*://intranet.example/*"
      ],
      "Block": [
        "*://*.web.a.example/*",
        "*://ads.example/*",
        7,
        "*://*.web.b.example/*"
      ]
    }
  }
}
)",
                               .ours = {"*://*.web.a.example/*"}}));
  EXPECT_EQ(PlanFirefox(kHosts, plan.text, plan.ours), plan) << "a second time changes nothing";
  const FirefoxPlan lifted = PlanFirefox({}, plan.text, plan.ours);
  EXPECT_EQ(lifted.text, R"({
  "x": [
    1.5,
    null
  ],
  "policies": {
    "DisableTelemetry": true,
    "WebsiteFilter": {
      "Exceptions": [
        "*://intranet.example/*"
      ],
      "Block": [
        "*://ads.example/*",
        7,
        "*://*.web.b.example/*"
      ]
    }
  }
}
)");
  EXPECT_EQ(lifted.ours, Texts{});
  EXPECT_EQ(PlanFirefox({}, agency, {}), (FirefoxPlan{.text = agency})) << "byte for byte";
}

TEST(PlanFirefox, NoticesWhatIsMissingOfOurs) {
  const std::string other = R"({"policies":{"DisableTelemetry":true}})";
  const std::string half = R"({"policies":{"WebsiteFilter":{"Block":["*://*.web.b.example/*"]}}})";
  EXPECT_FALSE(PlanFirefox(kHosts, kFirefoxBoth, kOurs).missing);
  EXPECT_TRUE(PlanFirefox(kHosts, other, kOurs).missing);
  EXPECT_TRUE(PlanFirefox(kHosts, half, kOurs).missing);
  EXPECT_EQ(PlanFirefox(kHosts, half, kOurs).text, kFirefoxBoth);
  EXPECT_TRUE(PlanFirefox(kHosts, std::nullopt, kOurs).missing);
  EXPECT_FALSE(PlanFirefox(kHosts, other, {}).missing);
}

TEST(PlanFirefox, WritesOverWhatFirefoxDoesNotUnderstandOnlyToBlock) {
  const std::string kBroken[] = {
      "",
      "{",
      "[]",
      "7",
      "// no\n{}",
      R"({"policies":[]})",
      R"({"policies":{"WebsiteFilter":["x"]}})",
      R"({"policies":{"WebsiteFilter":{"Block":"x"}}})",
      R"({"policies":{"WebsiteFilter":{"Exceptions":{}}}})",
      absl::StrCat(R"({"policies":)", std::string(100'000, '[')),
      std::string(limits::kMaxBrowserPolicyBytes + 1, ' '),
  };
  for (const std::string& text : kBroken) {
    EXPECT_EQ(PlanFirefox(kHosts, text, {}),
              (FirefoxPlan{.text = kFirefoxBoth, .ours = kOurs, .broken = true}))
        << text.substr(0, 99);
    EXPECT_EQ(PlanFirefox({}, text, {}), (FirefoxPlan{.text = text, .broken = true}));
  }
}

TEST(PlanFirefox, SaysWhichExceptionOpensAHost) {
  const struct {
    std::string exception;
    Texts opened;
  } kCases[] = {
      {"*://web.a.example/*", {"web.a.example"}},
      {"https://login.web.a.example/x", {"web.a.example"}},
      {"*://*.a.example/*", {"web.a.example"}},
      {"*://*.EXAMPLE/*", {"web.a.example", "web.b.example"}},
      {"<all_urls>", {"web.a.example", "web.b.example"}},
      {"*://*/*", {"web.a.example", "web.b.example"}},
      {"*://a.example/*", {}},  // the host itself only
      {"*://faq.a.example/*", {}},
      {"web.a.example", {}},  // not a pattern: ignored
      {"file:///x", {}},
  };
  for (const auto& c : kCases) {
    Texts want;
    for (const std::string& host : c.opened) {
      want.push_back(absl::StrCat("policies.json has the exception ", c.exception, ", which opens ",
                                  host, "; remove it"));
    }
    const std::string text =
        absl::StrCat(R"({"policies":{"WebsiteFilter":{"Exceptions":[")", c.exception, "\"]}}}");
    EXPECT_EQ(PlanFirefox(kHosts, text, {}).notes, want) << c.exception;
  }
}

}  // namespace
}  // namespace muster::agent
