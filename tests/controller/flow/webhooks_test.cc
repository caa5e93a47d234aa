// Webhooks: signed, in order, at least once, whatever breaks.
#include "controller/flow/webhooks.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/crypto.h"
#include "controller/flow/audit.h"
#include "controller/flow/call_log.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

using Lines = std::vector<std::string>;
using nlohmann::json;

class Receiver final : public WebhookTransport {
 public:
  absl::Status Post(const WebhookPost& post) override {
    ++tries;
    if (!answer.ok()) return answer;
    posts.push_back(post);
    return absl::OkStatus();
  }
  absl::Status answer;
  std::vector<WebhookPost> posts;
  int tries = 0;
};

class WebhooksTest : public World {
 protected:
  WebhooksTest() {
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
    v1::Guidance guidance;
    (*guidance.mutable_archive())["linux"] = "Export to the share.";
    auto* message = guidance.add_messages();
    message->set_topic("request.submit");
    message->set_reader(v1::MessageTemplate::PERSON);
    message->set_subject("{{ticket}}: {{app}}");
    message->set_text("{{requester}} asked for {{person}}. {{how_to_archive}}");
    Mutation mutation;
    Put(mutation, kGuidanceKey, guidance);
    EXPECT_TRUE(store_->Commit(std::move(mutation)).ok());
    Deliver();  // from here on
  }

  WebhookSender NewSender() {
    return WebhookSender(*services_, {"itsm", "https://x", "", "secret", topics_}, receiver_,
                         [](const absl::Status&, absl::string_view) {});
  }
  // A sender of its own each time, as after a restart.
  void Deliver() {
    WebhookSender sender = NewSender();
    for (int i = 0; i < 100; ++i) {
      const auto pause = sender.Round();
      ASSERT_TRUE(pause.ok()) << pause.status();
      if (*pause > absl::ZeroDuration()) return;
    }
    FAIL() << "never done";
  }
  Lines Topics() {
    Lines out;
    for (const WebhookPost& post : receiver_.posts) {
      out.push_back(json::parse(post.body)["topic"]);
    }
    return out;
  }

  Receiver receiver_;
  Lines topics_ = {"request.*"};
};

TEST_F(WebhooksTest, OnePerTransitionInOrderAndSigned) {
  EXPECT_EQ(Topics(), Lines());
  EnrolDevice(TestDevice().key, "alice");
  const v1::Request request = *SubmitFor("alice");
  ASSERT_TRUE(ApproveBy("soc", request.request_id()).ok());
  Settle();
  Deliver();
  EXPECT_EQ(Topics(), (Lines{"request.submit", "request.approve", "request.member-seen"}));
  const WebhookPost& post = receiver_.posts.at(0);
  const json event = json::parse(post.body);
  EXPECT_EQ(event["transaction_id"], request.transaction_id());
  EXPECT_EQ(event["state_before"], "");
  EXPECT_EQ(event["state_after"], "AWAITING_APPROVAL");
  EXPECT_EQ(event["ticket"], request.ticket());
  ASSERT_EQ(event["messages"].size(), 1u);
  EXPECT_EQ(event["messages"][0]["upn"], "alice@agency.test");
  EXPECT_EQ(event["messages"][0]["subject"], request.ticket() + ": whatsapp");
  EXPECT_EQ(event["messages"][0]["text"],
            "desk@agency.test asked for alice@agency.test. Export to the share.");
  const std::string id = event["id"];
  const std::string seconds = absl::StrCat(absl::ToUnixSeconds(clock_.Now()));
  EXPECT_EQ(post.headers,
            (Lines{"Content-Type: application/json", "X-Muster-Id: " + id,
                   "X-Muster-Topic: request.submit", "X-Muster-Time: " + seconds,
                   "X-Muster-Signature: sha256=" +
                       HmacSha256Hex("secret", id + "." + seconds + "." + post.body)}));
}

