#include "controller/flow/phone_reports.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/archive_limits.h"
#include "common/bridge_limits.h"
#include "common/time_proto.h"
#include "controller/flow/audit.h"
#include "controller/flow/device_alarms.h"
#include "controller/flow/gone.h"
#include "controller/flow/obligations.h"
#include "controller/flow/phones.h"
#include "controller/flow/records.h"

namespace muster {
namespace {

constexpr absl::string_view kViolation = "violation";
constexpr absl::string_view kNotEnforceable = "not-enforceable";
constexpr absl::string_view kResolved = "resolved";

void Shorten(size_t max_bytes, std::string* text) { *text = Shortened(*text, max_bytes); }

v1::PhoneApp Kept(v1::PhoneApp app) {
  for (std::string* text : {app.mutable_verdict(), app.mutable_reason(), app.mutable_action(),
                            app.mutable_transaction_id()}) {
    Shorten(limits::kMaxTicketBytes, text);
  }
  for (std::string* text :
       {app.mutable_why(), app.mutable_version(), app.mutable_action_result()}) {
    Shorten(limits::kMaxUemTextBytes, text);
  }
  app.DiscardUnknownFields();
  return app;
}

// What is stored: the identity is the one it was registered with.
v1::PhoneReport Kept(const v1::PhoneReport& report, const v1::Device& device) {
  v1::PhoneReport out;
  *out.mutable_identity() = device.phone();
  *out.mutable_facts() = report.facts();
  Shorten(limits::kMaxUemTextBytes, out.mutable_facts()->mutable_os());
  Shorten(limits::kMaxUemTextBytes, out.mutable_facts()->mutable_model());
  out.set_distance(report.distance());
  std::set<std::string> seen;
  for (const v1::PhoneApp& app : report.apps()) {
    if (static_cast<size_t>(out.apps_size()) == limits::kMaxReportedPhoneApps) break;
    const std::string& id = app.app_id();
    if (id.empty() || id.size() > limits::kMaxAppIdBytes || !seen.insert(id).second) continue;
    *out.add_apps() = Kept(app);
  }
  out.DiscardUnknownFields();  // also of the identity and the facts: nothing bounds them
  return out;
}

// What there is to be told of an app in this state; empty: it does not say. COMPLIANT ends what was
// told, and so does an app that is named no longer.
absl::string_view WordOf(v1::PhoneApp::State state) {
  if (state == v1::PhoneApp::VIOLATION) return kViolation;
  if (state == v1::PhoneApp::NOT_ENFORCEABLE) return kNotEnforceable;
  return state == v1::PhoneApp::COMPLIANT ? kResolved : "";
}

// Tells of what came and went, once each.
class ProblemTeller {
 public:
  ProblemTeller(const Services& services, const Snapshot& snapshot, const Actor& actor,
                const v1::Device& device, Mutation& mutation)
      : services_(services),
        snapshot_(snapshot),
        actor_(actor),
        device_(device),
        mutation_(mutation) {}

  absl::Status Tell(const v1::PhoneReport& report) {
    std::map<std::string, std::string> told;  // by the last part of its key
    const std::string prefix = PhoneProblemKey(device_.device_id(), "");
    MUSTER_ASSIGN_OR_RETURN(const auto records,
                            snapshot_.Scan(prefix, "", limits::kMaxReportedPhoneApps));
    for (const Record& record : records) told[record.key.substr(prefix.size())] = record.bytes;
    for (const v1::PhoneApp& app : report.apps()) {
      const std::string key = PhoneProblemKey(device_.device_id(), app.app_id());
      const auto before = told.extract(key.substr(prefix.size()));
      const absl::string_view word = WordOf(app.state());
      const std::string was = before.empty() ? "" : before.mapped();
      if (word.empty() || word == was || (word == kResolved && was.empty())) continue;
      if (word == kResolved) {
        mutation_.deletes.push_back(key);
      } else {
        mutation_.puts.push_back({key, std::string(word)});
      }
      Audit(word, app.app_id(), absl::StrCat(app.app_id(), ": ", app.why()), app.reason(),
            app.transaction_id());
    }
    for (const auto& [app, was] : told) {
      mutation_.deletes.push_back(prefix + app);
      Audit(kResolved, app, absl::StrCat(app, " is kept from this phone no longer"), "", "");
    }
    return absl::OkStatus();
  }

