// What others wrote, for the inventory: desktop entries, snaps, program files, browsers' files.
#include <gtest/gtest.h>

#include "agent/domain/accounts.h"
#include "agent/domain/desktop_entry.h"
#include "agent/domain/json_paths.h"
#include "agent/domain/program_head.h"
#include "agent/domain/snap_yaml.h"
#include "agent/domain/text.h"
#include "agent/domain/web_apps.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {

void PrintTo(const WebApp& a, std::ostream* os) { *os << a.id << "|" << a.name << "|" << a.host; }
void PrintTo(const DesktopEntry& e, std::ostream* os) {
  *os << e.name << "|" << e.version << "|" << e.program << "|" << e.web_app_id << "|"
      << e.web_app_url;
}
void PrintTo(const SnapMeta& m, std::ostream* os) { *os << m.version << "|" << m.title; }

namespace {

using WebApps = std::vector<WebApp>;
constexpr char kWebAppId[] = "hnpfjngllnobngcgfapefoaidbinmjnm";
constexpr char kOtherId[] = "aaaabbbbccccddddeeeeffffgggghhhh";

TEST(CleanText, IsValidUtf8WithinItsBytes) {
  struct Case {
    std::string in;
    size_t max;
    const char* want;
  };
  const Case kCases[] = {
      {"plain", 10, "plain"},
      {"plain", 3, "pla"},
      {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x92\xAC", 99, "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x92\xAC"},
      {"a\xE2\x82\xAC", 3, "a"},  // a character that does not fit whole
      {"a\xFF"
       "b",
       99,
       "a\xEF\xBF\xBD"
       "b"},
      {"\xC0\xAF", 99, "\xEF\xBF\xBD\xEF\xBF\xBD"},                  // overlong
      {"\xED\xA0\x80", 99, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},  // a surrogate
      {"\xF4\x90\x80\x80", 99,
       "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},  // past U+10FFFF
      {"\xE2\x82", 99, "\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"a\nb\x1B[31m", 99,
       "a\xEF\xBF\xBD"
       "b\xEF\xBF\xBD[31m"},
      {"", 0, ""},
  };
  for (const Case& c : kCases) {
    const std::string got = CleanText(c.in, c.max);
    EXPECT_EQ(got, c.want) << c.in;
    EXPECT_TRUE(IsCleanText(got, c.max)) << c.in;
    EXPECT_EQ(IsCleanText(c.in, c.max), got == c.in) << c.in;
  }
}

TEST(ParseDesktopEntry, WhatStartsAndWhatItIsCalled) {
  struct Case {
    const char* text;
    DesktopEntry want;
  };
  const Case kCases[] = {
      {"[Desktop Entry]\nType=Application\nName=Chat\nName[de]=Plausch\n"
       "Exec=/opt/chat/chat --now %U\nX-AppImage-Version=1.2\n",
       {"Chat", "1.2", "/opt/chat/chat", "", ""}},
      {"# a comment\n[Other]\nName=no\n[Desktop Entry]\r\nType = Application\r\n Name = Chat \r\n"
       "Exec=\"/opt/a b/ch\\\"at\" %U\r\n[Desktop Action x]\nExec=no\n",
       {"Chat", "", "/opt/a b/ch\"at", "", ""}},
      {"[Desktop Entry]\nType=Application\nExec=env A=1 -u B chat x\nName=N\n",
       {"N", "", "B", "", ""}},
      {"[Desktop Entry]\nType=Application\nExec=/usr/bin/env A=1 chat\nName=N\n",
       {"N", "", "chat", "", ""}},
      {"[Desktop Entry]\nType=Application\nName=WhatsApp Web\nExec=/usr/bin/chromium "
       "--profile-directory=Default --app-id=hnpfjngllnobngcgfapefoaidbinmjnm\n",
       {"WhatsApp Web", "", "/usr/bin/chromium", kWebAppId, ""}},
      {"[Desktop Entry]\nType=Application\nName=W\nExec=chrome --app=https://web.whatsapp.com/\n",
       {"W", "", "chrome", "", "https://web.whatsapp.com/"}},
      {"[Desktop Entry]\nType=Link\nName=no\nExec=no\n", {}},
      {"[Desktop Entry]\nName=no type\nExec=no\n", {}},
      {"Type=Application\nExec=before any group\n", {}},
      {"[Desktop Entry]\nType=Application\nName=\xFF\xFE\nExec=\"never closed\n",
       {"\xEF\xBF\xBD\xEF\xBF\xBD", "", "never closed", "", ""}},
      {"", {}},
  };
  for (const Case& c : kCases) EXPECT_EQ(ParseDesktopEntry(c.text), c.want) << c.text;
  const std::string huge = "[Desktop Entry]\nType=Application\nName=" + std::string(1 << 20, 'n') +
                           "\nExec=" + std::string(1 << 20, 'e');
  EXPECT_EQ(ParseDesktopEntry(huge).name.size(), limits::kMaxNameBytes);
  EXPECT_EQ(ParseDesktopEntry(huge).program.size(), limits::kMaxPathBytes);
}

TEST(KindOfProgram, ByTheFirstBytes) {
  const std::string elf(
      "\x7F"
      "ELF\x02\x01\x01\0",
      8);
  const std::pair<std::string, ProgramKind> kCases[] = {
      {elf + std::string(8, '\0'), ProgramKind::kElf},
      {elf + "AI\x01", ProgramKind::kAppImage},
      {elf + "AI\x02\xAB", ProgramKind::kAppImage},
      {elf + "AI\x03", ProgramKind::kElf},
      {elf + "AI", ProgramKind::kElf},
      {"#!/bin/sh\n", ProgramKind::kScript},
      {"#", ProgramKind::kNone},
      {"", ProgramKind::kNone},
      {"\x7F"
       "EL",
       ProgramKind::kNone},
      {"MZ", ProgramKind::kNone},
  };
  for (const auto& [head, want] : kCases) EXPECT_EQ(KindOfProgram(head), want) << head;
}

TEST(ParseSnapYaml, TopLevelScalars) {
  const std::pair<const char*, SnapMeta> kCases[] = {
      {"name: x\nversion: 1.2\ntitle: Whats Desk # the client\n", {"1.2", "Whats Desk"}},
      {"version: '1''2'\ntitle: \"a \\\"b\\\"\"\n", {"1'2", "a \"b\""}},
      {"apps:\n  version: 9\nversion: 1\nversion: 2\n", {"1", ""}},
      {"version: &a [*a, *a]\ntitle: *a\n", {"", ""}},
      {"version: '1\n", {"", ""}},
      {"version:\ntitle: \xFF\n", {"", "\xEF\xBF\xBD"}},
      {"", {}},
  };
  for (const auto& [text, want] : kCases) EXPECT_EQ(ParseSnapYaml(text), want) << text;
}

TEST(HostOfUrl, OfWebPagesOnly) {
  const std::pair<const char*, const char*> kCases[] = {
      {"https://Web.WhatsApp.com/", "web.whatsapp.com"},
      {"http://web.telegram.org:8080/k?x", "web.telegram.org"},
      {"https://web.whatsapp.com@evil.example/", "evil.example"},
      {"https://evil.example\\@web.whatsapp.com/", "evil.example"},
      {"https://web.whatsapp.com.", "web.whatsapp.com"},
      {"https://a\xFF"
       "b/",
       ""},
      {"file:///etc/passwd", ""},
      {"https://", ""},
      {"", ""},
  };
  for (const auto& [url, want] : kCases) EXPECT_EQ(HostOfUrl(url), want) << url;
}

TEST(ChromiumAppId, IsTheHashInLettersAToP) {
  // sha256("https://example.com/") begins with 0f115db062b7c0dd030b16878c99dea5.
  EXPECT_EQ(ChromiumAppId("https://example.com/"), "apbbfnlagclhmannadalbgihimjjnokf");
  EXPECT_TRUE(IsChromiumAppId(kWebAppId));
  EXPECT_FALSE(IsChromiumAppId("hnpfjngllnobngcgfapefoaidbinmjnz"));
  EXPECT_FALSE(IsChromiumAppId("../../../../../../../../../../.."));
}

TEST(ParseChromiumPreferences, EveryPlaceThatNamesAWebApp) {
  EXPECT_EQ(ParseChromiumPreferences(
                R"({"profile":{"name":"Person 1","list":[1,[true,{"a":"b"}],"c"]},
          "extensions":{"settings":{
            "hnpfjngllnobngcgfapefoaidbinmjnm":{"manifest":{"name":"WhatsApp",
              "app":{"launch":{"web_url":"https://web.whatsapp.com/"}}}},
            "aaaabbbbccccddddeeeeffffgggghhhh":{"manifest":{"name":"an extension"}},
            "not an id":{"manifest":{"app":{"launch":{"web_url":"https://no.example/"}}}}}},
          "web_apps":{"extension_ids":{"https://discord.com/app":
              {"extension_id":"aaaabbbbccccddddeeeeffffgggghhhh","install_source":2}},
            "daily_metrics":{"https://example.com/":{"installed":true,"num_sessions":1},
              "https://visited.example/":{"installed":false}}}})"),
            (WebApps{{kWebAppId, "WhatsApp", "web.whatsapp.com"},
                     {kOtherId, "", "discord.com"},
                     {"apbbfnlagclhmannadalbgihimjjnokf", "", "example.com"}}));
  EXPECT_EQ(ParseChromiumPreferences(""), WebApps{});
  EXPECT_EQ(ParseChromiumPreferences("[]"), WebApps{});
  // Damage after what counts: what came before it is kept.
  EXPECT_EQ(ParseChromiumPreferences(
                R"({"web_apps":{"daily_metrics":{"https://a.example/":{"installed":true}}},)"
                "\"x\":\"\xFF\""),
            (WebApps{{ChromiumAppId("https://a.example/"), "", "a.example"}}));
}

TEST(ParseTaskbarTabs, OfFirefox) {
  EXPECT_EQ(ParseTaskbarTabs(R"({"version":1,"taskbarTabs":[
      {"id":"1f2e","name":"WhatsApp","scopes":[{"hostname":"web.whatsapp.com"}],
       "userContextId":0,"startUrl":"https://web.whatsapp.com/"},
      {"id":"3d4c","startUrl":"https://discord.com/app"}, 7, {"id":"no start"}]})"),
            (WebApps{{"1f2e", "WhatsApp", "web.whatsapp.com"}, {"3d4c", "", "discord.com"}}));
  EXPECT_EQ(ParseTaskbarTabs("{\"taskbarTabs\":"), WebApps{});
}

TEST(JoinWebApps, KnownHostsFindTheirApps) {
  // By id; then the only host that is left for the only app without one.
  EXPECT_EQ(
      JoinWebApps({{kWebAppId, "", ""}, {kOtherId, "Discord", ""}},
                  {{kWebAppId, "WhatsApp", "web.whatsapp.com"}, {"x", "", "discord.com"}}),
      (WebApps{{kWebAppId, "WhatsApp", "web.whatsapp.com"}, {kOtherId, "Discord", "discord.com"}}));
  // Two of each: nothing says which is whose, but both hosts are installed.
  EXPECT_EQ(JoinWebApps({{kWebAppId, "A", ""}, {kOtherId, "B", ""}},
                        {{"x", "", "a.example"}, {"y", "", "b.example"}, {"z", "", "b.example"}}),
            (WebApps{{kWebAppId, "A", ""},
                     {kOtherId, "B", ""},
                     {"", "", "a.example"},
                     {"", "", "b.example"}}));
  EXPECT_EQ(JoinWebApps({}, {}), WebApps{});
}

TEST(ForEachJsonString, DepthIsBounded) {
  std::vector<std::string> seen;
  const auto each = [&](const JsonPath& path, const std::string& text) {
    std::string line;
    for (const std::string& part : path) line += "/" + part;
    seen.push_back(line + "=" + text);
  };
  EXPECT_TRUE(ForEachJsonString(R"({"a":[1,"x",{"b":true}],"c":null,"d":"y"})", each));
  EXPECT_EQ(seen, (std::vector<std::string>{"/a/#1=x", "/a/#2/b=true", "/d=y"}));
  seen.clear();
  EXPECT_FALSE(ForEachJsonString(std::string(1'000'000, '['), each));
  EXPECT_FALSE(ForEachJsonString(std::string(limits::kMaxJsonDepth + 1, '['), each));
  EXPECT_TRUE(ForEachJsonString(
      std::string(limits::kMaxJsonDepth, '[') + std::string(limits::kMaxJsonDepth, ']'), each));
  EXPECT_TRUE(seen.empty());
}

TEST(ParseHomes, EachFolderOnce) {
  EXPECT_EQ(ParseHomes("root:x:0:0::/root:/bin/sh\nnobody:x:1:1::relative:/bin/sh\nshort:x\n"
                       "a:x:2:2::/home/AD/a:/bin/sh\nb:x:3:3::/home/AD/a:/bin/sh\nc:x:4:4:::\n"),
            (std::vector<std::string>{"/root", "/home/AD/a"}));
}

}  // namespace
}  // namespace muster::agent
