#include "controller/domain/loss_report.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/loss_report_text.h"
#include "common/time_proto.h"
#include "controller/domain/html.h"
#include "controller/domain/incident.h"
#include "tests/support/days.h"
#include "tests/support/now.h"
#include "tests/support/temp_dir.h"

namespace muster {
namespace {

using I = v1::Incident;
//   MUSTER_WRITE_DOCS=1 build/bin/controller_domain_tests --gtest_filter=LossReport.Golden
constexpr char kGolden[] = MUSTER_SOURCE_DIR "/tests/testdata/loss_report.html";

I::Chat* AddChat(I& incident, const std::string& key, uint64_t kept, uint64_t estimated,
                 v1::Evidence::Level level) {
  I::Chat* chat = incident.add_chats();
  chat->set_chat_key(key);
  *chat->mutable_uncovered_from() = ToProto(kNow - 10 * kDay);
  *chat->mutable_uncovered_until() = ToProto(kNow);
  chat->set_messages_kept(kept);
  chat->set_messages_estimated(estimated);
  chat->set_level(level);
  return chat;
}

I Lost() {
  I out;
  out.set_incident_id("LOSS-000001");
  out.set_cause(I::UNINSTALLED);
  out.set_device_id("dev-1");
  out.set_person_upn("alice@agency.test");
  out.set_app_id("whatsapp");
  out.set_office("Field Office");
  out.set_capstone(true);
  *out.mutable_opened_at() = ToProto(kNow);
  *out.mutable_happened_at() = ToProto(kNow - kDay);
  AddChat(out, std::string(64, 'a'), 100, 50, v1::Evidence::E3_RECEIPTED)->set_group(true);
  AddChat(out, std::string(64, 'b'), 0, 0, v1::Evidence::E0_NONE);
  AddChat(out, "", 0, 0, v1::Evidence::E0_NONE);
  out.set_circumstances("Removed <by hand> & \"at once\"\nfrom dev-1");
  out.set_safeguards("New phones archive by themselves.");
  out.set_salvage("No backup exists.");
  TakeStep(out, I::SUSPECTED, "", "no longer installed", kNow);
  TakeStep(out, I::ASSESSING, "rim@agency.test", "looking", kNow + kDay);
  TakeStep(out, I::CONFIRMED, "rim@agency.test", "gone", kNow + 2 * kDay);
  TakeStep(out, I::REPORT_DRAFT, "rim@agency.test", "", kNow + 3 * kDay);
  return out;
}

LossReportFacts Facts() {
  LossReportFacts out;
  out.tenant = "agency";
  EXPECT_TRUE(absl::LoadTimeZone("America/New_York", &out.zone));
  out.zone_name = out.zone.name();
  out.person_name = "Alice O'Neil";
  out.guidance.emplace();
  out.guidance->set_version("2026-1");
  out.guidance->set_sha256("ff00");
  *out.guidance->mutable_at() = ToProto(kNow - 90 * kDay);
  out.grant.emplace();
  out.grant->set_grant_id("GRT-000001");
  *out.grant->mutable_granted_at() = ToProto(kNow - 80 * kDay);
  out.grant->add_approved_by_upn("soc@agency.test");
  out.device.emplace();
  out.device->set_hostname("laptop");
  out.device->set_platform(v1::Platform::LINUX);
  *out.device->mutable_enrolled_at() = ToProto(kNow - 100 * kDay);
  for (const bool receipted : {true, false}) {
    v1::ExportRecord& record = out.exports[std::string(64, 'a')].emplace_back();
    record.mutable_seen()->set_export_sha256(std::string(64, receipted ? '1' : '2'));
    *record.mutable_seen()->mutable_first_at() = ToProto(kNow - 30 * kDay);
    *record.mutable_seen()->mutable_last_at() = ToProto(kNow - 10 * kDay);
    record.mutable_seen()->set_messages(receipted ? 60 : 40);
    record.mutable_seen()->set_truncation_suspected(!receipted);
    if (receipted) record.set_receipt_sha256("r");
  }
  return out;
}

TEST(LossReport, Golden) {
  const std::string html =
      *WithSignatureBlock(LossReportHtml(Lost(), Facts()), SignatureBlock(Lost(), Facts().zone));
  if (getenv("MUSTER_WRITE_DOCS") != nullptr) std::ofstream(kGolden) << html;
  std::ostringstream stored;
  stored << std::ifstream(kGolden).rdbuf();
  EXPECT_EQ(stored.str(), html);
  EXPECT_EQ(LossReportHtml(Lost(), Facts()), LossReportHtml(Lost(), Facts()));
}

// With hostile text in every field; xmllint reads it as XML.
TEST(LossReport, IsWellFormedWhateverItSays) {
  const std::string hostile = absl::StrCat(
      "</p><script>alert(1)</script>&nbsp;\"'<!-- signature -->\n<!-- /signature -->\n",
      "\x01\r\x7f\xEF\xBF\xBE", "end");
  I incident = Lost();
  for (const char* field : {"incident_id", "device_id", "person_upn", "app_id", "office",
                            "circumstances", "safeguards", "salvage", "description"}) {
    incident.GetReflection()->SetString(&incident, incident.GetDescriptor()->FindFieldByName(field),
                                        hostile);
  }
  incident.mutable_history(0)->set_reason(hostile);
  incident.mutable_history(1)->set_by_upn(hostile);
  incident.mutable_chats(0)->set_chat_key(hostile);
  LossReportFacts facts = Facts();
  facts.tenant = facts.zone_name = facts.person_name = hostile;
  facts.guidance->set_version(hostile);
  facts.grant->set_grant_id(hostile);
  facts.grant->set_approved_by_upn(0, hostile);
  facts.device->set_hostname(hostile);
  facts.exports[hostile] = facts.exports[std::string(64, 'a')];
  facts.exports[hostile][0].mutable_seen()->set_export_sha256(hostile);
  const std::string html = LossReportHtml(incident, facts);
  EXPECT_FALSE(absl::StrContains(html, "<script"));
  ASSERT_TRUE(LossReportSha256(html).ok()) << "one signature block";
  TempDir dir;
  std::ofstream(dir.File("r.html")) << html;
  EXPECT_EQ(system(absl::StrCat("xmllint --nonet --noout ", dir.File("r.html")).c_str()), 0);
}

TEST(LossReport, LoadsNothing) {
  const std::string html = LossReportHtml(Lost(), Facts());
  for (const char* word :
       {"src=", "href=", "url(", "@import", "<script", "<img", "<link", "onload"}) {
    EXPECT_FALSE(absl::StrContains(html, word)) << word;
  }
  EXPECT_TRUE(absl::StrContains(html, "default-src &#39;none&#39;"));
}

// Each part that 36 CFR 1230.14(a) asks for, in its order, then what is not known.
TEST(LossReport, HasEachPart) {
  const std::string html = LossReportHtml(Lost(), Facts());
  size_t at = 0;
  for (const char* part :
       {"1. The records, their volume and dates", "2. The office that maintained the records",
        "3. The exact circumstances", "4. Safeguards established", "5. Salvage, retrieval",
        "6. What is not known", "What cannot be known", "<h2>Signature</h2>"}) {
    const size_t found = html.find(part);
    ASSERT_NE(found, std::string::npos) << part;
    EXPECT_GT(found, at) << part;
    at = found;
  }
}

TEST(LossReport, NamesWhatIsNotKnown) {
  I incident = Lost();
  incident.clear_office();
  incident.clear_happened_at();
  incident.clear_circumstances();
  const std::string html = LossReportHtml(incident, {});
  for (const char* line :
       {"When it happened.", "Which office the person belonged to.", "it is not enrolled here.",
        "By which approval the app was used.", "Whether the person had read how to archive.",
        "The volume of 2 of the 3 entries above: no export gives a rate.",
        "Which chats there were that no export has shown", "Not stated yet.",
        "not known: there is no export of it to go by",
        "about 50 (estimated: this chat&#39;s own rate"}) {
    EXPECT_TRUE(absl::StrContains(html, line)) << line;
  }
}

TEST(SignatureBlock, IsNotPartOfWhatIsSigned) {
  const std::string html = LossReportHtml(Lost(), Facts());
  I signed_one = Lost();
  signed_one.set_signed_by_upn("rim@agency.test");
  *signed_one.mutable_signed_at() = ToProto(kNow);
  signed_one.mutable_signature()->add_signatures()->set_key_id("k1");
  signed_one.set_report_sha256(*LossReportSha256(html));
  const std::string filled =
      *WithSignatureBlock(html, SignatureBlock(signed_one, absl::UTCTimeZone()));
  EXPECT_NE(filled, html);
  EXPECT_EQ(*LossReportSha256(filled), *LossReportSha256(html));
  EXPECT_EQ(*WithSignatureBlock(filled, ""), html);
  EXPECT_NE(*LossReportSha256(absl::StrCat(filled, " ")), *LossReportSha256(html));
  EXPECT_FALSE(LossReportSha256("<html/>").ok());
  EXPECT_FALSE(LossReportSha256(html + html).ok()) << "two blocks";
}

TEST(Html, Escapes) {
  const std::pair<const char*, const char*> kCases[] = {
      {"a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"},
      {"a\r\nb\tc", "a\nb\tc"},
      {"\x01", "\xEF\xBF\xBD"},
      {"\xEF\xBF\xBF", "\xEF\xBF\xBD"},
      {"\xEF\xBC\x81", "\xEF\xBC\x81"},
  };
  for (const auto& [in, want] : kCases) EXPECT_EQ(html::Escape(in), want);
}

}  // namespace
}  // namespace muster
