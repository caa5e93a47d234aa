// The life of one request from the ticket to the lapse, played against a real Active Directory
// domain, a real agent and a receiver of webhooks. Needs root.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/crypto.h"
#include "muster/v1/device_service.pb.h"
#include "tests/integration/laptop.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/tenant.h"
#include "tests/support/test_device.h"

namespace muster {
namespace {

using Lines = std::vector<std::string>;

constexpr absl::Duration kSoon = absl::Seconds(150);  // of a loaded machine; usually far less
constexpr char kReminder[] = "grant.recert-reminder";
constexpr char kSecret[] = "0123456789abcdef0123456789abcdef";

class LifeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    WriteWhole(tenant_.folder() + "/webhook-secret", kSecret, 0600);
    auto receiver = Program::Start(
        {"python3", absl::StrCat(MUSTER_SOURCE_DIR, "/tests/integration/webhook_receiver.py"),
         absl::StrCat(port_), received_, "2"},
        tenant_.folder() + "/receiver.log");
    ASSERT_TRUE(receiver.ok()) << receiver.status();
    receiver_ = *std::move(receiver);
    tenant_.RestartController(absl::StrCat(
        "requests:\n  sla: 1s\n  escalate_to: [soc-approver, admin]\nwebhooks:\n  - name: itsm\n"
        "    url: http://127.0.0.1:",
        port_, "/hook\n    secret_file: webhook-secret\n    topics: [request.*, grant.*]\n"));
    tenant_.ApplyPolicies(laptop_.chat());
    laptop_.Join(tenant_, kAlice);
  }

  Json Request(const std::string& id) { return tenant_.Get(kAdmin, {"request", "show", id}); }
  bool RequestBecomes(const std::string& id, const std::string& state) {
    return WaitUntil(kSoon, [&] { return tenant_.RequestState(id) == state; });
  }
  bool GrantBecomes(const std::string& id, const std::string& state) {
    return WaitUntil(kSoon, [&] { return tenant_.GrantState(id) == state; });
  }
  bool AliceBecomes(Started wanted) {
    return WaitUntil(kSoon, [&] { return TryRun({laptop_.chat()}, accounts_.uid(0)) == wanted; });
  }
  bool InGroup() { return (*tenant_.directory().Members(kChatGroup)).contains(alice()); }
  Json Explained() {
    return tenant_.Get(kServiceDesk, {"explain", "--person", kAlice, "--device", laptop_.device(),
                                      "--app", "it-chat"});
  }
  const std::string& alice() const { return accounts_.name(0); }

  // Enrolled, and then never heard of: its UEM is not connected here. Its device id.
  std::string EnrolPhone() {
    std::string token = ReadWhole(tenant_.NewToken(kAlice, "10m", "ios"));
    absl::StripAsciiWhitespace(&token);
    v1::EnrollRequest request;
    request.set_token(token);
    request.set_csr(MakeCsr(*PrivateKey::Generate(kEcdsaP256Sha256)));
    request.set_platform(v1::Platform::IOS);
    request.set_hostname("iphone");
    const absl::Status enrolled =
        RawCall({.server = tenant_.server(), .ca = tenant_.ca(), .certificate = "", .key = ""},
                "/muster.v1.DeviceService/Enroll", request.SerializeAsString());
    EXPECT_TRUE(enrolled.ok()) << enrolled;
    for (const Json& device : tenant_.Items({"device", "list"})) {
      if (device["platform"] == "IOS") return device["device_id"];
    }
    return "";
  }

  // The topics of everything received so far about one transaction, in order. Checks every
  // signature.
  Lines Told(const std::string& transaction) {
    Lines out;
    for (absl::string_view line : absl::StrSplit(ReadWhole(received_), '\n', absl::SkipEmpty())) {
      const Json post = Json::parse(std::string(line));
      const Json& headers = post["headers"];
      const std::string body = post["body"];
      EXPECT_EQ(
          headers["X-Muster-Signature"],
          "sha256=" +
              HmacSha256Hex(kSecret,
                            absl::StrCat(headers["X-Muster-Id"].get<std::string>(), ".",
                                         headers["X-Muster-Time"].get<std::string>(), ".", body)));
      const Json event = Json::parse(body);
      EXPECT_EQ(headers["X-Muster-Id"], event["id"]);
      if (event["transaction_id"] == transaction) out.push_back(event["topic"]);
    }
    return out;
  }

  TestAccounts accounts_{2};
  TestTenant tenant_{DirectoryKind::kSamba, accounts_.name(0), accounts_.name(1)};
  TestLaptop laptop_{tenant_.folder()};
  const int port_ = FreePort();
  const std::string received_ = tenant_.folder() + "/received";
  std::unique_ptr<Program> receiver_;
};

