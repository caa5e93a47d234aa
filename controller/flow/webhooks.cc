#include "controller/flow/webhooks.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/strip.h"
#include "common/crypto.h"
#include "common/time_proto.h"
#include "controller/domain/messages.h"
#include "controller/flow/lookup.h"
#include "controller/flow/training.h"

namespace muster {
namespace {

using nlohmann::json;

constexpr absl::Duration kPoll = absl::Milliseconds(500);

template <typename T>
T FromJson(const std::string& text) {
  T out;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  if (!google::protobuf::util::JsonStringToMessage(text, &out, options).ok()) out.Clear();
  return out;
}

// The request and the grant an entry is about; either may be empty.
struct Subject {
  v1::Request request;
  v1::Grant grant;
};

absl::StatusOr<Subject> SubjectOf(const Snapshot& snapshot, const v1::AuditEntry& entry) {
  Subject out;
  absl::string_view object = entry.object();
  if (absl::ConsumePrefix(&object, "request/")) {
    out.request = FromJson<v1::Request>(entry.after());
  } else if (absl::ConsumePrefix(&object, "grant/")) {
    out.grant = FromJson<v1::Grant>(entry.after());
    if (out.grant.request_id().empty()) return out;
    MUSTER_ASSIGN_OR_RETURN(const auto request,
                            Find<v1::Request>(snapshot, RequestKey(out.grant.request_id())));
    if (request) out.request = request->value;
  }
  return out;
}

// How to save chats on the platforms of the person's devices.
absl::StatusOr<std::string> HowToArchive(const Snapshot& snapshot, const v1::Guidance& guidance,
                                         const std::string& person_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot, PersonKey(person_id)));
  if (!person) return std::string();
  MUSTER_ASSIGN_OR_RETURN(const auto devices, DevicesOfPerson(snapshot, person->value));
  std::set<std::string> platforms;
  for (const std::string& id : devices) {
    MUSTER_ASSIGN_OR_RETURN(const auto device, Find<v1::Device>(snapshot, DeviceKey(id)));
    if (device) platforms.emplace(PlatformName(device->value.platform()));
  }
  std::string out;
  for (const std::string& platform : platforms) {
    const auto text = guidance.archive().find(platform);
    if (text == guidance.archive().end()) continue;
    absl::StrAppend(&out, out.empty() ? "" : "\n", text->second);
  }
  return out;
}

absl::StatusOr<std::map<std::string, std::string>> ValuesOf(const Services& services,
                                                            const Snapshot& snapshot,
                                                            const v1::Guidance& guidance,
                                                            const Subject& subject,
                                                            const v1::AuditEntry& entry) {
  const v1::Request& r = subject.request;
  const v1::Grant& g = subject.grant;
  const bool has_grant = !g.grant_id().empty();
  std::map<std::string, std::string> out = {
      {"app", has_grant ? g.app_id() : r.app_id()},
      {"person", has_grant ? g.person_upn() : r.person_upn()},
      {"requester", r.requester_upn()},
      {"ticket", r.ticket().empty() ? g.ticket() : r.ticket()},
      {"request", r.request_id()},
      {"grant", has_grant ? g.grant_id() : r.grant_id()},
      {"state", has_grant ? v1::Grant::State_Name(g.state()) : v1::Request::State_Name(r.state())},
      {"reason", entry.reason()},
      {"until", g.has_not_after() ? TimeText(FromProto(g.not_after())) : ""},
      {"detail", has_grant ? g.detail() : r.detail()},
      {"how_to_ask", services.settings.how_to_ask}};
  MUSTER_ASSIGN_OR_RETURN(
      out["how_to_archive"],
      HowToArchive(snapshot, guidance, has_grant ? g.person_id() : r.person_id()));
  return out;
}

absl::StatusOr<json> MessagesOf(const Services& services, const Snapshot& snapshot,
                                const Subject& subject, const v1::AuditEntry& entry) {
  MUSTER_ASSIGN_OR_RETURN(const v1::Guidance guidance, LoadGuidance(snapshot));
  json out = json::array();
  for (const v1::MessageTemplate& message : guidance.messages()) {
    if (message.topic() != entry.verb()) continue;
    MUSTER_ASSIGN_OR_RETURN(const auto values,
                            ValuesOf(services, snapshot, guidance, subject, entry));
    const bool to_person = message.reader() == v1::MessageTemplate::PERSON;
    MUSTER_ASSIGN_OR_RETURN(const std::string subject_line, FillMessage(message.subject(), values));
    MUSTER_ASSIGN_OR_RETURN(const std::string text, FillMessage(message.text(), values));
    out.push_back({{"to", to_person ? "person" : "requester"},
                   {"upn", values.at(to_person ? "person" : "requester")},
                   {"subject", subject_line},
                   {"text", text}});
  }
  return out;
}

