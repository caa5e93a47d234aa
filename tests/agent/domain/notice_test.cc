#include "agent/domain/notice.h"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/domain/plain_text.h"
#include "common/agent_limits.h"

namespace muster::agent {

// For assertion messages.
void PrintTo(const Notice& notice, std::ostream* os) { *os << TerminalLine(notice); }

namespace {

TEST(PlainText, KeepsWhatHasAPictureAndNothingElse) {
  const std::string kNul("a\0b", 3);
  const std::pair<std::string, std::string> kCases[] = {
      {"", ""},
      {"WhatsApp", "WhatsApp"},
      {"  two  words\t\r\n here ", "two words here"},
      {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
      {kNul, "ab"},
      {"bell\a, back\b, delete\x7f", "bell, back, delete"},
      // Colour, cursor, screen.
      {"\x1b[31;1mred\x1b[0m", "red"},
      {"a\x1b[2J\x1b[Hb", "ab"},
      {"a\x1b[?25lb", "ab"},
      // Title of the window, ended by a bell or by ESC \; a hyperlink; a device string.
      {"a\x1b]0;owned\ab", "ab"},
      {"a\x1b]0;owned\x1b\\b", "ab"},
      {"a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"},
      {"a\x1bP1$r\x1b\\b", "ab"},
      // Without an end they take the rest with them, never leave it.
      {"a\x1b]0;owned", "a"},
      {"a\x1b[31", "a"},
      {"a\x1b", "a"},
      // Other sequences: character set, reset, save; one in another begins anew.
      {"a\x1b(0b", "ab"},
      {"a\x1b"
       "cb\x1b"
       "7c",
       "abc"},
      {"a\x1b[1\x1b[2mb", "ab"},
      {"a\x1b[1\x18"
       "b",
       "ab"},
      {"a\x1b\x1b[31mb", "ab"},
      // The same as C1 controls in UTF-8, and as bare bytes, which no UTF-8 has.
      {"a\xc2\x9b"
       "31mb",
       "ab"},
      {"a\xc2\x9d"
       "0;x\ab",
       "ab"},
      {"a\xc2\x85"
       "b",
       "a b"},
      {"a\x9b"
       "31mb",
       "a?31mb"},
      // Reversed, hidden and joined text; tags; line and paragraph separators.
      {"a\xe2\x80\xae"
       "b\xe2\x80\x8b"
       "c\xef\xbb\xbf"
       "d",
       "abcd"},
      {"a\xf3\xa0\x81\x81"
       "b",
       "ab"},
      {"a\xe2\x80\xa8"
       "b\xe2\x80\xa9"
       "c",
       "a b c"},
      // Not UTF-8: alone, cut, overlong, surrogate, beyond the end.
      {"\xff", "?"},
      {"a\xe2\x82", "a??"},
      {"\xc0\xaf", "??"},
      {"\xe0\x80\xaf", "???"},
      {"\xed\xa0\x80", "???"},
      {"\xf4\x90\x80\x80", "????"},
      {"\x1b\xff"
       "b",
       "?b"},
  };
  for (const auto& [text, want] : kCases) {
    EXPECT_EQ(PlainText(text, 100), want) << testing::PrintToString(text);
  }
}

TEST(PlainText, CutsBetweenCharacters) {
  const std::pair<size_t, std::string> kCases[] = {
      {9,
       "abc\xe2\x82\xac"
       "def"},
      {8, "abc..."},
      {6, "abc..."},
      {5, "ab..."},
      {3, "..."},
      {2, ".."},
      {0, ""},
  };
  for (const auto& [max, want] : kCases) {
    EXPECT_EQ(PlainText("abc\xe2\x82\xac"
                        "def",
                        max),
              want)
        << max;
  }
  EXPECT_EQ(PlainText("ab cdef", 6), "ab...") << "no space before the mark";
}

// Whatever comes in: what goes out is short, printable and comes out the same a second time.
TEST(PlainText, HoldsForAnyBytes) {
  const std::string kLikely = "\x1b[]P\\;m\a\x9b\xc2\xe2\x80\xae\xff a?\n";
  std::mt19937 random(20261127);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 40, ' ');
    for (char& c : text) {
      c = random() % 4 == 0 ? static_cast<char>(random()) : kLikely[random() % kLikely.size()];
    }
    const size_t max = random() % 45;
    const std::string out = PlainText(text, max);
    ASSERT_LE(out.size(), max);
    ASSERT_EQ(PlainText(out, max), out) << testing::PrintToString(text);
    for (const unsigned char c : AsciiText(out)) {
      ASSERT_TRUE(c >= 0x20 && c < 0x7f) << testing::PrintToString(text);
    }
  }
}

TEST(AsciiText, NothingBeyondAscii) {
  // The letter has the byte of a control sequence in it.
  EXPECT_EQ(AsciiText("a\xec\x9b\x9b"
                      "b\xc3\xa4"),
            "a?b?");
}

NoticeFacts Facts() {
  NoticeFacts out;
  out.app_id = "whatsapp";
  out.app_name = "WhatsApp";
  out.reason = "NO_GRANT";
  out.next_step = "Ask the service desk for an app approval and name the app and your device.";
  out.policy_version = "cohort/linux version 12";
  return out;
}

TEST(MakeNotice, SaysWhyHowToAskAndByWhichPolicy) {
  const Notice notice = MakeNotice(Facts());
  const Notice want = {
      "WhatsApp was blocked",
      "Reason NO_GRANT: you have no approval for it. Ask the service desk for an app approval and "
      "name the app and your device. Policy cohort/linux version 12. Why in full: muster-agent "
      "explain whatsapp"};
  EXPECT_EQ(notice.title, want.title);
  EXPECT_EQ(notice.body, want.body);
  EXPECT_EQ(TerminalLine(notice), absl::StrCat("muster-agent: WhatsApp was blocked. ", want.body));
}

TEST(MakeNotice, EveryReasonHasItsWords) {
  const std::pair<const char*, const char*> kCases[] = {
      {"EMERGENCY_DENY", "EMERGENCY_DENY: the agency has stopped it for everybody for now"},
      {"TRM_PROHIBITED", "TRM_PROHIBITED: it is prohibited here"},
      {"TRM_PROHIBITED_EXPORT",
       "TRM_PROHIBITED_EXPORT: it is prohibited, and only exports are still possible"},
      {"ARCHIVE_OVERDUE", "ARCHIVE_OVERDUE: exports of its messages are overdue"},
      {"NO_GRANT", "NO_GRANT: you have no approval for it"},
      {"BLOCKLISTED", "BLOCKLISTED: it is on the blocklist"},
      {"NOT_DECIDED_IN_TIME", "NOT_DECIDED_IN_TIME"},
      {"", "unknown"},
  };
  for (const auto& [reason, want] : kCases) {
    NoticeFacts facts = Facts();
    facts.reason = reason;
    facts.next_step = "";
    facts.policy_version = "p";
    EXPECT_EQ(MakeNotice(facts).body,
              absl::StrCat("Reason ", want,
                           ". Ask the service desk what to do. Policy p. Why in full: "
                           "muster-agent explain whatsapp"));
  }
}

TEST(MakeNotice, NothingIsSaidTwice) {
  NoticeFacts facts = Facts();
  facts.reason = "BLOCKLISTED";
  facts.next_step = "The app is on the blocklist. Ask the TRM office";
  facts.policy_version = "p";
  EXPECT_EQ(MakeNotice(facts).body,
            "Reason BLOCKLISTED. The app is on the blocklist. Ask the TRM office. Policy p. Why in "
            "full: muster-agent explain whatsapp");
}

TEST(MakeNotice, LeavesOutWhatIsNotKnown) {
  NoticeFacts facts;
  EXPECT_EQ(MakeNotice(facts),
            (Notice{"A program was blocked", "Reason unknown. Ask the service desk what to do."}));
  facts.app_id = "whatsapp";
  facts.ended = true;
  EXPECT_EQ(MakeNotice(facts),
            (Notice{"whatsapp was ended",
                    "Reason unknown. Ask the service desk what to do. Why in full: muster-agent "
                    "explain whatsapp"}));
}

TEST(MakeNotice, HostileTextStaysTextAndFits) {
  NoticeFacts facts = Facts();
  facts.app_name = "What\x1b]0;owned\as\x1b[2JApp\r\n";
  facts.next_step = "Ask.\nroot# rm\x1b[1A\xff";
  facts.policy_version = "v\x1b[5m1";
  EXPECT_EQ(MakeNotice(facts),
            (Notice{"WhatsApp was blocked",
                    "Reason NO_GRANT: you have no approval for it. Ask. root# rm? Policy v1. Why "
                    "in full: muster-agent explain whatsapp"}));
}

TEST(MakeNotice, LongTextIsCutAndTheRestStays) {
  const std::string long_text(5000, 'x');
  NoticeFacts facts = Facts();
  facts.next_step = long_text;
  const Notice notice = MakeNotice(facts);
  EXPECT_EQ(notice.title.size() + notice.body.size() + 1, limits::kMaxNoticeBytes);
  const std::string tail =
      "... Policy cohort/linux version 12. Why in full: muster-agent explain whatsapp";
  ASSERT_GT(notice.body.size(), tail.size());
  EXPECT_EQ(notice.body.substr(notice.body.size() - tail.size()), tail);

  facts = {long_text, long_text, true, long_text, long_text, long_text};
  const Notice most = MakeNotice(facts);
  EXPECT_LE(most.title.size() + most.body.size(), limits::kMaxNoticeBytes);
  EXPECT_LE(TerminalLine(most).size(), limits::kMaxNoticeLineBytes);
}

TEST(CallsForNotice, OnlyWhatWasStoppedAndWhoseIsKnown) {
  struct Case {
    std::optional<uint32_t> uid;
    bool denied, killed, want;
  };
  constexpr uint32_t kAlice = 1000;
  for (const Case& c : {Case{kAlice, true, false, true}, Case{kAlice, false, true, true},
                        Case{kAlice, true, true, true}, Case{kAlice, false, false, false},
                        Case{std::nullopt, true, true, false}}) {
    ExecRecord record;
    record.uid = c.uid;
    record.denied = c.denied;
    record.killed = c.killed;
    EXPECT_EQ(CallsForNotice(record), c.want) << c.denied << c.killed;
  }
}

class NoticeLimitTest : public ::testing::Test {
 protected:
  bool Allow(uint32_t uid, const std::string& app) { return limit_.Allow(uid, app, now_); }

  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  NoticeLimit limit_;
};

TEST_F(NoticeLimitTest, OncePerPersonAndAppAndMinute) {
  EXPECT_TRUE(Allow(1, "a"));
  EXPECT_FALSE(Allow(1, "a"));
  EXPECT_TRUE(Allow(1, "b"));
  EXPECT_TRUE(Allow(2, "a"));
  now_ += limits::kNoticeInterval - absl::Nanoseconds(1);
  EXPECT_FALSE(Allow(1, "a"));
  now_ += absl::Nanoseconds(1);
  EXPECT_TRUE(Allow(1, "a"));
  EXPECT_FALSE(Allow(1, "a"));
  EXPECT_EQ(limit_.size(), 1u) << "the others are forgotten";
}

TEST_F(NoticeLimitTest, AClockPutBackSilencesNobody) {
  EXPECT_TRUE(Allow(1, "a"));
  now_ -= absl::Hours(24);
  EXPECT_TRUE(Allow(1, "a"));
}

TEST_F(NoticeLimitTest, NobodyIsFloodedAndNobodyFloodsIt) {
  for (size_t app = 0; app < 2 * limits::kMaxNoticesPerPerson; ++app) {
    EXPECT_EQ(Allow(7, absl::StrCat("app", app)), app < limits::kMaxNoticesPerPerson) << app;
  }
  EXPECT_TRUE(Allow(8, "app0")) << "others are told";
  for (uint32_t uid = 100; uid < 2000; ++uid) Allow(uid, "app0");
  EXPECT_EQ(limit_.size(), limits::kMaxNoticesPerInterval);
  EXPECT_FALSE(Allow(5000, "app0"));
  now_ += limits::kNoticeInterval;
  EXPECT_TRUE(Allow(5000, "app0"));
  EXPECT_EQ(limit_.size(), 1u);
}

}  // namespace
}  // namespace muster::agent
