// The search in the audit log: every filter, pages under growth, bounds.
#include "controller/flow/log_search.h"

#include <gtest/gtest.h>

#include <set>

#include "common/log_limits.h"
#include "controller/flow/audit.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

using Sequences = std::vector<uint64_t>;

class LogSearchTest : public World {
 protected:
  LogSearchTest() { EXPECT_TRUE(Sync().ok()); }

  // An entry an hour: the first one after what the world wrote is 0 here.
  uint64_t Write(const Actor& actor, const muster::Audited& what, const std::string& query = "") {
    clock_.Advance(absl::Hours(1));
    Mutation mutation;
    mutation.audit.push_back(MakeAuditEntry(*services_, actor, what));
    mutation.audit.back().set_query(query);
    EXPECT_TRUE(store_->Commit(std::move(mutation)).ok());
    return store_->Read()->log_head().size - 1;
  }
  v1::ListAuditResponse Page(const v1::ListAuditRequest& in) {
    v1::ListAuditResponse out;
    EXPECT_EQ(SearchLog(*store_->Read(), in, out), absl::OkStatus());
    return out;
  }
  // Of all pages, each of `size`.
  Sequences Find(v1::ListAuditRequest in, uint32_t size = 100) {
    Sequences out;
    in.set_page_size(size);
    for (int pages = 0; pages < 1'000; ++pages) {
      const v1::ListAuditResponse page = Page(in);
      EXPECT_LE(page.items_size(), static_cast<int>(size));
      for (const v1::AuditEntry& entry : page.items()) out.push_back(entry.sequence());
      in.set_cursor(page.next_cursor());
      if (in.cursor().empty()) return out;
    }
    ADD_FAILURE() << "the pages do not end";
    return out;
  }
  static v1::ListAuditRequest With(const std::function<void(v1::ListAuditRequest&)>& set) {
    v1::ListAuditRequest in;
    set(in);
    return in;
  }
};

struct SearchCase {
  std::string name;
  std::function<void(v1::ListAuditRequest&)> set;
  Sequences want;
};