json Parsed(const std::string& text) {
  json out = json::parse(text, nullptr, false);
  return out.is_discarded() ? json() : out;
}

std::string EventId(const v1::AuditEntry& entry) { return absl::StrCat("evt-", entry.sequence()); }

absl::Duration Pause(uint32_t failures) {
  const uint32_t doublings = std::min<uint32_t>(failures == 0 ? 0 : failures - 1, 20);
  return std::min(limits::kMaxWebhookPause, limits::kMinWebhookPause * (int64_t{1} << doublings));
}

absl::StatusOr<std::optional<v1::AuditEntry>> EntryAt(const Snapshot& snapshot, uint64_t sequence) {
  MUSTER_ASSIGN_OR_RETURN(const auto record, Find<v1::AuditRecord>(snapshot, AuditKey(sequence)));
  if (!record) return std::nullopt;
  v1::AuditEntry entry;
  if (!entry.ParseFromString(record->value.entry())) {
    return absl::DataLossError(absl::StrCat("audit entry ", sequence, " is damaged"));
  }
  return entry;
}

}  // namespace

absl::StatusOr<uint64_t> AuditSize(const Snapshot& snapshot) {
  // Dense from 0: double until there is none, then halve.
  uint64_t above = 1;
  const auto has = [&](uint64_t n) -> absl::StatusOr<bool> {
    MUSTER_ASSIGN_OR_RETURN(const auto record, snapshot.Get(AuditKey(n)));
    return record.has_value();
  };
  uint64_t below = 0;  // every entry before it exists
  while (true) {
    MUSTER_ASSIGN_OR_RETURN(const bool there, has(above - 1));
    if (!there) break;
    below = above;
    above *= 2;
  }
  while (above - below > 1) {
    const uint64_t middle = below + (above - below) / 2;
    MUSTER_ASSIGN_OR_RETURN(const bool there, has(middle - 1));
    (there ? below : above) = middle;
  }
  return below;
}

absl::StatusOr<std::string> EventBody(const Services& services, const Snapshot& snapshot,
                                      const v1::AuditEntry& entry) {
  MUSTER_ASSIGN_OR_RETURN(const Subject subject, SubjectOf(snapshot, entry));
  const json before = Parsed(entry.before()), after = Parsed(entry.after());
  json event = {{"id", EventId(entry)},
                {"topic", entry.verb()},
                {"time", TimeText(FromProto(entry.at()))},
                {"tenant", services.settings.tenant},
                {"transaction_id", entry.transaction_id()},
                {"object", entry.object()},
                {"actor", entry.actor_upn()},
                {"reason", entry.reason()},
                {"reason_code", entry.reason_code()},
                {"ticket", entry.ticket().empty() ? subject.request.ticket() : entry.ticket()},
                {"state_before", before.is_object() ? before.value("state", "") : ""},
                {"state_after", after.is_object() ? after.value("state", "") : ""},
                {"record", after}};
  MUSTER_ASSIGN_OR_RETURN(event["messages"], MessagesOf(services, snapshot, subject, entry));
  std::string body = event.dump(-1, ' ', false, json::error_handler_t::replace);
  if (body.size() <= limits::kMaxWebhookBody) return body;
  // Very long texts: what happened is told, and that something is left out.
  event["messages"] = json::array();
  event["shortened"] = true;
  return event.dump(-1, ' ', false, json::error_handler_t::replace);
}

WebhookPost MakePost(const Webhook& webhook, const v1::AuditEntry& entry, std::string body,
                     absl::Time now) {
  const std::string id = EventId(entry);
  const std::string seconds = absl::StrCat(absl::ToUnixSeconds(now));
  WebhookPost post;
  post.url = webhook.url;
  post.ca_file = webhook.ca_file;
  post.headers = {
      "Content-Type: application/json", absl::StrCat("X-Muster-Id: ", id),
      absl::StrCat("X-Muster-Topic: ", entry.verb()), absl::StrCat("X-Muster-Time: ", seconds),
      absl::StrCat("X-Muster-Signature: sha256=",
                   HmacSha256Hex(webhook.secret, absl::StrCat(id, ".", seconds, ".", body)))};
  post.body = std::move(body);
  return post;
}