TEST_F(WebhooksTest, ADeafReceiverIsTriedAgainWithPauses) {
  receiver_.answer = absl::UnavailableError("x answered 500");
  ASSERT_TRUE(SubmitFor("alice").ok());
  const int tries = receiver_.tries;
  Deliver();
  Deliver();  // not before its time
  EXPECT_EQ(receiver_.tries, tries + 1);
  for (const int pause : {1, 2, 4, 8}) {
    clock_.Advance(absl::Seconds(pause) - absl::Nanoseconds(1));
    Deliver();
    const int before = receiver_.tries;
    clock_.Advance(absl::Nanoseconds(1));
    Deliver();
    EXPECT_EQ(receiver_.tries, before + 1) << pause;
  }
  receiver_.answer = absl::OkStatus();
  clock_.Advance(limits::kMaxWebhookPause);
  Deliver();
  EXPECT_EQ(Topics(), Lines{"request.submit"});
}

// The receiver had it, and the crash came before that was written down: it gets it again, with
// the same id.
TEST_F(WebhooksTest, ACrashAfterTheDeliveryRepeatsIt) {
  ASSERT_TRUE(SubmitFor("alice").ok());
  store_->FailIn(1);
  EXPECT_FALSE(NewSender().Round().ok());
  Deliver();
  ASSERT_EQ(receiver_.posts.size(), 2u);
  EXPECT_EQ(receiver_.posts[0].body, receiver_.posts[1].body);
}

TEST_F(WebhooksTest, OnlyTheAskedTopics) {
  topics_ = {"grant.*", "request.deny"};
  const std::string first = SubmitFor("alice")->request_id();
  ASSERT_TRUE(Decide("soc", Decision::kDeny, first, "no").ok());
  const std::string second = SubmitFor("bob")->request_id();
  ASSERT_TRUE(ApproveBy("soc", second).ok());
  Settle();
  Deliver();
  EXPECT_EQ(Topics(), (Lines{"request.deny", "grant.activate"}));
}

// Reminders: what is owed, said to those who can do something about it; no chat is named.
TEST_F(WebhooksTest, ManagerAndRecordsOfficersAreTold) {
  breaks_store_ = true;
  topics_ = {"archive.*"};
  v1::Guidance guidance;
  for (const auto reader :
       {v1::MessageTemplate::PERSON, v1::MessageTemplate::MANAGER, v1::MessageTemplate::RECORDS}) {
    auto* message = guidance.add_messages();
    message->set_topic("archive.overdue");
    message->set_reader(reader);
    message->set_subject("{{person}} {{app}} {{office}} {{device}}");
    message->set_text(
        "{{chat_count}}, due {{due}}, day {{days}}, since {{since}}, {{export_only}}");
  }
  v1::Person alice = Load<v1::Person>(*store_->Read(), PersonKey(IdOf(kAlice)), "")->value;
  alice.set_manager_id(IdOf(kBob));
  v1::Obligation overdue;
  overdue.set_person_id(IdOf(kAlice));
  overdue.set_person_upn("alice@agency.test");
  overdue.set_app_id("whatsapp");
  overdue.set_device_id("d1");
  overdue.set_office("Field");
  overdue.set_chat_key("aa");
  overdue.set_state(v1::Obligation::OVERDUE);
  *overdue.mutable_uncovered_since() = ToProto(clock_.Now() - absl::Hours(24 * 22));
  *overdue.mutable_due_at() = ToProto(clock_.Now() - absl::Hours(24 * 2));
  v1::Obligation clear = overdue;
  clear.set_state(v1::Obligation::CLEAR);
  Mutation mutation;
  Put(mutation, kGuidanceKey, guidance);
  Put(mutation, PersonKey(IdOf(kAlice)), alice);
  PutMark(mutation, RoleMemberKey("records-officer", IdOf(kSoc)));
  PutMark(mutation, RoleMemberKey("records-officer", IdOf(kSecond)));
  Put(mutation, ObligationKey(IdOf(kAlice), "whatsapp", "d1", "aa"), overdue);
  Put(mutation, ObligationKey(IdOf(kAlice), "whatsapp", "d1", "bb"), clear);
  mutation.audit.push_back(
      MakeAuditEntry(*services_, MusterItself(),
                     {.verb = "archive.overdue", .object = "obligation/x", .after = &overdue}));
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  Deliver();
  ASSERT_EQ(receiver_.posts.size(), 1u);
  Lines told;
  const json event = json::parse(receiver_.posts[0].body);
  for (const json& m : event["messages"]) {
    told.push_back(m["to"].get<std::string>() + " " + m["upn"].get<std::string>());
    EXPECT_EQ(m["subject"], "alice@agency.test whatsapp Field d1");
    EXPECT_EQ(m["text"], "1, due 2027-01-13, day 22, since 2026-12-24, -");
  }
  EXPECT_EQ(told, (Lines{"person alice@agency.test", "manager bob@agency.test",
                         "records soc@agency.test", "records second@agency.test"}));
}

