// `musterctl incident` and `musterctl hold`: what is asked, what is signed, what is refused.
#include <sys/stat.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "common/clock.h"
#include "common/loss_report_text.h"
#include "common/signed_doc.h"
#include "common/trust_root.h"
#include "tests/cli/fake_controller.h"

namespace muster::cli {
namespace {

TEST(Incident, EveryVerbCallsItsMethod) {
  const std::pair<std::vector<std::string>, std::string> kCases[] = {
      {{"archive", "incidents", "--open", "--state", "update-due", "--person", "a@x"},
       R"(ListIncidents {"page_size":1000,"cursor":"","state":"UPDATE_DUE","person_upn":"a@x","open":true})"},
      {{"archive", "incidents", "LOSS-1"}, R"(GetIncident {"incident_id":"LOSS-1"})"},
      {{"incident", "open", "--person", "a@x", "--app", "tox", "--cause", "device-lost", "--reason",
        "r", "--happened", "2027-01-15T08:00:00Z"},
       R"(OpenIncident {"person_upn":"a@x","app_id":"tox","device_id":"","cause":"DEVICE_LOST","happened_at":"2027-01-15T08:00:00Z","reason":"r","dry_run":false})"},
      {{"incident", "assess", "LOSS-1", "--reason", "r", "--revision", "7"},
       R"(AssessIncident {"incident_id":"LOSS-1","reason":"r","dry_run":false,"expected_revision":7,"reported_to":""})"},
      {{"incident", "dismiss", "LOSS-1", "--reason", "r"},
       R"(DismissIncident {"incident_id":"LOSS-1","reason":"r","dry_run":false,"expected_revision":0,"reported_to":""})"},
      {{"incident", "confirm", "LOSS-1", "--reason", "r", "--dry-run"},
       R"(ConfirmIncident {"incident_id":"LOSS-1","reason":"r","dry_run":true,"expected_revision":0,"reported_to":""})"},
      {{"incident", "report", "LOSS-1", "--reason", "r", "--to", "NARA"},
       R"(ReportIncident {"incident_id":"LOSS-1","reason":"r","dry_run":false,"expected_revision":0,"reported_to":"NARA"})"},
      {{"incident", "update", "LOSS-1", "--reason", "r"},
       R"(UpdateIncident {"incident_id":"LOSS-1","reason":"r","dry_run":false,"expected_revision":0,"reported_to":""})"},
      {{"incident", "close", "LOSS-1", "--reason", "r"},
       R"(CloseIncident {"incident_id":"LOSS-1","reason":"r","dry_run":false,"expected_revision":0,"reported_to":""})"},
      {{"incident", "draft", "LOSS-1", "--safeguards", "s", "--salvage", "v"},
       R"(DraftIncident {"incident_id":"LOSS-1","circumstances":"","safeguards":"s","salvage":"v","description":"","dry_run":false,"expected_revision":0})"},
      {{"incident", "document", "LOSS-1"}, R"(GetIncidentReport {"incident_id":"LOSS-1"})"},
      {{"hold", "list", "--released"},
       R"(ListHolds {"page_size":1000,"cursor":"","released":true})"},
      {{"hold", "place", "--person", "a@x", "--reason", "r"},
       R"(PlaceHold {"person_upn":"a@x","chat_key":"","matter":"","person_upns":[],"reason":"r","dry_run":false})"},
      {{"hold", "place", "--matter", "m", "--person", "a@x", "--person", "b@x", "--reason", "r"},
       R"(PlaceHold {"person_upn":"","chat_key":"","matter":"m","person_upns":["a@x","b@x"],"reason":"r","dry_run":false})"},
      {{"hold", "place", "--matter", "m", "--person", "a@x", "--reason", "r"},
       R"(PlaceHold {"person_upn":"","chat_key":"","matter":"m","person_upns":["a@x"],"reason":"r","dry_run":false})"},
      {{"hold", "release", "HOLD-1", "--reason", "r"},
       R"(ReleaseHold {"hold_id":"HOLD-1","reason":"r","dry_run":false,"expected_revision":0})"},
  };
  for (const auto& [args, want] : kCases) {
    FakeController controller;
    controller.Refuse(absl::NotFoundError("stop here"));
    EXPECT_EQ(RunCtl(&controller, args).code, kExitNotFound) << want;
    EXPECT_EQ(controller.calls, std::vector<std::string>{want});
  }
}

TEST(Incident, UsageIsChecked) {
  const std::vector<std::string> kCases[] = {
      {"incident", "assess", "LOSS-1"},
      {"incident", "report", "LOSS-1", "--reason", "r"},
      {"incident", "open", "--person", "a@x", "--app", "tox", "--reason", "r"},
      {"incident", "open", "--person", "a@x", "--app", "tox", "--cause", "lost", "--reason", "r"},
      {"incident", "open", "--person", "a@x", "--app", "tox", "--cause", "other", "--reason", "r",
       "--happened", "yesterday"},
      {"incident", "draft", "LOSS-1", "--salvage-file", "/nowhere"},
      {"incident", "sign", "LOSS-1"},
      {"hold", "release", "HOLD-1"},
      {"hold", "place", "--person", "a@x"},
  };
  for (const auto& args : kCases) {
    FakeController controller;
    EXPECT_EQ(RunCtl(&controller, args).code, kExitUsage) << args[1];
    EXPECT_TRUE(controller.calls.empty());
  }
}

class IncidentSignTest : public testing::Test {
 protected:
  IncidentSignTest() {
    std::vector<RoleKeys> roles;
    for (const char* role : {"root", "policy", "assignment", "beacon", "emergency", "records"}) {
      const PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
      roles.push_back({.role = role, .keys = {*TrustedKeyFromSpki(key.spki())}});
      WriteFile(dir_ / role, *key.ToPem());
      chmod((dir_ / role).c_str(), 0600);
    }
    const v1::Root root = *FirstRoot("agency", roles, SystemClock().Now());
    *trust_.mutable_root() = *MakeSignedDoc(root, {});
    report_.set_html(absl::StrCat("<p>text</p>\n", kSignatureBegins, kSignatureEnds));
    report_.set_sha256(*LossReportSha256(report_.html()));
  }
  ~IncidentSignTest() override { std::filesystem::remove_all(dir_); }
  Ran Sign(const std::string& key, const std::vector<std::string>& more = {}) {
    std::vector<std::string> args = {"incident", "sign", "LOSS-1", "--key", (dir_ / key).string()};
    args.insert(args.end(), more.begin(), more.end());
    return RunCtl(&controller_, args);
  }