void WebhookSender::Stop() {
  MutexLock lock(&mu_);
  stopped_ = true;
  stopping_.NotifyAll();
}

void WebhookSender::Run() {
  while (true) {
    const absl::StatusOr<absl::Duration> pause = Round();
    if (!pause.ok()) on_error_(pause.status(), absl::StrCat("webhook ", webhook_.name));
    MutexLock lock(&mu_);
    if (!stopped_) stopping_.WaitFor(&mu_, pause.ok() ? *pause : limits::kMinWebhookPause);
    if (stopped_) return;
  }
}

bool WebhookSender::Wants(absl::string_view topic) const {
  if (!IsTopic(topic)) return false;
  return webhook_.topics.empty() ||
         std::any_of(webhook_.topics.begin(), webhook_.topics.end(),
                     [&](const std::string& pattern) { return TopicMatches(pattern, topic); });
}

absl::Status WebhookSender::Save(const v1::WebhookState& state, uint64_t& revision) {
  Mutation mutation;
  mutation.expects.push_back({WebhookKey(webhook_.name), revision});
  Put(mutation, WebhookKey(webhook_.name), state);
  MUSTER_ASSIGN_OR_RETURN(revision, services_.store.Commit(std::move(mutation)));
  return absl::OkStatus();
}

absl::StatusOr<v1::WebhookState> WebhookSender::Load(const Snapshot& snapshot,
                                                     uint64_t* revision) const {
  MUSTER_ASSIGN_OR_RETURN(const auto stored,
                          Find<v1::WebhookState>(snapshot, WebhookKey(webhook_.name)));
  *revision = stored ? stored->revision : 0;
  if (stored) return stored->value;
  // A new receiver hears of what happens from now on.
  v1::WebhookState fresh;
  fresh.set_name(webhook_.name);
  MUSTER_ASSIGN_OR_RETURN(const uint64_t size, AuditSize(snapshot));
  fresh.set_next_sequence(size);
  return fresh;
}

absl::StatusOr<absl::Duration> WebhookSender::Round() {
  const std::unique_ptr<Snapshot> snapshot = services_.store.Read();
  uint64_t revision = 0;
  MUSTER_ASSIGN_OR_RETURN(v1::WebhookState state, Load(*snapshot, &revision));
  if (revision == 0) MUSTER_RETURN_IF_ERROR(Save(state, revision));
  const absl::Time now = services_.clock.Now();
  if (state.has_next_attempt_at() && now < FromProto(state.next_attempt_at())) {
    return std::min(FromProto(state.next_attempt_at()) - now, limits::kMaxWebhookPause);
  }
  return Deliver(*snapshot, std::move(state), revision);
}

absl::StatusOr<absl::Duration> WebhookSender::Deliver(const Snapshot& snapshot,
                                                      v1::WebhookState state, uint64_t revision) {
  const uint64_t from = state.next_sequence();
  while (state.next_sequence() - from < limits::kWebhookEntries) {
    MUSTER_ASSIGN_OR_RETURN(const auto entry, EntryAt(snapshot, state.next_sequence()));
    if (!entry) {
      if (state.next_sequence() != from) MUSTER_RETURN_IF_ERROR(Save(state, revision));
      return kPoll;
    }
    if (Wants(entry->verb())) {
      MUSTER_ASSIGN_OR_RETURN(std::string body, EventBody(services_, snapshot, *entry));
      const absl::Time now = services_.clock.Now();
      const absl::Status sent = transport_.Post(MakePost(webhook_, *entry, std::move(body), now));
      if (!sent.ok()) {
        state.set_failures(state.failures() + 1);
        state.set_last_error(std::string(sent.message()));
        *state.mutable_next_attempt_at() = ToProto(now + Pause(state.failures()));
        MUSTER_RETURN_IF_ERROR(Save(state, revision));
        on_error_(sent, absl::StrCat("webhook ", webhook_.name));
        return Pause(state.failures());
      }
      state.set_delivered(state.delivered() + 1);
      state.set_failures(0);
      state.clear_last_error();
      state.clear_next_attempt_at();
      *state.mutable_last_delivered_at() = ToProto(now);
      state.set_next_sequence(state.next_sequence() + 1);
      MUSTER_RETURN_IF_ERROR(Save(state, revision));
      return absl::ZeroDuration();
    }
    state.set_next_sequence(state.next_sequence() + 1);
  }
  MUSTER_RETURN_IF_ERROR(Save(state, revision));
  return absl::ZeroDuration();
}

}  // namespace muster
