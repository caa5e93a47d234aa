#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "controller/adapters/yaml/policy_loader.h"
#include "tests/controller/adapters/yaml/policy_issues.h"

namespace muster {
namespace {

constexpr char kHead[] =
    "id: x\nname: X\nidentities: [{platform: linux, dpkg: xx, verified: unverified}]\n";

TEST(WebHosts, AreReadInTheOrderOfTheFile) {
  const LoadResult got = LoadPolicies(
      {{"catalogue/x.yaml", absl::StrCat(kHead,
                                         "web:\n  - host: web.x.example\n    verified: a page\n"
                                         "  - {host: a-1.xn--bcher-kva.example, verified: b}\n")}});
  EXPECT_EQ(got.issues, std::vector<PolicyIssue>{});
  const auto& hosts = got.policies.apps.at(0).value.web_hosts();
  EXPECT_EQ(Texts(hosts.begin(), hosts.end()),
            (Texts{"web.x.example", "a-1.xn--bcher-kva.example"}));
}

TEST(WebHosts, OneHostIsRefused) {
  const std::string not_dns =
      " is not a DNS name; use a-z, 0-9, '-' and '.' (a name in another script as xn--...)";
  const std::pair<std::string, std::string> kCases[] = {
      {"https://web.x.example", " has a scheme; write the host alone"},
      {"web.x.example/chat", " has a path; write the host alone"},
      {"web.x.example:443", " has a port; write the host alone"},
      {"*.x.example", " has a wildcard; the hosts below a host are meant with it"},
      {"Web.x.example", " is not in lower case"},
      {"web", " is a single name; write all of it, for example web.example.com"},
      {"127.0.0.1", " is an address; write the DNS name"},
      {".x.example", not_dns},
      {"x.example.", not_dns},
      {"x..example", not_dns},
      {"-x.example", not_dns},
      {"x-.example", not_dns},
      {"x y.example", not_dns},
      {"x_y.example", not_dns},
      {std::string(64, 'a') + ".example", not_dns},
  };
  for (const auto& [host, flaw] : kCases) {
    const std::string shown = host.size() > 64 ? host.substr(0, 64) + "…" : host;
    EXPECT_EQ(AppIssues(absl::StrCat(kHead, "web:\n  - {host: '", host, "', verified: v}\n")),
              Texts{absl::StrCat("5:12: 'host' '", shown, "'", flaw)})
        << host;
  }
}

TEST(WebHosts, Issues) {
  std::string many;
  for (int i = 0; i < 17; ++i)
    absl::StrAppend(&many, "  - {host: h", i, ".example, verified: v}\n");
  const std::pair<std::string, Texts> kCases[] = {
      {"web: []\n", {"4:6: 'web' is empty; give at least one entry"}},
      {"web: x.example\n",
       {"4:6: 'web' must be a list (lines that start with '- '), but is a single value"}},
      {"web:\n  - x.example\n",
       {"5:5: an entry of 'web' must be a map (key: value lines), but is a single value"}},
      {"web:\n  - {verified: v}\n", {"5:5: an entry of 'web' has no 'host'; add host: ..."}},
      {"web:\n  - {host: x.example}\n",
       {"5:5: an entry of 'web' has no 'verified'; say where it was verified, or write verified: "
        "unverified"}},
      {"web:\n  - {host: x.example, verified: v, port: 1}\n",
       {"5:36: unknown key 'port'; did you mean 'host'? expected one of host, verified"}},
      {"web:\n  - {host: x.example, verified: v}\n  - {host: x.example, verified: w}\n",
       {"6:5: host 'x.example' is already given in line 5; keep one of them"}},
      {"web:\n" + many, {"5:3: 'web' has 17 entries; at most 16 are allowed"}},
  };
  for (const auto& [web, want] : kCases) EXPECT_EQ(AppIssues(kHead + web), want) << web;
}

TEST(WebHosts, OneHostInTwoAppsNamesBoth) {
  const auto app = [](const std::string& id) {
    return PolicyFileText{
        absl::StrCat("catalogue/", id, ".yaml"),
        absl::StrCat("id: ", id, "\nname: N\nidentities: [{platform: linux, dpkg: ", id, id,
                     ", verified: v}]\nweb: [{host: web.example, verified: v}]\n")};
  };
  EXPECT_EQ(IssuesOf({app("b"), app("a")}),
            Texts{"catalogue/b.yaml:4:14: 'web host web.example' is an identity of both app 'a' "
                  "(catalogue/a.yaml:4:14) and app 'b'; keep it in one of them"});
}

}  // namespace
}  // namespace muster
