// Bags that come to the records office: filed and answered for, or refused with their code.
#include "cli/records_receipt.h"
#include "cli/records_repository.h"
#include "common/status_macros.h"
#include "tests/cli/records_fixture.h"

namespace muster::cli {
namespace {

TEST_F(RecordsTest, ABagIsFiledAndAnsweredFor) {
  const std::string tagmanifest = Pack("bag-1");
  const auto before = All();
  EXPECT_EQ(Receive(), "bag-1 RECEIVED filed/2026/p1/bag-1\n");
  ASSERT_EQ(sent_.size(), 1u);
  const v1::Receipt& r = sent_[0];
  EXPECT_EQ(r.header().tenant(), "agency");
  EXPECT_EQ(r.header().kind(), "receipt");
  EXPECT_EQ(r.header().name(), "receipt/bag-1");
  EXPECT_EQ(r.header().version(), 1u);
  EXPECT_EQ(r.header().epoch(), 1u);
  EXPECT_EQ(r.repository_id(), "rims");
  EXPECT_EQ(r.bag_id(), "bag-1");
  EXPECT_EQ(r.device_id(), "dev-1");
  EXPECT_EQ(r.person_id(), "p1");
  EXPECT_EQ(r.app_id(), "whatsapp");
  EXPECT_EQ(r.chat_key(), std::string(64, 'c'));
  EXPECT_EQ(r.export_sha256(), Sha256Hex(kChat));
  EXPECT_EQ(r.export_bytes(), sizeof(kChat) - 1);
  EXPECT_EQ(r.payload_oxum(), absl::StrCat(sizeof(kChat) - 1, ".1"));
  EXPECT_EQ(r.tagmanifest_sha256(), tagmanifest);
  EXPECT_EQ(FromProto(r.received_at()), clock_.Now());
  EXPECT_EQ(r.filed_as(), "filed/2026/p1/bag-1");
  // Every file of the bag moved as it was, and the receipt and its mark are all that is new.
  auto after = All();
  const std::string receipt = after["receipts/bag-1.receipt"];
  EXPECT_EQ(after["receipts/bag-1.sent"], Sha256Hex(r.SerializeAsString()) + "\n");
  after.erase("receipts/bag-1.receipt");
  after.erase("receipts/bag-1.sent");
  std::map<std::string, std::string> moved;
  for (const auto& [name, bytes] : before) {
    moved["filed/2026/p1/" + name.substr(sizeof("incoming/") - 1)] = bytes;
  }
  EXPECT_EQ(after, moved);
  v1::SignedDoc doc;
  ASSERT_TRUE(doc.ParseFromString(receipt));
  EXPECT_TRUE(
      VerifyReceipt(
          {.doc = doc, .trust = *trust_, .name = "receipt/bag-1", .floor = {}, .now = clock_.Now()})
          .ok());
  // No name, number or message is in what is signed and sent.
  for (const char* secret : {"Ann", "Bob", "first", "second"}) {
    EXPECT_EQ(receipt.find(secret), std::string::npos) << secret;
  }
  EXPECT_EQ(Receive(), "") << "nothing is left to do";
  EXPECT_EQ(sent_.size(), 1u);
}

TEST_F(RecordsTest, EachRefusedBagStaysAsItIsWithItsCode) {
  const auto resealed = [this](const std::string& name, const std::string& from,
                               const std::string& to) {
    const std::string bag = "repo/incoming/bag-1/";
    std::string text = Read(bag + name);
    ASSERT_NE(text.find(from), std::string::npos);
    text.replace(text.find(from), from.size(), to);
    const std::string old256 = Sha256Hex(Read(bag + name));
    Write(bag + name, text);
    std::filesystem::remove(Path(bag + "tagmanifest-sha512.txt"));
    std::string tags = Read(bag + "tagmanifest-sha256.txt");
    tags.replace(tags.find(old256), 64, Sha256Hex(text));
    Write(bag + "tagmanifest-sha256.txt", tags);
  };
  const std::string size = absl::StrCat(sizeof(kChat) - 1);
  const struct {
    const char* name;
    std::map<std::string, std::string> changes;  // of bag-info.txt, as the agent packs
    std::function<void()> damage;
    const char* want;
  } kCases[] = {
      {"an altered byte",
       {},
       [&] {
         std::string text = kChat;
         text[30] ^= 1;
         Write("repo/incoming/bag-1/data/chat.txt", text);
       },
       "bag-1 BAG_CHECKSUM\n"},
      {"a repository that lies about size",
       {},
       [&] { resealed("bag-info.txt", "Payload-Oxum: " + size, "Payload-Oxum: 9" + size); },
       "bag-1 BAG_SIZE\n"},
      {"a bag without SHA-512",
       {},
       [&] { resealed("bag-info.txt", "Bob Example", "Eve Example"); },
       "bag-1 BAG_CHECKSUM\n"},
      {"a checksum in capitals",
       {},
       [&] {
         std::string tags = Read("repo/incoming/bag-1/tagmanifest-sha256.txt");
         tags[tags.find_first_of("abcdef")] ^= 0x20;
         Write("repo/incoming/bag-1/tagmanifest-sha256.txt", tags);
       },
       "bag-1 BAG_CHECKSUM\n"},
      {"another bag's folder",
       {},
       [&] { std::filesystem::rename(Path("repo/incoming/bag-1"), Path("repo/incoming/bag-2")); },
       "bag-2 BAG_EXPORT\n"},
      {"a folder that is no id",
       {},
       [&] { std::filesystem::rename(Path("repo/incoming/bag-1"), Path("repo/incoming/b 1")); },
       "b 1 BAG_PATH\n"},
      {"a link",
       {},
       [&] {
         std::filesystem::rename(Path("repo/incoming/bag-1"), Path("bag-1"));
         std::filesystem::create_directory_symlink(Path("bag-1"), Path("repo/incoming/bag-1"));
       },
       "bag-1 BAG_PATH\n"},
      {"another tenant", {{archive::kInfoTenant, "other"}}, nullptr, "bag-1 BAG_EXPORT\n"},
      {"another export",
       {{archive::kInfoExportSha256, std::string(64, 'a')}},
       nullptr,
       "bag-1 BAG_EXPORT\n"},
      {"another count", {{archive::kInfoMessages, "77"}}, nullptr, "bag-1 BAG_EXPORT\n"},
      {"another beginning",
       {{archive::kInfoFirst, "1969-01-02T10:00:00Z"}},
       nullptr,
       "bag-1 BAG_EXPORT\n"},
      {"another end",
       {{archive::kInfoLast, "2036-01-02T10:00:00Z"}},
       nullptr,
       "bag-1 BAG_EXPORT\n"},
      {"an end before the beginning",
       {{archive::kInfoLast, "1960-01-02T10:00:00Z"}},
       nullptr,
       "bag-1 BAG_MALFORMED\n"},
      {"no person", {{archive::kInfoPerson, ""}}, nullptr, "bag-1 BAG_MALFORMED\n"},
      {"a person who leads out", {{archive::kInfoPerson, ".."}}, nullptr, "bag-1 BAG_MALFORMED\n"},
      {"no device", {{archive::kInfoDevice, ""}}, nullptr, "bag-1 BAG_MALFORMED\n"},
      {"a chat by its name", {{archive::kInfoChatKey, "Bob"}}, nullptr, "bag-1 BAG_MALFORMED\n"},
      {"no time zone", {{archive::kInfoTimeZone, "Mars/Base"}}, nullptr, "bag-1 BAG_MALFORMED\n"},
      {"no order of dates", {{archive::kInfoDateOrder, ""}}, nullptr, "bag-1 BAG_MALFORMED\n"},
      {"a count that is none", {{archive::kInfoMessages, "-1"}}, nullptr, "bag-1 BAG_MALFORMED\n"},
  };
  for (const auto& c : kCases) {
    std::filesystem::remove_all(dir_ / "repo");
    std::filesystem::remove_all(dir_ / "bag-1");
    std::filesystem::create_directories(dir_ / "repo/incoming");
    Pack("bag-1", kChat, c.changes);
    if (c.damage) c.damage();
    const auto before = All();
    EXPECT_EQ(Receive(), c.want) << c.name;
    EXPECT_EQ(All(), before) << c.name;
  }
  EXPECT_TRUE(sent_.empty());
}

TEST_F(RecordsTest, OneBadBagHoldsUpNoOther) {
  Pack("a");
  Pack("b", kChat, {{archive::kInfoMessages, "77"}});
  Pack("c", "1/3/26, 10:00 - Ann Example: later\n");
  Write("repo/incoming/.d.packing/data/half", "x");
  Write("repo/incoming/notes.txt", "x");
  EXPECT_EQ(Receive(), "a RECEIVED filed/2026/p1/a\nb BAG_EXPORT\nc RECEIVED filed/2026/p1/c\n");
  EXPECT_EQ(sent_.size(), 2u);
  EXPECT_EQ(Receive(), "b BAG_EXPORT\n");
}

TEST_F(RecordsTest, ADamagedReceiptHoldsUpNoOther) {
  Pack("a");
  EXPECT_EQ(Receive(), "a RECEIVED filed/2026/p1/a\n");
  Write("repo/receipts/a.receipt", "");
  Pack("a");
  Pack("b");
  EXPECT_EQ(Receive(), "a UNREADABLE\nb RECEIVED filed/2026/p1/b\na UNREADABLE filed/2026/p1/a\n");
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_EQ(sent_[1].bag_id(), "b");
}

TEST_F(RecordsTest, ABagOfTheSameIdIsNeverTakenTwice) {
  Pack("bag-1");
  EXPECT_EQ(Receive(), "bag-1 RECEIVED filed/2026/p1/bag-1\n");
  const auto before = All();
  clock_.Advance(absl::Hours(24 * 330));
  Pack("bag-1", "1/3/26, 10:00 - Ann Example: another\n");
  EXPECT_EQ(Receive(), "bag-1 BAG_FILED\n");
  std::filesystem::remove_all(dir_ / "repo/incoming/bag-1");
  EXPECT_EQ(All(), before);
  // Not even when the filed one is gone: its receipt stands.
  std::filesystem::remove_all(dir_ / "repo/filed");
  Pack("bag-1", "1/3/26, 10:00 - Ann Example: another\n");
  EXPECT_EQ(Receive(), "bag-1 BAG_FILED\n");
}

TEST_F(RecordsTest, TheNextRunGoesOnWhereOneWasCutShort) {
  Pack("bag-1");
  // Filed, not signed.
  std::filesystem::create_directories(dir_ / "repo/filed/2026/p1");
  std::filesystem::rename(Path("repo/incoming/bag-1"), Path("repo/filed/2026/p1/bag-1"));
  clock_.Advance(absl::Hours(24 * 330));
  EXPECT_EQ(Receive(), "bag-1 RECEIVED filed/2026/p1/bag-1\n");
  EXPECT_EQ(details_[0], "filed by an earlier run that signed no receipt");
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].filed_as(), "filed/2026/p1/bag-1");
  // Signed, not sent; or sent, and the mark was not written.
  const std::string receipt = Read("repo/receipts/bag-1.receipt");
  for (const char* code : {"", "RECEIPT_REPLAYED"}) {
    std::filesystem::remove(Path("repo/receipts/bag-1.sent"));
    code_ = code;
    clock_.Advance(absl::Hours(1));
    EXPECT_EQ(Receive(), "bag-1 RECEIVED filed/2026/p1/bag-1\n") << code;
    EXPECT_EQ(Read("repo/receipts/bag-1.receipt"), receipt) << "the same one, never another";
    EXPECT_EQ(Receive(), "");
  }
  // Filed and damaged before it was signed: nothing is signed.
  std::filesystem::remove_all(dir_ / "repo/receipts");
  Write("repo/filed/2026/p1/bag-1/data/chat.txt", "damaged");
  EXPECT_EQ(Receive(), "bag-1 BAG_CHECKSUM filed/2026/p1/bag-1\n");
  EXPECT_FALSE(std::filesystem::exists(Path("repo/receipts")));
}

