#include "controller/domain/membership.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/limits.h"
#include "common/time_proto.h"
#include "tests/support/now.h"

namespace muster {

bool operator==(const SyncDecision::Change& a, const SyncDecision::Change& b) {
  return a.app_id == b.app_id && a.person_id == b.person_id && a.cause == b.cause &&
         a.why == b.why && a.via == b.via;
}
void PrintTo(const SyncDecision::Change& c, std::ostream* out) {
  *out << "{" << c.app_id << ", " << c.person_id << ", " << v1::SyncRun::Change::Cause_Name(c.cause)
       << ", " << c.why << "}";
}

namespace {

using Cause = v1::SyncRun::Change;
using Ids = std::vector<std::string>;
using Via = std::vector<std::string>;

v1::Person Person(const std::string& id, bool enabled = true) {
  v1::Person out;
  out.set_person_id(id);
  out.set_enabled(enabled);
  return out;
}

// A directory with one app, whatsapp, whose approval group is "g0".
class Builder {
 public:
  Builder& With(const v1::Person& person) {
    snapshot_.persons[person.person_id()] = person;
    return *this;
  }
  Builder& Persons(const Ids& ids) {
    for (const std::string& id : ids) With(Person(id));
    return *this;
  }
  Builder& Group(const std::string& id, const Ids& members) {
    snapshot_.groups[id] = {id, absl::StrCat("cn=", id, ",dc=test"), members};
    return *this;
  }
  Builder& Approval(const std::string& app, const std::string& group) {
    snapshot_.approval[app] = group;
    return *this;
  }
  DirectorySnapshot Build() const {
    DirectorySnapshot out = snapshot_;
    if (out.approval.empty()) out.approval["whatsapp"] = "g0";
    return out;
  }

