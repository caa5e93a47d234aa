// Receipts of the record repository, and what agents report of them and of exports.
#include "controller/flow/receipts.h"

#include "muster/v1/device_service.pb.h"
#include "tests/controller/flow/archive_world.h"

namespace muster {
namespace {

using Lines = std::vector<std::string>;

class ReceiptsTest : public ArchiveWorld {
 protected:
  void SetUp() override {
    ArchiveWorld::SetUp();
    NameRecordsKey();
    Live(2);
    seen_ = Packed(Seen("family", 2, "one"), "bag-1");
    ASSERT_TRUE(Tell(alice_, {seen_}).ok());
    ASSERT_TRUE(RunArchive().ok());
  }

  v1::Receipt Good() { return ReceiptFor(seen_, alice_.id); }
  v1::ExportRecord Stored(const v1::ExportSeen& seen) {
    return Load<v1::ExportRecord>(
               *store_->Read(),
               ExportKey(seen.person_id(), seen.app_id(), seen.chat_key(), seen.export_sha256()),
               "missing")
        ->value;
  }
  int Pending() {
    const auto bytes = *PendingReceipts(*store_->Read(), alice_.id);
    v1::ControllerMessage message;
    if (bytes == nullptr) return 0;
    EXPECT_TRUE(message.ParseFromString(*bytes));
    return message.receipts().receipts_size();
  }

  v1::ExportSeen seen_;
};

TEST_F(ReceiptsTest, AMatchingReceiptIsE3AndGoesToItsDeviceUntilHeld) {
  const v1::SignedDoc doc = Signed(Good());
  EXPECT_EQ(Submit(doc, true), "");
  EXPECT_EQ(Pending(), 0);
  EXPECT_EQ(Submit(doc), "");
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "family", "CLEAR E3_RECEIPTED")}));
  EXPECT_EQ(Pending(), 1);
  v1::Report report;
  report.mutable_archive()->add_receipts_held(Sha256Hex(doc.payload()));
  ASSERT_TRUE(Ingest(alice_, report).ok());
  EXPECT_EQ(Pending(), 0);
  EXPECT_TRUE(Load<v1::ReceiptRecord>(*store_->Read(), ReceiptKey("bag-1"), "missing")
                  ->value.has_held_at());
  EXPECT_EQ(Verbs("archive.receipted"), (Lines{"archive.receipted"}));
}

TEST_F(ReceiptsTest, EachLieHasItsCode) {
  const v1::ExportSeen other = Packed(Seen("team", 1, "two"), "bag-2");
  ASSERT_TRUE(Tell(alice_, {other}).ok());
  struct Case {
    const char* what;
    std::function<void(v1::Receipt&)> lie;
    const char* code;
  };
  const Case kCases[] = {
      {"bytes", [](auto& r) { r.set_export_bytes(999); }, "RECEIPT_SIZE"},
      {"messages", [](auto& r) { r.set_messages(11); }, "RECEIPT_SIZE"},
      {"first", [](auto& r) { r.mutable_first_at()->set_seconds(1); }, "RECEIPT_SIZE"},
      {"oxum", [](auto& r) { r.set_payload_oxum("1000.2"); }, "RECEIPT_SIZE"},
      {"tags", [](auto& r) { r.set_tagmanifest_sha256(Hash("x")); }, "RECEIPT_SIZE"},
      {"export", [](auto& r) { r.set_export_sha256(Hash("two")); }, "RECEIPT_WRONG_BAG"},
      {"device", [](auto& r) { r.set_device_id("another"); }, "RECEIPT_WRONG_BAG"},
      {"chat", [](auto& r) { r.set_chat_key(Hash("team")); }, "RECEIPT_WRONG_BAG"},
      {"repository", [](auto& r) { r.set_repository_id("other"); }, "RECEIPT_WRONG_BAG"},
      {"bag",
       [](auto& r) {
         r.set_bag_id("bag-9");
         r.mutable_header()->set_name(ReceiptName("bag-9"));
       },
       "RECEIPT_WRONG_BAG"},
      {"unknown",
       [](auto& r) {
         r.set_bag_id("bag-9");
         r.mutable_header()->set_name(ReceiptName("bag-9"));
         r.set_export_sha256(Hash("three"));
       },
       "RECEIPT_UNKNOWN_EXPORT"},
      {"name", [](auto& r) { r.mutable_header()->set_name(ReceiptName("bag-2")); }, "MALFORMED"},
      {"tenant", [](auto& r) { r.mutable_header()->set_tenant("other"); }, "WRONG_TENANT"},
  };
  for (const Case& c : kCases) {
    v1::Receipt receipt = Good();
    c.lie(receipt);
    EXPECT_EQ(Submit(Signed(receipt)), c.code) << c.what;
    EXPECT_EQ(Pending(), 0) << c.what;
  }
}

