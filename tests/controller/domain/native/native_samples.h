// Inputs from which the tests of native policy make files.
#pragma once

#include <random>
#include <string>
#include <utility>

#include "controller/domain/native/native_policy.h"
#include "tests/support/now.h"

namespace muster::native {

inline v1::AppIdentity Named(v1::Platform::Id platform, const std::string& id,
                             const std::string& client = "") {
  v1::AppIdentity out;
  out.set_platform(platform);
  out.set_package_id(id);
  out.set_client(client);
  return out;
}

// Two blocked apps that phones know, one that they do not, one with a web client alone, and three
// that are not blocked.
inline NativeInput Sample() {
  NativeInput in;
  in.tenant = "agency.example";
  in.version = 12;
  in.sha256 = std::string(64, 'a');
  in.generated_at = kNow;
  in.how_to_ask = "Ask the service desk for a request.";
  const auto add = [&in](const std::string& id, const std::string& name, v1::Verdict::Kind verdict,
                         std::vector<v1::AppIdentity> identities,
                         std::vector<std::string> hosts = {}) {
    Ruling ruling;
    ruling.app_id = id;
    ruling.name = name;
    ruling.verdict = verdict;
    ruling.identities = std::move(identities);
    ruling.web_hosts = std::move(hosts);
    in.rulings.push_back(std::move(ruling));
  };
  add("gajim", "Gajim", v1::Verdict::BLOCK, {Named(v1::Platform::LINUX, "gajim")});
  add("kept", "Kept for its export", v1::Verdict::ALLOW_EXPORT_ONLY,
      {Named(v1::Platform::IOS, "org.example.kept"),
       Named(v1::Platform::ANDROID, "org.example.kept")});
  add("signal", "Signal", v1::Verdict::BLOCK,
      {Named(v1::Platform::ANDROID, "org.thoughtcrime.securesms"),
       Named(v1::Platform::IOS, "org.whispersystems.signal")});
  add("slack", "Slack", v1::Verdict::ALLOW,
      {Named(v1::Platform::ANDROID, "com.Slack"),
       Named(v1::Platform::IOS, "com.tinyspeck.chatlyio")},
      {"app.slack.com"});
  add("unlisted", "Unlisted", v1::Verdict::REPORT,
      {Named(v1::Platform::IOS, "org.example.unlisted")});
  add("webchat", "Webchat", v1::Verdict::BLOCK, {}, {"chat.example.org"});
  add("whatsapp", "WhatsApp", v1::Verdict::BLOCK,
      {Named(v1::Platform::ANDROID, "com.whatsapp"),
       Named(v1::Platform::ANDROID, "com.gbwhatsapp", "GBWhatsApp"),
       Named(v1::Platform::IOS, "net.whatsapp.WhatsApp"),
       Named(v1::Platform::MACOS, "net.whatsapp.WhatsApp")},
      {"web.whatsapp.com"});
  return in;
}

// Quotes, markup, the end of a CDATA section, control characters, halves of characters.
inline const std::string kHostile = std::string(
                                        "\"'&amp;<string>]]>&#0;\x01\x1F\x7F\xC2\x85\r\n\t\xFF\xC3("
                                        "\xED\xA0\x80\xEF\xBF\xBF\xE2\x82")
                                        .append(1, '\0')
                                        .append("\xF0\x9F\x98\x80</string>");
// The same as a file may hold it.
inline const std::string kHostilePlain =
    "\"'&amp;<string>]]>&#0;\uFFFD\uFFFD\uFFFD\uFFFD\n\t\uFFFD\uFFFD("
    "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
    "\U0001F600</string>";

// The sample with `text` wherever text stands; what is blocked stays the same.
inline NativeInput SampleWith(const std::string& text) {
  NativeInput in = Sample();
  in.tenant = in.person = in.how_to_ask = text;
  for (Ruling& ruling : in.rulings) {
    ruling.name = text;
    for (v1::AppIdentity& identity : ruling.identities) identity.mutable_client()->assign(text);
  }
  Ruling& last = in.rulings.back();
  last.identities.push_back(Named(v1::Platform::IOS, text));
  last.identities.push_back(Named(v1::Platform::ANDROID, "org.example.*"));
  last.web_hosts.insert(last.web_hosts.end(), {text, "*", "*.example.com", "a.example/path"});
  return in;
}
inline NativeInput HostileSample() { return SampleWith(kHostile); }

// Bytes of any kind, with more of what formats are made of than chance gives; equal for one seed.
inline std::string Noise(uint32_t seed, size_t bytes) {
  std::mt19937 random(seed);
  const std::string kMarks = "<>&;\"'\\]]>[{}:,\r\n\t\xC2\xE2\xEF\xBF\xBE\xF0\x9F\x80";
  std::string out;
  while (out.size() < bytes) {
    const uint32_t next = random();
    out.push_back(next % 2 == 0 ? kMarks[next / 2 % kMarks.size()] : static_cast<char>(next >> 8));
  }
  return out;
}

}  // namespace muster::native
