#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/limits.h"
#include "controller/adapters/yaml/policy_loader.h"
#include "tests/controller/adapters/yaml/policy_issues.h"

namespace muster {
namespace {

TEST(ReadAppIdentity, EveryPackageKeyMapsToItsOrigin) {
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
    const LoadResult got =
        LoadPolicies({{"catalogue/x.yaml",
                       absl::StrCat("id: x\nname: X\nidentities:\n  - platform: ", c.platform,
                                    "\n    ", c.key, ": ", c.id, "\n    verified: unverified\n")}});
    ASSERT_EQ(got.issues, std::vector<PolicyIssue>{}) << c.key;
    const v1::AppIdentity& identity = got.policies.apps.at(0).value.identities(0);
    EXPECT_EQ(identity.platform(), c.want_platform);
    EXPECT_EQ(identity.origin(), c.want_origin);
    EXPECT_EQ(identity.package_id(), c.id);
    EXPECT_EQ(IdentityFacts(identity), Texts{absl::StrCat(c.platform, " ", c.key, " ", c.id)});
  }
}

TEST(ReadAppIdentity, KeyIssues) {
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
      {"platform: linux\ndpkg: xx\nverified:", {"6:5: 'verified' must be text, but is empty"}},
      {"platform: linux" + v,
       {"4:5: an identity needs at least one fact: dpkg, rpm, flatpak, snap, paths, signer or "
        "sha256"}},
      {"platform: android\nclient: Mod" + v,
       {"4:5: an identity needs at least one fact: package, signer or sha256"}},
      {"platform: android\ndpkg: xx" + v,
       {"5:5: 'dpkg' does not exist on platform android; expected package"}},
      {"platform: linux\nbundle: xx" + v,
       {"5:5: 'bundle' does not exist on platform linux; expected one of dpkg, rpm, flatpak, "
        "snap"}},
      {"platform: linux\nsnap: xx\ndpkg: xx" + v,
       {"5:5: 'snap' and 'dpkg' are two identities; write two entries"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(IdentityIssues(c.text), c.want) << c.text;
}

TEST(ReadAppIdentity, PackageIdIssues) {
  const std::string v = "\nverified: unverified";
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
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
  };
  for (const auto& c : kCases) EXPECT_EQ(IdentityIssues(c.text), c.want) << c.text;
}

TEST(ReadAppIdentity, OtherFactIssues) {
  const std::string v = "\nverified: unverified";
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
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
      {"platform: linux\npaths: [/a, /b, /a]" + v, {"5:21: path '/a' is listed twice; keep one"}},
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

TEST(ReadAppIdentity, TooManyEntries) {
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

}  // namespace
}  // namespace muster