 private:
  void Audit(absl::string_view word, const std::string& app, std::string reason,
             const std::string& code, const std::string& transaction_id) {
    mutation_.audit.push_back(MakeAuditEntry(
        services_, actor_,
        {.verb = absl::StrCat("phone.", word),
         .object = absl::StrCat("device/", device_.device_id()),
         .reason = std::move(reason),
         .reason_code = code,
         .transaction_id = transaction_id,
         .subjects = {absl::StrCat("person/", device_.owner_id()), absl::StrCat("app/", app)}}));
  }

  const Services& services_;
  const Snapshot& snapshot_;
  const Actor& actor_;
  const v1::Device& device_;
  Mutation& mutation_;
};

bool IsManaged(const v1::PhoneFacts& facts) {
  return facts.enrolment() != v1::PhoneFacts::UNENROLLED &&
         facts.enrolment() != v1::PhoneFacts::GONE;
}

// What the facts change for whoever owes exports from it.
absl::Status WriteFacts(const Services& services, const Snapshot& snapshot,
                        const v1::PhoneFacts& before, const v1::PhoneFacts& now,
                        const v1::Device& device, Mutation& mutation) {
  if (!IsManaged(now)) {
    if (IsManaged(before)) {
      MUSTER_RETURN_IF_ERROR(WritePhoneGone(services, snapshot, device, mutation));
    }
  } else {
    MUSTER_RETURN_IF_ERROR(WritePhoneThere(services, snapshot, device, mutation));
  }
  // The UEM hears of it again, after a silence that made its obligations UNKNOWN.
  const absl::Duration silence = FromProto(now.last_seen_at()) - FromProto(before.last_seen_at());
  if (!before.has_last_seen_at() || silence < limits::kMinSilentAfter) return absl::OkStatus();
  return MarkPersonsOf(snapshot, device, mutation);
}

}  // namespace

absl::StatusOr<bool> WritePhoneReport(const Services& services, const Snapshot& snapshot,
                                      const Actor& actor, const v1::PhoneReport& report,
                                      v1::Device& device, Mutation& mutation) {
  const v1::Device before = device;
  // A person whom the directory did not know at the Hello may be there by now.
  MUSTER_ASSIGN_OR_RETURN(const bool owner_changed,
                          UpdatePhoneOwner(services, snapshot, actor, before, device, mutation));
  const std::string key = PhoneKey(device.device_id());
  MUSTER_ASSIGN_OR_RETURN(const auto stored, Find<v1::PhoneStatus>(snapshot, key));
  v1::PhoneStatus status;
  status.set_device_id(device.device_id());
  *status.mutable_report() = Kept(report, device);
  *status.mutable_reported_at() = ToProto(services.clock.Now());
  mutation.expects.push_back({key, stored ? stored->revision : 0});
  Put(mutation, key, status);
  const v1::PhoneFacts was = stored ? stored->value.report().facts() : v1::PhoneFacts();
  MUSTER_RETURN_IF_ERROR(
      WriteFacts(services, snapshot, was, status.report().facts(), device, mutation));
  MUSTER_RETURN_IF_ERROR(
      ProblemTeller(services, snapshot, actor, device, mutation).Tell(status.report()));
  return owner_changed;
}

v1::BridgeReport KeptBridgeReport(const v1::BridgeReport& report) {
  v1::BridgeReport out = report;
  Shorten(limits::kMaxUemTextBytes, out.mutable_uem());
  Shorten(limits::kMaxUemTextBytes, out.mutable_last_error());
  auto& problems = *out.mutable_group_problems();
  if (static_cast<size_t>(problems.size()) > limits::kMaxGroupProblems) {
    problems.DeleteSubrange(static_cast<int>(limits::kMaxGroupProblems),
                            problems.size() - static_cast<int>(limits::kMaxGroupProblems));
  }
  for (std::string& problem : problems) Shorten(limits::kMaxUemTextBytes, &problem);
  out.DiscardUnknownFields();
  return out;
}

absl::StatusOr<std::optional<v1::PhoneStatus>> FindPhoneStatus(const Snapshot& snapshot,
                                                               const v1::Device& device) {
  if (device.bridge_id().empty()) return std::nullopt;
  MUSTER_ASSIGN_OR_RETURN(auto status,
                          Find<v1::PhoneStatus>(snapshot, PhoneKey(device.device_id())));
  if (!status || !status->value.has_reported_at()) return std::nullopt;
  return std::move(status->value);
}

}  // namespace muster
