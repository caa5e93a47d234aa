// Windows, statements, the guide, reminders and receipts: what a person asks and is told.
#include "agent/domain/archive_plan.h"
#include "agent/domain/export_reading.h"
#include "tests/agent/flow/archive_fixture.h"

namespace muster::agent {
namespace {

using Lines = std::vector<std::string>;

v1::AssignedObligation Owed(v1::Obligation::State state, absl::Time since) {
  v1::AssignedObligation out;
  out.set_person_id("id-alice");
  out.set_app_id("chat");
  out.set_state(state);
  *out.mutable_uncovered_since() = ToProto(since);
  *out.mutable_due_at() = ToProto(since + absl::Hours(24 * 20));
  return out;
}

TEST_F(ArchivistTest, AWindowIsOnlyForWhatIsExportOnly) {
  EXPECT_EQ(archivist_->Open("chat", kAliceUid).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(archivist_->Open("none", kAliceUid).status().code(), absl::StatusCode::kNotFound);
  overdue_ = true;
  SetPolicy();
  EXPECT_EQ(archivist_->Open("chat", kBobUid).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(archivist_->Open("chat", 0).status().code(), absl::StatusCode::kNotFound);
  const absl::Time opened = clock_.Now();
  const absl::StatusOr<v1::ExportWindow> window = archivist_->Open("chat", kAliceUid);
  ASSERT_TRUE(window.ok()) << window.status();
  EXPECT_EQ(FromProto(window->until()), opened + limits::kExportWindow);
  // Asked again it is the same one; a restart keeps it; its end stays.
  clock_.Advance(absl::Minutes(10));
  Restart();
  EXPECT_EQ(FromProto(archivist_->Open("chat", kAliceUid)->until()),
            opened + limits::kExportWindow);
  const ExportWindows want = {{{kAliceUid, "chat"}, opened + limits::kExportWindow}};
  EXPECT_EQ(archivist_->Windows({{"alice", kAliceUid}}), want);
  archivist_->Step();
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(reports_[0].windows_size(), 1);
  // After its end another one is on record again.
  clock_.Set(opened + limits::kExportWindow);
  EXPECT_EQ(FromProto(archivist_->Open("chat", kAliceUid)->opened_at()), clock_.Now());
  archivist_->Step();
  EXPECT_EQ(reports_.back().windows_size(), 1);
  // What is not saved is not opened.
  clock_.Advance(absl::Hours(1));
  store_.before_write = [](const std::string&) { return false; };
  EXPECT_FALSE(archivist_->Open("chat", kAliceUid).ok());
}

TEST_F(ArchivistTest, AWindowOpenedByAFastClockIsNone) {
  overdue_ = true;
  SetPolicy();
  const absl::Time right = clock_.Now();
  clock_.Set(right + limits::kExportWindow + absl::Seconds(1));
  ASSERT_TRUE(archivist_->Open("chat", kAliceUid).ok());
  EXPECT_EQ(archivist_->Windows({{"alice", kAliceUid}}).size(), 1u);
  clock_.Set(right);
  EXPECT_EQ(archivist_->Windows({{"alice", kAliceUid}}), ExportWindows());
}

TEST_F(ArchivistTest, StatementsLeaveByHashOnly) {
  archivist_->Step();
  v1::ControlRequest::ArchiveState request;
  request.set_kind(v1::ArchiveStatement::EXPORT_BLOCKED);
  request.set_app_id("chat");
  request.set_chat("Secret  Chat");
  ASSERT_TRUE(archivist_->Declare(request, kAliceUid).ok());
  archivist_->Step();
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(reports_[0].statements(0).chat_key(),
            ChatKeyOfName(std::string(32, 's'), "secret chat"));
  EXPECT_EQ(reports_[0].SerializeAsString().find("ecret"), std::string::npos);
  *request.mutable_through() = ToProto(clock_.Now() + absl::Hours(1));
  EXPECT_EQ(archivist_->Declare(request, kAliceUid).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ArchivistTest, TheGuideIsAttestedByItsVersion) {
  v1::ControlRequest::ArchiveGuide request;
  EXPECT_FALSE(archivist_->Guide(request, kAliceUid)->attested());
  request.set_attest_version("2025-9");
  EXPECT_EQ(archivist_->Guide(request, kAliceUid).status().code(),
            absl::StatusCode::kFailedPrecondition);
  request.set_attest_version("2026-1");
  EXPECT_TRUE(archivist_->Guide(request, kAliceUid)->attested());
  request.clear_attest_version();
  EXPECT_TRUE(archivist_->Guide(request, kAliceUid)->attested());
  EXPECT_FALSE(archivist_->Guide(request, kBobUid)->attested());
  archivist_->Step();
  EXPECT_EQ(reports_[0].attestations(0).sha256(), settings_.guidance_sha256());
}

TEST(StateNow, TheCalendarGoesOnWithoutTheController) {
  absl::TimeZone zone;
  ASSERT_TRUE(absl::LoadTimeZone("America/New_York", &zone));
  const absl::Time since = absl::FromCivil(absl::CivilSecond(2026, 2, 20, 23, 59, 0), zone);
  const auto at = [&](int day) {
    return StateNow(Owed(v1::Obligation::ACCRUING, since), zone,
                    absl::FromCivil(absl::CivilDay(2026, 2, 20) + day, zone));
  };
  EXPECT_EQ(at(13), v1::Obligation::ACCRUING);
  EXPECT_EQ(at(14), v1::Obligation::DUE_SOON);
  EXPECT_EQ(at(17), v1::Obligation::DUE_SOON);
  EXPECT_EQ(at(18), v1::Obligation::URGENT);  // beyond the change to summer time
  EXPECT_EQ(at(20), v1::Obligation::URGENT);
  EXPECT_EQ(at(21), v1::Obligation::OVERDUE);
  EXPECT_EQ(StateNow(Owed(v1::Obligation::LOSS_SUSPECTED, since), zone, since),
            v1::Obligation::LOSS_SUSPECTED);
}

TEST_F(ArchivistTest, RemindsOncePerStateAndDay) {
  owed_ = {Owed(v1::Obligation::DUE_SOON, clock_.Now() - absl::Hours(24 * 15)),
           Owed(v1::Obligation::DUE_SOON, clock_.Now() - absl::Hours(24 * 16))};
  owed_[1].set_chat_key("k2");
  SetPolicy();
  archivist_->Step();
  EXPECT_EQ(notices_.sent, Lines{"20001 Export your Chat chats"});
  Restart();
  clock_.Advance(absl::Hours(23));
  archivist_->Step();
  EXPECT_EQ(notices_.sent.size(), 1u);
  clock_.Advance(absl::Hours(2));
  archivist_->Step();
  EXPECT_EQ(notices_.sent.size(), 2u);
  // Export-only begins.
  overdue_ = true;
  owed_.clear();
  SetPolicy();
  archivist_->Step();
  EXPECT_EQ(notices_.sent.back(), "20001 Chat is open for exports only");
  EXPECT_EQ(archivist_->OwedFor("chat", kAliceUid).has_value(), false);
}

class ReceiptTest : public ArchivistTest {
 protected:
  ReceiptTest() {
    world_.files["a.txt"] = Export("one", "2026-02-01T08:00:00Z", "2026-02-20T09:30:00Z");
    Work();
    v1::Root root = tenant_.Root();
    v1::TrustedKey* key = root.add_keys();
    key->set_key_id(records_.key_id());
    key->set_spki(records_.spki());
    key->set_algorithm(records_.algorithm());
    v1::TrustedRole* role = root.add_roles();
    role->set_role("records");
    role->add_key_ids(records_.key_id());
    role->set_threshold(1);
    trust_ = *Trust::FromRoot(root);
    reports_.clear();
    notices_.sent.clear();
  }
  v1::Receipt Good() const {
    const v1::ExportSeen seen = State().exports(0).seen();
    v1::Receipt r;
    *r.mutable_header() = tenant_.Header("receipt", ReceiptName(seen.bag_id()), 1);
    r.set_repository_id("records-1");
    r.set_bag_id(seen.bag_id());
    r.set_device_id(kTestDevice);
    r.set_person_id(seen.person_id());
    r.set_app_id(seen.app_id());
    r.set_chat_key(seen.chat_key());
    r.set_export_sha256(seen.export_sha256());
    r.set_export_bytes(seen.bytes());
    *r.mutable_first_at() = seen.first_at();
    *r.mutable_last_at() = seen.last_at();
    r.set_messages(seen.messages());
    r.set_payload_oxum(seen.payload_oxum());
    r.set_tagmanifest_sha256(seen.tagmanifest_sha256());
    return r;
  }
  // "held", the code of the refusal, or nothing.
  std::string Offer(const v1::Receipt& receipt, const PrivateKey& key) {
    reports_.clear();
    v1::ReceiptUpdate update;
    *update.add_receipts() = *MakeSignedDoc(receipt, {key});
    archivist_->OnReceipts(update, *trust_, clock_.Now());
    archivist_->Step();
    if (reports_.empty()) return "";
    if (reports_[0].receipts_held_size() == 1) return "held";
    return reports_[0].receipts_refused(0).code();
  }

  const PrivateKey records_ = *PrivateKey::Generate(kEcdsaP256Sha256);
  std::optional<Trust> trust_;
};

TEST_F(ReceiptTest, OnlyTheReceiptOfThisExportCounts) {
  const auto edited = [&](const std::function<void(v1::Receipt&)>& edit) {
    v1::Receipt r = Good();
    edit(r);
    return Offer(r, records_);
  };
  EXPECT_EQ(edited([](v1::Receipt& r) { r.set_export_bytes(101); }), "RECEIPT_SIZE");
  EXPECT_EQ(edited([](v1::Receipt& r) { r.set_messages(3); }), "RECEIPT_SIZE");
  EXPECT_EQ(edited([](v1::Receipt& r) { r.set_payload_oxum("101.1"); }), "RECEIPT_SIZE");
  EXPECT_EQ(edited([](v1::Receipt& r) { r.set_tagmanifest_sha256("x"); }), "RECEIPT_SIZE");
  EXPECT_EQ(edited([](v1::Receipt& r) { r.set_device_id("dev-2"); }), "RECEIPT_WRONG_BAG");
  EXPECT_EQ(edited([](v1::Receipt& r) { r.set_export_sha256(std::string(64, 'a')); }),
            "RECEIPT_WRONG_BAG");
  EXPECT_EQ(edited([](v1::Receipt& r) { r.set_bag_id("b"); }), "RECEIPT_WRONG_BAG");
  EXPECT_EQ(edited([](v1::Receipt& r) {
              r.set_bag_id(std::string(32, 'b'));
              r.mutable_header()->set_name(ReceiptName(r.bag_id()));
            }),
            "RECEIPT_WRONG_BAG");
  EXPECT_EQ(edited([](v1::Receipt& r) { r.mutable_header()->set_tenant("other"); }),
            "WRONG_TENANT");
  EXPECT_EQ(Offer(Good(), tenant_.policy_key()), "ROLE");
  EXPECT_EQ(Offer(Good(), *PrivateKey::Generate(kEcdsaP256Sha256)), "UNKNOWN_KEY");
  EXPECT_EQ(State().exports(0).receipt_sha256(), "");
  EXPECT_EQ(notices_.sent, Lines{});

  const v1::Receipt good = Good();
  EXPECT_EQ(Offer(good, records_), "held");
  EXPECT_EQ(State().receipts_size(), 1);
  EXPECT_EQ(notices_.sent, Lines{"20001 The record repository has your export"});
  // Replayed it is held as before; a second one for the same bag is refused.
  EXPECT_EQ(Offer(good, records_), "held");
  EXPECT_EQ(State().receipts_size(), 1);
  EXPECT_EQ(edited([](v1::Receipt& r) { r.set_filed_as("elsewhere"); }), "RECEIPT_CONFLICT");
  EXPECT_TRUE(archivist_->View(kAliceUid)->chats(0).receipted());
}

TEST_F(ReceiptTest, WhatIsNoReceiptIsRefusedAndHarmless) {
  v1::ReceiptUpdate update;
  update.add_receipts()->set_payload("\xff\xff");
  update.add_receipts();
  archivist_->OnReceipts(update, *trust_, clock_.Now());
  archivist_->Step();
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(reports_[0].receipts_refused_size(), 2);
}

}  // namespace
}  // namespace muster::agent
