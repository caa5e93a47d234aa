#include "agent/domain/policy_index.h"

#include <gtest/gtest.h>

#include "agent/domain/candidate_index.h"
#include "tests/agent/fakes.h"

namespace muster::agent {
namespace {

constexpr uint32_t kAlice = 20001, kBob = 20002;
const std::map<std::string, uint32_t> kUids = {{"alice", kAlice}, {"bob", kBob}};
const absl::Time kNoon = At("2026-03-01T12:00:00Z");

std::shared_ptr<const PolicyIndex> Build(const TestCohort& cohort,
                                         const v1::DeviceAssignment& assignment,
                                         absl::Time floor = absl::InfinitePast(),
                                         const v1::EmergencyDeny* deny = nullptr) {
  PolicyParts parts;
  parts.content = cohort.content;
  parts.how_to_ask = cohort.policy.how_to_ask();
  parts.cohort_not_after = FromProto(cohort.policy.header().not_after());
  parts.assignment = &assignment;
  parts.emergency_deny = deny;
  parts.uid_of = kUids;
  parts.time_floor = floor;
  return PolicyIndex::Build(std::move(parts));
}

TEST(PolicyIndex, DecidesPerPerson) {
  const TestTenant tenant(kNoon);
  struct Case {
    v1::Trm::Status trm;
    bool blocklisted, granted;
    std::optional<uint32_t> uid;
    v1::Verdict::Kind verdict;
    bool deny;
    const char* reason;
  };
  const Case kCases[] = {
      {v1::Trm::RESTRICTED, true, true, kAlice, v1::Verdict::ALLOW, false, "GRANT GRT-1"},
      {v1::Trm::RESTRICTED, true, true, kBob, v1::Verdict::BLOCK, true, "NO_GRANT"},
      {v1::Trm::RESTRICTED, true, true, std::nullopt, v1::Verdict::BLOCK, true, "NO_GRANT"},
      {v1::Trm::RESTRICTED, true, false, kAlice, v1::Verdict::BLOCK, true, "NO_GRANT"},
      {v1::Trm::PROHIBITED, true, true, kAlice, v1::Verdict::BLOCK, true, "TRM_PROHIBITED"},
      {v1::Trm::PERMITTED, true, true, kAlice, v1::Verdict::BLOCK, true, "BLOCKLISTED"},
      {v1::Trm::PERMITTED, false, false, kBob, v1::Verdict::ALLOW, false, "TRM_PERMITTED"},
      {v1::Trm::UNLISTED, false, false, std::nullopt, v1::Verdict::REPORT, false, "UNLISTED"},
      {v1::Trm::UNSPECIFIED, false, false, kBob, v1::Verdict::REPORT, false, "UNLISTED"},
  };
  for (const Case& c : kCases) {
    TestCohort cohort = tenant.Cohort(1, c.trm);
    if (!c.blocklisted) cohort.content.clear_blocklist();
    const auto index = Build(cohort, tenant.Assignment(1, c.granted));
    const Decision got = index->Decide(0, c.uid, kNoon);
    EXPECT_EQ(got.verdict, c.verdict) << c.reason;
    EXPECT_EQ(got.deny, c.deny) << c.reason;
    EXPECT_EQ(index->Reason(0, c.uid, kNoon), c.reason);
    EXPECT_EQ(index->Explain(0, c.uid, kNoon).verdict(), c.verdict) << c.reason;
  }
}

TEST(PolicyIndex, AnEntitlementEndsWithTheFirstOfThree) {
  const TestTenant tenant(kNoon);
  struct Case {
    absl::Duration entitlement, assignment, cohort, ends;
  };
  const Case kCases[] = {
      {absl::Hours(1), absl::Hours(2), absl::Hours(3), absl::Hours(1)},
      {absl::Hours(3), absl::Hours(1), absl::Hours(2), absl::Hours(1)},
      {absl::Hours(3), absl::Hours(2), absl::Hours(1), absl::Hours(1)},
  };
  for (const Case& c : kCases) {
    TestCohort cohort = tenant.Cohort();
    v1::DeviceAssignment assignment = tenant.Assignment(1, true);
    *cohort.policy.mutable_header()->mutable_not_after() = ToProto(kNoon + c.cohort);
    *assignment.mutable_header()->mutable_not_after() = ToProto(kNoon + c.assignment);
    *assignment.mutable_entitlements(0)->mutable_not_after() = ToProto(kNoon + c.entitlement);
    const auto index = Build(cohort, assignment);
    EXPECT_FALSE(index->Decide(0, kAlice, kNoon + c.ends - absl::Nanoseconds(1)).deny);
    EXPECT_TRUE(index->Decide(0, kAlice, kNoon + c.ends).deny);
    EXPECT_EQ(index->NextExpiry(kNoon), kNoon + c.ends);
    EXPECT_EQ(index->NextExpiry(kNoon + c.ends), absl::InfiniteFuture());
  }
}

TEST(PolicyIndex, AClockTurnedBackDoesNotRevive) {
  const TestTenant tenant(kNoon);
  const auto index =
      Build(tenant.Cohort(), tenant.Assignment(1, true), /*floor=*/kNoon + absl::Hours(1));
  EXPECT_TRUE(index->Decide(0, kAlice, kNoon - absl::Hours(100)).deny);
}

TEST(PolicyIndex, WithoutAnAssignmentNobodyIsEntitled) {
  const TestTenant tenant(kNoon);
  PolicyParts parts;
  parts.content = tenant.Cohort().content;
  parts.uid_of = kUids;
  const auto index = PolicyIndex::Build(std::move(parts));
  EXPECT_TRUE(index->Decide(0, kAlice, kNoon).deny);
  EXPECT_TRUE(index->CouldDeny(0));
  EXPECT_EQ(index->FindApp("chat"), 0);
  EXPECT_EQ(index->FindApp("chatapp"), std::nullopt);
  EXPECT_TRUE(index->NamesPackage(v1::Origin::DPKG, "chatapp"));
  EXPECT_FALSE(index->NamesPackage(v1::Origin::FLATPAK, "chatapp"));
}

TEST(PolicyIndex, AnEmergencyDenyBlocksUntilItsEndWhateverElseHolds) {
  const TestTenant tenant(kNoon);
  v1::EmergencyDeny deny = tenant.Deny(1, {"chat", "unknown"});
  const absl::Time end = kNoon + absl::Minutes(10);
  *deny.mutable_header()->mutable_not_after() = ToProto(end);
  for (const auto status : {v1::Trm::RESTRICTED, v1::Trm::PERMITTED, v1::Trm::UNLISTED}) {
    TestCohort cohort = tenant.Cohort(1, status);
    cohort.content.clear_blocklist();
    const v1::DeviceAssignment assignment = tenant.Assignment(1, true);
    EXPECT_FALSE(Build(cohort, assignment)->Decide(0, kAlice, kNoon).deny);
    const auto index = Build(cohort, assignment, absl::InfinitePast(), &deny);
    EXPECT_TRUE(index->CouldDeny(0)) << "it has to be gated";
    EXPECT_EQ(index->Decide(0, kAlice, kNoon).verdict, v1::Verdict::BLOCK);
    EXPECT_EQ(index->Explain(0, kAlice, kNoon).reason(), "EMERGENCY_DENY");
    EXPECT_EQ(index->Explain(0, kAlice, kNoon).chain(0).detail(), "a worm");
    EXPECT_TRUE(index->Decide(0, kAlice, end - absl::Nanoseconds(1)).deny);
    EXPECT_EQ(index->NextExpiry(kNoon), end);
    EXPECT_FALSE(index->Decide(0, kAlice, end).deny);
    EXPECT_NE(index->Explain(0, kAlice, end).reason(), "EMERGENCY_DENY");
    // The signed time counts, not a clock that was turned back.
    EXPECT_FALSE(Build(cohort, assignment, end, &deny)->Decide(0, kAlice, kNoon).deny);
  }
}

TEST(PolicyIndex, OfTwoGrantsTheLiveAndLongerOneCounts) {
  const TestTenant tenant(kNoon);
  v1::DeviceAssignment a = tenant.Assignment(1, true);
  v1::Entitlement longer = a.entitlements(0), overdue = a.entitlements(0);
  longer.set_grant_id("GRT-2");
  *longer.mutable_not_after() = ToProto(kNoon + absl::Hours(2));
  overdue.set_grant_id("GRT-3");
  overdue.set_suspended_archive_overdue(true);
  *overdue.mutable_not_after() = ToProto(kNoon + absl::Hours(9));
  *a.add_entitlements() = longer;
  *a.add_entitlements() = overdue;
  EXPECT_EQ(Build(tenant.Cohort(), a)->Reason(0, kAlice, kNoon), "GRANT GRT-2");
  a.mutable_entitlements()->DeleteSubrange(0, 2);
  const auto suspended = Build(tenant.Cohort(), a);
  EXPECT_EQ(suspended->Decide(0, kAlice, kNoon).verdict, v1::Verdict::ALLOW_EXPORT_ONLY);
  EXPECT_TRUE(suspended->Decide(0, kAlice, kNoon).deny) << "no archive window is open";
}

// A window lets an app run that is ALLOW_EXPORT_ONLY, for its person, to its end, and nothing else.
TEST(PolicyIndex, AnExportWindowOpensOnlyWhatIsExportOnly) {
  const TestTenant tenant(kNoon);
  enum Suspended { kNo, kOverdue, kByTrm };
  struct Case {
    v1::Trm::Status trm;
    Suspended suspended;
    uint32_t window_of, asks;
    absl::Duration later;
    bool emergency, deny;
    const char* reason;
  };
  const absl::Duration kWindow = absl::Minutes(30);
  const absl::Duration kLast = kWindow - absl::Nanoseconds(1);
  const Case kCases[] = {
      {v1::Trm::RESTRICTED, kOverdue, kAlice, kAlice, {}, false, false, "ARCHIVE_OVERDUE"},
      {v1::Trm::RESTRICTED, kOverdue, kAlice, kAlice, kLast, false, false, "ARCHIVE_OVERDUE"},
      {v1::Trm::RESTRICTED, kOverdue, kAlice, kAlice, kWindow, false, true, "ARCHIVE_OVERDUE"},
      {v1::Trm::RESTRICTED, kOverdue, kBob, kAlice, {}, false, true, "ARCHIVE_OVERDUE"},
      {v1::Trm::RESTRICTED, kOverdue, kAlice, kBob, {}, false, true, "NO_GRANT"},
      {v1::Trm::RESTRICTED, kOverdue, kAlice, kAlice, {}, true, true, "EMERGENCY_DENY"},
      {v1::Trm::PROHIBITED, kByTrm, kAlice, kAlice, {}, false, false, "TRM_PROHIBITED_EXPORT"},
      {v1::Trm::PROHIBITED, kNo, kAlice, kAlice, {}, false, true, "TRM_PROHIBITED"},
      {v1::Trm::RESTRICTED, kNo, kBob, kBob, {}, false, true, "NO_GRANT"},
      {v1::Trm::PERMITTED, kNo, kAlice, kAlice, {}, false, true, "BLOCKLISTED"},
  };
  for (const Case& c : kCases) {
    const TestCohort cohort = tenant.Cohort(1, c.trm);
    v1::DeviceAssignment assignment = tenant.Assignment(1, true);
    v1::Entitlement* e = assignment.mutable_entitlements(0);
    e->set_suspended_archive_overdue(c.suspended == kOverdue);
    e->set_suspended_by_trm(c.suspended == kByTrm);
    *e->mutable_export_until() = ToProto(kNoon + absl::Hours(24));
    const v1::EmergencyDeny deny = tenant.Deny(1, {"chat"});
    PolicyParts parts;
    parts.content = cohort.content;
    parts.assignment = &assignment;
    if (c.emergency) parts.emergency_deny = &deny;
    parts.uid_of = kUids;
    parts.windows = {{{c.window_of, "chat"}, kNoon + kWindow}, {{kAlice, "gone"}, kNoon + kWindow}};
    const auto index = PolicyIndex::Build(std::move(parts));
    EXPECT_EQ(index->Decide(0, c.asks, kNoon + c.later).deny, c.deny) << c.reason;
    EXPECT_EQ(index->Reason(0, c.asks, kNoon + c.later), c.reason);
    EXPECT_EQ(index->NextExpiry(kNoon), kNoon + kWindow);
    EXPECT_TRUE(index->Decide(0, std::nullopt, kNoon).deny);
  }
}

using Known = CandidateIndex::Known;

FileStamp Stamp(uint64_t ino, uint64_t size, int64_t mtime) {
  return {{1, ino}, size, mtime, mtime};
}

TEST(CandidateIndex, StampThenPathThenSize) {
  CandidateIndex::Parts parts;
  parts.files = {{Stamp(10, 100, 5), 0, "/usr/bin/chat"}};
  parts.paths = {{"/usr/bin/chat", 0, Stamp(10, 100, 5)},
                 {"/usr/bin/slack", -1, Stamp(11, 50, 5)},
                 {"/opt/absent", 0, std::nullopt}};
  parts.hashes = {{100, "aa", 0, true}};
  parts.foreign_paths = {"/usr/bin/twin"};
  const CandidateIndex index(parts);
  struct Case {
    FileStamp stamp;
    const char* path;
    Known known;
    AppIndex app;
    const char* why;
  };
  FileStamp relinked = Stamp(10, 100, 5);
  relinked.ctime_ns = 99;
  const Case kCases[] = {
      {Stamp(10, 100, 5), "/usr/bin/chat", Known::kApp, 0, "the file itself"},
      {Stamp(10, 100, 5), "/tmp/renamed", Known::kApp, 0, "renamed"},
      {relinked, "/tmp/hardlink", Known::kApp, 0, "a link moves ctime only"},
      {Stamp(10, 101, 6), "/usr/bin/chat", Known::kApp, 0, "changed in place"},
      {Stamp(10, 70, 6), "/tmp/x", Known::kNo, -1, "the inode number was given to another file"},
      {Stamp(12, 70, 6), "/usr/bin/chat", Known::kNeedsOwner, -1, "replaced since the last look"},
      {Stamp(11, 50, 5), "/usr/bin/slack", Known::kNo, -1, "another package's"},
      {Stamp(13, 50, 5), "/usr/bin/slack", Known::kNeedsOwner, -1, "replaced"},
      {Stamp(14, 1, 1), "/opt/absent", Known::kNeedsOwner, -1, "appeared since"},
      {Stamp(15, 100, 9), "/tmp/copy", Known::kNeedsHash, -1, "a size that is known"},
      {Stamp(15, 100, 9), "/usr/bin/twin", Known::kNo, -1, "there a learned hash yields"},
      {Stamp(16, 99, 9), "/tmp/copy", Known::kNo, -1, "anything else"},
  };
  for (const Case& c : kCases) {
    const CandidateIndex::Answer got = index.Look(c.stamp, c.path);
    EXPECT_EQ(got.known, c.known) << c.why;
    EXPECT_EQ(got.app, c.app) << c.why;
  }
  EXPECT_FALSE(index.has_unsized_hash());
}

TEST(CandidateIndex, TheCataloguesHashIsStrongerThanALearnedOne) {
  CandidateIndex::Parts parts;
  parts.hashes = {{100, "aa", 0, true}, {0, "aa", 1, false}, {30, "bb", 2, true}};
  parts.foreign_paths = {"/usr/bin/twin"};
  const CandidateIndex index(parts);
  EXPECT_EQ(index.FindHash(100, "aa", "/x"), 1);
  EXPECT_EQ(index.FindHash(7, "aa", "/usr/bin/twin"), 1) << "what the catalogue states decides";
  EXPECT_EQ(index.FindHash(30, "bb", "/x"), 2);
  EXPECT_EQ(index.FindHash(30, "bb", "/usr/bin/twin"), std::nullopt);
  EXPECT_EQ(index.FindHash(31, "bb", "/x"), std::nullopt);
  EXPECT_EQ(index.FindHash(30, "cc", "/x"), std::nullopt);
  EXPECT_TRUE(index.has_unsized_hash());
}

}  // namespace
}  // namespace muster::agent
