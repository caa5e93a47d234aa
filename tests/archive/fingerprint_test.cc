#include "archive/fingerprint.h"

#include <gtest/gtest.h>

namespace muster::archive {
namespace {

Entry Message(absl::string_view author, absl::string_view body, unsigned flags = 0) {
  Entry out;
  out.kind = EntryKind::kMessage;
  out.author = author;
  out.body = body;
  out.flags = flags;
  return out;
}

TEST(Fingerprints, NamesAreOneHoweverTheyAreWritten) {
  const Fingerprints prints("salt");
  const std::string want = prints.OfName("Caf\xc3\xa9 Crew");
  EXPECT_EQ(want.size(), 32u);
  EXPECT_EQ(prints.OfName(" cafe\xcc\x81   CREW "), want);
  EXPECT_NE(prints.OfName("Cafe Crew"), want);
  EXPECT_NE(Fingerprints("other").OfName("Caf\xc3\xa9 Crew"), want);
  EXPECT_EQ(Fingerprints("salt").OfName("Caf\xc3\xa9 Crew"), want);
  EXPECT_NE(prints.OfName("a\xff"), prints.OfName("a\xfe"));
}

TEST(Fingerprints, WhatMakesTwoMessagesOne) {
  const Fingerprints prints("salt");
  const Entry plain = Message("Ann", "see you at 8");
  const std::pair<Entry, bool> kCases[] = {
      {Message("Ann", " see you at 8\r\n"), true},
      {Message("Ann", "\xe2\x80\x8esee you at 8"), true},
      {Message("Ann", "see you at 8 <This message was edited>", kEdited), true},
      {Message("Ann", "see you at 8 <This message was edited>"), false},
      {Message("Ann", "see you at 9 <This message was edited>", kEdited), false},
      {Message("Bob", "see you at 8"), false},
      {Message("Anns", "ee you at 8"), false},
      {Message("Ann", "see you at 8", kDeleted), false},
      {Message("Ann", "see you at 8", kOmitted), false},
  };
  for (const auto& [entry, same] : kCases) {
    EXPECT_EQ(prints.OfEntry(entry) == prints.OfEntry(plain), same) << std::string(entry.body);
  }
  EXPECT_EQ(prints.OfEntry(plain).size(), 16u);
  // With media or without, the same messages were written.
  EXPECT_EQ(prints.OfEntry(Message("Ann", "<Media omitted>", kOmitted)),
            prints.OfEntry(Message("Ann", "IMG-1.jpg (file attached)", kAttached)));
}

const absl::CivilSecond kNoon(2024, 3, 1, 12, 0, 0);

std::vector<TailEntry> Tail(std::initializer_list<std::pair<const char*, int>> minutes) {
  std::vector<TailEntry> out;
  for (const auto& [print, minute] : minutes) out.push_back({print, kNoon + 60 * minute});
  return out;
}

TailMatch Match(const std::vector<TailEntry>& earlier, const std::vector<TailEntry>& later) {
  TailMatcher matcher(earlier);
  for (const TailEntry& entry : later) matcher.Add(entry.print, entry.time);
  return matcher.Finish();
}

struct Want {
  uint32_t found, vanished;
  bool newest;
  int shift;
};

TEST(TailMatcher, FindsAnEndInALaterExport) {
  const std::vector<TailEntry> earlier = Tail({{"a", 0}, {"b", 1}, {"ok", 2}});
  const std::pair<std::vector<TailEntry>, Want> kCases[] = {
      {Tail({{"a", 0}, {"b", 1}, {"ok", 2}, {"c", 3}}), {3, 0, true, 0}},
      {Tail({{"x", -5}, {"a", 0}, {"ok", 2}, {"c", 3}}), {2, 1, true, 0}},
      {Tail({{"a", 0}, {"b", 1}}), {2, 1, false, 0}},
      {Tail({{"ok", 40}, {"ok", 41}}), {0, 3, false, 0}},  // the same word, another time
      {Tail({{"a", -120}, {"b", -119}, {"ok", -118}}), {3, 0, true, -120}},  // it travelled
      {Tail({{"a", 330}, {"b", 331}, {"ok", 332}, {"ok", 2}}), {3, 0, true, 330}},
      {Tail({{"a", 7}, {"b", 8}, {"ok", 9}}), {0, 3, false, 0}},  // no zone is 7 minutes off
      {Tail({{"a", 1'575}, {"b", 1'576}, {"ok", 1'577}}), {0, 3, false, 0}},  // nor 26 h 15
      {Tail({{"ok", 17}, {"ok", 2}}), {1, 2, true, 0}},                       // the smaller shift
      {{}, {0, 3, false, 0}},
  };
  for (const auto& [later, want] : kCases) {
    const TailMatch got = Match(earlier, later);
    EXPECT_EQ(got.found, want.found);
    EXPECT_EQ(got.vanished, want.vanished);
    EXPECT_EQ(got.newest, want.newest);
    EXPECT_EQ(got.shift_minutes, want.shift);
  }
}

TEST(TailMatcher, SecondsDoNotCount) {
  const TailMatch got = Match({{"a", kNoon + 59}}, {{"a", kNoon}});
  EXPECT_TRUE(got.newest);
}

TEST(TailMatcher, OnlySoMuchOfATailCounts) {
  std::vector<TailEntry> tail;
  for (size_t i = 0; i < limits::kMaxTailEntries + 10; ++i) {
    tail.push_back({"p" + std::to_string(i), kNoon + static_cast<int64_t>(60 * i)});
  }
  const TailMatch got = Match(tail, tail);
  EXPECT_EQ(got.found, limits::kMaxTailEntries);
  EXPECT_EQ(got.vanished, 0u);
  EXPECT_TRUE(got.newest);
}

TEST(TailMatcher, AnEmptyTailIsFoundNowhere) {
  const TailMatch got = Match({}, {{"a", kNoon}});
  EXPECT_EQ(got.found + got.vanished, 0u);
  EXPECT_FALSE(got.newest);
}

}  // namespace
}  // namespace muster::archive
