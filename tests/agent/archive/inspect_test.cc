// `muster-agent archive inspect`, as people and programs call it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "tests/archive/files/zip_maker.h"
#include "tests/integration/process.h"

namespace muster::agent {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kIos[] =
    "\xef\xbb\xbf[31.12.20, 23:04:05] Ann \"A\": hello\r\n"
    "[31.12.20, 23:05:06] Bob: \xe2\x80\x8e<attached: 1-PHOTO.jpg>\r\n"
    "[31.12.20, 23:05:07] Bob: \xe2\x80\x8e<attached: 2-PHOTO.jpg>\r\n";

class InspectTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = testing::TempDir() + "/inspect_test";
    mkdir(dir_.c_str(), 0755);
  }

  std::string Save(const std::string& name, const std::string& bytes) {
    const std::string path = absl::StrCat(dir_, "/", name);
    EXPECT_TRUE(WriteWhole(path, bytes, 0600));
    return path;
  }

  static CommandResult Inspect(std::vector<std::string> args) {
    args.insert(args.begin(),
                {absl::StrCat(MUSTER_BIN_DIR, "/muster-agent"), "archive", "inspect"});
    return RunCommand(args);
  }

  static Json Parsed(const CommandResult& result) {
    const Json out = Json::parse(result.out, nullptr, false);
    EXPECT_FALSE(out.is_discarded()) << result;
    return out;
  }

  std::string dir_;
};

TEST_F(InspectTest, SaysEverythingToAProgram) {
  archive::MadeMember text{"_chat.txt", kIos};
  text.dos_time = 8 << 11;
  text.dos_date = (2021 - 1980) << 9 | 1 << 5 | 1;
  const std::string zip =
      archive::MakeZip({.members = {text, {"1-PHOTO.jpg", "abc"}, {"x.pdf", "paper"}}});
  const std::string path = Save("WhatsApp Chat - Ann.zip", zip);
  const CommandResult result = Inspect({path, "-o", "json", "--entries"});
  EXPECT_EQ(result.exit_code, 0) << result;
  EXPECT_EQ(result.err, "");
  const uint64_t text_bytes = sizeof kIos - 1;
  const Json want = {
      {"file", path},
      {"format", "ios"},
      {"chat", "Ann"},
      {"group", false},
      {"messages", 3},
      {"system", 0},
      {"unread", 0},
      {"attached", 1},
      {"omitted", 0},
      {"missing", 1},
      {"edited", 0},
      {"deleted", 0},
      {"participants", 2},
      {"first", "2020-12-31T23:04:05Z"},
      {"last", "2020-12-31T23:05:07Z"},
      {"time_zone", "UTC"},
      {"date_order", "dmy"},
      {"ambiguous", false},
      {"alternatives", Json::array()},
      {"backwards", false},
      {"truncation_suspected", false},
      {"from_start", false},
      {"bytes", text_bytes + 8},
      {"accounted_bytes", text_bytes + 8},
      {"text_bytes", text_bytes},
      {"media_bytes", 8},
      {"media_files", 2},
      {"unreferenced_files", 1},
      {"unreferenced", Json::array({"x.pdf"})},
      {"zip", true},
      {"text_name", "_chat.txt"},
      {"file_bytes", zip.size()},
      {"sha256", Sha256Hex(zip)},
      {"made", "2021-01-01T08:00:00Z"},
      {"damaged", false},
      {"problems", Json::array()},
      {"entries", Json::array({{{"time", "2020-12-31T23:04:05Z"},
                                {"kind", "message"},
                                {"flags", Json::array()},
                                {"author", "Ann \"A\""},
                                {"bytes", 40}},
                               {{"time", "2020-12-31T23:05:06Z"},
                                {"kind", "message"},
                                {"flags", Json::array({"attached"})},
                                {"author", "Bob"},
                                {"bytes", 54}},
                               {{"time", "2020-12-31T23:05:07Z"},
                                {"kind", "message"},
                                {"flags", Json::array({"missing"})},
                                {"author", "Bob"},
                                {"bytes", 54}}})},
  };
  EXPECT_EQ(Parsed(result).dump(1), want.dump(1));
}

TEST_F(InspectTest, TimesAreThePhonesInTheZoneThatIsSaid) {
  // 2021-03-28 02:30 does not exist in Berlin, and 2021-10-31 02:30 exists twice.
  const std::string path = Save("dst.txt",
                                "28.03.21, 02:30 - Ann: skipped\n"
                                "31.10.21, 02:30 - Ann: twice\n"
                                "31.10.21, 12:00 - Ann: once\n");
  const CommandResult result = Inspect({path, "-o", "json", "--tz", "Europe/Berlin"});
  EXPECT_EQ(result.exit_code, 0) << result;
  const Json json = Parsed(result);
  EXPECT_EQ(json["first"], "2021-03-28T03:00:00+02:00");
  EXPECT_EQ(json["last"], "2021-10-31T12:00:00+01:00");
  EXPECT_EQ(json["problems"],
            Json::array({"1 entry has a time that Europe/Berlin skipped when its clocks went "
                         "forward: the zone is not the phone's, or its clock was wrong",
                         "1 entry has a time that Europe/Berlin showed twice when its clocks went "
                         "back; taken as the first"}));
  EXPECT_EQ(Parsed(Inspect({path, "-o", "json"}))["problems"], Json::array());
}

