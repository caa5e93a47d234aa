// Which app a file's contents make it: hashes, build-ids, shared runtimes and their companions.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/domain/candidate_index.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

KnownHash Alone(const char* sha256, AppIndex app, const char* build_id = "") {
  return {100, sha256, app, true, build_id};
}

KnownHash Beside(const char* sha256, AppIndex app, const char* companion,
                 const char* build_id = "") {
  return {100, sha256, app, true, build_id, "resources/app.asar", 7, companion};
}

// Matches in words: "app", "app+companion", each with "/id" when by build-id.
std::vector<std::string> Words(const std::vector<ContentMatch>& matches) {
  std::vector<std::string> out;
  for (const ContentMatch& m : matches) {
    std::string word = std::to_string(m.known->app);
    if (m.needs_companion) word += "+" + m.known->companion_sha256;
    if (m.by_build_id) word += "/id";
    out.push_back(std::move(word));
  }
  return out;
}

using List = std::vector<std::string>;

TEST(CandidateContents, HashThenBuildId) {
  CandidateIndex::Parts parts;
  parts.hashes = {Alone("aa", 0, "id0"), Alone("bb", 1), {0, "cc", 2, false, "id2"}};
  parts.foreign_paths = {"/usr/bin/twin"};
  const CandidateIndex index(parts);
  struct Case {
    FileContents contents;
    const char* path;
    List want;
    const char* why;
  };
  const Case kCases[] = {
      {{100, "aa", "id0"}, "/x", {"0"}, "the very bytes, said once"},
      {{999, "zz", "id0"}, "/x", {"0/id"}, "re-packed: any size, other bytes"},
      {{999, "", "id0"}, "/x", {"0/id"}, "not hashed yet"},
      {{999, "zz", "id0"}, "/usr/bin/twin", {}, "there what was learned yields"},
      {{100, "bb", "id9"}, "/x", {"1"}, "an app without a build-id"},
      {{5, "cc", "id2"}, "/x", {"2"}, "the catalogue states a hash, never a build-id"},
      {{5, "zz", "id2"}, "/x", {}, "the catalogue states a hash, never a build-id"},
      {{5, "zz", ""}, "/x", {}, "no build-id is nobody's"},
      {{100, "", ""}, "/x", {}, "nothing was read"},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(Words(index.MatchContents(c.contents, c.path)), c.want) << c.why;
  }
  EXPECT_TRUE(index.has_build_ids());
  EXPECT_EQ(index.FindBuildId("id0", "/x"), 0);
  EXPECT_EQ(index.FindBuildId("id0", "/usr/bin/twin"), std::nullopt);
  EXPECT_EQ(index.FindBuildId("", "/x"), std::nullopt);
  EXPECT_FALSE(CandidateIndex({}).has_build_ids());
}

TEST(CandidateContents, AnotherFileAtAProgramsPathIsItsPackages) {
  CandidateIndex::Parts parts;
  parts.files = {{{{1, 1}, 100, 1, 1}, 0, "/opt/app"}};
  const CandidateIndex index(parts);
  EXPECT_EQ(index.Look({{1, 1}, 100, 1, 1}, "/elsewhere").known, CandidateIndex::Known::kApp);
  EXPECT_EQ(index.Look({{1, 2}, 50, 2, 2}, "/opt/app").known, CandidateIndex::Known::kNeedsOwner);
  EXPECT_EQ(index.Look({{1, 2}, 50, 2, 2}, "/elsewhere").known, CandidateIndex::Known::kNo);
}

TEST(CandidateContents, ABuildIdOfTwoAppsProvesNeither) {
  CandidateIndex::Parts parts;
  parts.hashes = {Alone("aa", 0, "same"), Alone("bb", 1, "same"), Alone("cc", 2, "own"),
                  Alone("dd", 2, "own")};
  const CandidateIndex index(parts);
  EXPECT_EQ(index.FindBuildId("same", "/x"), std::nullopt);
  EXPECT_EQ(index.FindBuildId("own", "/x"), 2) << "two files of one app";
  EXPECT_EQ(index.FindHash(100, "aa", "/x"), 0) << "their bytes are still their own";
}