  std::filesystem::path dir_ = TempFolder();
  FakeController controller_;
  v1::TrustView trust_;
  v1::IncidentReportResponse report_;
};

TEST_F(IncidentSignTest, SignsTheHashItComputedItself) {
  controller_.Answer(report_);
  controller_.Answer(trust_);
  v1::IncidentResponse answer;
  answer.mutable_incident()->set_state(v1::Incident::SIGNED);
  controller_.Answer(answer);
  const Ran ran = Sign("records", {"-o", "json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.err,
            absl::StrCat("signing the report of LOSS-1 with the SHA-256 ", report_.sha256(), "\n"));
  EXPECT_EQ(Json::parse(ran.out).at("state"), "SIGNED");
  ASSERT_EQ(controller_.calls.size(), 3u);
  EXPECT_TRUE(absl::StartsWith(controller_.calls[2], "SignIncident "));
}

TEST_F(IncidentSignTest, WhatIsNotSigned) {
  // A key of another role.
  controller_.Answer(report_);
  controller_.Answer(trust_);
  Ran ran = Sign("policy");
  EXPECT_EQ(ran.code, kExitRejected);
  EXPECT_TRUE(absl::StrContains(ran.err, "ROLE: ")) << ran.err;
  // A controller whose hash is not that of its report.
  v1::IncidentReportResponse other = report_;
  other.set_sha256(std::string(64, 'a'));
  controller_.Answer(other);
  EXPECT_EQ(Sign("records").code, kExitRejected);
  // Another text than the one that was read.
  WriteFile(dir_ / "read.html", absl::StrCat("<p>old</p>\n", kSignatureBegins, kSignatureEnds));
  controller_.Answer(report_);
  ran = Sign("records", {"--document", (dir_ / "read.html").string()});
  EXPECT_EQ(ran.code, kExitRejected);
  EXPECT_TRUE(absl::StrContains(ran.err, "REPORT_CHANGED: ")) << ran.err;
  // What was never drafted.
  other.clear_sha256();
  controller_.Answer(other);
  EXPECT_EQ(Sign("records").code, kExitRejected);
  for (const std::string& call : controller_.calls) {
    EXPECT_FALSE(absl::StartsWith(call, "SignIncident")) << call;
  }
}

TEST_F(IncidentSignTest, TheDocumentGoesIntoANewFile) {
  const std::string out = (dir_ / "r.html").string();
  controller_.Answer(report_);
  const Ran ran =
      RunCtl(&controller_, {"incident", "document", "LOSS-1", "--out", out, "-o", "json"});
  EXPECT_EQ(Json::parse(ran.out), Json({{"file", out},
                                        {"sha256", report_.sha256()},
                                        {"signed", false},
                                        {"bytes", report_.html().size()}}));
  std::ostringstream written;
  written << std::ifstream(out).rdbuf();
  EXPECT_EQ(written.str(), report_.html());
  EXPECT_EQ(RunCtl(&controller_, {"incident", "document", "LOSS-1", "--out", out}).code,
            kExitRejected);
  controller_.Answer(report_);
  EXPECT_EQ(RunCtl(&controller_, {"incident", "document", "LOSS-1"}).out, report_.html());
}

}  // namespace
}  // namespace muster::cli