TEST_F(InspectTest, AnAmbiguousFileIsToldAsSuch) {
  const std::string path = Save("a.txt", "01/02/20, 10:00 - Ann: x\n03/04/20, 10:00 - Ann: y\n");
  const CommandResult result = Inspect({path, "-o", "json"});
  EXPECT_EQ(result.exit_code, 0) << result;
  const Json json = Parsed(result);
  EXPECT_EQ(json["ambiguous"], true);
  EXPECT_EQ(json["alternatives"].size(), 2u);
  const CommandResult table = Inspect({path});
  EXPECT_EQ(table.exit_code, 0);
  EXPECT_TRUE(absl::StrContains(table.out, "AMBIGUOUS DATES")) << table;
  const Json told = Parsed(Inspect({path, "-o", "json", "--date-order", "mdy"}));
  EXPECT_EQ(told["ambiguous"], false);
  EXPECT_EQ(told["first"], "2020-01-02T10:00:00Z");
}

TEST_F(InspectTest, ADamagedFileStillSaysWhatWasRead) {
  const std::string path = Save("d.txt", "\xff rubbish\n13/02/20, 10:00 - Ann: x\n");
  const CommandResult result = Inspect({path, "-o", "json", "--entries"});
  EXPECT_EQ(result.exit_code, 3) << result;
  const Json json = Parsed(result);
  EXPECT_EQ(json["damaged"], true);
  EXPECT_EQ(json["messages"], 1);
  EXPECT_EQ(json["bytes"], json["accounted_bytes"]);
  uint64_t sum = 0;
  for (const Json& entry : json["entries"]) sum += entry["bytes"].get<uint64_t>();
  EXPECT_EQ(sum, json["bytes"].get<uint64_t>());
  EXPECT_EQ(Inspect({path}).exit_code, 3);
}

TEST_F(InspectTest, EveryRefusalHasItsCodeAndWords) {
  const std::string zip = Save("evil.zip", archive::MakeZip({.members = {{"../x.txt", kIos}}}));
  const std::string text = Save("t.txt", kIos);
  const std::string fifo = dir_ + "/fifo";
  mkfifo(fifo.c_str(), 0600);
  struct Case {
    std::vector<std::string> args;
    int exit_code;
    std::string err;
  };
  const Case kCases[] = {
      {{zip}, 3, absl::StrCat(zip, ": refused zip: the name '../x.txt' leads out of its folder")},
      {{dir_}, 3, absl::StrCat(dir_, " is no file: it is a folder")},
      {{fifo}, 3, absl::StrCat(fifo, " is no file: it is a pipe or a device")},
      {{"/dev/null"}, 3, "/dev/null is no file: it is a pipe or a device"},
      {{dir_ + "/none"}, 5, absl::StrCat("cannot read ", dir_, "/none: No such file or directory")},
      {{text, "--tz", "Mars/Base"},
       2,
       "--tz Mars/Base is no time zone; write one such as UTC or America/New_York"},
      {{text, "--entries"}, 2, "--entries needs -o json"},
  };
  for (const Case& c : kCases) {
    const CommandResult result = Inspect(c.args);
    EXPECT_EQ(result.exit_code, c.exit_code) << result;
    EXPECT_EQ(result.out, "") << result;
    EXPECT_EQ(result.err, "muster-agent: " + c.err + "\n");
  }
  EXPECT_EQ(Inspect({}).exit_code, 2);
  EXPECT_EQ(Inspect({text, "-o", "yaml"}).exit_code, 2);
  EXPECT_EQ(Inspect({text, "--date-order", "ydm"}).exit_code, 2);
}

TEST_F(InspectTest, AnOfficerReadsOneScreen) {
  const std::string path = Save("WhatsApp Chat with Ann\x1b[2J.txt", kIos);
  const CommandResult result = Inspect({path});
  EXPECT_EQ(result.exit_code, 0) << result;
  EXPECT_FALSE(absl::StrContains(result.out, "\x1b")) << result;
  EXPECT_TRUE(absl::StrContains(result.out, "Messages     3 by 2 participants")) << result;
  EXPECT_TRUE(absl::StrContains(result.out, "MEDIA ARE NOT IN IT: 2 ")) << result;
  EXPECT_TRUE(absl::StrContains(result.out, "It cannot show: other chats")) << result;
  EXPECT_LE(std::count(result.out.begin(), result.out.end(), '\n'), 24);
}

}  // namespace
}  // namespace muster::agent
