#include "archive/stamp.h"

#include <gtest/gtest.h>

#include "absl/strings/str_format.h"

namespace muster::archive {
namespace {

// year-x-y hour:minute:second +bytes, with the first letter of the style; x and y as written.
std::string Say(const StampResult& result) {
  if (result.year_day_month) return "ydm";
  if (!result.stamp.has_value()) return "none";
  const Stamp& stamp = *result.stamp;
  static constexpr char kStyles[] = "bdc-";
  return absl::StrFormat("%c%c %04d-%02d-%02d %02d:%02d:%02d",
                         kStyles[static_cast<int>(stamp.style)], stamp.year_first ? 'y' : 'n',
                         stamp.year, stamp.a, stamp.b, stamp.hour, stamp.minute, stamp.second);
}

TEST(ParseStamp, EveryFormOfBothApps) {
  const std::pair<const char*, const char*> kCases[] = {
      // What the JavaScript parser reads, in cases of our own.
      {"4/7/19, 2:45 p.m. - x: y", "dn 2019-04-07 14:45:00"},
      {"04-07-2019, 02.45 PM - x: y", "dn 2019-04-07 14:45:00"},
      {"14.07.19 22.35.25: x: y", "cn 2019-14-07 22:35:25"},
      {"[07.14.19 22:35:25] x: y", "bn 2019-07-14 22:35:25"},
      {"14.7.2019 klo 22.35.25 - x: y", "dn 2019-14-07 22:35:25"},
      {"14. 7. 2019. 22:35:25 x: y", "-n 2019-14-07 22:35:25"},
      {"[4/7/19 2:45:00 p. m.] x: y", "bn 2019-04-07 14:45:00"},
      {"\u200E[4/7/19 2:45:00 p. m.] x: y", "bn 2019-04-07 14:45:00"},
      {"\u200E\u200F[4/7/19 2:45:00 a. m.] x: y", "bn 2019-04-07 02:45:00"},
      {"[2019/07/14, 22:35:25] x: y", "by 2019-07-14 22:35:25"},
      {"[07/3/14, 22:35:25] x: y", "bn 2014-07-03 22:35:25"},
      {"4/7/19, 2:45 - x", "dn 2019-04-07 02:45:00"},
      {"[4/7/19, 2:45 AM]: x: y", "bn 2019-04-07 02:45:00"},
      {"[4/7/19, 2:45 AM] - x: y", "bn 2019-04-07 02:45:00"},
      // Spaces of every width, and none.
      {"4/7/19, 2:45\u202FPM - x", "dn 2019-04-07 14:45:00"},
      {"4/7/19, 2:45\u00A0PM - x", "dn 2019-04-07 14:45:00"},
      {"4/7/19, 2:45\u2009p.\u2009m. - x", "dn 2019-04-07 14:45:00"},
      {"4/7/19, 2:45PM - x", "dn 2019-04-07 14:45:00"},
      {"4/7/19\u00A014:45 - x", "dn 2019-04-07 14:45:00"},
      {"\u202A4/7/19, 14:45\u202C - x", "dn 2019-04-07 14:45:00"},
      {"\uFEFF4/7/19, 14:45 - x", "dn 2019-04-07 14:45:00"},
      {"4/7/19, 14:45 \u2013 x", "dn 2019-04-07 14:45:00"},
      {"4/7/19, 14:45 -", "dn 2019-04-07 14:45:00"},
      // Noon and midnight.
      {"4/7/19, 12:05 AM - x", "dn 2019-04-07 00:05:00"},
      {"4/7/19, 12:05 PM - x", "dn 2019-04-07 12:05:00"},
      {"2019/7/4 午後0:05 - x", "dy 2019-07-04 12:05:00"},
      {"2019/7/4 中午12:05 - x", "dy 2019-07-04 12:05:00"},
      {"2019/7/4 凌晨3:05 - x", "dy 2019-07-04 03:05:00"},
      {"2019/7/4 晚上9:05 - x", "dy 2019-07-04 21:05:00"},
      // Words and digits of other scripts.
      {"٤‏/٧‏/٢٠١٩، ٢:٤٥ م - x", "dn 2019-04-07 14:45:00"},
      {"‏[٤‏/٧‏/٢٠١٩، ٢:٤٥:١٠ ص] x", "bn 2019-04-07 02:45:10"},
      {"۱۳۹۸/۴/۱۳،\u200F ۲:۴۵ ب.ظ. - x", "dy 2019-07-04 14:45:00"},
      {"۲۰۱۹/۷/۴، ۲:۴۵ ق.ظ. - x", "dy 2019-07-04 02:45:00"},
      {"०४/०७/१९, २:४५ अपराह्न - x", "dn 2019-04-07 14:45:00"},
      {"৪/৭/১৯, ২:৪৫ PM - x", "dn 2019-04-07 14:45:00"},
      {"4/7/2562 14:45 - x", "dn 2019-04-07 14:45:00"},
      {"2562-07-14 14:45 - x", "dy 2019-07-14 14:45:00"},
      {"14/7/2562 BE, 14:45 - x", "dn 2019-14-07 14:45:00"},
      {"2019. 7. 4. 오후 2:45 - x", "dy 2019-07-04 14:45:00"},
      {"2019년 7월 4일 오후 2:45 - x", "dy 2019-07-04 14:45:00"},
      {"[19. 7. 4. 오후 2:45:10] x", "by 2019-07-04 14:45:10"},
      {"2019年7月4日 下午2:45 - x", "dy 2019-07-04 14:45:00"},
      {"[2019/7/4 下午2:45:10] x", "by 2019-07-04 14:45:10"},
      {"4/7/19, 2:45 μ.μ. - x", "dn 2019-04-07 14:45:00"},
      {"4.7.2019 г., 2:45 сл.об. - x", "dn 2019-04-07 14:45:00"},
      {"4.7.19 г., 14:45 ч. - x", "dn 2019-04-07 14:45:00"},
      {"2019. 07. 04. du. 2:45 - x", "dy 2019-07-04 14:45:00"},
      {"4.07.2019 ÖS 2:45 - x", "dn 2019-04-07 14:45:00"},
      {"4/7/19, 2:45 CH - x", "dn 2019-04-07 14:45:00"},
      {"4.7.2019, 2:45 e pasdites - x", "dn 2019-04-07 14:45:00"},
      {"4/07/2019, 2:45 PTG - x", "dn 2019-04-07 14:45:00"},
      {"04/07/2019, 2:45 ከሰዓት - x", "dn 2019-04-07 14:45:00"},
      {"4/7/2019, 2:45 หลังเที่ยง - x", "dn 2019-04-07 14:45:00"},
      {"4.7.2019 klo 2.45 ip. - x", "dn 2019-04-07 14:45:00"},
      {"4.7.2019 kl. 14.45 - x", "dn 2019-04-07 14:45:00"},
      {"04.07.19 um 14:45 Uhr - x", "dn 2019-04-07 14:45:00"},
      {"04/07/2019 à 14:45 - x", "dn 2019-04-07 14:45:00"},
      {"2019-07-04 14 h 45 - x", "dy 2019-07-04 14:45:00"},
      {"[2019-07-04 14 h 45 min 10 s] x", "by 2019-07-04 14:45:10"},
      {"14:45, 4/7/2019 - x", "dn 2019-04-07 14:45:00"},
      // Years that no digits tell; they are left.
      {"1441/7/4, 14:45 - x", "dy 1441-07-04 14:45:00"},
      {"٣٠/٢/١٤٤١ هـ، ٢:٤٥ م - x", "dn 1441-30-02 14:45:00"},
      {"14.7.2019, во 14:45 - x", "dn 2019-14-07 14:45:00"},
      {"20-07-31 14:45 - x", "dn 2031-20-07 14:45:00"},
  };
  for (const auto& [line, want] : kCases) EXPECT_EQ(Say(ParseStamp(line)), want) << line;
}

TEST(ParseStamp, TextIsNoTime) {
  for (const char* line : {"",
                           "-",
                           "[",
                           "hello",
                           "99/99/2020, 10:00 - a: b",
                           "12/12/2020",
                           "12/12/2020, - a: b",
                           "12/12/2020, 25:00 - a: b",
                           "12/12/2020, 10:61 - a: b",
                           "31/02/2020, 10:00 - a: b",
                           "0/1/2020, 10:00 - a: b",
                           "1.5 kg - a: b",
                           "12/12/2020, see you at 10:00 - a: b",
                           "10:00 - a: b",
                           "12/12/12/20, 10:00 - a",
                           "12/12-2020, 10:00 - a: b",
                           "12/12/202, 10:00 - a: b",
                           "[12/12/2020, 10:00 a: b",
                           "12/12/2020, 10:00] a: b",
                           "a 12/12/2020, 10:00 - a: b",
                           "+1 555 010 0199",
                           "12/12/2020 10:00",
                           "29/02/2019, 10:00 - a: b"}) {
    EXPECT_EQ(Say(ParseStamp(line)), "none") << line;
  }
  EXPECT_EQ(Say(ParseStamp("2020/25/12, 10:00 - a: b")), "ydm");
  EXPECT_EQ(Say(ParseStamp("29/02/2020, 10:00 - a: b")), "dn 2020-29-02 10:00:00");
}

// A reader knows the date of the line before by its bytes: whatever that was, it changes nothing.
TEST(StampReader, LinesBeforeChangeNothing) {
  const std::string lines[] = {"1/2/20, 3:04 PM - Bob: hi",
                               "1/2/20, 3:04 PM - B",
                               "1/2/20, 3:05:06\u202Fam - Eve: 12345",
                               "1/2/20, 33:05 - Eve: hello there",
                               "1/2/20, soon - and other words",
                               "1/2/2020, 13:04 - Bob: hi",
                               "1/2/2, 13:04 - Bob: hi there",
                               "[1/2/20, 13:04:05] Bob: hi",
                               "[1/2/20, 13:04:05 PM] Bob: hi",
                               "\u200E[01/02/2020, 13:04:05] Bob: hi",
                               "\u200E\u200E[01/02/2020, 13:04:05] Bob: hi",
                               "2020-02-01, 13:04 - Bob: hi",
                               "1.2.2563, 13:04 - Bob: hi",
                               "13/1/20, 10:00 - Bob: hi",
                               "13/13/20, 10:00 - Bob: hi",
                               "2020/25/12, 10:00 - a: b",
                               "1/2/20",
                               "",
                               "words of a text, of some length"};
  for (const std::string& before : lines) {
    for (const std::string& line : lines) {
      StampReader reader;
      Stamp stamp;
      StampResult result;
      reader.Read(before, stamp, result.year_day_month);
      if (reader.Read(line, stamp, result.year_day_month)) result.stamp = stamp;
      EXPECT_EQ(Say(result), Say(ParseStamp(line))) << before << " then " << line;
    }
  }
}

TEST(ParseStamp, BytesLeadToWhatFollows) {
  for (const char* head : {"4/7/19, 2:45 PM - ", "[4/7/19, 2:45:10] ",
                           "14.07.19 22.35.25: ", "2019. 7. 4. 오후 2:45 - ",
                           "\u200E[٤‏/٧‏/٢٠١٩، ٢:٤٥ م] "}) {
    const StampResult result = ParseStamp(std::string(head) + "\u200Ename: text");
    ASSERT_TRUE(result.stamp.has_value()) << head;
    EXPECT_EQ(result.stamp->bytes, absl::string_view(head).size()) << head;
  }
}

}  // namespace
}  // namespace muster::archive
