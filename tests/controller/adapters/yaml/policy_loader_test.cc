#include "controller/adapters/yaml/policy_loader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "common/limits.h"
#include "common/time_proto.h"

namespace muster {
namespace {

using Texts = std::vector<std::string>;

constexpr char kHash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

Texts IssuesOf(const std::vector<PolicyFileText>& files) {
  Texts texts;
  for (const PolicyIssue& issue : LoadPolicies(files).issues) {
    EXPECT_EQ(issue.severity, PolicyIssue::Severity::kError);
    texts.push_back(IssueText(issue));
  }
  return texts;
}

// Issues of catalogue/x.yaml, without the file's name.
Texts AppIssues(const std::string& text) {
  Texts texts = IssuesOf({{"catalogue/x.yaml", text}});
  for (std::string& t : texts) t = absl::StrReplaceAll(t, {{"catalogue/x.yaml:", ""}});
  return texts;
}

// An app with this one identity, whose first line is line 4 and starts in column 5.
Texts IdentityIssues(const std::string& identity) {
  return AppIssues(absl::StrCat("id: x\nname: X\nidentities:\n  - ",
                                absl::StrReplaceAll(identity, {{"\n", "\n    "}}), "\n"));
}

std::string GoodApp(const std::string& id) {
  return absl::StrCat("id: ", id, "\nname: Name\nidentities:\n  - platform: linux\n    dpkg: ", id,
                      "-pkg\n    verified: unverified\n");
}

TEST(LoadPolicies, ReadsEveryField) {
  const LoadResult got = LoadPolicies({
      {"catalogue/tox.yaml", absl::StrCat("id: tox\n"
                                          "name: Tox\n"
                                          "publisher: \"Tox, e.V.\"\n"
                                          "note: |\n  Two\n  lines\n"
                                          "identities:\n"
                                          "  - platform: linux\n"
                                          "    dpkg: toxic\n"
                                          "    paths: [/usr/bin/toxic, /usr/games/toxic]\n"
                                          "    sha256: ",
                                          kHash,
                                          "\n"
                                          "    verified: dpkg -c\n"
                                          "  - platform: macos\n"
                                          "    bundle: chat.tox.qtox\n"
                                          "    signer: ABCDE12345\n"
                                          "    client: qTox\n"
                                          "    verified: unverified\n"
                                          "  - {platform: linux, paths: [/opt/tox], "
                                          "verified: unverified}\n")},
      {"trm.yaml",
       "trm:\n  - app: tox\n    status: RESTRICTED\n    decision: TRM-2026-007\n"
       "    decided_at: 2026-02-28\n    author: TRM Office\n    reason: Because.\n"},
      {"blocklist.yaml", "apps:\n  - tox\n"},
  });
  EXPECT_EQ(got.issues, std::vector<PolicyIssue>{});

  v1::App app;
  app.set_id("tox");
  app.set_name("Tox");
  app.set_publisher("Tox, e.V.");
  app.set_note("Two\nlines\n");
  v1::AppIdentity* dpkg = app.add_identities();
  dpkg->set_platform(v1::Platform::LINUX);
  dpkg->set_origin(v1::Origin::DPKG);
  dpkg->set_package_id("toxic");
  dpkg->add_paths("/usr/bin/toxic");
  dpkg->add_paths("/usr/games/toxic");
  dpkg->set_file_hash(kHash);
  dpkg->set_verified("dpkg -c");
  v1::AppIdentity* bundle = app.add_identities();
  bundle->set_platform(v1::Platform::MACOS);
  bundle->set_origin(v1::Origin::BUNDLE);
  bundle->set_package_id("chat.tox.qtox");
  bundle->set_signer("ABCDE12345");
  bundle->set_client("qTox");
  bundle->set_verified("unverified");
  v1::AppIdentity* path = app.add_identities();
  path->set_platform(v1::Platform::LINUX);
  path->add_paths("/opt/tox");
  path->set_verified("unverified");
  ASSERT_EQ(got.policies.apps.size(), 1u);
  EXPECT_EQ(got.policies.apps[0].value.DebugString(), app.DebugString());
  EXPECT_EQ(got.policies.apps[0].file, "catalogue/tox.yaml");
  EXPECT_EQ(got.policies.apps[0].line, 1);
  EXPECT_EQ(got.policies.apps[0].column, 5);

  v1::Trm trm;
  trm.set_app_id("tox");
  trm.set_status(v1::Trm::RESTRICTED);
  trm.set_decision_id("TRM-2026-007");
  *trm.mutable_decided_at() =
      ToProto(absl::FromCivil(absl::CivilDay(2026, 2, 28), absl::UTCTimeZone()));
  trm.set_author("TRM Office");
  trm.set_reason("Because.");
  ASSERT_TRUE(got.policies.trm.has_value());
  ASSERT_EQ(got.policies.trm->size(), 1u);
  EXPECT_EQ(got.policies.trm->at(0).value.DebugString(), trm.DebugString());
  EXPECT_EQ(got.policies.trm->at(0).line, 2);
  EXPECT_EQ(got.policies.trm->at(0).column, 10);

  ASSERT_TRUE(got.policies.blocklist.has_value());
  ASSERT_EQ(got.policies.blocklist->size(), 1u);
  EXPECT_EQ(got.policies.blocklist->at(0).value, "tox");
  EXPECT_EQ(got.policies.blocklist->at(0).line, 2);
  EXPECT_EQ(got.policies.blocklist->at(0).column, 5);
}

TEST(LoadPolicies, EveryPackageKeyMapsToItsOrigin) {
  const struct {
    std::string platform, key, id;
    v1::Platform::Id want_platform;
    v1::Origin::Kind want_origin;
  } kCases[] = {
      {"linux", "dpkg", "g++-12", v1::Platform::LINUX, v1::Origin::DPKG},
      {"linux", "rpm", "Tox_x", v1::Platform::LINUX, v1::Origin::RPM},
      {"linux", "flatpak", "im.Tox", v1::Platform::LINUX, v1::Origin::FLATPAK},
      {"linux", "snap", "tox-1", v1::Platform::LINUX, v1::Origin::SNAP},
      {"android", "package", "im.Tox", v1::Platform::ANDROID, v1::Origin::ANDROID_PACKAGE},
      {"ios", "bundle", "im-Tox", v1::Platform::IOS, v1::Origin::BUNDLE},
      {"macos", "bundle", "im.Tox", v1::Platform::MACOS, v1::Origin::BUNDLE},
      {"windows", "winget", "Im.Tox", v1::Platform::WINDOWS, v1::Origin::WINGET},
      {"windows", "pfn", "Im_kzf8qxf38zg5c", v1::Platform::WINDOWS, v1::Origin::PFN},
  };
  for (const auto& c : kCases) {
    const LoadResult got = LoadPolicies(
        {{"catalogue/x.yaml",
          absl::StrCat("id: x\nname: X\nidentities:\n  - platform: ", c.platform, "\n    ", c.key,
                       ": ", c.id, "\n    verified: unverified\n")}});
    ASSERT_EQ(got.issues, std::vector<PolicyIssue>{}) << c.key;
    const v1::AppIdentity& identity = got.policies.apps.at(0).value.identities(0);
    EXPECT_EQ(identity.platform(), c.want_platform);
    EXPECT_EQ(identity.origin(), c.want_origin);
    EXPECT_EQ(identity.package_id(), c.id);
    EXPECT_EQ(IdentityFacts(identity), Texts{absl::StrCat(c.platform, " ", c.key, " ", c.id)});
  }
}

TEST(LoadPolicies, AcceptsWhatEditorsWrite) {
  const std::string app = GoodApp("x");
  EXPECT_EQ(AppIssues(absl::StrCat("\xEF\xBB\xBF", app)), Texts{});
  EXPECT_EQ(AppIssues(absl::StrReplaceAll(app, {{"\n", "\r\n"}})), Texts{});
  EXPECT_EQ(AppIssues(absl::StrCat("# comment\n---\n", app)), Texts{});
  EXPECT_EQ(AppIssues(absl::StrReplaceAll(app, {{"Name", "Z\xC3\xA4ngi \xE4\xBF\xA1"}})), Texts{});
  EXPECT_EQ(AppIssues(absl::StrReplaceAll(app, {{"Name", "'360'"}})), Texts{});
}

TEST(LoadPolicies, StructureIssues) {
  const std::string tail = "identities: [{platform: linux, dpkg: xx, verified: unverified}]\n";
  const std::string deep32 = absl::StrCat(std::string(31, '['), std::string(31, ']'));
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
      {"", {"catalogue/x.yaml: the file is empty; write its keys or leave the file out"}},
      {"# only a comment\n",
       {"catalogue/x.yaml: the file is empty; write its keys or leave the file out"}},
      {"- id\n", {"1:1: an app file must be a map (key: value lines), but is a list"}},
      {"text\n", {"1:1: an app file must be a map (key: value lines), but is a single value"}},
      {"id: x\nname: X\nid: y\n" + tail,
       {"3:1: key 'id' is already given in line 1; keep one of them"}},
      {"id: x\nname: &n X\n" + tail,
       {"2:7: anchor '&n' is not allowed; write the value out where it is used"}},
      {"id: x\nname: &n X\nnote: *n\n" + tail,
       {"2:7: anchor '&n' is not allowed; write the value out where it is used",
        "3:7: aliases (*name) are not allowed; write the value out"}},
      {"id: x\nname: !!str X\n" + tail,
       {"2:7: tag 'tag:yaml.org,2002:str' is not allowed; remove it"}},
      {"id: x\nname: X\nidentities: !mine [{platform: linux, dpkg: xx, verified: unverified}]\n",
       {"3:13: tag '!mine' is not allowed; remove it"}},
      {"id: x\n---\nid: x\n",
       {"2:1: a second YAML document or text after the end of the first starts here; keep one "
        "document per file"}},
      {"{id: x} more\n",
       {"1:9: a second YAML document or text after the end of the first starts here; keep one "
        "document per file"}},
      {"id: x\nname: X\n[a]: b\n" + tail, {"3:1: a key must be plain text, not a list or a map"}},
      {"id: x\nname: X\n? {a: b}\n: c\n" + tail,
       {"3:3: a key must be plain text, not a list or a map"}},
      {"id: x\nname: X\n~: b\n" + tail, {"3:1: a key is missing before ':'; write key: value"}},
      {"id: x\nname: X\n<<: {a: b}\n" + tail,
       {"3:1: unknown key '<<'; expected one of id, name, publisher, note, identities"}},
      {"id: x\nname: [X\n",
       {"3:1: not valid YAML: end of sequence flow not found; check indentation, colons and quotes "
        "here"}},
      {"id: x\n\tname: X\n",
       {"2:1: not valid YAML: illegal tab when looking for indentation; check indentation, colons "
        "and quotes here"}},
      {"id: *nowhere\n",
       {"1:5: not valid YAML: the referenced anchor is not defined; check indentation, colons and "
        "quotes here"}},
      {"id: x\nname: X\nnote: " + deep32 + "\n" + tail,
       {"3:7: 'note' must be text, but is a list"}},
      {"id: x\nname: X\nnote: [" + deep32 + "]\n" + tail,
       {"3:38: nested deeper than 32 levels; no file of Muster needs more than 4"}},
      {absl::StrCat("a: ", std::string(400, '['), std::string(400, ']'), "\n"),
       {"1:35: nested deeper than 32 levels; no file of Muster needs more than 4"}},
      {"id: x\nname: \xC3\n", {"2:7: not valid UTF-8; save the file as UTF-8 text"}},
      {"id: x\nname: \xC0\x80\n", {"2:7: not valid UTF-8; save the file as UTF-8 text"}},
      {"id: x\nname: \xED\xA0\x80\n", {"2:7: not valid UTF-8; save the file as UTF-8 text"}},
      {std::string("id: x\nname: \0X\n", 15),
       {"2:7: control character U+0000 is not allowed; remove it"}},
      {"id: x\nname: a\x04\n", {"2:8: control character U+0004 is not allowed; remove it"}},
      {"id: x\rname: X\n", {"1:6: control character U+000d is not allowed; remove it"}},
      {"id: x\nname: a\xE2\x80\xAE\n", {"2:8: invisible character U+202e is not allowed; remove it"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(AppIssues(c.text), c.want) << c.text;
}

TEST(LoadPolicies, AliasBombIsRefusedWithoutExpandingIt) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [");
    for (int j = 0; j < 9; ++j) absl::StrAppend(&bomb, j == 0 ? "*a" : ", *a", i - 1);
    absl::StrAppend(&bomb, "]\n");
  }
  EXPECT_EQ(AppIssues(bomb),
            (Texts{"1:5: anchor '&a0' is not allowed; write the value out where it is used",
                   "2:10: aliases (*name) are not allowed; write the value out",
                   "2:5: anchor '&a1' is not allowed; write the value out where it is used"}));
}

TEST(LoadPolicies, AppIssues) {
  const std::string tail = "identities: [{platform: linux, dpkg: xx, verified: unverified}]\n";
  const std::string id_rule =
      " is not an app id; use 1 to 64 of a-z, 0-9 and -, with no - at either end";
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
      {"name: X\n" + tail, {"1:1: an app file has no 'id'; add id: ..."}},
      {"id: x\n" + tail, {"1:1: an app file has no 'name'; add name: ..."}},
      {"id: x\nname: X\n", {"1:1: an app file has no 'identities'; add identities: ..."}},
      {"id: y\nname: X\n" + tail,
       {"1:5: 'id' is 'y', but the file is named for 'x'; make them equal"}},
      {"id: X\nname: X\n" + tail, {"1:5: 'id' 'X'" + id_rule}},
      {"id: x-\nname: X\n" + tail, {"1:5: 'id' 'x-'" + id_rule}},
      {"id: [x]\nname: X\n" + tail, {"1:5: 'id' must be an app id, but is a list"}},
      {"id: x\nname:\n" + tail, {"2:6: 'name' must be text, but is empty"}},
      {"id: x\nname: ''\n" + tail, {"2:7: 'name' must not be empty"}},
      {"id: x\nname: [X]\n" + tail, {"2:7: 'name' must be text, but is a list"}},
      {"id: x\nname: {a: b}\n" + tail, {"2:7: 'name' must be text, but is a map"}},
      {"id: x\nname: 360\n" + tail,
       {"2:7: 'name' must be text, but '360' is a number; put it in quotes"}},
      {"id: x\nname: true\n" + tail,
       {"2:7: 'name' must be text, but 'true' is a boolean; put it in quotes"}},
      {"id: x\nname: \"a\\nb\"\n" + tail,
       {"2:7: 'name' must be one line of printable text; remove control and invisible characters"}},
      {"id: x\nname: " + std::string(129, 'n') + "\n" + tail,
       {"2:7: 'name' has 129 bytes; at most 128 are allowed"}},
      {"id: x\nname: X\nnote: \"\\x07\"\n" + tail,
       {"3:7: 'note' must be printable text; remove control and invisible characters"}},
      {"id: x\nname: X\nNotes: n\n" + tail,
       {"3:1: unknown key 'Notes'; did you mean 'note'? expected one of id, name, publisher, note, "
        "identities"}},
      {"id: x\nname: X\nzz: n\n" + tail,
       {"3:1: unknown key 'zz'; expected one of id, name, publisher, note, identities"}},
      {"id: x\nname: X\nidentities: []\n",
       {"3:13: 'identities' is empty; give at least one entry"}},
      {"id: x\nname: X\nidentities: linux\n",
       {"3:13: 'identities' must be a list (lines that start with '- '), but is a single value"}},
      {"id: x\nname: X\nidentities:\n  - toxic\n",
       {"4:5: an identity must be a map (key: value lines), but is a single value"}},
      {"id: x\nname: X\nidentities:\n"
       "  - {platform: linux, dpkg: xx, verified: unverified}\n"
       "  - {platform: linux, dpkg: xx, client: Y, verified: elsewhere}\n",
       {"5:5: this identity is already given in line 4; keep one of them"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(AppIssues(c.text), c.want) << c.text;
}

TEST(LoadPolicies, IdentityIssues) {
  const std::string keys =
      "expected one of platform, dpkg, rpm, flatpak, snap, package, bundle, winget, pfn, paths, "
      "signer, sha256, client, verified";
  const std::string v = "\nverified: unverified";
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
      {"plattform: linux\ndpkg: xx" + v,
       {"4:5: an identity has no 'platform'; add platform: ...",
        "4:5: unknown key 'plattform'; did you mean 'platform'? " + keys}},
      {"platform: linus\ndpkg: xx" + v,
       {"4:15: unknown platform 'linus'; did you mean 'linux'? expected one of android, ios, "
        "macos, windows, linux"}},
      {"platform: beos\ndpkg: xx" + v,
       {"4:15: unknown platform 'beos'; did you mean 'ios'? expected one of android, ios, macos, "
        "windows, linux"}},
      {"platform: linux\ndpkg: xx",
       {"4:5: an identity has no 'verified'; say where it was verified, or write verified: "
        "unverified"}},
      {"platform: linux\ndpkg: xx\nverified:",
       {"6:14: 'verified' must be text, but is empty"}},
      {"platform: linux" + v,
       {"4:5: an identity needs at least one fact: dpkg, rpm, flatpak, snap, paths, signer or "
        "sha256"}},
      {"platform: android\nclient: Mod" + v,
       {"4:5: an identity needs at least one fact: package, signer or sha256"}},
      {"platform: android\ndpkg: xx" + v,
       {"5:5: 'dpkg' does not exist on platform android; expected package"}},
      {"platform: linux\nbundle: xx" + v,
       {"5:5: 'bundle' does not exist on platform linux; expected one of dpkg, rpm, flatpak, snap"}},
      {"platform: linux\nsnap: xx\ndpkg: xx" + v,
       {"5:5: 'snap' and 'dpkg' are two identities; write two entries"}},
      {"platform: linux\ndpkg: Xx" + v,
       {"5:11: 'dpkg' 'Xx' is not a package id; use a Debian package name: a-z, 0-9, + - . and at "
        "least two of them"}},
      {"platform: linux\ndpkg: x" + v,
       {"5:11: 'dpkg' 'x' is not a package id; use a Debian package name: a-z, 0-9, + - . and at "
        "least two of them"}},
      {"platform: linux\nsnap: x.y" + v,
       {"5:11: 'snap' 'x.y' is not a package id; use a snap name: a-z, 0-9 and -"}},
      {"platform: linux\nflatpak: x y" + v,
       {"5:14: 'flatpak' 'x y' is not a package id; use letters, digits and . _ + - only"}},
      {"platform: windows\npfn: Skype" + v,
       {"5:10: 'pfn' 'Skype' is not a package id; use a package family name: Name_publisherid, "
        "with 13 letters after the _"}},
      {"platform: linux\npaths: /usr/bin/x" + v,
       {"5:12: 'paths' must be a list (lines that start with '- '), but is a single value"}},
      {"platform: linux\npaths: []" + v, {"5:12: 'paths' is empty; give at least one entry"}},
      {"platform: linux\npaths: [bin/x]" + v,
       {"5:13: path 'bin/x' is relative; write the absolute path, from / on"}},
      {"platform: linux\npaths: [/usr/../x]" + v,
       {"5:13: path '/usr/../x' is not resolved; remove '.', '..', doubled and trailing slashes"}},
      {"platform: linux\npaths: [/usr//x]" + v,
       {"5:13: path '/usr//x' is not resolved; remove '.', '..', doubled and trailing slashes"}},
      {"platform: linux\npaths: [/]" + v,
       {"5:13: path '/' is not resolved; remove '.', '..', doubled and trailing slashes"}},
      {"platform: linux\npaths: [/a, /b, /a]" + v,
       {"5:21: path '/a' is listed twice; keep one"}},
      {"platform: windows\nwinget: A.B\npaths: [/a]" + v,
       {"6:5: 'paths' does not exist on platform windows; it is for linux and macos"}},
      {"platform: linux\nsha256: 12ab" + v,
       {"5:13: 'sha256' '12ab' is not a file hash; use 64 lowercase hex digits"}},
      {"platform: linux\nsha256: " + std::string(64, 'A') + v,
       {"5:13: 'sha256' '" + std::string(64, 'A') +
        "' is not a file hash; use 64 lowercase hex digits"}},
      {"platform: linux\nsha256: " + std::string(64, '1') + v, {}},
      {"platform: android\nsigner: ABCDE12345" + v,
       {"5:13: 'signer' 'ABCDE12345' is not a signer; use the signing certificate's SHA-256, 64 "
        "lowercase hex digits"}},
      {"platform: macos\nsigner: abcde12345" + v,
       {"5:13: 'signer' 'abcde12345' is not a signer; use a Team ID (10 of A-Z and 0-9) or the "
        "certificate's SHA-256 (64 lowercase hex digits)"}},
      {"platform: windows\nsigner: KZF8QXF38ZG5C" + v,
       {"5:13: 'signer' 'KZF8QXF38ZG5C' is not a signer; use a publisher id (13 of a-z and 0-9) or "
        "the certificate's SHA-256 (64 lowercase hex digits)"}},
      {"platform: windows\nsigner: kzf8qxf38zg5c" + v, {}},
      {"platform: linux\ndpkg: xx\nclient: [a]" + v,
       {"6:13: 'client' must be text, but is a list"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(IdentityIssues(c.text), c.want) << c.text;
}

TEST(LoadPolicies, TrmIssues) {
  const std::string good =
      "    decision: T-1\n    decided_at: 2026-01-15\n    author: A\n    reason: R\n";
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
      {"trm: []\n", {"trm.yaml:1:6: 'trm' is empty; give at least one entry"}},
      {"apps: []\n",
       {"trm.yaml:1:1: trm.yaml has no 'trm'; add trm: ...",
        "trm.yaml:1:1: unknown key 'apps'; expected trm"}},
      {"trm:\n  - x\n",
       {"trm.yaml:2:5: a TRM entry must be a map (key: value lines), but is a single value"}},
      {"trm:\n  - app: x\n    status: PERMITED\n" + good,
       {"trm.yaml:3:13: unknown status 'PERMITED'; did you mean 'PERMITTED'? expected one of "
        "PERMITTED, RESTRICTED, PROHIBITED, UNLISTED"}},
      {"trm:\n  - app: x\n    status: prohibited\n" + good,
       {"trm.yaml:3:13: unknown status 'prohibited'; did you mean 'PROHIBITED'? expected one of "
        "PERMITTED, RESTRICTED, PROHIBITED, UNLISTED"}},
      {"trm:\n  - {app: x}\n",
       {"trm.yaml:2:5: a TRM entry has no 'author'; add author: ...",
        "trm.yaml:2:5: a TRM entry has no 'decided_at'; add decided_at: ...",
        "trm.yaml:2:5: a TRM entry has no 'decision'; add decision: ...",
        "trm.yaml:2:5: a TRM entry has no 'reason'; add reason: ...",
        "trm.yaml:2:5: a TRM entry has no 'status'; add status: ..."}},
      {"trm:\n  - app: x\n    status: PERMITTED\n" + good + "  - app: x\n    status: PROHIBITED\n" +
           good,
       {"trm.yaml:8:10: app 'x' is already listed in line 2; keep one of them"}},
      {"trm:\n  - app: x\n    status: PERMITTED\n    decision: T\n    decided_at: 2026-02-30\n"
       "    author: A\n    reason: R\n",
       {"trm.yaml:5:17: 'decided_at' '2026-02-30' is not a date; write YYYY-MM-DD"}},
      {"trm:\n  - app: x\n    status: PERMITTED\n    decision: T\n    decided_at: 15.01.2026\n"
       "    author: A\n    reason: R\n",
       {"trm.yaml:5:17: 'decided_at' '15.01.2026' is not a date; write YYYY-MM-DD"}},
      {"trm:\n  - app: x\n    status: PERMITTED\n    until: never\n" + good,
       {"trm.yaml:4:5: unknown key 'until'; expected one of app, status, decision, decided_at, "
        "author, reason"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(IssuesOf({{"trm.yaml", c.text}}), c.want) << c.text;
}

TEST(LoadPolicies, BlocklistIssues) {
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
      {"apps: []\n", {"blocklist.yaml:1:7: 'apps' is empty; give at least one entry"}},
      {"apps:\n",
       {"blocklist.yaml:2:1: 'apps' must be a list (lines that start with '- '), but is empty"}},
      {"", {"blocklist.yaml: the file is empty; write its keys or leave the file out"}},
      {"- x\n", {"blocklist.yaml:1:1: blocklist.yaml must be a map (key: value lines), but is a list"}},
      {"apps:\n  - x\nother: 1\n",
       {"blocklist.yaml:3:1: unknown key 'other'; expected apps"}},
      {"apps:\n  - x\n  - y\n  - x\n",
       {"blocklist.yaml:4:5: app 'x' is already listed in line 2; keep one of them"}},
      {"apps:\n  - id: x\n",
       {"blocklist.yaml:2:5: an entry of 'apps' must be an app id, but is a map"}},
      {"apps:\n  - Bad Id\n",
       {"blocklist.yaml:2:5: an entry of 'apps' 'Bad Id' is not an app id; use 1 to 64 of a-z, 0-9 "
        "and -, with no - at either end"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(IssuesOf({{"blocklist.yaml", c.text}}), c.want) << c.text;
}

TEST(LoadPolicies, FileIssues) {
  const std::string unknown =
      ": unknown policy file; expected catalogue/<app id>.yaml, trm.yaml or blocklist.yaml";
  for (const std::string path :
       {"notes.txt", "catalogue/x.yml", "catalogue/X.yaml", "catalogue/.yaml", "x.yaml",
        "catalogue/a/x.yaml", "../trm.yaml", "/trm.yaml", "catalogue/../trm.yaml"}) {
    EXPECT_EQ(IssuesOf({{path, ""}}), Texts{path + unknown});
  }
  EXPECT_EQ(IssuesOf({{"a\nb", ""}}), Texts{"'a?b'" + unknown});
  EXPECT_EQ(IssuesOf({{"catalogue/x.yaml", GoodApp("x")}, {"catalogue/x.yaml", GoodApp("x")}}),
            Texts{"catalogue/x.yaml: this file was given twice; give it once"});
  const std::string big(limits::kMaxPolicyFileBytes + 1, '#');
  EXPECT_EQ(IssuesOf({{"trm.yaml", big}}),
            Texts{"trm.yaml: the file has 262145 bytes; at most 262144 are allowed"});
  const std::vector<PolicyFileText> many(limits::kMaxPolicyFiles + 1);
  EXPECT_EQ(IssuesOf(many), Texts{"2001 policy files were given; at most 2000 are allowed"});
}

TEST(LoadPolicies, OneFactInTwoAppsNamesBoth) {
  const auto app = [](const std::string& id, const std::string& identity) {
    return PolicyFileText{
        absl::StrCat("catalogue/", id, ".yaml"),
        absl::StrCat("id: ", id, "\nname: N\nidentities:\n  - {", identity, ", verified: seen}\n")};
  };
  const struct {
    std::string one, two;
    Texts want;
  } kCases[] = {
      {"platform: linux, dpkg: chat", "platform: linux, dpkg: chat",
       {"catalogue/b.yaml:4:29: 'linux dpkg chat' is an identity of both app 'a' "
        "(catalogue/a.yaml:4:29) and app 'b'; keep it in one of them"}},
      {"platform: linux, dpkg: aa, paths: [/x, /y]", "platform: linux, paths: [/y]",
       {"catalogue/b.yaml:4:31: 'linux path /y' is an identity of both app 'a' "
        "(catalogue/a.yaml:4:44) and app 'b'; keep it in one of them"}},
      {"platform: ios, signer: ABCDE12345", "platform: ios, signer: ABCDE12345",
       {"catalogue/b.yaml:4:28: 'ios signer ABCDE12345' is an identity of both app 'a' "
        "(catalogue/a.yaml:4:28) and app 'b'; keep it in one of them"}},
      {"platform: linux, dpkg: chat", "platform: linux, snap: chat", {}},
      {"platform: android, package: im.chat", "platform: ios, bundle: im.chat", {}},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(IssuesOf({app("b", c.two), app("a", c.one)}), c.want) << c.one << " / " << c.two;
  }
}

TEST(LoadPolicies, IssuesOfAllFilesAreSortedByPosition) {
  EXPECT_EQ(IssuesOf({{"trm.yaml", "trm: []\n"},
                      {"catalogue/y.yaml", "id: z\nname: ''\nidentities: []\n"},
                      {"blocklist.yaml", "apps: []\n"}}),
            (Texts{"blocklist.yaml:1:7: 'apps' is empty; give at least one entry",
                   "catalogue/y.yaml:1:5: 'id' is 'z', but the file is named for 'y'; make them "
                   "equal",
                   "catalogue/y.yaml:2:7: 'name' must not be empty",
                   "catalogue/y.yaml:3:13: 'identities' is empty; give at least one entry",
                   "trm.yaml:1:6: 'trm' is empty; give at least one entry"}));
}

TEST(LoadPolicies, IssuesAreCapped) {
  std::string text = "apps:\n";
  for (int i = 0; i < 1'000; ++i) absl::StrAppend(&text, "  - BAD\n");
  const LoadResult one = LoadPolicies({{"blocklist.yaml", text}});
  ASSERT_EQ(one.issues.size(), limits::kMaxIssues);
  EXPECT_EQ(IssueText(one.issues[0]),
            "blocklist.yaml: 801 more issues in this file are not shown; correct the others first");
  const LoadResult two = LoadPolicies(
      {{"blocklist.yaml", text}, {"trm.yaml", absl::StrReplaceAll(text, {{"apps", "trm"}})}});
  ASSERT_EQ(two.issues.size(), limits::kMaxIssues);
  EXPECT_EQ(IssueText(two.issues.back()), "201 more issues are not shown; correct these first");
}

TEST(LoadPolicies, TooManyEntries) {
  std::string app = "id: x\nname: X\nidentities:\n";
  for (size_t i = 0; i <= limits::kMaxIdentitiesPerApp; ++i) {
    absl::StrAppend(&app, "  - {platform: linux, dpkg: xx", i, ", verified: unverified}\n");
  }
  EXPECT_EQ(AppIssues(app), Texts{"4:3: 'identities' has 201 entries; at most 200 are allowed"});
  std::string paths;
  for (size_t i = 0; i <= limits::kMaxPathsPerIdentity; ++i) absl::StrAppend(&paths, "/p", i, ",");
  EXPECT_EQ(IdentityIssues(absl::StrCat("platform: linux\npaths: [", paths, "]\nverified: a")),
            Texts{"5:12: 'paths' has 33 entries; at most 32 are allowed"});
}

TEST(LoadPolicies, LongForeignTextIsCutInMessages) {
  EXPECT_EQ(AppIssues(absl::StrCat("id: x\nname: X\n", std::string(500, 'k'), ": 1\n",
                                   "identities: [{platform: linux, dpkg: xx, verified: u}]\n")),
            Texts{absl::StrCat("3:1: unknown key '", std::string(64, 'k'),
                               "…'; expected one of id, name, publisher, note, identities")});
}

}  // namespace
}  // namespace muster
