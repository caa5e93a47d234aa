#include <gtest/gtest.h>

#include <random>

#include "archive/export_reader.h"
#include "tests/archive/export_writer.h"

namespace muster::archive {
namespace {

struct ReadBack {
  ExportSummary summary;
  std::vector<WrittenEntry> entries;  // `line` is the whole entry
};

ReadBack Read(const std::string& text, ReadOptions options, const std::vector<size_t>& cuts = {}) {
  ReadBack out;
  uint64_t next = 0;
  ExportReader reader(std::move(options), [&](const Entry& entry) {
    EXPECT_EQ(entry.offset, next);
    next += entry.bytes;
    WrittenEntry back;
    back.time = entry.time;
    back.kind = entry.kind;
    back.flags = entry.flags;
    back.author = std::string(entry.author);
    back.line = text.substr(entry.offset, entry.bytes);
    out.entries.push_back(back);
  });
  size_t from = 0;
  for (const size_t cut : cuts) {
    reader.Add(absl::string_view(text).substr(from, cut - from));
    from = cut;
  }
  reader.Add(absl::string_view(text).substr(from));
  out.summary = reader.Finish();
  EXPECT_EQ(next, text.size());
  EXPECT_EQ(out.summary.bytes, text.size());
  EXPECT_EQ(out.summary.accounted_bytes, text.size());
  return out;
}

// As a person would say it, so that a difference shows itself.
std::string Say(const WrittenEntry& entry) {
  std::string out = absl::FormatCivilTime(entry.time) + " " +
                    std::string(EntryKindName(entry.kind)) + " <" + entry.author + ">";
  for (const absl::string_view flag : EntryFlagNames(entry.flags)) out += " " + std::string(flag);
  return out + " " + entry.line;
}

std::vector<std::string> SayAll(const std::vector<WrittenEntry>& entries) {
  std::vector<std::string> out;
  for (const WrittenEntry& entry : entries) out.push_back(Say(entry));
  return out;
}

uint64_t CountFlag(const WrittenExport& written, unsigned flag) {
  uint64_t out = 0;
  for (const WrittenEntry& entry : written.entries) out += (entry.flags & flag) != 0 ? 1 : 0;
  return out;
}

TEST(ExportForms, EveryFormIsReadAsItWasWritten) {
  for (const ExportForm& form : ExportForms()) {
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      WriteOptions options;
      options.seed = seed;
      options.newline = seed % 3 == 0 ? "\r\n" : "\n";
      const WrittenExport written = WriteExport(form, options);
      SCOPED_TRACE(std::string(form.name) + " " + std::to_string(seed));
      const std::string bom = seed % 2 == 0 ? "\xEF\xBB\xBF" : "";
      std::vector<WrittenEntry> want = written.entries;
      want[0].line = bom + want[0].line;
      const std::string text = bom + written.Text();
      const ReadBack first =
          Read(text, {.order = {}, .files = written.files, .file_name = "", .names = {}});
      const ReadBack back = Read(text, {.order = first.summary.range.order,
                                        .files = written.files,
                                        .file_name = "",
                                        .names = {}});
      ASSERT_EQ(SayAll(back.entries), SayAll(want));
      const ExportSummary& got = first.summary;
      EXPECT_EQ(got.range.order, form.order);
      EXPECT_FALSE(got.ambiguous || got.backwards || got.damaged || got.truncation_suspected);
      EXPECT_TRUE(got.from_start);
      EXPECT_EQ(got.messages, written.entries.size() - 1);
      EXPECT_EQ(got.system, 1u);
      EXPECT_EQ(got.attached, CountFlag(written, kAttached));
      EXPECT_EQ(got.missing, CountFlag(written, kMissing));
      EXPECT_EQ(got.omitted, CountFlag(written, kOmitted));
      EXPECT_EQ(got.edited, CountFlag(written, kEdited));
      EXPECT_EQ(got.deleted, CountFlag(written, kDeleted));
      EXPECT_EQ(got.range.first, written.entries.front().time);
      EXPECT_EQ(got.range.last, written.entries.back().time);
      EXPECT_EQ(got.format, form.ios ? ExportFormat::kIos : ExportFormat::kAndroid);
      EXPECT_EQ(got.problems, std::vector<std::string>{});
    }
  }
}

TEST(ExportForms, PiecesCutAnywhereChangeNothing) {
  std::mt19937_64 random(42);
  for (const ExportForm& form : ExportForms()) {
    const std::string text = WriteExport(form, {}).Text();
    const ReadBack whole = Read(text, {});
    for (int round = 0; round < 4; ++round) {
      std::set<size_t> cuts;
      const size_t count = round == 0 ? text.size() : 1 + random() % 40;
      for (size_t i = 0; i < count; ++i) cuts.insert(round == 0 ? i : random() % text.size());
      const ReadBack cut = Read(text, {}, {cuts.begin(), cuts.end()});
      EXPECT_EQ(SayAll(cut.entries), SayAll(whole.entries)) << form.name;
      EXPECT_EQ(cut.summary.problems, whole.summary.problems);
      EXPECT_EQ(cut.summary.messages, whole.summary.messages);
    }
  }
}

// What can be flagged and must be: a head or a tail cut off inside a character or an entry's head,
// entries that changed places in time, a pasted line with an earlier time, bytes that are no text,
// as many entries as the apps' caps. What cannot be, and is not claimed: a cut between two entries,
// a pasted line with a time that fits.
TEST(ExportForms, WhatWasDoneToItIsFlagged) {
  for (const ExportForm& form : ExportForms()) {
    SCOPED_TRACE(form.name);
    const WrittenExport written = WriteExport(form, {});
    const std::string text = written.Text();
    // The head is cut in the middle of the first entry's time.
    const size_t half = WriteStamp(form, written.entries[0].time).size() / 2;
    EXPECT_TRUE(Read(text.substr(half), {}).summary.damaged);
    WrittenExport moved = written;
    std::swap(moved.entries[10], moved.entries[40]);
    EXPECT_TRUE(Read(moved.Text(), {}).summary.backwards);
    WrittenExport forged = written;
    WrittenEntry paste = forged.entries[5];
    paste.line = WriteStamp(form, paste.time) + "Anna: I never said that\n";
    forged.entries.insert(forged.entries.begin() + 50, paste);
    const ReadBack flagged = Read(forged.Text(), {});
    EXPECT_TRUE(flagged.summary.backwards);
    EXPECT_EQ(flagged.entries[50].flags & kBackwards, kBackwards);
    EXPECT_EQ(flagged.summary.range.order, form.order);
    std::string broken = text;
    broken[text.size() / 2] = '\xFF';
    EXPECT_TRUE(Read(broken, {}).summary.damaged);
    EXPECT_TRUE(Read(text + "\xE2\x82", {}).summary.damaged);
    EXPECT_TRUE(Read(text + std::string(3, '\0'), {}).summary.damaged);
  }
}

TEST(ExportForms, AsManyEntriesAsTheAppsAllow) {
  const ExportForm& form = ExportForms()[2];
  struct Case {
    int entries;
    bool from_start, want;
  };
  for (const Case& c :
       {Case{40'000, false, true}, Case{39'700, false, true}, Case{40'000, true, false},
        Case{38'000, false, false}, Case{10'000, false, true}, Case{9'950, false, true},
        Case{9'000, false, false}, Case{20'000, false, false}}) {
    WriteOptions options;
    options.entries = c.entries;
    options.from_start = c.from_start;
    options.days = 400;
    EXPECT_EQ(Read(WriteExport(form, options).Text(), {}).summary.truncation_suspected, c.want)
        << c.entries;
  }
}

}  // namespace
}  // namespace muster::archive