TEST_F(ReceiptsTest, AMismatchStandsUntilAGoodOneComes) {
  v1::Receipt lie = Good();
  lie.set_export_bytes(999);
  EXPECT_EQ(Submit(Signed(lie)), "RECEIPT_SIZE");
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "family", "RECEIPT_MISMATCH E2_SEEN")}));
  EXPECT_EQ(Submit(Signed(Good())), "");
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "family", "CLEAR E3_RECEIPTED")}));
}

TEST_F(ReceiptsTest, AReplayChangesNothingAndASecondOneIsAlarmed) {
  const v1::SignedDoc doc = Signed(Good());
  EXPECT_EQ(Submit(doc), "");
  const uint64_t revision = store_->Read()->revision();
  EXPECT_EQ(Submit(doc), "RECEIPT_REPLAYED");
  EXPECT_EQ(store_->Read()->revision(), revision);
  v1::Receipt second = Good();
  second.set_filed_as("elsewhere");
  EXPECT_EQ(Submit(Signed(second)), "RECEIPT_CONFLICT");
  const v1::Device device = LoadDevice(*store_->Read(), alice_.id)->value;
  ASSERT_EQ(device.alarms_size(), 1);
  EXPECT_TRUE(absl::StartsWith(device.alarms(0).detail(), "RECEIPT_CONFLICT: "));
  EXPECT_EQ(Stored(seen_).receipt_sha256(), Sha256Hex(doc.payload()));
}

TEST_F(ReceiptsTest, AnotherKeysWordIsNone) {
  v1::SignedDoc doc = Signed(Good());
  records_ = *PrivateKey::Generate(kEcdsaP256Sha256);
  EXPECT_EQ(Submit(Signed(Good())), "UNKNOWN_KEY");
  doc.mutable_payload()->back() ^= 1;
  EXPECT_NE(Submit(doc), "");
}

TEST_F(ReceiptsTest, ACrashBeforeTheCommitLosesNothing) {
  const v1::SignedDoc doc = Signed(Good());
  store_->FailIn(1);
  EXPECT_FALSE(SubmitReceipts(*services_, Who("second"), {doc}, false).ok());
  EXPECT_EQ(Submit(doc), "");
}

TEST_F(ReceiptsTest, ARefusalByTheDeviceIsAlarmedAndNotSentAgain) {
  const v1::SignedDoc doc = Signed(Good());
  EXPECT_EQ(Submit(doc), "");
  v1::Report report;
  v1::ReceiptRefusal* refusal = report.mutable_archive()->add_receipts_refused();
  refusal->set_receipt_sha256(Sha256Hex(doc.payload()));
  refusal->set_code("RECEIPT_SIZE");
  ASSERT_TRUE(Ingest(alice_, report).ok());
  EXPECT_EQ(Pending(), 0);
  EXPECT_EQ(LoadDevice(*store_->Read(), alice_.id)->value.alarms_size(), 1);
  EXPECT_EQ(Load<v1::ReceiptRecord>(*store_->Read(), ReceiptKey("bag-1"), "missing")
                ->value.refused_code(),
            "RECEIPT_SIZE");
}