TEST_F(LifeTest, FromTheTicketToTheLapse) {
  const absl::Status made = tenant_.directory().SetAttribute(alice(), "info", "Capstone");
  ASSERT_TRUE(made.ok()) << made;
  tenant_.Get(kAdmin, {"directory", "sync"});

  // The TRM gate: an app that is PROHIBITED is refused at once, and kept with its reason.
  const Lines file = {"request",         "submit",
                      "--person",        kAlice,
                      "--justification", "Liaison with the embassy",
                      "--duty-location", "Nairobi",
                      "--term",          "40s"};
  const auto submit = [&](const std::string& app, const std::string& ticket) {
    Lines args = file;
    args.insert(args.end(), {"--app", app, "--ticket", ticket});
    return tenant_.Ask(kServiceDesk, args);
  };
  const Answer gate = submit("signal", "INC0963539");
  EXPECT_EQ(gate.code(), 3);
  EXPECT_EQ(gate.json.value("reason_code", ""), "TRM_PROHIBITED");

  // The ticket, for a Capstone official overseas with an iPhone and a laptop.
  const std::string phone = EnrolPhone();
  const Json request = submit("it-chat", "INC0963540").json;
  const std::string id = request.value("request_id", "");
  const std::string transaction = request.value("transaction_id", "");
  EXPECT_EQ(request.value("state", ""), "AWAITING_APPROVAL");
  EXPECT_EQ(request.value("two_approvers_because", ""), "Capstone official");
  EXPECT_EQ(Explained().value("next_step", ""),
            absl::StrCat("A SOC approver has to decide ", id,
                         ", two for this one (Capstone official). `musterctl request escalate ", id,
                         "` tells the next in line."));

  // Nobody decides: it is escalated, once and then to the next.
  ASSERT_TRUE(WaitUntil(kSoon, [&] { return Request(id)["escalated_to"] == "admin"; }));

  // Two people approve.
  const Lines approve = {"request", "approve", id, "--reason", "The need is documented"};
  EXPECT_EQ(tenant_.Get(kApprover, approve)["state"], "SECOND_APPROVAL");
  EXPECT_EQ(tenant_.Ask(kApprover, approve).code(), 4);
  EXPECT_EQ(tenant_.Get(kSecond, approve)["state"], "PROVISIONING");

  // The member appears in AD; the training is what is missing.
  ASSERT_TRUE(RequestBecomes(id, "VERIFYING")) << Request(id).dump(1);
  EXPECT_TRUE(InGroup());
  EXPECT_EQ(TryRun({laptop_.chat()}, accounts_.uid(0)), Started::kBlocked);
  tenant_.Get(kServiceDesk, {"request", "training", id, "--version", "2026-1"});

  // The laptop lets the app run.
  EXPECT_TRUE(AliceBecomes(Started::kRan));
  ASSERT_TRUE(RequestBecomes(id, "ACTIVE")) << Request(id).dump(1);
  EXPECT_EQ(TryRun({laptop_.chat()}, accounts_.uid(1)), Started::kBlocked);
  const std::string grant = Request(id)["grant_id"];
  const Json listed = tenant_.Items({"report", "granted-users"});
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0]["ticket"], "INC0963540");
  EXPECT_EQ(listed[0]["approved_by"], "soc@mdm.test + soc2@mdm.test");
  EXPECT_EQ(listed[0]["devices"],
            std::min(phone, laptop_.device()) + " " + std::max(phone, laptop_.device()));
  EXPECT_EQ(listed[0]["live"], true);

  // Half way it is due for recertification; nobody confirms it, and it lapses.
  ASSERT_TRUE(GrantBecomes(grant, "RECERT_DUE"));
  EXPECT_EQ(TryRun({laptop_.chat()}, accounts_.uid(0)), Started::kRan);
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return !InGroup(); }));
  EXPECT_TRUE(AliceBecomes(Started::kBlocked));
  // The end is verified on every device: the phone that says nothing keeps it open.
  const std::string waiting =
      absl::StrCat("gone from the group; device ", phone, " has not yet verified the policy");
  EXPECT_TRUE(WaitUntil(kSoon, [&] {
    const Json now = tenant_.Get(kAdmin, {"grant", "show", grant});
    return now["state"] == "REVOKING" &&
           absl::StartsWith(now["detail"].get<std::string>(), waiting);
  }));
  tenant_.Get(kAdmin, {"device", "retire", phone, "--reason", "Handed in"});
  ASSERT_TRUE(GrantBecomes(grant, "REVOKED"))
      << tenant_.Get(kAdmin, {"grant", "show", grant}).dump(1);
  EXPECT_TRUE(absl::StartsWith(tenant_.Explain(kAlice, laptop_.device()), "BLOCK NO_GRANT"));

  // Every step is in the audit trail under one transaction id, and was told, signed, in order.
  const Lines steps = {"request.submit",        "request.escalate",        "request.escalate",
                       "request.approve-first", "request.approve",         "grant.activate",
                       "request.member-seen",   "request.training",        "grant.training",
                       "request.active",        "grant.recert-due",        "grant.lapse",
                       "grant.revoke",          "grant.absent-from-group", "grant.revoked"};
  // What runs beside them: the member written, and an assignment for each device, there and back.
  std::map<std::string, int> beside;
  Lines verbs;
  for (const Json& entry : tenant_.Items({"audit", "list", "--transaction", transaction})) {
    const std::string verb = entry["verb"];
    if (verb == "member.add" || verb == "document.publish" || verb == kReminder) {
      ++beside[verb];
    } else if (!absl::EndsWith(verb, ".waiting")) {
      verbs.push_back(verb);
    }
  }
  EXPECT_EQ(verbs, steps);
  // The last reminder falls into the last second of so short a term: the deadlines may pass over
  // it.
  const int reminders = beside[kReminder];
  EXPECT_TRUE(reminders == 2 || reminders == 3) << reminders;
  EXPECT_EQ(beside, (std::map<std::string, int>{
                        {"member.add", 1}, {"document.publish", 4}, {kReminder, reminders}}));
  Lines told = steps;
  told.insert(std::find(told.begin(), told.end(), "grant.lapse"), static_cast<size_t>(reminders),
              kReminder);
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return Told(transaction).size() >= told.size(); }));
  EXPECT_EQ(Told(transaction), told);
  const Json hooks = tenant_.Items({"webhook", "list"});
  EXPECT_EQ(hooks[0]["failures"], 0);
}

}  // namespace
}  // namespace muster
