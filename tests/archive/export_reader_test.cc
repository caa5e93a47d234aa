#include "archive/export_reader.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/archive_limits.h"

namespace muster::archive {
namespace {

struct Seen {
  ExportSummary summary;
  std::vector<std::string> entries;  // "kind <author> flags [attachment]"
};

Seen Read(absl::string_view text, ReadOptions options = {}) {
  Seen out;
  ExportReader reader(std::move(options), [&](const Entry& entry) {
    std::string said = absl::StrCat(EntryKindName(entry.kind), " <", entry.author, ">");
    for (const absl::string_view flag : EntryFlagNames(entry.flags)) {
      absl::StrAppend(&said, " ", flag);
    }
    if (!entry.attachment.empty()) absl::StrAppend(&said, " [", entry.attachment, "]");
    out.entries.push_back(said);
  });
  reader.Add(text);
  out.summary = reader.Finish();
  EXPECT_EQ(out.summary.accounted_bytes, text.size());
  return out;
}

bool Says(const ExportSummary& summary, absl::string_view part) {
  for (const std::string& problem : summary.problems) {
    if (absl::StrContains(problem, part)) return true;
  }
  return false;
}

constexpr char kAndroid[] = "13/7/19, 14:45 - ";
constexpr char kIos[] = "[13/7/19, 14:45:10] ";

TEST(ExportReader, WhatAnEntryIs) {
  struct Case {
    const char* stamp;
    const char* text;
    const char* want;
  };
  const Case kCases[] = {
      {kAndroid, "Bob: hello", "message <Bob>"},
      {kAndroid, "Bob: ", "message <Bob>"},
      {kAndroid, "Bob:", "message <Bob>"},
      {kAndroid, "Bob: null", "message <Bob>"},
      {kAndroid, "Bob: see: this", "message <Bob>"},
      {kAndroid, "A - B: hello", "message <A - B>"},
      {kAndroid, "\u202A+1 555\u00A00100\u202C: hi", "message <+1 555\u00A00100>"},
      {kAndroid, "محمد: سلام", "message <محمد>"},
      {kAndroid, "👍 Bob: hi", "message <👍 Bob>"},
      {kIos, "~\u202FBob: hi", "message <~\u202FBob>"},
      {kIos, "\u200EBob: hi", "message <Bob>"},
      // Files
      {kAndroid, "Bob: IMG-20200607-WA0001.jpg (file attached)",
       "message <Bob> missing [IMG-20200607-WA0001.jpg]"},
      {kAndroid, "Bob: \u200EIMG-20200607-WA0001.jpg (file attached)\na caption",
       "message <Bob> missing [IMG-20200607-WA0001.jpg]"},
      {kAndroid, "Bob: my plan (v2).pdf (archivo adjunto)",
       "message <Bob> missing [my plan (v2).pdf]"},
      {kAndroid, "Bob: VID-20200607-WA0001.mp4 (words of no known language)",
       "message <Bob> missing [VID-20200607-WA0001.mp4]"},
      {kAndroid, "Bob: see plan.pdf (the new one)", "message <Bob>"},
      {kIos, "Bob: \u200E<attached: 00000042-PHOTO-2020-06-07-15-13-20.jpg>",
       "message <Bob> missing [00000042-PHOTO-2020-06-07-15-13-20.jpg]"},
      {kIos, "Bob: plan.pdf • \u200E2 pages \u200E<attached: 00000043-plan.pdf>",
       "message <Bob> missing [00000043-plan.pdf]"},
      {kIos, "Bob: \u200E<pièce jointe : a.jpg>", "message <Bob> missing [a.jpg]"},
      {kIos, "Bob: \u200E<xyzzy: 00000042-PHOTO-2020.jpg>",
       "message <Bob> missing [00000042-PHOTO-2020.jpg]"},
      // Left out
      {kAndroid, "Bob: <Media omitted>", "message <Bob> omitted"},
      {kAndroid, "Bob: <Media omitted>\nplan.pdf", "message <Bob> omitted"},
      {kAndroid, "Bob: <View once voice message omitted>", "message <Bob> omitted"},
      {kIos, "Bob: \u200Eimage omitted", "message <Bob> omitted"},
      {kIos, "Bob: <image omitted>", "message <Bob> omitted"},
      {kIos, "Bob: \u200EContact card omitted", "message <Bob> omitted"},
      {kIos, "Bob: plan.pdf • \u200E2 pages \u200Edocument omitted", "message <Bob> omitted"},
      {kAndroid, "Bob: I like <Media omitted> best", "message <Bob>"},
      // Taken back, changed
      {kAndroid, "Bob: This message was deleted", "message <Bob> deleted"},
      {kAndroid, "Bob: You deleted this message", "message <Bob> deleted"},
      {kIos, "Bob: \u200EThis message was deleted.", "message <Bob> deleted"},
      {kIos, "Bob: \u200EThis message was deleted by admin Eve.", "message <Bob> deleted"},
      {kAndroid, "Bob: This message was deleted by mistake?", "message <Bob>"},
      {kAndroid, "Bob: was this message deleted", "message <Bob>"},
      {kAndroid, "Bob: hi <This message was edited>", "message <Bob> edited"},
      {kIos, "Bob: two\nlines \u200E<This message was edited>", "message <Bob> edited"},
      {kAndroid, "Bob: a.pdf (file attached) <This message was edited>",
       "message <Bob> missing edited [a.pdf]"},
      {kAndroid, "Bob: <This message was edited> no", "message <Bob>"},
      // The apps' other sentences with an author
      {kIos, "Bob: \u200EMissed voice call. \u200ETap to call back", "message <Bob>"},
      {kIos, "Bob: \u200EPOLL:\nLunch?\n\u200EOPTION: Yes (\u200E1 vote)", "message <Bob>"},
      {kIos, "Bob: \u200ELocation: https://maps.google.com/?q=1,2", "message <Bob>"},
      {kIos, "Bob: \u200EWaiting for this message. This may take a while.", "message <Bob>"},
      // The app's own
      {kAndroid, "Missed voice call", "system <>"},
      {kAndroid, "Alice added Bob", "system <>"},
      {kAndroid, "Alice changed the subject from \"a: b\" to \"c: d\"", "system <>"},
      {kAndroid, "Alice changed the subject to “Re: x”", "system <>"},
      {kAndroid, "Your security code with Bob changed. Tap to learn more.", "system <>"},
      {kAndroid, "Ana cambió el asunto de \"a: b\" a \"c\"", "system <>"},
      {kAndroid, "Alice hat den Betreff von \"a: b\" zu \"c\" geändert", "system <>"},
      {kAndroid, "", "system <>"},
      {kIos, "Alice: \u200EAlice added Bob", "system <>"},
      {kIos, "Team: \u200EMessages and calls are end-to-end encrypted.", "system <>"},
      {kIos, "Re: Team: \u200EMessages and calls are end-to-end encrypted.", "system <>"},
      {kIos, "Bob: \u200EYour security code with Bob changed. Tap to learn more.", "system <>"},
      {kIos, "\u200EBob left", "system <>"},
  };
  for (const Case& c : kCases) {
    const Seen seen = Read(absl::StrCat(c.stamp, c.text, "\n"));
    EXPECT_EQ(absl::StrJoin(seen.entries, "; "), c.want) << c.text;
  }
}

TEST(ExportReader, FilesAreThereOrMissing) {
  const std::string text = absl::StrCat(kAndroid, "Bob: a.pdf (file attached)\n", kAndroid,
                                        "Bob: b.pdf (file attached)\n");
  const Seen seen = Read(text, {.order = {}, .files = {{"a.pdf"}}, .file_name = "", .names = {}});
  EXPECT_EQ(absl::StrJoin(seen.entries, "; "),
            "message <Bob> attached [a.pdf]; message <Bob> missing [b.pdf]");
  EXPECT_EQ(seen.summary.attached, 1u);
  EXPECT_EQ(seen.summary.missing, 1u);
}

// A system line in the name of the chat may tell of names that come before it in the list.
TEST(ExportReader, TheChatKeepsItsNameWhenItsFirstLineNamesOthers) {
  const Seen seen =
      Read(absl::StrCat(kIos, "Ana joined using Te: am\n", kIos, "Ana joined using Bo: b\n", kIos,
                        "Ana joined using Cy: c\n", kIos,
                        "Te: am: \u200EMessages and calls are end-to-end encrypted. Somebody: of "
                        "this long name left\n"));
  EXPECT_EQ(seen.summary.chat, "Te: am");
  EXPECT_EQ(seen.summary.system, 4u);
}

TEST(ExportReader, NamesWithColonsAreLearned) {
  const Seen seen = Read(absl::StrCat(kAndroid, "Alice added Dr: Who\n", kAndroid, "Dr: Who: hi\n",
                                      kAndroid, "Dr: Who: a: b\n"));
  EXPECT_EQ(seen.summary.authors, std::vector<std::string>{"Dr: Who"});
  const Seen chat =
      Read(absl::StrCat(kAndroid, "Dr: Who: hi\n"),
           {.order = {}, .files = {}, .file_name = "WhatsApp Chat with Dr: Who.txt", .names = {}});
  EXPECT_EQ(chat.summary.chat, "Dr: Who");
  EXPECT_EQ(chat.summary.authors, std::vector<std::string>{"Dr: Who"});
  // Nobody begins every text with the same words and a colon: they are the name's.
  std::string texts;
  for (int i = 0; i < 4; ++i) {
    absl::StrAppend(&texts, kAndroid, "HR: Ann: text\n", kAndroid, "HR: Bo: see: this\n");
  }
  const Seen first = Read(texts);
  EXPECT_EQ(first.summary.authors, (std::vector<std::string>{"HR: Ann", "HR: Bo"}));
  EXPECT_EQ(first.summary.participants, 2u);
  const Seen second =
      Read(texts, {.order = {}, .files = {}, .file_name = "", .names = first.summary.colon_names});
  EXPECT_EQ(second.entries[0], "message <HR: Ann>");
  EXPECT_EQ(second.summary.authors, first.summary.authors);
  const Seen once = Read(absl::StrCat(texts, kAndroid, "HR: a text without\n"));
  EXPECT_EQ(once.summary.authors, std::vector<std::string>{"HR"});
  const Seen unknown = Read(absl::StrCat(kAndroid, "Dr: Who: hi\n"));
  EXPECT_EQ(unknown.summary.authors, std::vector<std::string>{"Dr"});
}

// Authors who have written are known by their bytes: those that are nearly the same are others.
TEST(ExportReader, AuthorsAlikeAreToldApart) {
  const char* const kAuthors[] = {"Bob",
                                  "Bo",
                                  "Bobby Tables",
                                  "Bobby Tabler",
                                  "Somebody 1 of the office",
                                  "Somebody 2 of the office",
                                  "Somebody  of the office",
                                  "\u200ESomebody 1 of the office",
                                  "~\u202FBob"};
  std::string text;
  std::vector<std::string> want;
  for (int round = 0; round < 3; ++round) {
    for (const char* author : kAuthors) {
      absl::StrAppend(&text, kAndroid, author, ": hi\n");
      const bool marked = absl::StartsWith(author, "\u200E");
      want.push_back(absl::StrCat("message <", author + (marked ? 3 : 0), ">"));
    }
  }
  const Seen seen = Read(text);
  EXPECT_EQ(seen.entries, want);
  EXPECT_EQ(seen.summary.participants, 8u);
}

TEST(ExportReader, NamesWithTheAppsWordsAreNames) {
  for (const char* name :
       {"Max neue Telefonnummer", "Ann (n\u00FAmero de tel\u00E9fono)", "IT business account",
        "Ann Security Code", "田中 電話番号", "Ольга Петровна номер телефона"}) {
    const Seen seen = Read(absl::StrCat(kAndroid, name, ": hi\n", kIos, name, ": hi\n"));
    EXPECT_EQ(seen.entries[0], absl::StrCat("message <", name, ">"));
  }
  EXPECT_EQ(Read(absl::StrCat(kAndroid, "Your security code with Dr. A: B changed.\n")).entries,
            std::vector<std::string>{"system <>"});
}

TEST(ExportReader, TheChatsName) {
  const std::pair<const char*, const char*> kNames[] = {
      {"WhatsApp Chat with Bob.txt", "Bob"},
      {"WhatsApp Chat - Bob.zip", "Bob"},
      {"/x/WhatsApp Chat with Bob (1).txt", "Bob"},
      {"WhatsApp_Chat_with_Bob.txt", "Bob"},
      {"Chat de WhatsApp con Ana.txt", "Ana"},
      {"WhatsApp-Chat mit Udo.txt", "Udo"},
      {"_chat.txt", ""},
      {"Чат WhatsApp с контактом Иван.txt", "Иван"},
      {"notes.txt", ""},
  };
  for (const auto& [file, want] : kNames) {
    const Seen seen = Read(absl::StrCat(kAndroid, "Bob: hi\n"),
                           {.order = {}, .files = {}, .file_name = file, .names = {}});
    EXPECT_EQ(seen.summary.chat, want) << file;
  }
  EXPECT_EQ(Read(absl::StrCat(kAndroid, "Bob created group \"Team\"\n")).summary.chat, "Team");
  const Seen ios =
      Read(absl::StrCat(kIos, "Team: \u200EMessages and calls are end-to-end encrypted.\n", kIos,
                        "Team: \u200EBob created this group\n"));
  EXPECT_EQ(ios.summary.chat, "Team");
  EXPECT_TRUE(ios.summary.group);
  EXPECT_TRUE(ios.summary.from_start);
  EXPECT_EQ(ios.summary.participants, 0u);
}

TEST(ExportReader, DamageIsSaidAndNothingIsLost) {
  EXPECT_TRUE(Says(Read("").summary, "empty"));
  EXPECT_TRUE(Read("").summary.damaged);
  const Seen utf16 =
      Read(absl::string_view("\xFF\xFE"
                             "1\0/\0",
                             6));
  EXPECT_TRUE(Says(utf16.summary, "UTF-16"));
  EXPECT_EQ(utf16.summary.unread, 1u);
  const Seen prose = Read("Dear all,\nthis is no export.\n");
  EXPECT_TRUE(Says(prose.summary, "No line begins"));
  const Seen head = Read(absl::StrCat("end of a text\n", kAndroid, "Bob: hi\n"));
  EXPECT_EQ(absl::StrJoin(head.entries, "; "), "unread <>; message <Bob>");
  EXPECT_TRUE(Says(head.summary, "first at byte 0"));
  const Seen blank = Read(absl::StrCat("\xEF\xBB\xBF\r\n\n", kAndroid, "Bob: hi"));
  EXPECT_EQ(absl::StrJoin(blank.entries, "; "), "message <Bob>");
  EXPECT_FALSE(blank.summary.damaged);
  const Seen ydm = Read("2020/25/12, 10:00 - Bob: hi\n");
  EXPECT_TRUE(Says(ydm.summary, "year, day and month"));
  EXPECT_TRUE(ydm.summary.damaged);
  const std::string big = absl::StrCat(kAndroid, "Bob: ", std::string(limits::kMaxEntryBytes, 'x'),
                                       "\n", kAndroid, "Eve: hi\n");
  const Seen cut = Read(big);
  EXPECT_EQ(absl::StrJoin(cut.entries, "; "), "message <Bob>; unread <>; message <Eve>");
  EXPECT_TRUE(Says(cut.summary, "more than"));
}

TEST(ExportReader, LinesOfAnotherFormAreText) {
  const Seen seen =
      Read(absl::StrCat(kAndroid, "Bob: look\n", kIos, "Eve: pasted\n", kAndroid, "Bob: see?\n"));
  EXPECT_EQ(absl::StrJoin(seen.entries, "; "), "message <Bob>; message <Bob>");
  EXPECT_TRUE(Says(seen.summary, "another form"));
  std::string joined = absl::StrCat(kAndroid, "Bob: look\n");
  for (int i = 0; i < 20; ++i) absl::StrAppend(&joined, kIos, "Eve: another phone's\n");
  EXPECT_TRUE(Says(Read(joined).summary, "goes on in another form"));
  EXPECT_EQ(Read(joined).summary.participants, 2u);
}

TEST(ExportReader, LineEndsOfEveryKind) {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    const Seen seen = Read(absl::StrCat(kAndroid, "Bob: a", end, "b", end, kAndroid, "Eve: c"));
    EXPECT_EQ(absl::StrJoin(seen.entries, "; "), "message <Bob>; message <Eve>");
  }
}

}  // namespace
}  // namespace muster::archive