TEST(CandidateContents, ARuntimeIsAnAppOnlyWithItsCompanion) {
  CandidateIndex::Parts parts;
  parts.hashes = {Beside("ee", 0, "asar0", "rid"), Beside("ee", 1, "asar1", "rid"),
                  Beside("ee", 0, "asar0-new", "rid")};
  const CandidateIndex index(parts);
  EXPECT_EQ(Words(index.MatchContents({100, "ee", "rid"}, "/x")),
            (List{"0+asar0-new", "1+asar1", "0+asar0"}));
  EXPECT_EQ(Words(index.MatchContents({50, "stripped", "rid"}, "/x")),
            (List{"0+asar0-new/id", "1+asar1/id", "0+asar0/id"}));
  EXPECT_EQ(index.FindHash(100, "ee", "/x"), std::nullopt) << "never by its bytes alone";
  EXPECT_EQ(index.FindBuildId("rid", "/x"), std::nullopt);
  EXPECT_TRUE(index.has_build_ids());
  EXPECT_EQ(index.Look({{1, 1}, 100, 1, 1}, "/x").known, CandidateIndex::Known::kNeedsHash);
}

TEST(CandidateContents, WhatIsARuntimeInOneAppIsOneInEveryApp) {
  CandidateIndex::Parts parts;
  parts.hashes = {Alone("ee", 0, "rid"),
                  Alone("ff", 0, "rid"),
                  Beside("ee", 1, "asar1", "rid"),
                  {0, "ee", 2, false}};
  const CandidateIndex index(parts);
  EXPECT_EQ(Words(index.MatchContents({100, "ee", "rid"}, "/x")), (List{"2", "1+asar1"}))
      << "but what the catalogue states stands";
  EXPECT_EQ(index.FindBuildId("rid", "/x"), std::nullopt);
  EXPECT_EQ(index.FindHash(100, "ff", "/x"), 0) << "other bytes, seen alone";
}

TEST(CandidateContents, CompanionsAreDataThatARuntimeCouldBeGiven) {
  CandidateIndex::Parts parts;
  parts.hashes = {Beside("ee", 0, "asar0"), Beside("ff", 0, "asar0"), Beside("ee", 1, "asar1"),
                  Beside("ee", 2, "both"),  Beside("ee", 1, "both"),  Alone("aa", 0)};
  const CandidateIndex index(parts);
  const std::vector<KnownHash> want = {{7, "asar0", 0, true}, {7, "asar1", 1, true}};
  EXPECT_EQ(index.data_files(), want);
  EXPECT_TRUE(index.HasDataFileOfSize(7));
  EXPECT_FALSE(index.HasDataFileOfSize(100));
  EXPECT_EQ(index.FindDataFile(7, "asar1"), 1);
  EXPECT_EQ(index.FindDataFile(8, "asar1"), std::nullopt);
  EXPECT_EQ(index.FindDataFile(7, "both"), std::nullopt) << "the same data in two apps";
  EXPECT_EQ(index.FindDataFile(100, "aa"), std::nullopt);
  EXPECT_EQ(index.FindHash(7, "asar0", "/x"), std::nullopt) << "data is no program";
}

TEST(CandidateContents, TheNewestOfManyVersionsIsAmongTheMatches) {
  CandidateIndex::Parts parts;
  const size_t versions = limits::kMaxContentMatches + 10;
  for (size_t i = 0; i < versions; ++i) {
    parts.hashes.push_back(Beside("ee", 0, std::to_string(i).c_str()));
  }
  const CandidateIndex index(parts);
  const std::vector<ContentMatch> matches = index.MatchContents({100, "ee", ""}, "/x");
  ASSERT_EQ(matches.size(), limits::kMaxContentMatches);
  EXPECT_EQ(matches[0].known->companion_sha256, std::to_string(versions - 1));
}

}  // namespace
}  // namespace muster::agent
