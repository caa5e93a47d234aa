#include "controller/flow/webhooks.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/strip.h"
#include "common/crypto.h"
#include "common/time_proto.h"
#include "controller/domain/messages.h"
#include "controller/flow/event_messages.h"
#include "controller/flow/log_retention.h"

namespace muster {
namespace {

using nlohmann::json;

constexpr absl::Duration kPoll = absl::Milliseconds(500);

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

absl::StatusOr<std::string> EventBody(const Services& services, const Snapshot& snapshot,
                                      const v1::AuditEntry& entry) {
  MUSTER_ASSIGN_OR_RETURN(const EventSubject subject, SubjectOf(snapshot, entry));
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
  MUSTER_ASSIGN_OR_RETURN(const std::vector<EventMessage> messages,
                          MessagesOf(services, snapshot, subject, entry));
  event["messages"] = json::array();
  for (const EventMessage& m : messages) {
    event["messages"].push_back(
        {{"to", m.to}, {"upn", m.upn}, {"subject", m.subject}, {"text", m.text}});
  }
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
  MUSTER_ASSIGN_OR_RETURN(auto stored, Find<v1::WebhookState>(snapshot, WebhookKey(webhook_.name)));
  *revision = stored ? stored->revision : 0;
  if (stored) {
    // One that was not set up for years: what happened then is told no more.
    MUSTER_ASSIGN_OR_RETURN(const uint64_t pruned_below, PrunedBelow(snapshot));
    stored->value.set_next_sequence(std::max(stored->value.next_sequence(), pruned_below));
    return stored->value;
  }
  // A new receiver hears of what happens from now on.
  v1::WebhookState fresh;
  fresh.set_name(webhook_.name);
  fresh.set_next_sequence(snapshot.log_head().size);
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
    // Of a refused call nothing came.
    if (entry->outcome() == "ok" && Wants(entry->verb())) {
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