TEST_F(LogSearchTest, EveryFilterAloneAndTogether) {
  v1::Request request;
  request.set_request_id("REQ-7");
  request.set_app_id("whatsapp");
  request.set_person_id(IdOf(kAlice));
  request.set_justification("Lost \"phone\" abroad");
  Actor device = MusterItself();
  device.who.person_id = "device/laptop-1";
  const absl::Time start = clock_.Now();
  const uint64_t a = Write(Who("desk"), {.verb = "request.submit",
                                         .object = "request/REQ-7",
                                         .after = &request,
                                         .ticket = "INC0963540",
                                         .transaction_id = "tx-1"});
  const uint64_t b = Write(Who("soc"), {.verb = "request.approve",
                                        .object = "request/REQ-7",
                                        .before = &request,
                                        .after = &request,
                                        .reason = "needed abroad",
                                        .transaction_id = "tx-1"});
  const uint64_t c = Write(device, {.verb = "report.canary", .object = "device/laptop-1"});
  const uint64_t d = Write(Who("soc"), {.verb = "read.person", .object = "person/" + IdOf(kAlice)},
                           R"({"upn":"alice@agency.test"})");
  const uint64_t e = Write(Who("bob"), {.verb = "trm.set", .object = "trm/tox"});
  using In = v1::ListAuditRequest;
  const auto at = [&](int hours) { return ToProto(start + absl::Hours(hours)); };
  const SearchCase kCases[] = {
      {"object", [](In& in) { in.set_object("request/REQ-7"); }, {a, b}},
      {"object in another case", [](In& in) { in.set_object("REQUEST/req-7"); }, {a, b}},
      {"part of an object", [](In& in) { in.set_object("request/REQ"); }, {}},
      {"actor", [](In& in) { in.set_actor("soc@agency.test"); }, {b, d}},
      {"actor by id", [](In& in) { in.set_actor(IdOf(kSoc)); }, {b, d}},
      {"actor is a device", [](In& in) { in.set_actor("device/laptop-1"); }, {c}},
      {"transaction", [](In& in) { in.set_transaction_id("tx-1"); }, {a, b}},
      {"person", [](In& in) { in.set_person("Alice@agency.test"); }, {a, b, d}},
      {"person by id", [](In& in) { in.set_person(IdOf(kAlice)); }, {a, b, d}},
      {"person who acted", [](In& in) { in.set_person("bob@agency.test"); }, {e}},
      {"nobody", [](In& in) { in.set_person("nobody@agency.test"); }, {}},
      {"device", [](In& in) { in.set_device("laptop-1"); }, {c}},
      {"app", [](In& in) { in.set_app("whatsapp"); }, {a, b}},
      {"app of a trm", [](In& in) { in.set_app("tox"); }, {e}},
      {"ticket", [](In& in) { in.set_ticket("inc0963540"); }, {a}},
      {"verb", [](In& in) { in.set_verb("request.approve"); }, {b}},
      {"verbs", [](In& in) { in.set_verb("request.*"); }, {a, b}},
      {"text of a record", [](In& in) { in.set_text("LOST"); }, {a, b}},
      {"text of a reason", [](In& in) { in.set_text("needed ABROAD"); }, {b}},
      {"text of a query", [](In& in) { in.set_text("alice@agency"); }, {d}},
      {"since", [&](In& in) { *in.mutable_since() = at(4); }, {d, e}},
      {"since and until",
       [&](In& in) {
         *in.mutable_since() = at(2);
         *in.mutable_until() = at(4);
       },
       {b, c}},
      {"newest",
       [&](In& in) {
         in.set_newest_first(true);
         *in.mutable_since() = at(1);
       },
       {e, d, c, b, a}},
      {"newest of an object",
       [](In& in) {
         in.set_newest_first(true);
         in.set_object("request/REQ-7");
       },
       {b, a}},
      {"no reads",
       [](In& in) {
         in.set_no_reads(true);
         in.set_actor("soc@agency.test");
       },
       {b}},
      {"all of it",
       [&](In& in) {
         in.set_actor("soc@agency.test");
         in.set_person("alice@agency.test");
         in.set_app("whatsapp");
         in.set_verb("request.*");
         in.set_text("abroad");
         *in.mutable_since() = at(1);
         *in.mutable_until() = at(9);
       },
       {b}},
      {"all but one of it",
       [](In& in) {
         in.set_actor("soc@agency.test");
         in.set_ticket("INC0963540");
       },
       {}},
  };
  for (const SearchCase& one : kCases) {
    for (const uint32_t size : {1u, 2u, 100u}) {
      EXPECT_EQ(Find(With(one.set), size), one.want) << one.name << ", pages of " << size;
    }
  }
}

