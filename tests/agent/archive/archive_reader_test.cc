// The real helper, in a process of its own.
#include "agent/adapters/files/archive_reader.h"

#include <fcntl.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "archive/fingerprint.h"
#include "common/crypto.h"
#include "common/time_proto.h"
#include "tests/archive/files/zip_maker.h"
#include "tests/integration/process.h"

namespace muster::agent {
namespace {

const std::string kProgram = absl::StrCat(MUSTER_BIN_DIR, "/", kArchiveReader);
constexpr char kFirst[] =
    "13/02/24, 09:00 - Ann: planted-alpha\n"
    "13/02/24, 09:01 - Bob: ok\n"
    "13/02/24, 09:02 - Ann: planted-beta\n";

class ArchiveReaderTest : public testing::Test {
 protected:
  absl::StatusOr<v1::ExportRead> Read(const std::string& bytes,
                                      const v1::ArchiveState::Tail* earlier = nullptr,
                                      const std::string& name = "WhatsApp Chat with Ann.txt",
                                      const std::string& order = "") {
    const std::string path = testing::TempDir() + "/archive_reader_test";
    // Nobody but the opener may read it: the helper has the descriptor alone.
    EXPECT_TRUE(WriteWhole(path, bytes, 0600));
    const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ArchiveReaderCall call;
    call.program = kProgram;
    call.fd = fd.get();
    call.name = name;
    call.salt = "a salt of the person";
    call.order = order;
    call.earlier = earlier;
    return ReadExportInHelper(call);
  }
};

TEST_F(ArchiveReaderTest, SaysFiguresAndSaltedHashes) {
  const absl::StatusOr<v1::ExportRead> got = Read(kFirst);
  ASSERT_TRUE(got.ok()) << got.status();
  const archive::Fingerprints prints("a salt of the person");
  std::vector<std::string> keys = {prints.OfName("ann"), prints.OfName("BOB")};
  std::sort(keys.begin(), keys.end());
  v1::ExportRead want;
  want.set_format("android");
  want.set_chat("Ann");
  want.set_chat_key(prints.OfName("Ann"));
  want.set_sha256(Sha256Hex(kFirst));
  want.set_file_bytes(sizeof kFirst - 1);
  want.set_text_bytes(sizeof kFirst - 1);
  want.set_accounted_bytes(sizeof kFirst - 1);
  want.set_messages(3);
  want.set_participants(2);
  for (const std::string& key : keys) want.add_participant_keys(key);
  const absl::Time nine = absl::FromCivil(absl::CivilMinute(2024, 2, 13, 9), absl::UTCTimeZone());
  *want.mutable_first_wall() = ToProto(nine);
  *want.mutable_last_wall() = ToProto(nine + absl::Minutes(2));
  want.set_date_order("dmy");
  want.mutable_tail()->set_export_sha256(Sha256Hex(kFirst));
  const std::pair<const char*, const char*> kMessages[] = {
      {"Ann", "planted-alpha"}, {"Bob", "ok"}, {"Ann", "planted-beta"}};
  int minute = 0;
  for (const auto& [author, body] : kMessages) {
    archive::Entry entry;
    entry.author = author;
    entry.body = body;
    want.mutable_tail()->add_entries(prints.OfEntry(entry));
    *want.mutable_tail()->add_times() = ToProto(nine + absl::Minutes(minute++));
  }
  want.set_whole(true);
  ASSERT_TRUE(got->has_made_at());
  *want.mutable_made_at() = got->made_at();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*got, want))
      << got->DebugString() << want.DebugString();
  // Of the messages nothing but hashes comes out.
  EXPECT_FALSE(absl::StrContains(got->SerializeAsString(), "planted"));
}

