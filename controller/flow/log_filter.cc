#include "controller/flow/log_filter.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/log_limits.h"
#include "common/time_proto.h"
#include "controller/domain/log_terms.h"
#include "controller/flow/lookup.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/request.pb.h"

namespace muster {
namespace {

using Terms = std::vector<std::string>;

constexpr size_t kMaxTicketEntries = 64;  // of one ticket, that may name a request

// Everything about one object. Each object adds the terms of its own and of what it names.
class AboutTerms {
 public:
  explicit AboutTerms(const Snapshot& snapshot) : snapshot_(snapshot) {}

  absl::Status Add(absl::string_view object) {
    if (!absl::StrContains(object, '/')) return AddTicket(object);
    AddTerm(LogTerm("object", object));
    absl::string_view id = object;
    if (absl::ConsumePrefix(&id, "request/")) return AddRequest(std::string(id));
    if (absl::ConsumePrefix(&id, "grant/")) return AddGrant(std::string(id));
    if (absl::ConsumePrefix(&id, "incident/")) return AddIncident(std::string(id));
    if (absl::ConsumePrefix(&id, "person/")) return AddPerson(std::string(id));
    AddTerm(absl::AsciiStrToLower(object));  // as a subject: a device, an app …
    return AddTicket(object);                // that is another system's word: it may have a slash
  }

  Terms Take() { return std::move(terms_); }

 private:
  // False: it was there already, or there are too many.
  bool AddTerm(std::string term) {
    if (terms_.size() == limits::kMaxAboutTerms) return false;
    if (std::find(terms_.begin(), terms_.end(), term) != terms_.end()) return false;
    terms_.push_back(std::move(term));
    return true;
  }
  void AddNamed(absl::string_view kind, absl::string_view value) {
    if (!value.empty()) AddTerm(LogTerm(kind, value));
  }

  absl::Status AddRequest(const std::string& id) {
    if (!AddTerm(LogTerm("request", id))) return absl::OkStatus();
    AddNamed("object", RequestKey(id));
    MUSTER_ASSIGN_OR_RETURN(const auto request, Find<v1::Request>(snapshot_, RequestKey(id)));
    if (!request) return absl::OkStatus();
    AddNamed("transaction", request->value.transaction_id());
    AddNamed("ticket", request->value.ticket());
    if (request->value.grant_id().empty()) return absl::OkStatus();
    return AddGrant(request->value.grant_id());
  }

  absl::Status AddGrant(const std::string& id) {
    if (!AddTerm(LogTerm("grant", id))) return absl::OkStatus();
    AddNamed("object", GrantKey(id));
    MUSTER_ASSIGN_OR_RETURN(const auto grant, Find<v1::Grant>(snapshot_, GrantKey(id)));
    if (!grant) return absl::OkStatus();
    AddNamed("transaction", grant->value.transaction_id());
    if (grant->value.request_id().empty()) return absl::OkStatus();
    return AddRequest(grant->value.request_id());
  }

  absl::Status AddIncident(const std::string& id) {
    AddNamed("incident", id);
    AddNamed("object", IncidentKey(id));
    return absl::OkStatus();
  }

  absl::Status AddPerson(const std::string& name) {
    MUSTER_ASSIGN_OR_RETURN(const auto id, snapshot_.Get(UpnKey(name)));
    for (const std::string& one : {id ? id->bytes : name, name}) {
      for (const char* kind : {"person", "actor"}) AddNamed(kind, one);
    }
    return absl::OkStatus();
  }

  // The requests that were filed for it are found by its entries.
  absl::Status AddTicket(absl::string_view ticket) {
    AddNamed("ticket", ticket);
    MUSTER_ASSIGN_OR_RETURN(const std::vector<uint64_t> found,
                            snapshot_.FindInLog(LogTerm("ticket", ticket), 0, kMaxTicketEntries));
    for (const uint64_t sequence : found) {
      MUSTER_ASSIGN_OR_RETURN(const auto record,
                              Find<v1::AuditRecord>(snapshot_, AuditKey(sequence)));
      v1::AuditEntry entry;
      if (!record || !entry.ParseFromString(record->value.entry())) continue;
      absl::string_view id = entry.object();
      if (!absl::EqualsIgnoreCase(entry.ticket(), ticket)) continue;
      if (absl::ConsumePrefix(&id, "request/")) MUSTER_RETURN_IF_ERROR(AddRequest(std::string(id)));
      if (absl::ConsumePrefix(&id, "grant/")) MUSTER_RETURN_IF_ERROR(AddGrant(std::string(id)));
    }
    return absl::OkStatus();
  }

  const Snapshot& snapshot_;
  Terms terms_;
};

void AddCondition(absl::string_view kind, const std::string& value, LogQuery& out) {
  if (!value.empty()) out.conditions.push_back({LogTerm(kind, value)});
}

// A person by UPN or id, under both.
absl::Status AddPersonCondition(const Snapshot& snapshot, std::vector<absl::string_view> kinds,
                                const std::string& name, LogQuery& out) {
  if (name.empty()) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const auto id, snapshot.Get(UpnKey(name)));
  Terms terms;
  for (const absl::string_view kind : kinds) {
    terms.push_back(LogTerm(kind, name));
    if (id) terms.push_back(LogTerm(kind, id->bytes));
  }
  out.conditions.push_back(std::move(terms));
  return absl::OkStatus();
}

absl::Status CheckVerb(absl::string_view verb) {
  absl::string_view stem = verb;
  const bool group = absl::ConsumeSuffix(&stem, ".*");
  if (!absl::StrContains(stem, '*') && !(group && absl::StrContains(stem, '.'))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the verb '", verb,
                   "' cannot be looked for: give one, e.g. request.approve, or all of a kind, e.g. "
                   "request.*"));
}

absl::Status SetTimes(const v1::ListAuditRequest& in, LogQuery& out) {
  if (in.has_since()) out.since = FromProto(in.since());
  if (in.has_until()) out.until = FromProto(in.until());
  if (out.since <= out.until) return absl::OkStatus();
  return absl::InvalidArgumentError("'until' is before 'since': nothing is in between");
}

}  // namespace

absl::StatusOr<LogQuery> MakeLogQuery(const Snapshot& snapshot, const v1::ListAuditRequest& in) {
  LogQuery out;
  out.no_reads = in.no_reads();
  MUSTER_RETURN_IF_ERROR(SetTimes(in, out));
  MUSTER_RETURN_IF_ERROR(CheckVerb(in.verb()));
  if (in.text().size() > limits::kMaxSearchTextBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a text to look for has at most ", limits::kMaxSearchTextBytes, " bytes"));
  }
  out.text = absl::AsciiStrToLower(in.text());
  AddCondition("object", in.object(), out);
  AddCondition("transaction", in.transaction_id(), out);
  AddCondition("ticket", in.ticket(), out);
  AddCondition("device", in.device(), out);
  AddCondition("app", in.app(), out);
  AddCondition("verb", in.verb(), out);
  MUSTER_RETURN_IF_ERROR(AddPersonCondition(snapshot, {"actor"}, in.actor(), out));
  MUSTER_RETURN_IF_ERROR(AddPersonCondition(snapshot, {"person", "actor"}, in.person(), out));
  if (!in.about().empty()) {
    AboutTerms about(snapshot);
    MUSTER_RETURN_IF_ERROR(about.Add(in.about()));
    out.conditions.push_back(about.Take());
  }
  return out;
}

}  // namespace muster
