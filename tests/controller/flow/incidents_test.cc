// Possible losses over the real store: suspected once, decided by people, signed, reported.
#include "controller/flow/incidents.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "common/archive_limits.h"
#include "common/loss_report_text.h"
#include "common/trust_root.h"
#include "controller/flow/incident_decisions.h"
#include "controller/flow/incident_report.h"
#include "tests/controller/flow/world.h"
#include "tests/support/days.h"

namespace muster {
namespace {

constexpr char kId[] = "LOSS-000001";

class IncidentsTest : public World {
 protected:
  IncidentsTest() {
    directory_->edit = [](DirectorySnapshot& read) {
      read.persons.at(IdOf(kAlice)).set_office("Field Office");
    };
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
    TrustRecordsKey();
  }

  // The next root names a records key.
  void TrustRecordsKey() {
    const v1::SignedDoc first =
        Load<v1::SignedDoc>(*store_->Read(), DocumentKey(kRootName), "missing")->value;
    const absl::StatusOr<v1::Root> next =
        NextRoot(*RootOf(first),
                 {.role = "records", .add = {*TrustedKeyFromSpki(records_.spki())}, .threshold = 1},
                 clock_.Now());
    ASSERT_TRUE(next.ok()) << next.status();
    std::vector<PrivateKey> keys;
    for (const char* name : {"root-1", "root-2"}) {
      keys.push_back(
          *PrivateKey::FromPem(*ReadFile(dir_.File(absl::StrCat("t/root-keys/", name, ".key")))));
    }
    const auto published =
        PublishTrust(*services_, signer_, Who("soc"), {*MakeSignedDoc(*next, keys)}, false);
    ASSERT_TRUE(published.ok()) << published.status();
  }

  v1::Obligation Owed(const std::string& chat, uint64_t messages = 100) {
    v1::Obligation out;
    out.set_device_id("d1");
    out.set_person_id(IdOf(kAlice));
    out.set_person_upn("alice@agency.test");
    out.set_app_id("whatsapp");
    out.set_chat_key(chat);
    out.set_state(v1::Obligation::LOSS_SUSPECTED);
    out.set_exports(chat.empty() ? 0 : 1);
    out.set_messages(chat.empty() ? 0 : messages);
    *out.mutable_began_at() = ToProto(clock_.Now() - 30 * kDay);
    *out.mutable_uncovered_since() = ToProto(clock_.Now() - 10 * kDay);
    if (chat.empty()) return out;
    out.set_level(v1::Evidence::E2_SEEN);
    v1::CoveredInterval* covered = out.add_covered();
    *covered->mutable_from() = ToProto(clock_.Now() - 30 * kDay);
    *covered->mutable_until() = ToProto(clock_.Now() - 10 * kDay);
    covered->set_level(v1::Evidence::E2_SEEN);
    return out;
  }
  Suspicion Lost(const std::vector<std::string>& chats) {
    Suspicion out{.cause = v1::Incident::UNINSTALLED,
                  .happened_at = clock_.Now(),
                  .obligations = {},
                  .circumstances = "WhatsApp is no longer installed on d1"};
    for (const std::string& chat : chats) out.obligations.push_back(Owed(chat));
    return out;
  }
  absl::StatusOr<std::string> Suspect(const Suspicion& suspicion) {
    return RetryAborted([&]() -> absl::StatusOr<std::string> {
      Mutation mutation;
      MUSTER_ASSIGN_OR_RETURN(std::string id,
                              WriteSuspicion(*services_, *store_->Read(), suspicion, mutation));
      if (mutation.puts.empty()) return id;
      MUSTER_RETURN_IF_ERROR(store_->Commit(std::move(mutation)).status());
      return id;
    });
  }
  v1::Incident Now(const std::string& id = kId) {
    return Load<v1::Incident>(*store_->Read(), IncidentKey(id), "missing")->value;
  }
  std::string State() { return v1::Incident::State_Name(Now().state()); }
  absl::StatusOr<IncidentOutcome> Decide(IncidentVerb verb, const std::string& who = "second") {
    return DecideIncident(*services_, Who(who),
                          {.verb = verb, .incident_id = kId, .reason = "r", .reported_to = "NARA"},
                          false);
  }
  absl::StatusOr<IncidentOutcome> Draft(const std::string& salvage = "none is left") {
    return WriteDraft(*services_, Who("second"), kId,
                      {.safeguards = "new phones archive", .salvage = salvage}, 0, false);
  }
  // A REPORT_DRAFT.
  void Drafted() {
    ASSERT_TRUE(Suspect(Lost({"c1"})).ok());
    ASSERT_TRUE(Decide(IncidentVerb::kAssess).ok());
    ASSERT_TRUE(Decide(IncidentVerb::kConfirm).ok());
    const auto drafted = Draft();
    ASSERT_TRUE(drafted.ok()) << drafted.status();
  }
  v1::LossReport Payload() {
    v1::LossReport out;
    v1::DocumentHeader& header = *out.mutable_header();
    header.set_tenant("agency");
    header.set_kind("loss-report");
    header.set_name(LossReportName(kId));
    header.set_epoch(signer_.epoch());
    header.set_version(1);
    *header.mutable_issued_at() = ToProto(clock_.Now());
    *header.mutable_not_after() = ToProto(clock_.Now() + kDay);
    out.set_incident_id(kId);
    out.set_report_sha256(Now().report_sha256());
    return out;
  }
  absl::StatusOr<IncidentOutcome> Sign(const v1::LossReport& payload) {
    return Sign(*MakeSignedDoc(payload, {records_}));
  }
  absl::StatusOr<IncidentOutcome> Sign(const v1::SignedDoc& doc) {
    return SignReport(*services_, Who("second"), kId, doc, false);
  }
  // The first word of the refusal; "OK" without one.
  std::string Code(const absl::StatusOr<IncidentOutcome>& result) {
    if (result.ok()) return "OK";
    const std::string text(result.status().message());
    return text.substr(0, text.find(':'));
  }

