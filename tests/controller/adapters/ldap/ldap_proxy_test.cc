// The fault proxy itself, and what the adapter makes of each fault that it knows.
#include "tests/integration/ldap_proxy.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/adapters/ldap/ldap_directory.h"
#include "tests/controller/adapters/ldap/ldap_fixture.h"

namespace muster {
namespace {

constexpr char kNested[] = "cn=nested,ou=groups,dc=mdm,dc=test";

// Everything that a caller sees of a read, as text.
std::string Text(const absl::StatusOr<DirectorySnapshotPtr>& read) {
  if (!read.ok()) return read.status().ToString();
  std::string out;
  for (const auto& [id, person] : (*read)->persons) {
    absl::StrAppend(&out, person.ShortDebugString(), "\n");
  }
  for (const auto& [id, group] : (*read)->groups) {
    absl::StrAppend(&out, id, " ", group.name, ": ", absl::StrJoin(group.member_ids, " "), "\n");
  }
  for (const auto& [app, id] : (*read)->approval) absl::StrAppend(&out, app, " ", id, "\n");
  return out;
}

// "<persons> persons, <members> members", or the code of an error.
std::string Brief(const absl::StatusOr<DirectorySnapshotPtr>& read) {
  if (!read.ok()) return absl::StatusCodeToString(read.status().code());
  const auto members = ComputeEffectiveMembers(**read, absl::FromUnixSeconds(1'800'000'000));
  if (!members.ok()) return absl::StatusCodeToString(members.status().code());
  return absl::StrCat((*read)->persons.size(), " persons, ", members->at("whatsapp").size(),
                      " members");
}

class LdapProxyTest : public LdapDirectoryTest {
 protected:
  void StartBoth(const std::string& ldif, const LdapProxy::Options& options) {
    Start(ldif);
    StartProxy(options);
  }
  void StartProxy(const LdapProxy::Options& options) {
    auto proxy = LdapProxy::Start(*slapd_, options);
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
  }
  std::unique_ptr<LdapDirectory> OpenProxied() const {
    LdapOptions options = Options();
    options.uris = {proxy_->uri()};
    return Open(options);
  }
  static absl::StatusOr<DirectorySnapshotPtr> Read(LdapDirectory& directory,
                                                   ReadDepth depth = ReadDepth::kFull) {
    return directory.Read({{"whatsapp", kApproval}}, depth);
  }

  std::unique_ptr<LdapProxy> proxy_;
};

// 25 persons; twelve are members, six others by the nested group, which is the last value.
std::string TwoGroups() {
  std::string ldif;
  std::vector<std::string> direct, nested;
  for (int n = 1; n <= 25; ++n) {
    ldif += Person(n);
    if (n <= 12) direct.push_back(PersonDn(n));
    if (n > 12 && n <= 18) nested.push_back(PersonDn(n));
  }
  direct.push_back(kNested);
  return ldif + Group("wa-approved", kApprovalId, direct) + Group("nested", kNestedId, nested);
}

constexpr LdapProxy::Options kLikeOpenLdap = {
    .auto_range = 0, .page_size = 10, .offers_sync = true};
// Pages of ten and ranges of five, where Windows has 1,000 and 1,500.
constexpr LdapProxy::Options kLikeActiveDirectory = {
    .auto_range = 5, .page_size = 10, .offers_sync = false};

// --- The proxy itself.

TEST_F(LdapProxyTest, WithoutFaultsEverythingIsAsDirect) {
  Start(SmallDirectory());
  const std::string direct = Text(Read(*Open(Options())));
  for (const LdapProxy::Options& options :
       {LdapProxy::Options(), kLikeOpenLdap, kLikeActiveDirectory,
        LdapProxy::Options{.auto_range = 1, .page_size = 1, .offers_sync = false}}) {
    StartProxy(options);
    const auto proxied = OpenProxied();
    EXPECT_EQ(Text(Read(*proxied)), direct);
    EXPECT_EQ(Text(Read(*proxied, ReadDepth::kChanges)), direct);
    EXPECT_EQ(proxied->reading().method(), options.offers_sync ? "syncrepl" : "paged search");
    EXPECT_EQ(proxied->AddMember(kApprovalId, PersonId(5)), absl::OkStatus());
    EXPECT_EQ(Text(Read(*proxied, ReadDepth::kChanges)), Text(Read(*Open(Options()))));
    EXPECT_EQ(proxied->ConfirmGone({PersonId(5), PersonDn(5), {kApproval}}).code(),
              absl::StatusCode::kAborted);
    EXPECT_EQ(proxied->RemoveMember(kApprovalId, PersonId(5)), absl::OkStatus());
    EXPECT_EQ(proxied->ConfirmGone({PersonId(5), PersonDn(5), {kApproval}}), absl::OkStatus());
    EXPECT_EQ(Text(Read(*proxied, ReadDepth::kChanges)), direct);
  }
}

TEST_F(LdapProxyTest, ServesSeveralConnectionsAndEndsWithThem) {
  StartBoth(SmallDirectory(), {});
  const std::string direct = Text(Read(*Open(Options())));
  const SigpipeGuard no_sigpipe;  // closing a connection that is dead writes to it
  std::vector<std::unique_ptr<LdapDirectory>> open;
  for (int i = 0; i < 10; ++i) open.push_back(OpenProxied());
  std::vector<std::thread> threads;
  for (auto& each : open) {
    threads.emplace_back([&] { EXPECT_EQ(Text(Read(*each)), direct); });
  }
  for (std::thread& thread : threads) thread.join();
  proxy_.reset();
  EXPECT_EQ(Read(*open.front()).status().code(), absl::StatusCode::kUnavailable);
}

// --- Automatic ranges, as Windows has them.

TEST_F(LdapProxyTest, ReadsALargeGroupInRangesExactly) {
  std::string ldif;
  std::vector<std::string> members;
  std::set<std::string> ids;
  for (int n = 0; n < 4'000; ++n) {
    ldif += Person(n);
    members.push_back(PersonDn(n));
    ids.insert(PersonId(n));
  }
  StartBoth(ldif + Group("wa-approved", kApprovalId, members), {.offers_sync = false});
  EXPECT_EQ(MembersOf(OpenProxied().get(), kApproval), ids);
  const std::string direct = Text(Read(*Open(Options())));
  // Not by EXPECT_EQ, which would print all of it.
  EXPECT_TRUE(Text(Read(*OpenProxied())) == direct);
}

// --- Each fault alone, on a connection that was used before.

constexpr char kWhole[] = "25 persons, 18 members";
constexpr int kAlways = 20;

struct FaultCase {
  LdapFault::Kind kind;
  int nth;
  int times;         // in a row
  const char* want;  // as Brief()
  std::string Name() const {
    return absl::StrCat(LdapFault::Name(kind), ", nth ", nth, ", times ", times);
  }
};

std::vector<LdapFault> FaultsOf(const FaultCase& c) {
  std::vector<LdapFault> out;
  for (int i = 0; i < c.times; ++i) out.push_back({c.kind, c.nth + i, 3});
  return out;
}

// Whole, an error, or, where nothing in the answer gives it away, less: that is why a removal is
// asked for again before it counts.
const std::vector<FaultCase>& PageCases() {
  using F = LdapFault;
  static const auto& kCases = *new std::vector<FaultCase>{
      {F::kSizeLimit, 0, 1, "DATA_LOSS"},
      {F::kSizeLimit, 2, 1, "DATA_LOSS"},
      {F::kTimeLimit, 0, 1, "DATA_LOSS"},
      {F::kBusy, 0, 1, "UNAVAILABLE"},
      {F::kUnwilling, 0, 1, "FAILED_PRECONDITION"},
      {F::kPageClosed, 0, 1, kWhole},
      {F::kPageClosed, 0, kAlways, "UNAVAILABLE"},
      {F::kPageControlMissing, 0, 1, "DATA_LOSS"},
      {F::kPageCut, 0, 1, "18 persons, 18 members"},
      {F::kPageCookieLost, 0, 1, "FAILED_PRECONDITION"},
      {F::kRangeMissing, 0, 1, "DATA_LOSS"},
      {F::kRangeEndsEarly, 0, 1, "DATA_LOSS"},
      {F::kRangeOverlaps, 0, 1, "DATA_LOSS"},
      {F::kRangeRepeated, 0, 1, "DATA_LOSS"},
      {F::kClosedBefore, 0, 1, kWhole},
      {F::kClosedBefore, 4, 1, kWhole},
      {F::kClosedBefore, 0, kAlways, "UNAVAILABLE"},
      {F::kClosedMidway, 0, 1, kWhole},
      {F::kClosedMidway, 0, kAlways, "UNAVAILABLE"},
      {F::kClosedBeforeResult, 0, 1, kWhole},
      {F::kClosedBeforeResult, 0, kAlways, "UNAVAILABLE"},
      {F::kControlRefused, 0, 1, "FAILED_PRECONDITION"},
      {F::kEmptySuccess, 0, 1, "FAILED_PRECONDITION"},
      {F::kEmptySuccess, 3, 1, "DATA_LOSS"},
      {F::kTenPercent, 0, 1, "3 persons, 2 members"},
      {F::kEntryLost, 2, 1, "24 persons, 18 members"},
      {F::kNoSuchObject, 0, 1, "FAILED_PRECONDITION"},
      {F::kNoSuchObject, 3, 1, "25 persons, 12 members"},
  };
  return kCases;
}

TEST_F(LdapProxyTest, EachFaultOfPagesHasItsOutcome) {
  StartBoth(TwoGroups(), kLikeActiveDirectory);
  for (const FaultCase& c : PageCases()) {
    SCOPED_TRACE(c.Name());
    const auto directory = OpenProxied();
    ASSERT_EQ(Brief(Read(*directory)), kWhole);
    const int before = proxy_->fired()[c.kind];
    proxy_->SetFaults(FaultsOf(c));
    const auto read = Read(*directory);
    EXPECT_EQ(Brief(read), c.want) << read.status();
    EXPECT_GT(proxy_->fired()[c.kind], before);
    // It leaves nothing behind.
    proxy_->SetFaults({});
    EXPECT_EQ(Brief(Read(*directory)), kWhole);
  }
}

const std::vector<FaultCase>& ChangesCases() {
  using F = LdapFault;
  static const auto& kCases = *new std::vector<FaultCase>{
      {F::kSizeLimit, 0, 1, kWhole},  // read anew
      {F::kTimeLimit, 0, 1, kWhole},
      {F::kBusy, 0, 1, "UNAVAILABLE"},
      {F::kUnwilling, 0, 1, kWhole},
      {F::kSyncRefused, 0, 1, kWhole},
      {F::kControlRefused, 0, 1, kWhole},
      {F::kClosedBefore, 0, 1, kWhole},
      {F::kClosedBefore, 0, kAlways, "UNAVAILABLE"},
      {F::kClosedBeforeResult, 0, 1, kWhole},
      {F::kEmptySuccess, 0, 1, kWhole},  // without the control that ends a refresh
      {F::kTenPercent, 0, 1, "25 persons, 2 members"},
  };
  return kCases;
}

TEST_F(LdapProxyTest, EachFaultOfChangesHasItsOutcome) {
  StartBoth(TwoGroups(), kLikeOpenLdap);
  const auto outside = Open(Options());
  for (const FaultCase& c : ChangesCases()) {
    SCOPED_TRACE(c.Name());
    const auto directory = OpenProxied();
    ASSERT_EQ(outside->RemoveMember(kApproval, PersonId(3)), absl::OkStatus());
    ASSERT_EQ(Brief(Read(*directory)), "25 persons, 17 members");
    ASSERT_EQ(outside->AddMember(kApproval, PersonId(3)), absl::OkStatus());
    const int before = proxy_->fired()[c.kind];
    proxy_->SetFaults(FaultsOf(c));
    const auto read = Read(*directory, ReadDepth::kChanges);
    EXPECT_EQ(Brief(read), c.want) << read.status();
    EXPECT_GT(proxy_->fired()[c.kind], before);
    proxy_->SetFaults({});
    EXPECT_EQ(Brief(Read(*directory)), kWhole);
  }
}

TEST_F(LdapProxyTest, AModifyWhoseAnswerIsLostIsDoneOnce) {
  StartBoth(TwoGroups(), kLikeOpenLdap);
  const auto directory = OpenProxied();
  ASSERT_TRUE(Read(*directory).ok());
  const struct {
    bool add;
    int times;
    absl::StatusCode code;
    const char* want;
  } kCases[] = {
      {true, 1, absl::StatusCode::kOk, "25 persons, 19 members"},
      {false, 1, absl::StatusCode::kOk, "25 persons, 18 members"},
      {true, kAlways, absl::StatusCode::kUnavailable, "25 persons, 19 members"},
  };
  for (const auto& c : kCases) {
    const int before = proxy_->fired()[LdapFault::kClosedAfterModify];
    proxy_->SetFaults(FaultsOf({LdapFault::kClosedAfterModify, 0, c.times, ""}));
    const absl::Status done = c.add ? directory->AddMember(kApproval, PersonId(20))
                                    : directory->RemoveMember(kApproval, PersonId(20));
    EXPECT_EQ(done.code(), c.code) << done;
    EXPECT_GT(proxy_->fired()[LdapFault::kClosedAfterModify], before);
    EXPECT_EQ(Brief(Read(*Open(Options()))), c.want);
  }
}

TEST(LdapFaults, EveryKindHasItsCase) {
  std::set<LdapFault::Kind> covered = {LdapFault::kClosedAfterModify};
  for (const auto* cases : {&PageCases(), &ChangesCases()}) {
    for (const FaultCase& c : *cases) covered.insert(c.kind);
  }
  EXPECT_EQ(covered.size(), static_cast<size_t>(LdapFault::kKinds));
}

}  // namespace
}  // namespace muster