TEST_F(RecordsTest, AReceiptThatTheControllerRefusesIsShownAndSentAgain) {
  Pack("bag-1");
  for (const char* code : {"RECEIPT_UNKNOWN_EXPORT", "RECEIPT_WRONG_BAG", "RECEIPT_SIZE",
                           "RECEIPT_CONFLICT", "BAD_SIGNATURE"}) {
    code_ = code;
    EXPECT_EQ(Receive(), absl::StrCat("bag-1 ", code, " filed/2026/p1/bag-1\n"));
    EXPECT_EQ(details_[0], "as the controller says");
    EXPECT_FALSE(std::filesystem::exists(Path("repo/receipts/bag-1.sent")));
  }
  code_ = "";
  EXPECT_EQ(Receive(), "bag-1 RECEIVED filed/2026/p1/bag-1\n");
  EXPECT_EQ(Receive(), "");
}

TEST_F(RecordsTest, WithoutTheControllerReceiptsWait) {
  Pack("bag-1");
  down_ = absl::UnavailableError("down");
  EXPECT_EQ(Receive(), "bag-1 RECEIVED filed/2026/p1/bag-1\nUNAVAILABLE: down\n");
  down_ = absl::OkStatus();
  EXPECT_EQ(Receive(), "bag-1 RECEIVED filed/2026/p1/bag-1\n");
  EXPECT_EQ(sent_.size(), 1u);
}

