#include "controller/flow/audit.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "common/time_proto.h"
#include "controller/domain/log_entry.h"
#include "controller/domain/log_subjects.h"

namespace muster {

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string out;
  if (!google::protobuf::util::MessageToJsonString(message, &out, options).ok()) out.clear();
  return out;
}

namespace {

// A transition without a code of its own has its verb as one: "request.more-info" ->
// "REQUEST_MORE_INFO".
std::string CodeOf(const Audited& what) {
  if (!what.reason_code.empty()) return what.reason_code;
  if (!absl::StartsWith(what.verb, "request.") && !absl::StartsWith(what.verb, "grant.")) return "";
  return absl::AsciiStrToUpper(absl::StrReplaceAll(what.verb, {{".", "_"}, {"-", "_"}}));
}

void SetSubjects(const Actor& actor, const Audited& what, v1::AuditEntry& entry) {
  LogSubjects subjects;
  subjects.AddObject(what.object);
  subjects.AddActor(actor.who.person_id);
  for (const std::string& subject : what.subjects) subjects.AddObject(subject);
  if (what.after != nullptr) subjects.AddRecord(*what.after);
  if (what.before != nullptr) subjects.AddRecord(*what.before);
  for (const std::string& subject : subjects.get()) entry.add_subjects(subject);
}

}  // namespace

v1::AuditEntry MakeAuditEntry(const Services& services, const Actor& actor, const Audited& what) {
  v1::AuditEntry entry;
  *entry.mutable_at() = ToProto(services.clock.Now());
  entry.set_actor_id(actor.who.person_id);
  entry.set_actor_upn(actor.who.upn);
  entry.set_signed_in_by(actor.signed_in_by);
  entry.set_from(actor.from);
  entry.set_verb(what.verb);
  entry.set_object(what.object);
  if (what.before != nullptr) entry.set_before(ToJson(*what.before));
  if (what.after != nullptr) entry.set_after(ToJson(*what.after));
  entry.set_reason(what.reason);
  entry.set_reason_code(CodeOf(what));
  entry.set_ticket(what.ticket);
  entry.set_transaction_id(what.transaction_id);
  entry.set_outcome("ok");
  for (const std::string& role : actor.roles) entry.add_roles(role);
  entry.set_time_source(services.clock.Source());
  SetSubjects(actor, what, entry);
  FitEntry(entry);
  return entry;
}

}  // namespace muster
