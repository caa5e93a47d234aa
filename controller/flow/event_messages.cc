#include "controller/flow/event_messages.h"

#include <google/protobuf/util/json_util.h>

#include <map>
#include <set>

#include "absl/strings/strip.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/domain/compliance.h"
#include "controller/domain/messages.h"
#include "controller/domain/obligation.h"
#include "controller/domain/roles.h"
#include "controller/flow/compliance_history.h"
#include "controller/flow/lookup.h"
#include "controller/flow/retention.h"
#include "controller/flow/training.h"

namespace muster {
namespace {

using Values = std::map<std::string, std::string>;

template <typename T>
T FromJson(const std::string& text) {
  T out;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  if (!google::protobuf::util::JsonStringToMessage(text, &out, options).ok()) out.Clear();
  return out;
}

// Whom and what an event is about, whatever kind it is.
struct About {
  std::string person_id, person_upn, app_id, grant_id, state, detail;
};

About AboutOf(const EventSubject& subject) {
  const v1::Request& r = subject.request;
  const v1::Grant& g = subject.grant;
  const v1::Obligation& o = subject.obligation;
  const v1::Incident& i = subject.incident;
  if (!o.person_id().empty()) {
    return {o.person_id(),
            o.person_upn(),
            o.app_id(),
            o.grant_id(),
            v1::Obligation::State_Name(o.state()),
            o.detail()};
  }
  if (!i.incident_id().empty()) {
    return {i.person_id(),
            i.person_upn(),
            i.app_id(),
            i.grant_id(),
            v1::Incident::State_Name(i.state()),
            ""};
  }
  if (!g.grant_id().empty()) {
    return {
        g.person_id(), g.person_upn(), g.app_id(), g.grant_id(), v1::Grant::State_Name(g.state()),
        g.detail()};
  }
  return {
      r.person_id(), r.person_upn(), r.app_id(), r.grant_id(), v1::Request::State_Name(r.state()),
      r.detail()};
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

bool IsPressing(const v1::Obligation& o, absl::Time now) {
  return CountsAsOverdue(o, now) || o.state() == v1::Obligation::DUE_SOON ||
         o.state() == v1::Obligation::URGENT;
}

// Chats of this person's app that are due soon or overdue; of an incident, those it is about.
absl::StatusOr<int> CountChats(const Snapshot& snapshot, const EventSubject& subject,
                               const About& about, absl::Time now) {
  if (!subject.incident.incident_id().empty()) return subject.incident.chats_size();
  int out = 0;
  MUSTER_RETURN_IF_ERROR(ForEach<v1::Obligation>(
      snapshot, absl::StrCat("obligation/", about.person_id, "/", about.app_id, "/"),
      [&](const std::string&, const auto& o) {
        if (IsPressing(o.value, now)) ++out;
        return absl::OkStatus();
      }));
  return out;
}

std::string Day(const google::protobuf::Timestamp& at, absl::TimeZone zone) {
  return absl::FormatTime("%Y-%m-%d", FromProto(at), zone);
}

// The values that only events about archives have. No chat is named: its key says nothing to a
// reader, and its name never left the device.
absl::Status FillArchiveValues(const Snapshot& snapshot, const EventSubject& subject,
                               const About& about, absl::Time at, Values& out) {
  const v1::Obligation& o = subject.obligation;
  MUSTER_ASSIGN_OR_RETURN(const v1::RetentionPolicy retention, LoadRetention(snapshot));
  MUSTER_ASSIGN_OR_RETURN(const absl::TimeZone zone, AgencyZone(retention));
  MUSTER_ASSIGN_OR_RETURN(const int chats, CountChats(snapshot, subject, about, at));
  out["chat_count"] = absl::StrCat(chats);
  out["incident"] =
      subject.incident.incident_id().empty() ? o.incident_id() : subject.incident.incident_id();
  out["device"] = o.device_id().empty() ? subject.incident.device_id() : o.device_id();
  out["office"] = o.office().empty() ? subject.incident.office() : o.office();
  if (o.has_due_at()) {
    const absl::Time due = FromProto(o.due_at());
    out["due"] = Day(o.due_at(), zone);
    // Also before day 20: the days that are left are taken off.
    const int days = limits::kLastDay + ClockDay(due, at, zone) - ClockDay(at, due, zone);
    out["days"] = absl::StrCat(days);
  }
  if (o.has_uncovered_since()) out["since"] = Day(o.uncovered_since(), zone);
  if (o.has_export_only_at()) out["export_only"] = Day(o.export_only_at(), zone);
  return absl::OkStatus();
}

absl::StatusOr<Values> ValuesOf(const Services& services, const Snapshot& snapshot,
                                const v1::Guidance& guidance, const EventSubject& subject,
                                const v1::AuditEntry& entry) {
  const v1::Request& r = subject.request;
  const v1::Grant& g = subject.grant;
  const About about = AboutOf(subject);
  Values out = {{"app", about.app_id},
                {"person", about.person_upn},
                {"requester", r.requester_upn()},
                {"ticket", r.ticket().empty() ? g.ticket() : r.ticket()},
                {"request", r.request_id()},
                {"grant", about.grant_id},
                {"state", about.state},
                {"reason", entry.reason()},
                {"until", g.has_not_after() ? TimeText(FromProto(g.not_after())) : ""},
                {"detail", about.detail},
                {"how_to_ask", services.settings.how_to_ask}};
  MUSTER_ASSIGN_OR_RETURN(out["how_to_archive"], HowToArchive(snapshot, guidance, about.person_id));
  MUSTER_RETURN_IF_ERROR(FillArchiveValues(snapshot, subject, about, FromProto(entry.at()), out));
  return out;
}

absl::StatusOr<std::string> ManagerOf(const Snapshot& snapshot, const std::string& person_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot, PersonKey(person_id)));
  if (!person || person->value.manager_id().empty()) return std::string();
  MUSTER_ASSIGN_OR_RETURN(const auto manager,
                          Find<v1::Person>(snapshot, PersonKey(person->value.manager_id())));
  return manager && !manager->value.deleted() ? manager->value.upn() : std::string();
}

absl::StatusOr<std::vector<std::string>> RecordsOfficers(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(const auto ids,
                          KeyTails(snapshot, RoleMemberKey(RoleName(Role::kRecordsOfficer), "")));
  std::vector<std::string> out;
  for (const std::string& id : ids) {
    if (out.size() == limits::kMaxRecipients) break;
    MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot, PersonKey(id)));
    if (person && !person->value.upn().empty()) out.push_back(person->value.upn());
  }
  return out;
}