 private:
  DirectorySnapshot snapshot_;
};

std::string Dn(const std::string& cn) { return absl::StrCat("cn=", cn, ",dc=test"); }

MembersRead Read(const DirectorySnapshot& snapshot) {
  absl::StatusOr<MembersRead> read = ComputeMembers(snapshot, kNow);
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? *std::move(read) : MembersRead();
}

EffectiveMembers Members(const DirectorySnapshot& snapshot) {
  const absl::StatusOr<EffectiveMembers> members = ComputeEffectiveMembers(snapshot, kNow);
  EXPECT_TRUE(members.ok()) << members.status();
  return members.value_or(EffectiveMembers{{"error", {}}});
}

TEST(ComputeEffectiveMembers, WalksTheGraph) {
  const struct {
    const char* what;
    DirectorySnapshot snapshot;
    EffectiveMembers want;
  } kCases[] = {
      {"empty group", Builder().Persons({"a"}).Group("g0", {}).Build(), {{"whatsapp", {}}}},
      {"direct",
       Builder().Persons({"a", "b"}).Group("g0", {"a"}).Build(),
       {{"whatsapp", {{"a", {Dn("g0")}}}}}},
      {"a member twice",
       Builder().Persons({"a"}).Group("g0", {"a", "a"}).Build(),
       {{"whatsapp", {{"a", {Dn("g0")}}}}}},
      {"nested",
       Builder().Persons({"a"}).Group("g0", {"g1"}).Group("g1", {"g2"}).Group("g2", {"a"}).Build(),
       {{"whatsapp", {{"a", {Dn("g0"), Dn("g1"), Dn("g2")}}}}}},
      {"the shorter path wins",
       Builder().Persons({"a"}).Group("g0", {"g1", "a"}).Group("g1", {"a"}).Build(),
       {{"whatsapp", {{"a", {Dn("g0")}}}}}},
      {"the shorter path wins, found later",
       Builder()
           .Persons({"a"})
           .Group("g0", {"g1", "g3"})
           .Group("g1", {"g2"})
           .Group("g2", {"a"})
           .Group("g3", {"a"})
           .Build(),
       {{"whatsapp", {{"a", {Dn("g0"), Dn("g3")}}}}}},
      {"diamond",
       Builder()
           .Persons({"a"})
           .Group("g0", {"g1", "g2"})
           .Group("g1", {"g3"})
           .Group("g2", {"g3"})
           .Group("g3", {"a"})
           .Build(),
       {{"whatsapp", {{"a", {Dn("g0"), Dn("g1"), Dn("g3")}}}}}},
      {"cycle",
       Builder().Persons({"a", "b"}).Group("g0", {"g1", "a"}).Group("g1", {"g0", "b"}).Build(),
       {{"whatsapp", {{"a", {Dn("g0")}}, {"b", {Dn("g0"), Dn("g1")}}}}}},
      {"its own member",
       Builder().Persons({"a"}).Group("g0", {"g0", "a"}).Build(),
       {{"whatsapp", {{"a", {Dn("g0")}}}}}},
      {"foreign members",
       Builder().Persons({"a"}).Group("g0", {"cn=x,dc=y", "", "a"}).Build(),
       {{"whatsapp", {{"a", {Dn("g0")}}}}}},
      {"a group outside the graph",
       Builder().Persons({"a", "b"}).Group("g0", {"a"}).Group("g1", {"b"}).Build(),
       {{"whatsapp", {{"a", {Dn("g0")}}}}}},
      {"two apps, one group",
       Builder()
           .Persons({"a"})
           .Group("g0", {"a"})
           .Group("g1", {})
           .Approval("signal", "g0")
           .Approval("viber", "g1")
           .Approval("whatsapp", "g0")
           .Build(),
       {{"signal", {{"a", {Dn("g0")}}}}, {"viber", {}}, {"whatsapp", {{"a", {Dn("g0")}}}}}},
  };
  for (const auto& c : kCases) EXPECT_EQ(Members(c.snapshot), c.want) << c.what;
}

TEST(ComputeEffectiveMembers, LeavesOutAccountsThatMayNotSignIn) {
  v1::Person expired = Person("expired"), expires_now = Person("now"), lasts = Person("lasts");
  *expired.mutable_expires_at() = ToProto(kNow - absl::Seconds(1));
  *expires_now.mutable_expires_at() = ToProto(kNow);
  *lasts.mutable_expires_at() = ToProto(kNow + absl::Milliseconds(1));
  v1::Person deleted = Person("deleted");
  deleted.set_deleted(true);
  const DirectorySnapshot snapshot =
      Builder()
          .With(Person("disabled", false))
          .With(expired)
          .With(expires_now)
          .With(lasts)
          .With(deleted)
          .Group("g0", {"disabled", "expired", "now", "lasts", "deleted"})
          .Build();
  EXPECT_EQ(Members(snapshot), (EffectiveMembers{{"whatsapp", {{"lasts", {Dn("g0")}}}}}));
}

// g0 > g1 > ... with a person in the last of `levels` groups.
DirectorySnapshot Chain(size_t levels) {
  Builder builder;
  builder.Persons({"a"});
  for (size_t n = 0; n < levels; ++n) {
    builder.Group(absl::StrCat("g", n),
                  {n + 1 < levels ? absl::StrCat("g", n + 1) : std::string("a")});
  }
  return builder.Build();
}

DirectorySnapshot Fan(size_t groups) {
  Builder builder;
  Ids children;
  for (size_t n = 1; n < groups; ++n) {
    children.push_back(absl::StrCat("g", n));
    builder.Group(children.back(), {});
  }
  return builder.Group("g0", children).Build();
}

TEST(ComputeEffectiveMembers, StopsAtItsCaps) {
  const struct {
    const char* what;
    DirectorySnapshot snapshot;
    const char* error;  // null: ok
  } kCases[] = {
      {"deepest", Chain(limits::kMaxGroupDepth), nullptr},
      {"too deep", Chain(limits::kMaxGroupDepth + 1),
       "the approval group of whatsapp (cn=g0,dc=test) nests more than 64 levels of groups; "
       "flatten it and sync again"},
      {"widest", Fan(limits::kMaxGroupsPerApp), nullptr},
      {"too wide", Fan(limits::kMaxGroupsPerApp + 1),
       "the approval group of whatsapp (cn=g0,dc=test) reaches more than 10000 groups; narrow it "
       "and sync again"},
      {"no approval group", Builder().Group("g1", {}).Build(),
       "the approval group of whatsapp (g0) is not in this read"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ComputeEffectiveMembers(c.snapshot, kNow).status();
    EXPECT_EQ(status,
              c.error == nullptr ? absl::OkStatus() : absl::FailedPreconditionError(c.error))
        << c.what;
  }
}

KnownMembership Known(PersonsByApp members) {
  KnownMembership out;
  out.members = std::move(members);
  return out;
}

TEST(DecideSync, SaysWhy) {
  v1::Person expired = Person("expired"), deleted = Person("deleted");
  *expired.mutable_expires_at() = ToProto(kNow);
  deleted.set_deleted(true);
  DirectorySnapshot snapshot =
      Builder()
          .Persons({"left", "new", "nested", "revoked", "stays"})
          .With(Person("disabled", false))
          .With(expired)
          .With(deleted)
          .Group("g0", {"disabled", "expired", "deleted", "stays", "new", "g1"})
          .Group("g1", {"nested"})
          .Build();
  const std::string wa = "CN=WA\\, approved,OU=MDM,dc=test";
  snapshot.groups["g0"].name = wa;
  KnownMembership known;
  known.members["whatsapp"] = {"deleted", "disabled", "expired", "gone",
                               "left",    "revoked",  "stays"};
  // "stays" was revoked too, but is still there: nothing to remove.
  known.expected_removals["whatsapp"] = {"revoked", "stays"};
  const SyncDecision decision = DecideSync(known, Read(snapshot), snapshot);
  EXPECT_EQ(
      decision.added,
      (std::vector<SyncDecision::Change>{
          {"whatsapp", "nested", Cause::JOINED, "in group via WA, approved > g1", {wa, Dn("g1")}},
          {"whatsapp", "new", Cause::JOINED, "in group via WA, approved", {wa}}}));
  EXPECT_EQ(decision.removed,
            (std::vector<SyncDecision::Change>{
                {"whatsapp", "deleted", Cause::DELETED, "deleted from the directory", {}},
                {"whatsapp", "disabled", Cause::DISABLED, "account disabled", {}},
                {"whatsapp", "expired", Cause::EXPIRED, "account expired", {}},
                {"whatsapp", "gone", Cause::DELETED, "deleted from the directory", {}},
                {"whatsapp", "left", Cause::LEFT_GROUP, "left group", {}},
                {"whatsapp",
                 "revoked",
                 Cause::REVOKED_BY_MUSTER,
                 "removed from the group by Muster",
                 {}}}));
  EXPECT_FALSE(decision.hold);
  EXPECT_EQ(decision.held_because, "");
}

Ids Numbered(size_t from, size_t to) {
  Ids out;
  for (size_t n = from; n < to; ++n) out.push_back(absl::StrFormat("p%05d", n));
  return out;
}

TEST(DecideSync, HoldsAboveTheThreshold) {
  const struct {
    const char* what;
    size_t known, remain, journalled;
    std::string held_because;
  } kCases[] = {
      {"nothing changed", 10, 10, 0, ""},
      {"5 of 10", 10, 5, 0, ""},
      {"6 of 10", 10, 4, 0, "6 of 10 members would lose access, which is above max(5, 5 %)"},
      {"5 % of 1,000", 1'000, 950, 0, ""},
      {"51 of 1,000", 1'000, 949, 0,
       "51 of 1000 members would lose access, which is above max(5, 5 %)"},
      {"5 of 100", 100, 95, 0, ""},
      {"6 of 100", 100, 94, 0, "6 of 100 members would lose access, which is above max(5, 5 %)"},
      {"6 of 120 are 5 %", 120, 114, 0, ""},
      {"7 of 120", 120, 113, 0, "7 of 120 members would lose access, which is above max(5, 5 %)"},
      {"6 of 10, one of them ours", 10, 4, 1, ""},
      {"7 of 10, one of them ours", 10, 3, 1,
       "6 of 10 members would lose access, which is above max(5, 5 %)"},
      {"emptied, few", 2, 0, 0, "the approval group of whatsapp held members and reads empty"},
      {"emptied, one", 1, 0, 0, "the approval group of whatsapp held members and reads empty"},
      {"emptied by us", 2, 0, 2, ""},
      {"emptied, not all by us", 2, 0, 1,
       "the approval group of whatsapp held members and reads empty"},
      {"emptied, many", 10, 0, 0,
       "10 of 10 members would lose access, which is above max(5, 5 %); the approval group of "
       "whatsapp held members and reads empty"},
      {"was empty", 0, 0, 0, ""},
  };
  for (const auto& c : kCases) {
    const DirectorySnapshot snapshot =
        Builder().Persons(Numbered(0, c.known)).Group("g0", Numbered(0, c.remain)).Build();
    KnownMembership known;
    for (const std::string& id : Numbered(0, c.known)) known.members["whatsapp"].insert(id);
    for (const std::string& id : Numbered(c.remain, c.remain + c.journalled)) {
      known.expected_removals["whatsapp"].insert(id);
    }
    const SyncDecision decision = DecideSync(known, Read(snapshot), snapshot);
    EXPECT_EQ(decision.held_because, c.held_because) << c.what;
    const bool hold = !c.held_because.empty();
    EXPECT_EQ(decision.hold, hold) << c.what;
    // What is ours waits for a read that nothing is held of.
    EXPECT_EQ(decision.held.size(), hold ? c.known - c.remain - c.journalled : 0) << c.what;
    EXPECT_EQ(decision.removed.size(), hold ? 0 : c.known - c.remain) << c.what;
    EXPECT_EQ(decision.added.size(), 0u) << c.what;
  }
}

// Who is still in the group but may not sign in was read, not inferred from an absence.
TEST(DecideSync, DoesNotHoldTheLastMemberForADisabledAccount) {
  const DirectorySnapshot snapshot = Builder().With(Person("a", false)).Group("g0", {"a"}).Build();
  const SyncDecision decision = DecideSync(Known({{"whatsapp", {"a"}}}), Read(snapshot), snapshot);
  EXPECT_EQ(decision.removed, (std::vector<SyncDecision::Change>{
                                  {"whatsapp", "a", Cause::DISABLED, "account disabled", {}}}));
  EXPECT_EQ(decision.held_because, "");
}

TEST(DecideSync, CountsOverAllAppsAndHoldsAnAppThatLostItsGroup) {
  const DirectorySnapshot snapshot = Builder()
                                         .Persons(Numbered(0, 8))
                                         .Group("g0", {"p00000"})
                                         .Group("g1", {"p00000"})
                                         .Approval("signal", "g0")
                                         .Approval("whatsapp", "g1")
                                         .Build();
  const std::set<std::string> four = {"p00000", "p00001", "p00002", "p00003"};
  SyncDecision decision =
      DecideSync(Known({{"signal", four}, {"whatsapp", four}}), Read(snapshot), snapshot);
  EXPECT_EQ(decision.held.size(), 6u);
  EXPECT_EQ(decision.held_because, "6 of 8 members would lose access, which is above max(5, 5 %)");

  decision = DecideSync(Known({{"signal", four}, {"viber", {"p00001"}}}), Read(snapshot), snapshot);
  EXPECT_EQ(decision.added,
            (std::vector<SyncDecision::Change>{
                {"whatsapp", "p00000", Cause::JOINED, "in group via g1", {Dn("g1")}}}));
  EXPECT_EQ(decision.held, (std::vector<SyncDecision::Change>{
                               {"signal", "p00001", Cause::LEFT_GROUP, "left group", {}},
                               {"signal", "p00002", Cause::LEFT_GROUP, "left group", {}},
                               {"signal", "p00003", Cause::LEFT_GROUP, "left group", {}},
                               {"viber",
                                "p00001",
                                Cause::GROUP_NOT_CONFIGURED,
                                "no approval group is configured for this app",
                                {}}}));
  EXPECT_EQ(decision.held_because, "the approval group of viber held members and reads empty");
}

}  // namespace
}  // namespace muster
