#include "common/app_identity.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

v1::AppIdentity Identity(const std::string& package, const std::string& signer,
                         const std::string& hash, const std::string& path,
                         v1::Origin::Kind origin = v1::Origin::DPKG) {
  v1::AppIdentity out;
  out.set_platform(v1::Platform::LINUX);
  if (!package.empty()) out.set_origin(origin);
  out.set_package_id(package);
  out.set_signer(signer);
  out.set_file_hash(hash);
  if (!path.empty()) out.add_paths(path);
  return out;
}

ProvenFacts Facts(const std::string& package, const std::string& signer, const std::string& hash,
                  const std::string& path, v1::Origin::Kind origin = v1::Origin::DPKG) {
  return {.platform = v1::Platform::LINUX,
          .origin = package.empty() ? v1::Origin::UNSPECIFIED : origin,
          .package_id = package,
          .signer = signer,
          .file_hash = hash,
          .path = path};
}

TEST(MatchIdentity, StrongestSharedFactDecides) {
  const ProvenFacts facts = Facts("vim", "aa", "bb", "/usr/bin/vim");
  const struct {
    const char* name;
    v1::AppIdentity identity;
    Match want;
  } kCases[] = {
      {"hash", Identity("", "", "bb", ""), Match::kHash},
      {"signer", Identity("", "aa", "", ""), Match::kSigner},
      {"package", Identity("vim", "", "", ""), Match::kPackage},
      {"path", Identity("", "", "", "/usr/bin/vim"), Match::kPath},
      {"hash differs, signer same: the hash decides", Identity("", "aa", "cc", ""), Match::kNone},
      {"hash same, signer differs: the hash decides", Identity("", "zz", "bb", ""), Match::kHash},
      {"signer differs, package same: the signer decides", Identity("vim", "zz", "", ""),
       Match::kNone},
      {"package differs, path same: the package decides", Identity("other", "", "", "/usr/bin/vim"),
       Match::kNone},
      {"same id of another origin", Identity("vim", "", "", "/usr/bin/vim", v1::Origin::SNAP),
       Match::kNone},
      {"a prefix is not the package", Identity("vi", "", "", ""), Match::kNone},
      {"a file name is not a path", Identity("", "", "", "vim"), Match::kNone},
      {"case matters", Identity("Vim", "", "", ""), Match::kNone},
      {"states nothing", Identity("", "", "", ""), Match::kNone},
  };
  for (const auto& c : kCases) EXPECT_EQ(MatchIdentity(c.identity, facts), c.want) << c.name;
}

TEST(MatchIdentity, UnprovenFactsDecideNothing) {
  const struct {
    const char* name;
    ProvenFacts facts;
    Match want;
  } kCases[] = {
      {"no hash was taken: the path decides", Facts("", "", "", "/usr/bin/x"), Match::kPath},
      {"not owned by a package: the path decides", Facts("", "", "zz", "/usr/bin/x"), Match::kNone},
      {"nothing proven", Facts("", "", "", ""), Match::kNone},
  };
  const v1::AppIdentity identity = Identity("x", "aa", "bb", "/usr/bin/x");
  for (const auto& c : kCases) EXPECT_EQ(MatchIdentity(identity, c.facts), c.want) << c.name;
}

TEST(MatchIdentity, AnotherPlatformNeverMatches) {
  ProvenFacts facts = Facts("x", "aa", "bb", "/x");
  facts.platform = v1::Platform::MACOS;
  EXPECT_EQ(MatchIdentity(Identity("x", "aa", "bb", "/x"), facts), Match::kNone);
}

TEST(MatchApps, StrongestOverAllAppsThenFirst) {
  v1::App by_path, by_hash, also_hash;
  by_path.set_id("by-path");
  *by_path.add_identities() = Identity("", "", "", "/usr/bin/vim");
  by_hash.set_id("by-hash");
  *by_hash.add_identities() = Identity("other", "", "", "");
  *by_hash.add_identities() = Identity("", "", "bb", "");
  also_hash.set_id("also-hash");
  *also_hash.add_identities() = Identity("", "", "bb", "");
  const ProvenFacts facts = Facts("vim", "", "bb", "/usr/bin/vim");
  const auto match = MatchApps({&by_path, &by_hash, &also_hash}, facts);
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->app_id, "by-hash");
  EXPECT_EQ(match->match, Match::kHash);
  EXPECT_EQ(match->identity, 1);
  EXPECT_FALSE(MatchApps({&by_path}, Facts("", "", "", "/usr/bin/vi")).has_value());
  EXPECT_FALSE(MatchApps({}, facts).has_value());
}

TEST(MatchName, EveryValue) {
  EXPECT_EQ(MatchName(Match::kNone), "none");
  EXPECT_EQ(MatchName(Match::kPath), "path");
  EXPECT_EQ(MatchName(Match::kPackage), "package");
  EXPECT_EQ(MatchName(Match::kSigner), "signer");
  EXPECT_EQ(MatchName(Match::kHash), "hash");
}

}  // namespace
}  // namespace muster
