// The fault proxy itself, and what the adapter makes of each fault that it knows.
#include "tests/integration/ldap_proxy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/adapters/ldap/ldap_directory.h"
#include "controller/adapters/ldap/ldap_search.h"
#include "tests/controller/adapters/ldap/ldap_fixture.h"
#include "tests/integration/ber.h"

namespace muster {
namespace {

using ::muster::ber::Take;

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
  void StartBoth(const std::string& ldif, const LdapBehaviour& behaviour) {
    Start(ldif);
    StartProxy(behaviour);
  }
  void StartProxy(const LdapBehaviour& behaviour) {
    auto proxy = LdapProxy::Start(*slapd_, behaviour);
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

constexpr LdapBehaviour kLikeOpenLdap = {.max_values = 0, .max_page = 10, .offers_sync = true};
// Pages of ten and ranges of five, where Windows has 1,000 and 1,500.
constexpr LdapBehaviour kLikeActiveDirectory = {
    .max_values = 5, .max_page = 10, .offers_sync = false};

// --- The proxy itself.

TEST(Ber, NumbersAndLengthsSurvive) {
  for (const int64_t n :
       {int64_t{0}, int64_t{1}, int64_t{127}, int64_t{128}, int64_t{255}, int64_t{256},
        int64_t{65'535}, int64_t{2'147'483'647}, int64_t{-1}, int64_t{-128}, int64_t{-129}}) {
    const std::string bytes = ber::PutNumber(ber::kInteger, n);
    absl::string_view in = bytes;
    EXPECT_EQ(ber::ToNumber(*Take(&in, ber::kInteger)), n);
  }
  EXPECT_EQ(ber::PutNumber(ber::kInteger, 128), std::string("\x02\x02\x00\x80", 4));
  for (const size_t size : {0u, 127u, 128u, 255u, 256u, 70'000u}) {
    const std::string bytes = ber::Put(ber::kOctets, std::string(size, 'x'));
    absl::string_view in = bytes;
    EXPECT_EQ(Take(&in, ber::kOctets)->size(), size);
  }
}

TEST(Ber, RefusesWhatIsNoMessage) {
  const std::string good =
      ber::Encode({7, ber::kSearchResult, ber::ResultBody(0, ""), {{"1.2", true, "v"}}});
  ASSERT_TRUE(ber::ParseMessage(good).has_value());
  EXPECT_EQ(ber::Encode(*ber::ParseMessage(good)), good);
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(ber::ParseMessage(good.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(ber::ParseMessage(good + "x").has_value());
  const std::pair<absl::string_view, std::optional<size_t>> kHeads[] = {
      {"", 0},
      {"\x30", 0},
      {"\x30\x82\x01", 0},
      {"\x30\x05", 7},
      {"\x30\x80", std::nullopt},  // indefinite
      {"\x30\x85\x01\x01\x01\x01\x01", std::nullopt},
      {"\x30\x84\x04\x01\x01\x01", std::nullopt},  // 64 MiB and more
      {"GET / HTTP/1.1", std::nullopt},
  };
  for (const auto& [head, want] : kHeads) EXPECT_EQ(ber::MessageSize(head), want);
}

TEST_F(LdapProxyTest, WithoutFaultsEverythingIsAsDirect) {
  Start(SmallDirectory());
  const std::string direct = Text(Read(*Open(Options())));
  for (const LdapBehaviour& behaviour :
       {LdapBehaviour(), kLikeOpenLdap, kLikeActiveDirectory,
        LdapBehaviour{.max_values = 1, .max_page = 1, .offers_sync = false}}) {
    StartProxy(behaviour);
    const auto proxied = OpenProxied();
    EXPECT_EQ(Text(Read(*proxied)), direct);
    EXPECT_EQ(Text(Read(*proxied, ReadDepth::kChanges)), direct);
    EXPECT_EQ(proxied->reading().method(), behaviour.offers_sync ? "syncrepl" : "paged search");
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

TEST_F(LdapProxyTest, AnswersTheRangeThatIsAskedFor) {
  StartBoth(TwoGroups(), kLikeActiveDirectory);
  LdapOptions options = Options();
  std::string password = options.bind_password;
  const Secret secret(&password);
  const SigpipeGuard no_sigpipe;
  const auto connection = LdapConnection::Connect(proxy_->uri(), options, secret);
  ASSERT_TRUE(connection.ok()) << connection.status();
  const struct {
    const char* asked;
    const char* named;
    std::vector<std::string> want;
  } kCases[] = {
      {"member;range=0-1", "member;range=0-1", {PersonDn(1), PersonDn(2)}},
      {"Member;Range=3-3", "member;range=3-3", {PersonDn(4)}},
      {"member;range=9-*", "member;range=9-*", {PersonDn(10), PersonDn(11), PersonDn(12), kNested}},
      {"member;range=2-*",
       "member;range=2-6",
       {PersonDn(3), PersonDn(4), PersonDn(5), PersonDn(6), PersonDn(7)}},
      {"member;range=11-99", "member;range=11-*", {PersonDn(12), kNested}},
      {"member;range=13-*", nullptr, {}},
  };
  for (const auto& c : kCases) {
    std::map<std::string, std::vector<std::string>> want;
    if (c.named != nullptr) want[c.named] = c.want;
    std::map<std::string, std::vector<std::string>> got;
    LDAPMessage* raw = nullptr;
    std::string asked = c.asked;
    char* names[] = {asked.data(), nullptr};
    ASSERT_EQ(ldap_search_ext_s((*connection)->handle(), kApproval, LDAP_SCOPE_BASE, nullptr, names,
                                0, nullptr, nullptr, nullptr, 0, &raw),
              LDAP_SUCCESS);
    LDAPMessage* const entry = ldap_first_entry((*connection)->handle(), raw);
    BerElement* at = nullptr;
    for (char* name = ldap_first_attribute((*connection)->handle(), entry, &at); name != nullptr;
         name = ldap_next_attribute((*connection)->handle(), entry, at)) {
      berval** const values = ldap_get_values_len((*connection)->handle(), entry, name);
      for (berval** v = values; v != nullptr && *v != nullptr; ++v) {
        got[name].emplace_back((*v)->bv_val, (*v)->bv_len);
      }
      ldap_value_free_len(values);
      ldap_memfree(name);
    }
    ber_free(at, 0);
    ldap_msgfree(raw);
    EXPECT_EQ(got, want) << c.asked;
  }
}

// --- Each fault alone, on a connection that was used before.

constexpr char kWhole[] = "25 persons, 18 members";

struct FaultCase {
  Fault fault;
  const char* want;  // as Brief()
};

// Whole, an error, or, where nothing in the answer gives it away, less: that is why a removal is
// asked for again before it counts.
const std::vector<FaultCase>& PageCases() {
  using F = FaultKind;
  static const auto& kCases = *new std::vector<FaultCase>{
      {{F::kMissingRange}, "DATA_LOSS"},
      {{F::kEmptyLastRange}, "25 persons, 5 members"},
      {{F::kOverlappingRange}, "DATA_LOSS"},
      {{F::kRepeatedRange}, "25 persons, 13 members"},
      {{F::kSizeLimit}, "DATA_LOSS"},
      {{F::kSizeLimit, 3}, "DATA_LOSS"},
      {{F::kTimeLimit}, "DATA_LOSS"},
      {{F::kBusy}, "UNAVAILABLE"},
      {{F::kUnwilling}, "FAILED_PRECONDITION"},
      {{F::kEmptySuccess}, "FAILED_PRECONDITION"},
      {{F::kEmptySuccess, 4}, "DATA_LOSS"},
      {{F::kEmptySuccess, 7}, "DATA_LOSS"},
      {{F::kNoSuchObject}, "FAILED_PRECONDITION"},
      {{F::kNoSuchObject, 4}, "25 persons, 12 members"},
      {{F::kPageCutClosed}, kWhole},
      {{F::kPageCutClosed, 1, kAlways}, "UNAVAILABLE"},
      {{F::kPageCutNoControl}, "DATA_LOSS"},
      {{F::kPageCutEmptyCookie}, "18 persons, 18 members"},
      {{F::kLostCookie}, "FAILED_PRECONDITION"},
      {{F::kCloseBeforeRequest}, kWhole},
      {{F::kCloseBeforeRequest, 5}, kWhole},
      {{F::kCloseBeforeRequest, 1, kAlways}, "UNAVAILABLE"},
      {{F::kCloseAmongEntries}, kWhole},
      {{F::kCloseAmongEntries, 1, kAlways}, "UNAVAILABLE"},
      {{F::kCloseInMessage}, kWhole},
      {{F::kCloseInMessage, 1, kAlways}, "UNAVAILABLE"},
      {{F::kCloseBeforeResult}, kWhole},
      {{F::kCloseBeforeResult, 1, kAlways}, "UNAVAILABLE"},
      {{F::kCriticalControlRefused}, "FAILED_PRECONDITION"},
      {{F::kTenPercentPersons, 1, kAlways}, "19 persons, 18 members"},
      {{F::kTenPercentMembers, 1, kAlways}, "25 persons, 2 members"},
  };
  return kCases;
}

TEST_F(LdapProxyTest, EachFaultOfPagesHasItsOutcome) {
  StartBoth(TwoGroups(), kLikeActiveDirectory);
  for (const FaultCase& c : PageCases()) {
    SCOPED_TRACE(c.fault.ToString());
    proxy_->plan().Set({});
    const auto directory = OpenProxied();
    ASSERT_EQ(Brief(Read(*directory)), kWhole);
    const int before = proxy_->plan().struck(c.fault.kind);
    proxy_->plan().Set({c.fault});
    const auto read = Read(*directory);
    EXPECT_EQ(Brief(read), c.want) << read.status();
    EXPECT_GT(proxy_->plan().struck(c.fault.kind), before);
    // It leaves nothing behind.
    proxy_->plan().Set({});
    EXPECT_EQ(Brief(Read(*directory)), kWhole);
  }
}

const std::vector<FaultCase>& ChangesCases() {
  using F = FaultKind;
  static const auto& kCases = *new std::vector<FaultCase>{
      {{F::kSizeLimit}, kWhole},  // read anew
      {{F::kTimeLimit}, kWhole},
      {{F::kBusy}, "UNAVAILABLE"},
      {{F::kUnwilling}, kWhole},
      {{F::kSyncRefused}, kWhole},
      {{F::kCriticalControlRefused}, kWhole},
      {{F::kCloseBeforeRequest}, kWhole},
      {{F::kCloseBeforeRequest, 1, kAlways}, "UNAVAILABLE"},
      {{F::kCloseAmongEntries}, kWhole},
      {{F::kCloseInMessage}, kWhole},
      {{F::kCloseBeforeResult}, kWhole},
      {{F::kEmptySuccess}, "25 persons, 17 members"},  // the join is not seen
      {{F::kTenPercentMembers, 1, kAlways}, "25 persons, 2 members"},
  };
  return kCases;
}

TEST_F(LdapProxyTest, EachFaultOfChangesHasItsOutcome) {
  Slapd::Options server;
  server.ldif = TwoGroups();
  server.session_log = 100;
  Start(server);
  StartProxy(kLikeOpenLdap);
  const auto outside = Open(Options());
  for (const FaultCase& c : ChangesCases()) {
    SCOPED_TRACE(c.fault.ToString());
    proxy_->plan().Set({});
    const auto directory = OpenProxied();
    ASSERT_EQ(outside->RemoveMember(kApproval, PersonId(3)), absl::OkStatus());
    ASSERT_EQ(Brief(Read(*directory)), "25 persons, 17 members");
    ASSERT_EQ(outside->AddMember(kApproval, PersonId(3)), absl::OkStatus());
    const int before = proxy_->plan().struck(c.fault.kind);
    proxy_->plan().Set({c.fault});
    const auto read = Read(*directory, ReadDepth::kChanges);
    EXPECT_EQ(Brief(read), c.want) << read.status();
    EXPECT_GT(proxy_->plan().struck(c.fault.kind), before);
    proxy_->plan().Set({});
    EXPECT_EQ(Brief(Read(*directory)), kWhole);
  }
}

TEST_F(LdapProxyTest, AModifyWhoseAnswerIsLostIsDoneOnce) {
  StartBoth(TwoGroups(), kLikeOpenLdap);
  const auto directory = OpenProxied();
  const auto expect = [&](int member_count) {
    EXPECT_EQ(Brief(Read(*Open(Options()))),
              absl::StrCat("25 persons, ", member_count, " members"));
    EXPECT_EQ(proxy_->plan().Struck(), "closed after a modify");
  };
  ASSERT_TRUE(Read(*directory).ok());
  proxy_->plan().Set({{FaultKind::kCloseAfterModify}});
  EXPECT_EQ(directory->AddMember(kApproval, PersonId(20)), absl::OkStatus());
  expect(19);
  proxy_->plan().Set({{FaultKind::kCloseAfterModify}});
  EXPECT_EQ(directory->RemoveMember(kApproval, PersonId(20)), absl::OkStatus());
  expect(18);
  proxy_->plan().Set({{FaultKind::kCloseAfterModify, 1, kAlways}});
  EXPECT_EQ(directory->AddMember(kApproval, PersonId(20)).code(), absl::StatusCode::kUnavailable);
  expect(19);
}

TEST(LdapFaults, EveryKindHasItsCase) {
  std::set<FaultKind> covered = {FaultKind::kCloseAfterModify};
  for (const auto* cases : {&PageCases(), &ChangesCases()}) {
    for (const FaultCase& c : *cases) covered.insert(c.fault.kind);
  }
  EXPECT_EQ(covered.size(), static_cast<size_t>(kFaultKinds));
}

}  // namespace
}  // namespace muster
