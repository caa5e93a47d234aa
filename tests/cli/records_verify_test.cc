// What was filed, against its receipts, years later; and the verbs as people call them.
#include "cli/records_verify.h"

#include <sys/stat.h>

#include "absl/strings/match.h"
#include "cli/errors.h"
#include "tests/cli/records_fixture.h"

namespace muster::cli {
namespace {

class VerifyRecordsTest : public RecordsTest {
 protected:
  std::string Verify(const std::string& path = "repo") {
    const auto rows = VerifyRecords(Path(path), *trust_, [](const RecordsRow&) {});
    return rows.ok() ? Lines(*rows) : rows.status().ToString();
  }
  // `musterctl records WORDS...`
  Ran Ctl(std::vector<std::string> words) {
    words.insert(words.begin(), "records");
    return RunCtl(&controller_, words);
  }
  void WriteKeys() {
    Write("root.pb", MakeSignedDoc(root_, {keys_.at("root")})->SerializeAsString());
    Write("records.key", *keys_.at("records").ToPem());
    ASSERT_EQ(chmod(Path("records.key").c_str(), 0600), 0);
  }
  FakeController controller_;
};

const std::string kFiled = "repo/filed/2026/p1/bag-1/";

TEST_F(VerifyRecordsTest, FindsWhatChangedSince) {
  const std::string other = "1/3/26, 10:00 - Ann Example: another\n";
  const struct {
    const char* name;
    std::function<void()> change;
    const char* want;
  } kCases[] = {
      {"nothing", [] {}, "bag-1 OK filed/2026/p1/bag-1\n"},
      {"one byte",
       [&] {
         std::string text = Read(kFiled + "data/chat.txt");
         text[7] ^= 1;
         Write(kFiled + "data/chat.txt", text);
       },
       "bag-1 BAG_CHECKSUM filed/2026/p1/bag-1\n"},
      {"one byte that no checksum covers",
       [&] {
         std::string text = Read(kFiled + "tagmanifest-sha256.txt");
         text[text.find_first_of("abcdef")] ^= 0x20;
         Write(kFiled + "tagmanifest-sha256.txt", text);
       },
       "bag-1 BAG_CHECKSUM filed/2026/p1/bag-1\n"},
      {"a file more", [&] { Write(kFiled + "data/more", ""); },
       "bag-1 BAG_INCOMPLETE filed/2026/p1/bag-1\n"},
      {"the bag gone", [&] { std::filesystem::remove_all(Path(kFiled)); },
       "bag-1 BAG_INCOMPLETE\n"},
      {"the bag elsewhere",
       [&] {
         std::filesystem::create_directories(Path("repo/filed/2026/p2"));
         std::filesystem::rename(Path("repo/filed/2026/p1/bag-1"),
                                 Path("repo/filed/2026/p2/bag-1"));
       },
       "bag-1 BAG_INCOMPLETE filed/2026/p2/bag-1\n"},
      {"the receipt gone", [&] { std::filesystem::remove(Path("repo/receipts/bag-1.receipt")); },
       "bag-1 RECEIPT_MISSING filed/2026/p1/bag-1\n"},
      {"the receipt no receipt", [&] { Write("repo/receipts/bag-1.receipt", "x"); },
       "bag-1 MALFORMED filed/2026/p1/bag-1\n"},
      {"another whole bag in its place",
       [&] {
         std::filesystem::remove_all(Path(kFiled));
         Pack("bag-1", other, {}, "repo/filed/2026/p1");
       },
       "bag-1 RECEIPT_SIZE filed/2026/p1/bag-1\n"},
      {"another bag of the same size",
       [&] {
         std::filesystem::remove_all(Path(kFiled));
         Pack("bag-1", kChat, {{archive::kInfoChatKey, std::string(64, 'd')}},
              "repo/filed/2026/p1");
       },
       "bag-1 RECEIPT_WRONG_BAG filed/2026/p1/bag-1\n"},
      {"a receipt for another bag",
       [&] {
         Pack("bag-2", other);
         Receive();
         std::filesystem::copy_file(Path("repo/receipts/bag-2.receipt"),
                                    Path("repo/receipts/bag-1.receipt"),
                                    std::filesystem::copy_options::overwrite_existing);
       },
       "bag-1 MALFORMED filed/2026/p1/bag-1\nbag-2 OK filed/2026/p1/bag-2\n"},
      {"a receipt of somebody else's",
       [&] {
         v1::SignedDoc doc;
         ASSERT_TRUE(doc.ParseFromString(Read("repo/receipts/bag-1.receipt")));
         v1::Receipt receipt;
         ASSERT_TRUE(receipt.ParseFromString(doc.payload()));
         doc = *MakeSignedDoc(receipt, {keys_.at("policy")});
         Write("repo/receipts/bag-1.receipt", doc.SerializeAsString());
       },
       "bag-1 ROLE filed/2026/p1/bag-1\n"},
  };
  for (const auto& c : kCases) {
    std::filesystem::remove_all(dir_ / "repo");
    std::filesystem::create_directories(dir_ / "repo/incoming");
    Pack("bag-1");
    ASSERT_EQ(Receive(), "bag-1 RECEIVED filed/2026/p1/bag-1\n");
    c.change();
    const auto before = All();
    EXPECT_EQ(Verify(), c.want) << c.name;
    EXPECT_EQ(All(), before) << c.name;
  }
}

TEST_F(VerifyRecordsTest, AReceiptIsLookedAtAloneOrWithItsBag) {
  Pack("bag-1");
  Receive();
  std::filesystem::copy_file(Path("repo/receipts/bag-1.receipt"), Path("alone.receipt"));
  EXPECT_EQ(Verify("repo/receipts/bag-1.receipt"), "bag-1 OK filed/2026/p1/bag-1\n");
  EXPECT_EQ(Verify("alone.receipt"), "bag-1 OK filed/2026/p1/bag-1\n");
  EXPECT_EQ(details_[0], "the receipt alone: its bag is not at hand");
  Write(kFiled + "data/chat.txt", "damaged");
  EXPECT_EQ(Verify("repo/receipts/bag-1.receipt"), "bag-1 BAG_CHECKSUM filed/2026/p1/bag-1\n");
  EXPECT_TRUE(absl::StartsWith(Verify("export.txt"), "INVALID_ARGUMENT"));
  EXPECT_TRUE(absl::StartsWith(Verify("none"), "INVALID_ARGUMENT"));
  // Long after: the root of that time has ended, the receipt has not.
  clock_.Advance(absl::Hours(24 * 365 * 20));
  EXPECT_EQ(Verify("alone.receipt"), "bag-1 OK filed/2026/p1/bag-1\n");
}

TEST_F(VerifyRecordsTest, TheVerbsAnswerPeopleAndPrograms) {
  WriteKeys();
  Pack("bag-1");
  Pack("bag-2", kChat, {{archive::kInfoMessages, "77"}});
  const std::vector<std::string> receive = {"receive",           Path("repo"), "--key",
                                            Path("records.key"), "--trust",    Path("root.pb"),
                                            "--offline",         "-o",         "json"};
  const Ran ran = Ctl(receive);
  EXPECT_EQ(ran.code, kExitRejected);
  EXPECT_EQ(ran.err,
            "the receipts name the repository 'repo', as its folder: where retention.yaml names it "
            "otherwise, say --repository-id ID\nbag-1: RECEIVED\nbag-2: BAG_EXPORT\n");
  const Json json = Json::parse(ran.out);
  ASSERT_EQ(json.at("items").size(), 2u);
  const std::string year = absl::FormatTime("%Y", SystemClock().Now(), absl::UTCTimeZone());
  EXPECT_EQ(json["items"][0], (Json{{"bag_id", "bag-1"},
                                    {"result", "RECEIVED"},
                                    {"detail", ""},
                                    {"filed_as", absl::StrCat("filed/", year, "/p1/bag-1")}}));
  EXPECT_EQ(json["items"][1]["result"], "BAG_EXPORT");
  EXPECT_TRUE(controller_.calls.empty());
  EXPECT_EQ(VerifyRecords(Path("repo"), *trust_, [](const RecordsRow&) {})->size(), 1u);
  const Ran verify = Ctl({"verify", Path("repo"), "--trust", Path("root.pb")});
  EXPECT_EQ(verify.code, 0) << verify.err;
  EXPECT_TRUE(absl::StrContains(verify.out, "bag-1")) << verify.out;
}

TEST_F(VerifyRecordsTest, OnlineTheControllerSaysWhatIsInForceAndGetsTheReceipts) {
  WriteKeys();
  Pack("bag-1");
  v1::TrustView view;
  *view.mutable_root() = *MakeSignedDoc(root_, {keys_.at("root")});
  controller_.Answer(view);
  v1::RetentionPolicy policy;
  policy.set_repository_id("rims");
  controller_.Answer(policy);
  v1::SubmitReceiptsResponse response;
  response.add_items()->set_bag_id("bag-1");
  controller_.Answer(response);
  const Ran ran = Ctl({"receive", Path("repo/incoming/bag-1"), "--key", Path("records.key")});
  EXPECT_EQ(ran.code, 0) << ran.err;
  ASSERT_EQ(controller_.calls.size(), 3u);
  EXPECT_TRUE(absl::StartsWith(controller_.calls[2], "SubmitReceipts {"));
  EXPECT_TRUE(std::filesystem::exists(Path("repo/receipts/bag-1.sent")));
  // The controller is away: what is signed stays, and the exit code says it.
  Pack("bag-2");
  controller_.Refuse(absl::UnavailableError("not reachable"));
  const Ran away = Ctl({"receive", Path("repo"), "--key", Path("records.key"), "--trust",
                        Path("root.pb"), "--repository-id", "rims"});
  EXPECT_EQ(away.code, kExitUnavailable);
  EXPECT_TRUE(absl::StrContains(away.out, "RECEIVED"));
  EXPECT_TRUE(std::filesystem::exists(Path("repo/receipts/bag-2.receipt")));
  EXPECT_FALSE(std::filesystem::exists(Path("repo/receipts/bag-2.sent")));
}

TEST_F(VerifyRecordsTest, BadArgumentsHaveTheirOwnError) {
  WriteKeys();
  const std::string key = Path("records.key"), root = Path("root.pb");
  std::filesystem::create_directories(dir_ / "empty");
  const struct {
    std::vector<std::string> words;
    int code;
    std::string error;
  } kCases[] = {
      {{"receive", Path("repo"), "--trust", root}, kExitUsage, "--key is required"},
      {{"receive", Path("repo"), "--key", key, "--offline"}, kExitUsage, "name its file, --trust"},
      {{"receive", Path("none"), "--key", key, "--trust", root, "--offline"},
       kExitUsage,
       "is no folder that can be read"},
      {{"receive", Path("empty"), "--key", key, "--trust", root, "--offline"},
       kExitUsage,
       "neither a bag nor a record repository"},
      {{"receive", Path("repo"), "--key", Path("none"), "--trust", root, "--offline"},
       kExitUsage,
       "cannot read the key file"},
      {{"verify", Path("repo")}, kExitUsage, "--trust is required"},
  };
  for (const auto& c : kCases) {
    const Ran ran = Ctl(c.words);
    EXPECT_EQ(ran.code, c.code) << c.error;
    EXPECT_TRUE(absl::StrContains(ran.err, c.error)) << ran.err;
    EXPECT_EQ(ran.out, "");
  }
  ASSERT_EQ(chmod(key.c_str(), 0644), 0);
  EXPECT_EQ(Ctl({"receive", Path("repo"), "--key", key, "--trust", root, "--offline"}).code,
            kExitRejected);
}

}  // namespace
}  // namespace muster::cli