TEST_F(ReceiptsTest, TheSameExportAgainOnlyAddsItsBag) {
  v1::ExportSeen plain = Seen("team", 1, "two");
  ASSERT_TRUE(Tell(alice_, {plain}).ok());
  ASSERT_TRUE(Tell(alice_, {plain}).ok());
  EXPECT_EQ(Verbs("archive.export").size(), 2u);  // one each
  v1::ExportSeen changed = Packed(plain, "bag-2");
  changed.set_messages(999);
  ASSERT_TRUE(Tell(alice_, {changed}).ok());
  EXPECT_EQ(Stored(plain).seen().messages(), 10u);
  EXPECT_EQ(Stored(plain).seen().bag_id(), "bag-2");
  // A bag is one export's, an export in one bag.
  ASSERT_TRUE(Tell(alice_, {Packed(Seen("third", 1, "three"), "bag-2")}).ok());
  EXPECT_EQ(Stored(Seen("third", 1, "three")).seen().bag_id(), "");
  ASSERT_TRUE(Tell(alice_, {Packed(plain, "bag-3")}).ok());
  EXPECT_EQ(Stored(plain).seen().bag_id(), "bag-2");
}

TEST_F(ReceiptsTest, WhatMayNotBeSaidIsLeftOutAndItsTextIsKeptNowhere) {
  const std::string planted = "Hello from Bob +1 555 0100";
  const std::function<void(v1::ExportSeen&)> kEdits[] = {
      [](auto& s) { s.set_person_id(IdOf(kBob)); },
      [](auto& s) { s.set_app_id("no-such-app"); },
      [&](auto& s) { s.set_app_id(planted); },
      [&](auto& s) { s.set_chat_key(planted); },
      [&](auto& s) { s.set_export_sha256(planted); },
      [&](auto& s) { s.add_participant_keys(planted); },
      [&](auto& s) { s.set_account_name(planted); },
      [&](auto& s) { s.set_time_zone(planted); },
      [](auto& s) { s.set_time_zone("/etc/localtime"); },
      [&](auto& s) { s.set_date_order(planted); },
      [&](auto& s) { s.set_continues(planted); },
      [&](auto& s) { s.set_bag_id(planted); },
      [](auto& s) { s.clear_first_at(); },
      [](auto& s) { s.set_bytes(0); },
      [](auto& s) { s.mutable_last_at()->set_seconds(1); },
  };
  int n = 0;
  for (const auto& edit : kEdits) {
    v1::ExportSeen seen = Seen("team", 1, absl::StrCat("edit ", n++));
    edit(seen);
    ASSERT_TRUE(Tell(alice_, {seen}).ok());
    EXPECT_EQ(Verbs("archive.refused").size(), static_cast<size_t>(n)) << n;
  }
  v1::Report report;
  v1::ArchiveReport* archive = report.mutable_archive();
  v1::ArchiveStatement* said = archive->add_statements();
  said->set_kind(v1::ArchiveStatement::EXPORT_BLOCKED);
  said->set_person_id(IdOf(kAlice));
  said->set_app_id(kApp);
  said->set_chat_key(planted);
  archive->add_windows()->set_app_id(planted);
  archive->add_unreadable()->set_code(planted);
  archive->mutable_unreadable(0)->set_sha256(planted);
  archive->add_receipts_refused()->set_code(planted);
  archive->add_attestations()->set_version(planted);
  ASSERT_TRUE(Ingest(alice_, report).ok());
  EXPECT_EQ(KeyTails(*store_->Read(), "export/")->size(), 1u);
  for (const auto found = store_->Read()->Scan("", "", 100'000); const Record& record : *found) {
    EXPECT_FALSE(absl::StrContains(record.key, "555 0100")) << record.key;
    EXPECT_FALSE(absl::StrContains(record.bytes, "555 0100")) << record.key;
  }
}

TEST_F(ReceiptsTest, AStatementIsE1AndABlockedExportIsSaid) {
  v1::Report report;
  v1::ArchiveStatement* said = report.mutable_archive()->add_statements();
  said->set_kind(v1::ArchiveStatement::EXPORT_BLOCKED);
  said->set_person_id(IdOf(kAlice));
  said->set_app_id(kApp);
  said->set_chat_key(Hash("family"));
  *said->mutable_at() = ToProto(clock_.Now());
  ASSERT_TRUE(Ingest(alice_, report).ok());
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(Owed(), (Lines{Line(alice_.id, "family", "EXPORT_BLOCKED E2_SEEN")}));
}

// Two machines of one person read the same file; the other one packed it.
TEST_F(ReceiptsTest, ABagIsOfTheDeviceThatPackedIt) {
  TestDevice desk = Enrol("alice");
  const v1::ExportSeen read = Seen("team", 1, "two");
  ASSERT_TRUE(Tell(alice_, {read}).ok());
  const v1::ExportSeen packed = Packed(read, "bag-2");
  ASSERT_TRUE(Tell(desk, {packed}).ok());
  EXPECT_EQ(Stored(read).device_id(), desk.id);
  EXPECT_EQ(Submit(Signed(ReceiptFor(packed, desk.id))), "");
  EXPECT_EQ(Stored(read).mismatch_code(), "");
}

TEST_F(ReceiptsTest, OneWhoseExportIsNoLongerKeptHoldsUpNoOther) {
  const v1::ExportSeen other = Packed(Seen("team", 1, "two"), "bag-2");
  ASSERT_TRUE(Tell(alice_, {other}).ok());
  Mutation mutation;
  mutation.deletes.push_back(
      ExportKey(other.person_id(), other.app_id(), other.chat_key(), other.export_sha256()));
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  const auto verdicts = SubmitReceipts(
      *services_, Who("second"), {Signed(ReceiptFor(other, alice_.id)), Signed(Good())}, false);
  ASSERT_TRUE(verdicts.ok()) << verdicts.status();
  EXPECT_EQ(verdicts->at(0).code, "RECEIPT_UNKNOWN_EXPORT");
  EXPECT_EQ(verdicts->at(1).code, "");
}

TEST_F(ReceiptsTest, OfAFullChatNothingGoesWhoseReceiptIsStillToCome) {
  breaks_store_ = true;
  Mutation mutation;
  const auto add = [&](const v1::ExportSeen& seen, const std::string& receipt) {
    v1::ExportRecord record;
    *record.mutable_seen() = seen;
    record.set_device_id(alice_.id);
    record.set_receipt_sha256(receipt);
    Put(mutation, ExportKey(seen.person_id(), seen.app_id(), seen.chat_key(), seen.export_sha256()),
        record);
  };
  for (size_t i = 0; i < limits::kMaxExportsPerChat; ++i) {
    const std::string name = absl::StrCat("full ", i);
    add(Packed(Seen("full", i == 0 ? 2 : 1, name), name), i == 0 ? Hash(name) : "");
  }
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  ASSERT_TRUE(Tell(alice_, {Seen("full", 1, "more")}).ok());
  EXPECT_EQ(Verbs("archive.superseded"), Lines{});
  EXPECT_EQ(Verbs("archive.refused"), Lines{"archive.refused"});
  mutation = Mutation();
  add(Packed(Seen("full", 1, "full 7"), "full 7"), Hash("receipt"));
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  ASSERT_TRUE(Tell(alice_, {Seen("full", 1, "more")}).ok());
  EXPECT_EQ(Verbs("archive.superseded"), Lines{"archive.superseded"});
}

TEST_F(ReceiptsTest, OnePersonsStatementsAreBounded) {
  const auto say = [&](size_t from, size_t count) {
    v1::Report report;
    for (size_t i = from; i < from + count; ++i) {
      v1::ArchiveStatement* said = report.mutable_archive()->add_statements();
      said->set_kind(v1::ArchiveStatement::NO_MESSAGES);
      said->set_person_id(IdOf(kAlice));
      said->set_app_id(kApp);
      said->set_chat_key(Hash(absl::StrCat("chat ", i)));
    }
    ASSERT_TRUE(Ingest(alice_, report).ok());
  };
  for (size_t i = 0; i < limits::kMaxChatsPerPerson; i += 200) say(i, 200);
  EXPECT_EQ(Verbs("archive.refused"), Lines{});
  say(limits::kMaxChatsPerPerson - 1, 3);  // one said before, two new ones
  EXPECT_EQ(Verbs("archive.refused").size(), 2u);
  EXPECT_EQ(KeyTails(*store_->Read(), "statement/")->size(), limits::kMaxChatsPerPerson);
}

TEST_F(ReceiptsTest, TooMuchInOneReportIsRefusedWhole) {
  v1::Report report;
  for (size_t i = 0; i <= limits::kMaxExportsPerReport; ++i)
    report.mutable_archive()->add_exports();
  EXPECT_TRUE(absl::IsInvalidArgument(Ingest(alice_, report)));
}

}  // namespace
}  // namespace muster