struct Readers {
  std::string word;
  std::vector<std::string> upns;
};

absl::StatusOr<Readers> ReadersOf(const Snapshot& snapshot, v1::MessageTemplate::Reader reader,
                                  const std::string& person_id, const Values& values) {
  if (reader == v1::MessageTemplate::MANAGER) {
    MUSTER_ASSIGN_OR_RETURN(const std::string upn, ManagerOf(snapshot, person_id));
    return upn.empty() ? Readers{"manager", {}} : Readers{"manager", {upn}};
  }
  if (reader == v1::MessageTemplate::RECORDS) {
    MUSTER_ASSIGN_OR_RETURN(std::vector<std::string> upns, RecordsOfficers(snapshot));
    return Readers{"records", std::move(upns)};
  }
  const std::string word = reader == v1::MessageTemplate::PERSON ? "person" : "requester";
  return Readers{word, {values.at(word)}};
}

}  // namespace

absl::StatusOr<EventSubject> SubjectOf(const Snapshot& snapshot, const v1::AuditEntry& entry) {
  EventSubject out;
  absl::string_view object = entry.object();
  if (absl::ConsumePrefix(&object, "request/")) {
    out.request = FromJson<v1::Request>(entry.after());
  } else if (absl::ConsumePrefix(&object, "obligation/")) {
    out.obligation = FromJson<v1::Obligation>(entry.after());
  } else if (absl::ConsumePrefix(&object, "incident/")) {
    out.incident = FromJson<v1::Incident>(entry.after());
  } else if (absl::ConsumePrefix(&object, "grant/")) {
    out.grant = FromJson<v1::Grant>(entry.after());
    if (out.grant.request_id().empty()) return out;
    MUSTER_ASSIGN_OR_RETURN(const auto request,
                            Find<v1::Request>(snapshot, RequestKey(out.grant.request_id())));
    if (request) out.request = request->value;
  }
  return out;
}

absl::StatusOr<std::vector<EventMessage>> MessagesOf(const Services& services,
                                                     const Snapshot& snapshot,
                                                     const EventSubject& subject,
                                                     const v1::AuditEntry& entry) {
  MUSTER_ASSIGN_OR_RETURN(const v1::Guidance guidance, LoadGuidance(snapshot));
  std::vector<EventMessage> out;
  for (const v1::MessageTemplate& message : guidance.messages()) {
    if (message.topic() != entry.verb()) continue;
    MUSTER_ASSIGN_OR_RETURN(const Values values,
                            ValuesOf(services, snapshot, guidance, subject, entry));
    MUSTER_ASSIGN_OR_RETURN(const Readers readers, ReadersOf(snapshot, message.reader(),
                                                             AboutOf(subject).person_id, values));
    EventMessage one{.to = readers.word, .upn = "", .subject = "", .text = ""};
    MUSTER_ASSIGN_OR_RETURN(one.subject, FillMessage(message.subject(), values));
    MUSTER_ASSIGN_OR_RETURN(one.text, FillMessage(message.text(), values));
    for (const std::string& upn : readers.upns) {
      one.upn = upn;
      out.push_back(one);
    }
  }
  return out;
}

}  // namespace muster