TEST_F(LogSearchTest, WhatCannotBeAsked) {
  const std::pair<std::function<void(v1::ListAuditRequest&)>, std::string> kCases[] = {
      {[](auto& in) { in.set_verb("request.app*"); },
       "the verb 'request.app*' cannot be looked for: give one, e.g. request.approve, or all of a "
       "kind, e.g. request.*"},
      {[](auto& in) { in.set_verb("a.b.*"); },
       "the verb 'a.b.*' cannot be looked for: give one, e.g. request.approve, or all of a kind, "
       "e.g. request.*"},
      {[](auto& in) { in.set_text(std::string(257, 'x')); },
       "a text to look for has at most 256 bytes"},
      {[](auto& in) {
         in.mutable_since()->set_seconds(2);
         in.mutable_until()->set_seconds(1);
       },
       "'until' is before 'since': nothing is in between"},
      {[](auto& in) { in.set_page_size(1'001); }, "a page holds at most 1000 items"},
      {[](auto& in) { in.set_cursor("audit/0000"); }, "the cursor is not one of this search's"},
      {[](auto& in) { in.set_cursor("..2"); }, "the cursor is not one of this search's"},
      {[](auto& in) { in.set_cursor("2..1"); }, "the cursor is not one of this search's"},
      {[](auto& in) { in.set_cursor("0..999999"); }, "the cursor is not one of this search's"},
      {[](auto& in) { in.set_cursor("-1..2"); }, "the cursor is not one of this search's"},
  };
  for (const auto& [set, want] : kCases) {
    v1::ListAuditResponse out;
    EXPECT_EQ(SearchLog(*store_->Read(), With(set), out), absl::InvalidArgumentError(want));
  }
}

TEST_F(LogSearchTest, APageWritesAnEntryAndTheLastPageStillComes) {
  for (const bool newest : {false, true}) {
    v1::ListAuditRequest in;
    in.set_page_size(1);
    in.set_newest_first(newest);
    const uint64_t size = store_->Read()->log_head().size;
    std::set<uint64_t> seen;
    do {
      const v1::ListAuditResponse page = Page(in);
      ASSERT_EQ(page.items_size(), 1);
      EXPECT_TRUE(seen.insert(page.items(0).sequence()).second);
      Write(Who("soc"), {.verb = "read.audit", .object = ""});
      in.set_cursor(page.next_cursor());
    } while (!in.cursor().empty() && seen.size() < 1'000);
    EXPECT_EQ(seen.size(), size) << "as the log was when the first page was asked for";
    EXPECT_EQ(*seen.rbegin(), size - 1);
  }
}

TEST_F(LogSearchTest, AHundredThousandTimesNoIsNoLongWait) {
  const uint64_t first = Write(Who("desk"), {.verb = "request.submit", .object = "request/REQ-1"});
  const v1::AuditEntry filler =
      MakeAuditEntry(*services_, Who("soc"), {.verb = "read.requests", .object = ""});
  for (int i = 0; i < 25; ++i) {
    Mutation mutation;
    mutation.audit.assign(4'000, filler);
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  const uint64_t last = Write(Who("desk"), {.verb = "request.cancel", .object = "request/REQ-1"});
  // Nothing indexed: no call looks at more than the cap, and all of them find what is there.
  v1::ListAuditRequest in;
  in.set_text("req-1");
  Sequences found;
  int calls = 0;
  do {
    ++calls;
    const v1::ListAuditResponse page = Page(in);
    for (const v1::AuditEntry& entry : page.items()) found.push_back(entry.sequence());
    in.set_cursor(page.next_cursor());
  } while (!in.cursor().empty());
  EXPECT_EQ(found, (Sequences{first, last}));
  EXPECT_EQ(calls, static_cast<int>((last + 1 + limits::kMaxSearchedEntries - 1) /
                                    limits::kMaxSearchedEntries));
  // What is indexed is found at once, the rare word first, both ways.
  const auto rare = [](auto& r) {
    r.set_object("request/REQ-1");
    r.set_person("desk@agency.test");
  };
  EXPECT_EQ(Page(With(rare)).items_size(), 2);
  EXPECT_EQ(Page(With(rare)).next_cursor(), "");
  EXPECT_EQ(Find(With([&](auto& r) {
              rare(r);
              r.set_newest_first(true);
            })),
            (Sequences{last, first}));
  // And the many, newest first, without a gap.
  const Sequences many = Find(With([](auto& r) {
                                r.set_verb("read.*");
                                r.set_newest_first(true);
                              }),
                              1'000);
  EXPECT_EQ(many.size(), 100'000u);
  EXPECT_EQ(many.front(), last - 1);
  EXPECT_EQ(many.back(), first + 1);
  EXPECT_TRUE(std::is_sorted(many.rbegin(), many.rend()));
}

TEST_F(LogSearchTest, AnAnswerFitsOneMessage) {
  v1::Request big;
  big.set_justification(std::string(50'000, 'j'));
  Mutation mutation;
  mutation.audit.assign(
      100, MakeAuditEntry(*services_, Who("desk"), {.verb = "x.y", .object = "x", .after = &big}));
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  const v1::ListAuditRequest in = With([](auto& r) { r.set_verb("x.y"); });
  EXPECT_LE(Page(in).ByteSizeLong(), limits::kMaxLogReadBytes + limits::kMaxLogEntryBytes);
  EXPECT_EQ(Find(in, 1'000).size(), 100u);
}

TEST_F(LogSearchTest, EverythingAboutARequestInOneCall) {
  LoadCatalogue();
  const v1::Request other = *SubmitFor("bob");
  const v1::Request request = *SubmitFor("alice");
  ASSERT_TRUE(ApproveBy("soc", request.request_id()).ok());
  Settle();
  Run();
  const v1::Request now = RequestNow(request.request_id());
  ASSERT_FALSE(now.grant_id().empty());
  ASSERT_TRUE(Revoke(now.grant_id(), "trip over").ok());
  const auto verbs = [&](const std::string& about) {
    std::vector<std::string> out;
    const v1::ListAuditResponse page = Page(With([&](auto& in) { in.set_about(about); }));
    for (const v1::AuditEntry& entry : page.items()) {
      EXPECT_EQ(entry.SerializeAsString().find(other.request_id()), std::string::npos);
      out.push_back(entry.verb());
    }
    return out;
  };
  const std::vector<std::string> whole = verbs("request/" + now.request_id());
  for (const char* step : {"request.submit", "request.approve", "grant.revoke"}) {
    EXPECT_EQ(std::count(whole.begin(), whole.end(), step), 1) << step;
  }
  EXPECT_EQ(whole.front(), "request.submit");
  EXPECT_EQ(whole.back(), "grant.revoke");
  EXPECT_EQ(verbs("grant/" + now.grant_id()), whole);
  EXPECT_EQ(verbs(now.ticket()), whole);
  const std::vector<std::string> person = verbs("person/alice@agency.test");
  for (const std::string& verb : whole) {
    EXPECT_EQ(std::count(person.begin(), person.end(), verb) > 0, verb != "document.publish")
        << verb;
  }
  EXPECT_EQ(verbs("request/REQ-999999"), std::vector<std::string>());
  EXPECT_EQ(verbs("INC-none"), std::vector<std::string>());
}

TEST_F(LogSearchTest, WhoseRetentionHasEndedIsPassedOver) {
  breaks_store_ = true;
  const uint64_t gone = Write(Who("soc"), {.verb = "x.y", .object = "x"});
  const absl::Time then = clock_.Now();
  const uint64_t there = Write(Who("soc"), {.verb = "x.y", .object = "x"});
  Mutation mutation;
  for (uint64_t sequence = 0; sequence <= gone; ++sequence) {
    v1::AuditRecord record;
    ASSERT_TRUE(record.ParseFromString((*store_->Read()->Get(AuditKey(sequence)))->bytes));
    record.clear_entry();
    Put(mutation, AuditKey(sequence), record);
  }
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  EXPECT_EQ(Find(With([](auto& in) { in.set_verb("x.y"); })), Sequences{there});
  EXPECT_EQ(Find(v1::ListAuditRequest()), Sequences{there});
  EXPECT_EQ(Find(With([&](auto& in) { *in.mutable_since() = ToProto(then); })), Sequences{there});
}

TEST_F(LogSearchTest, DamageIsSaid) {
  breaks_store_ = true;
  const uint64_t bad = Write(Who("soc"), {.verb = "x.y", .object = ""});
  Mutation mutation;
  v1::AuditRecord record;
  record.set_entry("\xff");
  Put(mutation, AuditKey(bad), record);
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  v1::ListAuditResponse out;
  EXPECT_EQ(SearchLog(*store_->Read(), With([](auto& in) { in.set_verb("x.y"); }), out),
            absl::DataLossError(absl::StrCat("entry ", bad,
                                             " of the audit log is damaged; run an "
                                             "integrity check")));
}

}  // namespace
}  // namespace muster