  PrivateKey records_ = *PrivateKey::Generate(kEcdsaP256Sha256);
};

TEST_F(IncidentsTest, SuspectedOnce) {
  EXPECT_EQ(*Suspect(Lost({"c1", ""})), kId);
  const v1::Incident incident = Now();
  EXPECT_EQ(incident.state(), v1::Incident::SUSPECTED);
  EXPECT_EQ(incident.office(), "Field Office");
  EXPECT_EQ(incident.circumstances(), "WhatsApp is no longer installed on d1");
  ASSERT_EQ(incident.chats_size(), 2);
  EXPECT_EQ(incident.chats(0).messages_estimated(), 50u);
  EXPECT_EQ(incident.chats(1).messages_estimated(), 0u);
  EXPECT_EQ(incident.history(0).by_upn(), "");
  const int commits = store_->commits();
  EXPECT_EQ(*Suspect(Lost({"c1"})), kId);
  EXPECT_EQ(store_->commits(), commits) << "nothing new";
  EXPECT_EQ(*Suspect(Lost({"c2"})), kId);
  EXPECT_EQ(Now().chats_size(), 3);
  EXPECT_EQ(Audited("incident.open").size(), 1u);
  EXPECT_EQ(Audited("incident.extend").size(), 1u);
  EXPECT_EQ(Audited("incident.open").at(0).actor_upn(), "muster");
}

TEST_F(IncidentsTest, OnceAlsoWithinOneMutation) {
  Mutation mutation;
  const auto snapshot = store_->Read();
  EXPECT_EQ(*WriteSuspicion(*services_, *snapshot, Lost({"c1"}), mutation), kId);
  EXPECT_EQ(*WriteSuspicion(*services_, *snapshot, Lost({"c2"}), mutation), kId);
  Suspicion other = Lost({"c1"});
  other.obligations[0].set_device_id("d2");
  EXPECT_EQ(*WriteSuspicion(*services_, *snapshot, other, mutation), "LOSS-000002");
  EXPECT_TRUE(WriteCoveredAfterAll(*services_, *snapshot, kId, mutation).ok());
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  EXPECT_EQ(Now().chats_size(), 2);
  EXPECT_TRUE(Now().has_covered_at());
  EXPECT_EQ(Now("LOSS-000002").chats_size(), 1);
}

TEST_F(IncidentsTest, TwoThatNoticeAtOnceOpenOne) {
  Mutation first, second;
  const auto snapshot = store_->Read();
  ASSERT_TRUE(WriteSuspicion(*services_, *snapshot, Lost({"c1"}), first).ok());
  ASSERT_TRUE(WriteSuspicion(*services_, *snapshot, Lost({"c1"}), second).ok());
  EXPECT_TRUE(store_->Commit(std::move(first)).ok());
  EXPECT_EQ(store_->Commit(std::move(second)).status().code(), absl::StatusCode::kAborted);
}

TEST_F(IncidentsTest, RefusesWhatIsNotOneSubject) {
  EXPECT_EQ(Suspect(Lost({})).status().code(), absl::StatusCode::kInvalidArgument);
  Suspicion mixed = Lost({"c1", "c2"});
  mixed.obligations[1].set_device_id("d2");
  EXPECT_EQ(Suspect(mixed).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(IncidentsTest, CoveredAfterAllSaysSoOnce) {
  ASSERT_TRUE(Suspect(Lost({"c1"})).ok());
  for (int i = 0; i < 2; ++i) {
    Mutation mutation;
    ASSERT_TRUE(WriteCoveredAfterAll(*services_, *store_->Read(), kId, mutation).ok());
    EXPECT_EQ(mutation.puts.empty(), i == 1);
    if (i == 0) {
      ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
    }
  }
  EXPECT_EQ(State(), "SUSPECTED") << "a person decides";
  EXPECT_EQ(Audited("incident.covered").size(), 1u);
  Mutation mutation;
  EXPECT_EQ(WriteCoveredAfterAll(*services_, *store_->Read(), "LOSS-000009", mutation).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(IncidentsTest, FromTheDeskToTheClosedCase) {
  const NewIncidentInput lost{.person_upn = "alice@agency.test",
                              .app_id = "whatsapp",
                              .device_id = "",
                              .cause = v1::Incident::DEVICE_LOST,
                              .happened_at = clock_.Now() - kDay,
                              .reason = "left in a taxi"};
  const auto dry = OpenIncident(*services_, Who("desk"), lost, true);
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(store_->Read()->Scan("incident/", "", 9)->size(), 0u);
  ASSERT_TRUE(OpenIncident(*services_, Who("desk"), lost, false).ok());
  EXPECT_EQ(OpenIncident(*services_, Who("desk"), lost, false).status().message(),
            "LOSS-000001 is open about this already; see `musterctl archive incidents "
            "LOSS-000001`");
  EXPECT_EQ(Now().chats_size(), 1);
  EXPECT_EQ(Now().chats(0).chat_key(), "");
  ASSERT_TRUE(Decide(IncidentVerb::kAssess).ok());
  EXPECT_EQ(Decide(IncidentVerb::kConfirm, "desk").status().code(),
            absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(Decide(IncidentVerb::kConfirm).ok());
  ASSERT_TRUE(Draft().ok());
  ASSERT_TRUE(Sign(Payload()).ok());
  ASSERT_TRUE(Decide(IncidentVerb::kReport).ok());
  EXPECT_EQ(FromProto(Now().update_due_at()), clock_.Now() + limits::kDefaultUpdateEvery);
  clock_.Advance(limits::kDefaultUpdateEvery - absl::Seconds(1));
  ASSERT_TRUE(RunIncidentTimers(*services_).ok());
  EXPECT_EQ(State(), "REPORTED");
  clock_.Advance(absl::Seconds(1));
  store_->FailIn(1);
  EXPECT_FALSE(RunIncidentTimers(*services_).ok());
  EXPECT_EQ(State(), "REPORTED");
  ASSERT_TRUE(RunIncidentTimers(*services_).ok());
  ASSERT_TRUE(RunIncidentTimers(*services_).ok());
  EXPECT_EQ(State(), "UPDATE_DUE");
  EXPECT_EQ(Audited("incident.update-due").size(), 1u);
  ASSERT_TRUE(Decide(IncidentVerb::kUpdate).ok());
  ASSERT_TRUE(Decide(IncidentVerb::kClose).ok());
  EXPECT_EQ(State(), "CLOSED");
  EXPECT_EQ(store_->Read()->Scan("incident_open/", "", 9)->size(), 0u);
  EXPECT_EQ(store_->Read()->Scan("work/incident/", "", 9)->size(), 0u);
  EXPECT_EQ(OpenIncident(*services_, Who("desk"), lost, false)->incident.incident_id(),
            "LOSS-000002");
  for (const char* verb : {"assess", "confirm", "draft", "sign", "report", "update", "close"}) {
    EXPECT_EQ(Audited(absl::StrCat("incident.", verb)).size(), 1u) << verb;
  }
}

TEST_F(IncidentsTest, EachWrongSignatureHasItsCode) {
  Drafted();
  const v1::LossReport good = Payload();
  const auto with = [&](auto change) {
    v1::LossReport payload = good;
    change(payload);
    return Code(Sign(payload));
  };
  EXPECT_EQ(with([](auto& p) { p.set_report_sha256(std::string(64, 'a')); }), "REPORT_CHANGED");
  EXPECT_EQ(with([](auto& p) { p.set_incident_id("LOSS-000002"); }), "NOT_NAMED");
  EXPECT_EQ(with([](auto& p) { p.clear_report_sha256(); }), "MALFORMED");
  EXPECT_EQ(with([](auto& p) { p.mutable_header()->set_name("loss-report/LOSS-000002"); }),
            "MALFORMED");
  EXPECT_EQ(with([](auto& p) { p.mutable_header()->set_tenant("other"); }), "WRONG_TENANT");
  EXPECT_EQ(
      with([&](auto& p) { *p.mutable_header()->mutable_not_after() = ToProto(clock_.Now()); }),
      "MALFORMED");
  EXPECT_EQ(with([](auto& p) { p.mutable_header()->set_epoch(0); }), "ROLLBACK");
  const v1::SignedDoc doc = *MakeSignedDoc(good, {records_});
  v1::SignedDoc bad = doc;
  bad.set_payload_type("muster.v1.Receipt");
  EXPECT_EQ(Code(Sign(bad)), "WRONG_TYPE");
  bad = doc;
  bad.clear_signatures();
  EXPECT_EQ(Code(Sign(bad)), "THRESHOLD");
  bad = *MakeSignedDoc(good, {*PrivateKey::Generate(kEcdsaP256Sha256)});
  EXPECT_EQ(Code(Sign(bad)), "UNKNOWN_KEY");
  bad = *MakeSignedDoc(good, {*PrivateKey::FromPem(*ReadFile(dir_.File("t/keys/policy.key")))});
  EXPECT_EQ(Code(Sign(bad)), "ROLE");
  bad = doc;
  bad.mutable_payload()->append("x");
  EXPECT_EQ(Code(Sign(bad)), "BAD_SIGNATURE");
  EXPECT_EQ(State(), "REPORT_DRAFT");
  EXPECT_EQ(Audited("incident.sign").size(), 0u);
  EXPECT_EQ(Code(Sign(doc)), "OK");
}

TEST_F(IncidentsTest, AReplayedSignatureChangesNothing) {
  Drafted();
  const v1::SignedDoc doc = *MakeSignedDoc(Payload(), {records_});
  ASSERT_TRUE(Sign(doc).ok());
  const int commits = store_->commits();
  EXPECT_TRUE(Sign(doc).ok());
  EXPECT_EQ(store_->commits(), commits);
  // A change takes it away, and it does not come back.
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(Draft("a backup").ok());
  EXPECT_EQ(State(), "REPORT_DRAFT");
  EXPECT_EQ(Code(Sign(doc)), "REPORT_CHANGED");
  ASSERT_TRUE(Sign(Payload()).ok());
  // Also a change that Muster notices.
  ASSERT_TRUE(Suspect(Lost({"c9"})).ok());
  EXPECT_EQ(State(), "REPORT_DRAFT");
  EXPECT_TRUE(absl::StrContains(GetReport(*services_, kId)->html(), "Chat c9"));
  EXPECT_EQ(GetReport(*services_, kId)->sha256(), Now().report_sha256());
}

TEST_F(IncidentsTest, TheReportStaysWhatWasSigned) {
  EXPECT_EQ(GetReport(*services_, kId).status().code(), absl::StatusCode::kNotFound);
  Drafted();
  const v1::IncidentReportResponse draft = *GetReport(*services_, kId);
  EXPECT_FALSE(draft.is_signed());
  EXPECT_EQ(*LossReportSha256(draft.html()), draft.sha256());
  ASSERT_TRUE(Sign(Payload()).ok());
  ASSERT_TRUE(Decide(IncidentVerb::kReport).ok());
  directory_->edit = [](DirectorySnapshot& read) {
    read.persons.at(IdOf(kAlice)).set_office("Elsewhere");
  };
  ASSERT_TRUE(Sync().ok());
  ASSERT_TRUE(Suspect(Lost({"c9"})).ok());
  EXPECT_EQ(State(), "UPDATE_DUE") << "what is new goes into an update";
  const v1::IncidentReportResponse shown = *GetReport(*services_, kId);
  EXPECT_TRUE(shown.is_signed());
  EXPECT_EQ(shown.sha256(), draft.sha256());
  EXPECT_EQ(*LossReportSha256(shown.html()), draft.sha256());
  EXPECT_TRUE(absl::StrContains(shown.html(), "Signed by</th><td>second@agency.test"));
}

TEST_F(IncidentsTest, DryRunsRevisionsAndCrashes) {
  ASSERT_TRUE(Suspect(Lost({"c1"})).ok());
  IncidentInput in{.verb = IncidentVerb::kAssess, .incident_id = kId, .reason = "r"};
  const auto dry = DecideIncident(*services_, Who("second"), in, true);
  EXPECT_EQ(dry->touched.changes,
            std::vector<std::string>{"LOSS-000001: SUSPECTED -> ASSESSING, whatsapp of "
                                     "alice@agency.test, 1 chats"});
  EXPECT_EQ(State(), "SUSPECTED");
  in.expected_revision = 1;
  EXPECT_EQ(DecideIncident(*services_, Who("second"), in, false).status().code(),
            absl::StatusCode::kAborted);
  in.expected_revision = 0;
  store_->FailIn(1);
  EXPECT_FALSE(DecideIncident(*services_, Who("second"), in, false).ok());
  EXPECT_EQ(State(), "SUSPECTED");
  EXPECT_EQ(Audited("incident.assess").size(), 0u);
  EXPECT_TRUE(DecideIncident(*services_, Who("second"), in, false).ok());
  in.incident_id = "LOSS-000009";
  EXPECT_EQ(DecideIncident(*services_, Who("second"), in, false).status().message(),
            "no incident 'LOSS-000009'; see `musterctl archive incidents`");
}

TEST_F(IncidentsTest, WhatCannotBeOpened) {
  NewIncidentInput in{.person_upn = "alice@agency.test",
                      .app_id = "whatsapp",
                      .device_id = "",
                      .cause = v1::Incident::OTHER,
                      .happened_at = clock_.Now(),
                      .reason = "r"};
  const auto code = [&](auto change) {
    NewIncidentInput changed = in;
    change(changed);
    return OpenIncident(*services_, Who("desk"), changed, false).status().code();
  };
  EXPECT_EQ(code([](auto& i) { i.reason = ""; }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto& i) { i.cause = v1::Incident::CAUSE_UNSPECIFIED; }),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code([&](auto& i) { i.happened_at = clock_.Now() + absl::Seconds(1); }),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto& i) { i.person_upn = "nobody@agency.test"; }),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(code([](auto& i) { i.app_id = "nothing"; }), absl::StatusCode::kNotFound);
  EXPECT_EQ(code([](auto& i) { i.device_id = "none"; }), absl::StatusCode::kNotFound);
  EXPECT_EQ(code([](auto&) {}), absl::StatusCode::kOk);
}

}  // namespace
}  // namespace muster
