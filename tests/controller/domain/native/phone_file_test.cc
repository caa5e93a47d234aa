#include "controller/domain/native/phone_file.h"

#include <gtest/gtest.h>

#include "controller/domain/native/plist.h"
#include "tests/controller/domain/native/native_samples.h"

namespace muster::native {
namespace {

TEST(PlainText, HoldsWhatXmlAndJsonHold) {
  const std::pair<std::string, std::string> kCases[] = {
      {"", ""},
      {"plain", "plain"},
      {"Zoë 漢 \U0001F600", "Zoë 漢 \U0001F600"},
      {"a\r\nb\rc\td", "a\nbc\td"},
      {std::string("a\0b", 3), "a\uFFFDb"},
      {"\x1B[31m", "\uFFFD[31m"},
      {"\x7F", "\uFFFD"},
      {"\xC2\x85\xC2\xA0", "\uFFFD\u00A0"},  // NEL is a control character, a hard blank is not
      {"\xEF\xBF\xBE\xEF\xBF\xBD", "\uFFFD\uFFFD"},
      {"\xFF\xFE", "\uFFFD\uFFFD"},
      {"\xC3", "\uFFFD"},
      {"\xC3(", "\uFFFD("},
      {"\xE2\x82", "\uFFFD\uFFFD"},
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},  // half of a surrogate pair
      {"\xC0\xAF", "\uFFFD\uFFFD"},            // a slash, too long
      {kHostile, kHostilePlain},
  };
  for (const auto& [text, want] : kCases) {
    EXPECT_EQ(PlainText(text), want) << text;
    EXPECT_EQ(PlainText(want), want) << text;
  }
}

TEST(AppsOn, NamesWhatIsBlockedThere) {
  const auto shown = [](const PhoneApps& apps) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const PhoneApp& app : apps.apps) out.emplace_back(app.id, app.name);
    return out;
  };
  using Apps = std::vector<std::pair<std::string, std::string>>;
  const PhoneApps ios = AppsOn(Sample(), v1::Platform::IOS);
  EXPECT_EQ(shown(ios),
            (Apps{{"net.whatsapp.WhatsApp", "WhatsApp"}, {"org.whispersystems.signal", "Signal"}}));
  EXPECT_EQ(ios.notes,
            std::vector<std::string>{
                "Not blocked, for the catalogue has no iOS bundle id of them: gajim, webchat."});
  const PhoneApps android = AppsOn(Sample(), v1::Platform::ANDROID);
  EXPECT_EQ(shown(android), (Apps{{"com.gbwhatsapp", "WhatsApp (GBWhatsApp)"},
                                  {"com.whatsapp", "WhatsApp"},
                                  {"org.thoughtcrime.securesms", "Signal"}}));
}

TEST(AppsOn, LeavesOutWhatNoAppIsCalled) {
  for (const std::string id : {"a b", "*", "com.example.*", "a/b", "a<b", "a\nb", "\xFF", "à.b"}) {
    NativeInput in = Sample();
    in.rulings.front().identities = {Named(v1::Platform::IOS, id)};
    const PhoneApps apps = AppsOn(in, v1::Platform::IOS);
    EXPECT_EQ(apps.apps.size(), 2u) << id;
    EXPECT_EQ(apps.notes.size(), 2u) << id;
  }
}

TEST(PlainHosts, LeavesOutWhatIsNoHost) {
  std::vector<std::string> notes;
  EXPECT_EQ(PlainHosts(HostileSample(), &notes),
            (std::vector<std::string>{"chat.example.org", "web.whatsapp.com"}));
  ASSERT_EQ(notes.size(), 4u);
  EXPECT_EQ(notes[1], "Left out: '*', which is no host name.");
}

TEST(Plist, NestsAndEscapes) {
  Plist out;
  out.OpenDict()
      .Key("a<b")
      .String("\"x\" & ]]> \x01")
      .Key("n")
      .Integer(-3)
      .Key("yes")
      .Boolean(true);
  out.Key("list").OpenArray().Boolean(false).Strings({"1", ""}).Close().Close();
  EXPECT_EQ(out.Finish(), R"(<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>a&lt;b</key>
  <string>"x" &amp; ]]&gt; )"
                          "\uFFFD"
                          R"(</string>
  <key>n</key>
  <integer>-3</integer>
  <key>yes</key>
  <true/>
  <key>list</key>
  <array>
    <false/>
    <array>
      <string>1</string>
      <string></string>
    </array>
  </array>
</dict>
</plist>
)");
}

}  // namespace
}  // namespace muster::native
