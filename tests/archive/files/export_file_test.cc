#include "archive/files/export_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"
#include "common/crypto.h"
#include "tests/archive/files/zip_maker.h"

namespace muster::archive {
namespace {

constexpr char kAndroid[] =
    "31/12/20, 23:04 - Ann: hello\n"
    "31/12/20, 23:05 - Bob: IMG-1.jpg (file attached)\n"
    "31/12/20, 23:06 - Ann: IMG-2.jpg (file attached)\n";
constexpr char kIos[] =
    "[31.12.20, 23:04:05] Ann: hello\r\n"
    "[31.12.20, 23:05:06] Bob: \xe2\x80\x8e<attached: 1-PHOTO.jpg>\r\n";

// An open file of these bytes.
class Made {
 public:
  explicit Made(absl::string_view bytes) : fd_(memfd_create("export", MFD_CLOEXEC)) {
    EXPECT_EQ(write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  ~Made() { close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

absl::StatusOr<ExportFileSummary> Read(absl::string_view bytes, const std::string& name,
                                       EntrySink sink = nullptr) {
  const Made made(bytes);
  return ReadExportFile(made.fd(), name, std::nullopt, std::move(sink));
}

std::string Refusal(absl::string_view bytes, const std::string& name) {
  const absl::Status status = Read(bytes, name).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(status.message());
}

TEST(ExportFile, ATextAloneHasNoMedia) {
  const absl::StatusOr<ExportFileSummary> got = Read(kAndroid, "WhatsApp Chat with Ann.txt");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_FALSE(got->zip);
  EXPECT_EQ(got->sha256, Sha256Hex(kAndroid));
  EXPECT_EQ(got->file_bytes, sizeof kAndroid - 1);
  EXPECT_EQ(got->text.bytes, sizeof kAndroid - 1);
  EXPECT_EQ(got->text.accounted_bytes, sizeof kAndroid - 1);
  EXPECT_EQ(got->text.chat, "Ann");
  EXPECT_EQ(got->text.messages, 3u);
  EXPECT_EQ(got->text.missing, 2u);
  EXPECT_EQ(got->text.attached, 0u);
  EXPECT_EQ(got->media_files + got->media_bytes, 0u);
  EXPECT_TRUE(got->made_at.has_value());
  EXPECT_FALSE(got->made_wall.has_value());
}

TEST(ExportFile, EveryMemberIsTextOrNamedOrListed) {
  MadeMember text{"WhatsApp Chat with Ann.txt", kAndroid};
  text.dos_time = 8 << 11;
  text.dos_date = (2021 - 1980) << 9 | 1 << 5 | 1;
  const std::string bytes = MakeZip(
      {.members = {
           {"IMG-1.jpg", "pixels"}, text, {"VID-9.mp4", "moves"}, {"notes.txt", "not a chat"}}});
  const absl::StatusOr<ExportFileSummary> got = Read(bytes, "WhatsApp Chat with Ann.zip");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(got->zip);
  EXPECT_EQ(got->sha256, Sha256Hex(bytes));
  EXPECT_EQ(got->file_bytes, bytes.size());
  EXPECT_EQ(got->text_name, "WhatsApp Chat with Ann.txt");
  EXPECT_EQ(got->text.accounted_bytes, sizeof kAndroid - 1);
  EXPECT_EQ(got->text.attached, 1u);
  EXPECT_EQ(got->text.missing, 1u);
  EXPECT_EQ(got->media_files, 3u);
  EXPECT_EQ(got->media_bytes, 6u + 5u + 10u);
  EXPECT_EQ(got->unreferenced_files, 2u);
  EXPECT_EQ(got->unreferenced, (std::vector<std::string>{"VID-9.mp4", "notes.txt"}));
  EXPECT_EQ(got->made_wall, absl::CivilSecond(2021, 1, 1, 8));
  EXPECT_FALSE(got->made_at.has_value());
  EXPECT_EQ(got->text.problems, std::vector<std::string>());
}

TEST(ExportFile, StrayBytesAreAProblem) {
  MadeMember text{"_chat.txt", kIos};
  text.before = std::string(100, 'x');
  const absl::StatusOr<ExportFileSummary> got =
      Read(MakeZip({.members = {{"a.jpg", "x"}, text}}), "WhatsApp Chat - Ann.zip");
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_EQ(got->text.problems.size(), 1u);
  EXPECT_EQ(got->text.problems[0],
            "100 bytes of the zip belong to no file in it; the app writes none such");
}

TEST(ExportFile, TheChatIsFoundByNameAndThenByWhatItSays) {
  struct Case {
    std::string zip;
    std::vector<MadeMember> members;
    std::string text, chat;
  };
  const Case kCases[] = {
      {"WhatsApp Chat - Ann.zip", {{"_chat.txt", kIos}}, "_chat.txt", "Ann"},
      // A chat that was sent as a document is a document.
      {"WhatsApp Chat - Ann.zip", {{"a.txt", kIos}, {"_chat.txt", kIos}}, "_chat.txt", "Ann"},
      {"WhatsApp Chat with Bob.zip",
       {{"WhatsApp Chat with Ann.txt", kAndroid}, {"WhatsApp Chat with Bob.txt", kAndroid}},
       "WhatsApp Chat with Bob.txt",
       "Bob"},
      {"WhatsApp Chat with Bob (1).zip",
       {{"WhatsApp Chat with Ann.txt", kAndroid}, {"WhatsApp Chat with Bob.txt", kAndroid}},
       "WhatsApp Chat with Bob.txt",
       "Bob"},
      {"export.zip",
       {{"notes.txt", "not a chat"}, {"WhatsApp Chat with Ann.txt", kAndroid}},
       "WhatsApp Chat with Ann.txt",
       "Ann"},
      {"export.zip", {{"x.txt", "not a chat"}, {"y.txt", kAndroid}}, "y.txt", ""},
      // A name promises, but only a chat is one.
      {"export.zip", {{"export.txt", "not a chat"}, {"y.txt", kAndroid}}, "y.txt", ""},
      // Packed again by a computer.
      {"x.zip", {{"Ann/_chat.txt", kIos}, {"__MACOSX/Ann/._chat.txt", "mac"}}, "Ann/_chat.txt", ""},
      {"x.zip", {{"_CHAT.TXT", kIos}, {"docs/_chat.txt", kIos}}, "_CHAT.TXT", ""},
  };
  for (const Case& c : kCases) {
    const absl::StatusOr<ExportFileSummary> got = Read(MakeZip({.members = c.members}), c.zip);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->text_name, c.text);
    EXPECT_TRUE(c.chat.empty() || got->text.chat == c.chat) << got->text.chat;
  }
}

TEST(ExportFile, AZipWithoutOneChatIsRefused) {
  const std::pair<std::vector<MadeMember>, std::string> kCases[] = {
      {{}, "refused zip: there is no text in it, so it is no exported chat"},
      {{{"a.jpg", "x"}}, "refused zip: there is no text in it, so it is no exported chat"},
      {{{"inner.zip", MakeZip({.members = {{"_chat.txt", kIos}}})}},
       "refused zip: there is no text in it, so it is no exported chat"},
      {{{"a.txt", "x"}, {"b.txt", "y"}},
       "refused zip: none of its 2 texts reads as an exported chat"},
      {{{"a.txt", kAndroid}, {"b.txt", kIos}},
       "refused zip: two texts in it read as exported chats, 'a.txt' and 'b.txt'; export each chat "
       "by itself"},
      {{{"../_chat.txt", kIos}}, "refused zip: the name '../_chat.txt' leads out of its folder"},
  };
  for (const auto& [members, want] : kCases) {
    EXPECT_EQ(Refusal(MakeZip({.members = members}), "x.zip"), want);
  }
  MadeMember damaged{"_chat.txt", kIos};
  damaged.crc = 7;
  EXPECT_EQ(Refusal(MakeZip({.members = {damaged}}), "x.zip"),
            "refused zip: '_chat.txt' in it is damaged");
  EXPECT_EQ(Refusal(kAndroid, "x.zip"), "refused zip: it is named .zip but is none");
  EXPECT_EQ(Refusal("PK\3\4", "x.txt"), "refused zip: it is cut off: its end is missing");
}

TEST(ExportFile, OnlyAFileIsAFile) {
  const auto refusal = [](int fd) {
    const absl::Status status = ReadExportFile(fd, "x.txt").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    close(fd);
    return std::string(status.message());
  };
  EXPECT_EQ(refusal(open("/", O_RDONLY)), "it is a folder, not a file");
  EXPECT_EQ(refusal(open("/dev/null", O_RDONLY)), "it is a device, not a file");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[1]);
  EXPECT_EQ(refusal(ends[0]), "it is a pipe, not a file");
  const int huge = memfd_create("huge", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(huge, static_cast<off_t>(limits::kMaxExportBytes + 1)), 0);
  EXPECT_EQ(refusal(huge), "the file has 17179869185 bytes; at most 17179869184 are read");
  EXPECT_EQ(ReadExportFile(-1, "x.txt").status().code(), absl::StatusCode::kUnavailable);
}

TEST(ExportFile, AFileThatChangesIsNoEvidence) {
  for (const std::string& bytes :
       {std::string(kAndroid), MakeZip({.members = {{"a.txt", kAndroid}}})}) {
    const Made made(bytes);
    const absl::Status grown =
        ReadExportFile(made.fd(), "x", std::nullopt, [&](const Entry&) {
          EXPECT_EQ(pwrite(made.fd(), "x", 1, static_cast<off_t>(bytes.size())), 1);
        }).status();
    EXPECT_EQ(grown, absl::InvalidArgumentError("the file changed while it was read; try again"));
  }
}

TEST(ExportFile, TheDescriptorStaysWhereItIs) {
  const Made made(kAndroid);
  ASSERT_EQ(lseek(made.fd(), 7, SEEK_SET), 7);
  ASSERT_TRUE(ReadExportFile(made.fd(), "x.txt").ok());
  EXPECT_EQ(lseek(made.fd(), 0, SEEK_CUR), 7);
}

TEST(ExportFile, EntriesComeWithTheTimesOfTheWholeText) {
  // Only the last line says that the day comes first.
  const std::string text =
      "01/02/20, 10:00 - Ann: one\n02/02/20, 10:00 - Ann: two\n13/02/20, 10:00 - Ann: three\n";
  for (const std::string& bytes : {text, MakeZip({.members = {{"a.txt", text}}})}) {
    std::vector<absl::CivilSecond> times;
    uint64_t sum = 0;
    const absl::StatusOr<ExportFileSummary> got = Read(bytes, "x", [&](const Entry& entry) {
      times.push_back(entry.time);
      sum += entry.bytes;
    });
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_FALSE(got->text.ambiguous);
    EXPECT_EQ(times, (std::vector<absl::CivilSecond>{absl::CivilSecond(2020, 2, 1, 10),
                                                     absl::CivilSecond(2020, 2, 2, 10),
                                                     absl::CivilSecond(2020, 2, 13, 10)}));
    EXPECT_EQ(sum, got->text.bytes);
  }
}

// Zips of a program that others use, in each of the ways that it writes them.
TEST(ExportFile, ReadsZipsOfPythonsZipfile) {
  const std::string dir = testing::TempDir() + "/export_file_test";
  mkdir(dir.c_str(), 0700);
  const std::string script = absl::StrCat(
      "import sys, zipfile\n"
      "text = open('",
      dir,
      "/chat', 'rb').read()\n"
      "def add(z, **more):\n"
      "  info = zipfile.ZipInfo('_chat.txt', (2024, 2, 29, 23, 59, 58))\n"
      "  info.compress_type = z.compression\n"
      "  with z.open(info, 'w', **more) as f: f.write(text)\n"
      "  z.writestr('1-PHOTO.jpg', bytes(range(256)) * 9)\n"
      "class Stream:\n"
      "  def __init__(s, f): s.f = f\n"
      "  def write(s, b): return s.f.write(b)\n"
      "  def flush(s): s.f.flush()\n"
      "D = zipfile.ZIP_DEFLATED\n"
      "with zipfile.ZipFile('",
      dir,
      "/stored.zip', 'w') as z: add(z)\n"
      "with zipfile.ZipFile('",
      dir,
      "/deflated.zip', 'w', D) as z: add(z)\n"
      "with zipfile.ZipFile('",
      dir,
      "/large.zip', 'w', D) as z: add(z, force_zip64=True)\n"
      "with open('",
      dir,
      "/streamed.zip', 'wb') as f:\n"
      "  with zipfile.ZipFile(Stream(f), 'w', D) as z: add(z)\n");
  const auto save = [&dir](const std::string& name, const std::string& bytes) {
    FILE* out = fopen((dir + "/" + name).c_str(), "w");
    fwrite(bytes.data(), 1, bytes.size(), out);
    fclose(out);
  };
  save("chat", kIos);
  save("make.py", script);
  ASSERT_EQ(std::system(("python3 " + dir + "/make.py").c_str()), 0);
  for (const std::string name : {"stored", "deflated", "large", "streamed"}) {
    const int fd = open((dir + "/" + name + ".zip").c_str(), O_RDONLY | O_CLOEXEC);
    const absl::StatusOr<ExportFileSummary> got = ReadExportFile(fd, name + ".zip");
    close(fd);
    ASSERT_TRUE(got.ok()) << name << got.status();
    EXPECT_EQ(got->text.bytes, sizeof kIos - 1) << name;
    EXPECT_EQ(got->text.accounted_bytes, sizeof kIos - 1) << name;
    EXPECT_EQ(got->text.attached, 1u) << name;
    EXPECT_EQ(got->media_bytes, 256u * 9) << name;
    EXPECT_EQ(got->unreferenced_files, 0u) << name;
    EXPECT_EQ(got->made_wall, absl::CivilSecond(2024, 2, 29, 23, 59, 58)) << name;
    EXPECT_EQ(got->text.problems, std::vector<std::string>()) << name;
  }
}

}  // namespace
}  // namespace muster::archive
