#include "common/utf8_check.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace muster {
namespace {

// Byte by byte no block is ever whole, so that the slow way judges.
Utf8Check Slowly(const std::string& text) {
  Utf8Check check;
  for (const char& c : text) check.Add(absl::string_view(&c, 1));
  return check;
}

TEST(Utf8Check, BlocksJudgeAsBytesDo) {
  static const std::string kParts[] = {"a",           "plain words and more of them, ",
                                       "ä",           "Ж",
                                       "\u202F",      "\u200E",
                                       "अ",           "漢字",
                                       "힣",          "\uD7FF",
                                       "\uE000",      "😀",
                                       "\U0010FFFF",  "\U00010000",
                                       "\xED\x9F\xBF"};
  static const std::string kWrong[] = {"\x80",
                                       "\xC0\x80",
                                       "\xC1\xBF",
                                       "\xC3",
                                       "\xE0\x9F\xBF",
                                       "\xED\xA0\x80",
                                       "\xE2\x82",
                                       "\xF0\x8F\xBF\xBF",
                                       "\xF4\x90\x80\x80",
                                       "\xF5\x80\x80",
                                       "\xFF",
                                       "\xF0\x9F\x98"};
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 70, 'x');
    const size_t parts = random() % 60, kinds = 1 + random() % std::size(kParts);
    for (size_t i = 0; i < parts; ++i) text += kParts[random() % kinds];
    if (round % 2 == 0) text.insert(random() % (text.size() + 1), kWrong[random() % 12]);
    const Utf8Check slow = Slowly(text);
    Utf8Check whole, pieces;
    whole.Add(text);
    const size_t cut = random() % (text.size() + 1);
    pieces.Add(absl::string_view(text).substr(0, cut));
    pieces.Add(absl::string_view(text).substr(cut));
    for (const Utf8Check& fast : {whole, pieces}) {
      ASSERT_EQ(fast.invalid_at(), slow.invalid_at()) << round;
      ASSERT_EQ(fast.cut(), slow.cut()) << round;
    }
  }
}

TEST(Utf8Check, SaysWhatIsWrongWhere) {
  const std::string block(64, 'a');
  const struct {
    std::string text;
    std::optional<uint64_t> invalid_at;
    bool cut;
  } kCases[] = {{block + "\xE0\xA0\x80" + block, std::nullopt, false},
                {block + "\xE0\x9F\x80" + block, 65, false},
                {block + "\xED\xA0\x80" + block, 65, false},
                {block + "\xF4\x8F\xBF\xBF" + block, std::nullopt, false},
                {block + "\xF4\x90\xBF\xBF" + block, 65, false},
                {block + "\xC1\xBF" + block, 64, false},
                {block + "é\x80" + block, 66, false},
                {block + "\xF0\x9F\x98", std::nullopt, true}};
  for (const auto& c : kCases) {
    Utf8Check check;
    check.Add(c.text);
    EXPECT_EQ(check.invalid_at(), c.invalid_at);
    EXPECT_EQ(check.cut(), c.cut);
  }
}

}  // namespace
}  // namespace muster
