// Reports on archives: what is asked, and that what cannot be known is on every form of them.
#include <gtest/gtest.h>

#include "cli/errors.h"
#include "muster/v1/admin_service.pb.h"
#include "tests/cli/fake_controller.h"

namespace muster::cli {
namespace {

using Args = std::vector<std::string>;

v1::ReportArchiveResponse ByOffice() {
  v1::ReportArchiveResponse out;
  out.set_by("office");
  out.set_tenant("demo");
  out.set_cannot_be_known("Deleted before, never seen.");
  v1::ComplianceFigures* field = out.add_items();
  field->set_group("=Field");
  field->set_persons(2);
  field->set_obligations(3);
  field->set_compliant(1);
  *out.mutable_total() = *field;
  out.mutable_total()->set_group("total");
  return out;
}

TEST(ArchiveReport, EachVerbAsksItsQuestion) {
  const std::pair<Args, std::string> kCases[] = {
      {{"report", "archive", "--by", "person", "--office", "Field", "--person", "a@x", "--app",
        "tox"},
       R"(ReportArchive {"by":"person","office":"Field","person_upn":"a@x","app_id":"tox"})"},
      {{"report", "archive", "--by", "month", "--from", "2026-01-01", "--until",
        "2026-02-01T05:00:00Z"},
       R"(ReportArchive {"by":"month","office":"","person_upn":"","app_id":"","from":"2026-01-01T00:00:00Z","until":"2026-02-01T05:00:00Z"})"},
      {{"report", "overdue", "--office", "Field", "--app", "tox"},
       R"(ReportOverdue {"office":"Field","app_id":"tox"})"},
      {{"report", "quarterly"}, R"(ReportQuarterly {"year":0,"quarter":0})"},
      {{"report", "quarterly", "--quarter", "fy2027-q1"},
       R"(ReportQuarterly {"year":2027,"quarter":1})"},
      {{"report", "nara-ud", "--from", "2026-10-01"},
       R"(ReportNaraUd {"from":"2026-10-01T00:00:00Z"})"},
      {{"archive", "guidance"}, "GetArchiveGuidance {}"},
      {{"archive", "attest", "--person", "a@x", "--app", "tox", "--version", "2026-1", "--dry-run"},
       R"(RecordAttestation {"person_upn":"a@x","app_id":"tox","version":"2026-1","dry_run":true})"},
  };
  for (const auto& [args, want] : kCases) {
    FakeController controller;
    controller.Refuse(absl::NotFoundError("stop here"));
    EXPECT_EQ(RunCtl(&controller, args).code, kExitNotFound) << want;
    EXPECT_EQ(controller.calls, Args{want});
  }
}

TEST(ArchiveReport, BadArgumentsAreToldApart) {
  const std::pair<Args, std::string> kCases[] = {
      {{"report", "quarterly", "--quarter", "2027Q1"}, "'2027Q1' is no fiscal quarter"},
      {{"report", "quarterly", "--quarter", "FY2027Q5"}, "'FY2027Q5' is no fiscal quarter"},
      {{"report", "quarterly", "--quarter", "FY+027Q1"}, "'FY+027Q1' is no fiscal quarter"},
      {{"report", "archive", "--by", "year"}, "--by"},
      {{"report", "nara-ud", "--from", "2026-13-01"}, "'2026-13-01' is neither a day"},
  };
  for (const auto& [args, want] : kCases) {
    FakeController controller;
    const Ran ran = RunCtl(&controller, args);
    EXPECT_EQ(ran.code, kExitUsage) << want;
    EXPECT_NE(ran.err.find(want), std::string::npos) << ran.err;
    EXPECT_TRUE(controller.calls.empty());
  }
}

TEST(ArchiveReport, WhatCannotBeKnownIsOnEveryForm) {
  const std::pair<const char*, const char*> kForms[] = {
      {"table", "\n\nDeleted before, never seen.\n"},
      {"json", "\"cannot_be_known\": \"Deleted before, never seen.\""},
      {"yaml", "\ncannot_be_known: \"Deleted before, never seen.\""},
      {"csv", "\ncannot_be_known,\"Deleted before, never seen.\",,,,,,,,,,,,,,\n"},
  };
  for (const auto& [form, want] : kForms) {
    FakeController controller;
    controller.Answer(ByOffice());
    const Ran ran = RunCtl(&controller, {"report", "archive", "-o", form});
    EXPECT_EQ(ran.code, 0);
    EXPECT_NE(ran.out.find(want), std::string::npos) << ran.out;
  }
}

TEST(ArchiveReport, CsvHasATotalAndNoFormula) {
  FakeController controller;
  controller.Answer(ByOffice());
  EXPECT_EQ(RunCtl(&controller, {"report", "archive", "-o", "csv"}).out,
            "group,persons,obligations,compliant,overdue,due_soon,unknown,gaps,losses,level_e0,"
            "level_e1,level_e2,level_e3,messages,messages_receipted,oldest_uncovered\n"
            "'=Field,2,3,1,0,0,0,0,0,0,0,0,0,0,0,\n"
            "total,2,3,1,0,0,0,0,0,0,0,0,0,0,0,\n"
            "by,office,,,,,,,,,,,,,,\n"
            "cannot_be_known,\"Deleted before, never seen.\",,,,,,,,,,,,,,\n");
}

TEST(ArchiveReport, AnEmptyReportSaysWhatCannotBeKnown) {
  FakeController controller;
  v1::ReportOverdueResponse none;
  none.set_cannot_be_known("Deleted before, never seen.");
  controller.Answer(none);
  EXPECT_EQ(RunCtl(&controller, {"report", "overdue"}).out,
            "none\n\nDeleted before, never seen.\n");
}

TEST(ArchiveReport, APageSaysWhoMadeItAndOverwritesNothing) {
  const std::filesystem::path folder = TempFolder();
  const std::string page = folder / "page.html";
  FakeController controller;
  controller.Answer(ByOffice());
  v1::RolesView who;
  who.mutable_you()->set_upn("rim@demo.test");
  controller.Answer(who);
  const Ran ran = RunCtl(&controller, {"report", "archive", "--page", page});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.err, "wrote " + page + "\n");
  std::stringstream text_of;
  text_of << std::ifstream(page).rdbuf();
  const std::string text = text_of.str();
  for (const char* want : {"<dt>Agency</dt><dd>demo</dd>", "<dt>Made by</dt><dd>rim@demo.test</dd>",
                           "<td>=Field</td>", "Deleted before, never seen.", "<dt>E3</dt>"}) {
    EXPECT_NE(text.find(want), std::string::npos) << want;
  }
  const Ran again = RunCtl(&controller, {"report", "archive", "--page", page});
  EXPECT_NE(again.code, 0);
  EXPECT_EQ(controller.calls.size(), 2u);  // said before anything was asked
  std::filesystem::remove_all(folder);
}

TEST(ArchiveReport, AnIncidentShowsItsWeakestEvidence) {
  FakeController controller;
  v1::ReportNaraUdResponse report;
  v1::Incident* incident = report.add_items();
  incident->set_incident_id("LOSS-000001");
  incident->add_chats()->set_level(v1::Evidence::E2_SEEN);
  incident->add_chats()->set_level(v1::Evidence::E0_NONE);
  controller.Answer(report);
  const Ran ran = RunCtl(&controller, {"report", "nara-ud", "-o", "csv"});
  EXPECT_NE(ran.out.find("\nLOSS-000001,UNSPECIFIED,CAUSE_UNSPECIFIED,,,false,,,,2,E0_NONE,,,\n"),
            std::string::npos)
      << ran.out;
}

TEST(ArchiveGuidance, ReadsLikeAText) {
  FakeController controller;
  v1::ArchiveGuidanceView view;
  v1::ArchiveGuidanceView::Item* item = view.add_items();
  item->set_platform("ios");
  item->set_version("2026-1");
  item->set_sha256("ab");
  item->set_text("Export.\n");
  controller.Answer(view);
  EXPECT_EQ(RunCtl(&controller, {"archive", "guidance"}).out,
            "version: 2026-1\nsha256:  ab\n\nios\nExport.\n");
}

}  // namespace
}  // namespace muster::cli