TEST_F(RecordsTest, ManyReceiptsGoInSeveralCalls) {
  // Filed and signed by earlier runs, none of which reached the controller.
  for (int i = 0; i < 101; ++i) {
    v1::Receipt receipt;
    receipt.set_bag_id(absl::StrCat("bag-", i));
    const std::string& id = receipt.bag_id();
    std::filesystem::create_directories(dir_ / "repo/filed/2026/p1" / id);
    Write(absl::StrCat("repo/receipts/", id, ".receipt"),
          MakeSignedDoc(receipt, {keys_.at("records")})->SerializeAsString());
  }
  std::vector<int> calls;
  ReceiveInputs in = Inputs();
  in.submit = [&](const v1::SubmitReceiptsRequest& request) {
    calls.push_back(request.receipts_size());
    return Submit(request);
  };
  const auto outcome = ReceiveBags(in);
  ASSERT_TRUE(outcome.ok() && outcome->sent.ok());
  EXPECT_EQ(calls, (std::vector<int>{100, 1}));
  EXPECT_EQ(outcome->rows.size(), 101u);
}

TEST_F(RecordsTest, ADryRunWritesNothing) {
  Pack("bag-1");
  Pack("bag-2", kChat, {{archive::kInfoMessages, "77"}});
  const auto before = All();
  ReceiveInputs in = Inputs();
  in.dry_run = true;
  const auto outcome = ReceiveBags(in);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(Lines(outcome->rows), "bag-1 WOULD_RECEIVE filed/2026/p1/bag-1\nbag-2 BAG_EXPORT\n");
  EXPECT_EQ(All(), before);
  EXPECT_FALSE(std::filesystem::exists(Path("repo/.lock")));
  EXPECT_TRUE(sent_.empty());
}

TEST_F(RecordsTest, TwoRunsDoNotMeet) {
  Pack("bag-1");
  auto other = RecordsRepository::Open(Path("repo"));
  ASSERT_TRUE(other.ok() && other->Lock().ok());
  EXPECT_EQ(ReceiveBags(Inputs()).status().code(), absl::StatusCode::kAborted);
}

TEST_F(RecordsTest, AKeyThatIsNotTheRecordsOfficesTouchesNothing) {
  Pack("bag-1");
  const auto before = All();
  keys_.at("records") = keys_.at("policy");
  EXPECT_EQ(VerifyCodeOf(ReceiveBags(Inputs()).status()), VerifyCode::kRole);
  keys_.at("records") = *PrivateKey::Generate(kEcdsaP256Sha256);
  EXPECT_EQ(VerifyCodeOf(ReceiveBags(Inputs()).status()), VerifyCode::kUnknownKey);
  EXPECT_EQ(All(), before);
}

}  // namespace
}  // namespace muster::cli