TEST_F(WebhooksTest, AnIncidentIsToldToTheRecordsOfficer) {
  topics_ = {"incident.*"};
  v1::Guidance guidance;
  auto* message = guidance.add_messages();
  message->set_topic("incident.open");
  message->set_reader(v1::MessageTemplate::RECORDS);
  message->set_subject("{{incident}} {{state}} {{person}}");
  message->set_text("{{chat_count}} {{office}} {{device}}");
  v1::Incident incident;
  incident.set_incident_id("LOSS-000001");
  incident.set_state(v1::Incident::SUSPECTED);
  incident.set_person_id(IdOf(kAlice));
  incident.set_person_upn("alice@agency.test");
  incident.set_device_id("d1");
  incident.set_office("Field");
  incident.add_chats();
  Mutation mutation;
  Put(mutation, kGuidanceKey, guidance);
  PutMark(mutation, RoleMemberKey("records-officer", IdOf(kSoc)));
  mutation.audit.push_back(MakeAuditEntry(
      *services_, MusterItself(),
      {.verb = "incident.open", .object = "incident/LOSS-000001", .after = &incident}));
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  Deliver();
  ASSERT_EQ(receiver_.posts.size(), 1u);
  EXPECT_EQ(json::parse(receiver_.posts[0].body)["messages"],
            json::parse(R"([{"to":"records","upn":"soc@agency.test",
              "subject":"LOSS-000001 SUSPECTED alice@agency.test","text":"1 Field d1"}])"));
}

TEST_F(WebhooksTest, OfARefusedCallNothingIsTold) {
  v1::DecideRequestRequest approve;
  approve.set_request_id(SubmitFor("alice")->request_id());
  const absl::Status denied = absl::PermissionDeniedError("not you");
  ASSERT_EQ(RecordCall(*services_, Who("desk"), "ApproveRequest", approve, denied), denied);
  Deliver();
  EXPECT_EQ(Topics(), Lines{"request.submit"});
  EXPECT_EQ(Audited("request.approve").size(), 1u);
}

TEST_F(WebhooksTest, AnEventIsBounded) {
  v1::Guidance guidance;
  (*guidance.mutable_archive())["linux"] = "x";
  auto* message = guidance.add_messages();
  message->set_topic("request.submit");
  message->set_text(std::string(limits::kMaxWebhookBody, 'x'));
  Mutation mutation;
  Put(mutation, kGuidanceKey, guidance);
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  const v1::Request request = *SubmitFor("alice");
  Deliver();
  ASSERT_EQ(receiver_.posts.size(), 1u);
  const json event = json::parse(receiver_.posts[0].body);
  EXPECT_TRUE(event["shortened"]);
  EXPECT_EQ(event["messages"], json::array());
  EXPECT_EQ(event["record"]["request_id"], request.request_id());
}

}  // namespace
}  // namespace muster