TEST_F(ArchiveReaderTest, FindsTheEndOfAnEarlierExport) {
  const absl::StatusOr<v1::ExportRead> first = Read(kFirst);
  ASSERT_TRUE(first.ok()) << first.status();
  struct Case {
    std::string text;
    uint32_t found, vanished;
    bool newest;
    int shift;
  };
  const std::string more = "14/02/24, 10:00 - Bob: later\n";
  const Case kCases[] = {
      {kFirst + more, 3, 0, true, 0},
      {"13/02/24, 09:01 - Bob: ok\n13/02/24, 09:02 - Ann: planted-beta\n" + more, 2, 1, true, 0},
      {"13/02/24, 09:00 - Ann: planted-alpha\n" + more, 1, 2, false, 0},
      {more, 0, 3, false, 0},
      {"13/02/24, 15:00 - Ann: planted-alpha\n13/02/24, 15:01 - Bob: ok\n"
       "13/02/24, 15:02 - Ann: planted-beta\n",
       3, 0, true, 360},
  };
  for (const Case& c : kCases) {
    const absl::StatusOr<v1::ExportRead> got = Read(c.text, &first->tail());
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->earlier().found(), c.found) << c.text;
    EXPECT_EQ(got->earlier().vanished(), c.vanished) << c.text;
    EXPECT_EQ(got->earlier().newest(), c.newest) << c.text;
    EXPECT_EQ(got->earlier().shift_minutes(), c.shift) << c.text;
  }
}

TEST_F(ArchiveReaderTest, UnsureDatesHaveNoEnd) {
  const std::string text = "01/02/24, 09:00 - Ann: x\n02/03/24, 09:00 - Ann: y\n";
  const absl::StatusOr<v1::ExportRead> got = Read(text);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(got->ambiguous());
  EXPECT_FALSE(got->has_tail());
  const absl::StatusOr<v1::ExportRead> told = Read(text, nullptr, "x.txt", "mdy");
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_FALSE(told->ambiguous());
  EXPECT_EQ(told->tail().entries_size(), 2);
}

TEST_F(ArchiveReaderTest, KeepsOnlyTheEndOfALongChat) {
  std::string text;
  for (int i = 0; i < 300; ++i) absl::StrAppend(&text, "13/02/24, 09:00 - Ann: ", i, "\n");
  const absl::StatusOr<v1::ExportRead> got = Read(text);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->messages(), 300u);
  EXPECT_EQ(got->tail().entries_size(), 256);
}

TEST_F(ArchiveReaderTest, AZipSaysWhenItWasMade) {
  archive::MadeMember text{"_chat.txt", "[13.02.24, 09:00:00] Ann: x\r\n"};
  text.dos_time = 10 << 11;
  text.dos_date = (2024 - 1980) << 9 | 2 << 5 | 13;
  const absl::StatusOr<v1::ExportRead> got =
      Read(archive::MakeZip({.members = {text}}), nullptr, "WhatsApp Chat - Ann.zip");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(got->zip());
  EXPECT_FALSE(got->has_made_at());
  EXPECT_EQ(FromProto(got->made_wall()),
            absl::FromCivil(absl::CivilHour(2024, 2, 13, 10), absl::UTCTimeZone()));
}

TEST_F(ArchiveReaderTest, SaysWhyItIsNoExport) {
  EXPECT_EQ(Read("PK\3\4", nullptr, "x.zip").status(),
            absl::InvalidArgumentError("refused zip: it is cut off: its end is missing"));
  const absl::StatusOr<v1::ExportRead> garbage = Read("nothing of the kind\n");
  ASSERT_TRUE(garbage.ok()) << garbage.status();
  EXPECT_TRUE(garbage->damaged());
  EXPECT_EQ(garbage->format(), "unknown");
}

TEST_F(ArchiveReaderTest, AMissingProgramIsSaid) {
  ArchiveReaderCall call;
  call.program = "/nonexistent/reader";
  EXPECT_TRUE(absl::IsNotFound(ReadExportInHelper(call).status()));
}

// It keeps no right: as root it would not even start to read.
TEST(ArchiveReaderProgram, RefusesToReadAsRoot) {
  if (geteuid() != 0) return;
  const CommandResult got = RunCommand({kProgram, "x.txt", "-", "0", "0"});
  EXPECT_EQ(got.exit_code, 1) << got;
  EXPECT_EQ(got.err, "it cannot give up its rights\n") << got;
}

TEST(ArchiveReaderProgram, WantsASalt) {
  const CommandResult got = RunCommand({kProgram, "x.txt", "-", "65534", "65534"});
  EXPECT_EQ(got.exit_code, 1) << got;
  EXPECT_EQ(got.err, "there is no salt\n") << got;
  EXPECT_EQ(RunCommand({kProgram, "x.txt", "ydm", "65534", "65534"}).exit_code, 2);
}

}  // namespace
}  // namespace muster::agent
