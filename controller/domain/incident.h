// The life of a possible loss of records (36 CFR 1230.14; DESIGN, section 4). Pure.
//
// Who may decide: nobody about their own chats, and whoever opened an incident by hand neither
// dismisses nor confirms it, so at least two people stand behind each loss. Whoever confirmed it
// may sign the report: the role records-officer and the records key say who can.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/domain/request.h"
#include "muster/v1/archive.pb.h"

namespace muster {

enum class IncidentEvent {
  kAssess,
  kDismiss,
  kConfirm,
  kDescribe,  // texts are written while it is assessed
  kDraft,     // the report is written, or changes after it was signed
  kSign,
  kReport,
  kUpdateDue,
  kUpdate,
  kClose,
};

absl::string_view IncidentEventName(IncidentEvent event);

// FAILED_PRECONDITION, naming state and event, for every pair that is not an arrow.
absl::StatusOr<v1::Incident::State> NextIncidentState(v1::Incident::State state,
                                                      IncidentEvent event);

// Somebody still has to act on it: neither NOT_A_LOSS nor CLOSED.
bool IsOpenIncident(v1::Incident::State state);
// The report is being written or signed: it changes with the incident.
bool HasDraft(v1::Incident::State state);
// The report has left the house: it stays as it is, whatever comes later.
bool IsReported(v1::Incident::State state);

// What one obligation makes known of its chat. `until`: of the loss, where the obligation does not
// say when it ended.
v1::Incident::Chat LostChat(const v1::Obligation& obligation, v1::Incident::Cause cause,
                            absl::Time until);
// Messages in [from, until) by the chat's own rate: those kept, over the time that exports cover
// (E2 or better; under a day counts as a day). 0: no export, so there is no rate.
uint64_t EstimatedMessages(const v1::Obligation& obligation, absl::Time from, absl::Time until);

// Adds the chats that are not in it, and widens those of which more is uncovered; false: nothing
// new. At most limits::kMaxIncidentChats; the rest is said in the history. A signed report goes
// back to REPORT_DRAFT; of a reported one an update is due at once.
bool AddChats(v1::Incident& incident, const std::vector<v1::Incident::Chat>& chats, absl::Time now);
// The time turned out to be covered; false: it says so already.
bool MarkCovered(v1::Incident& incident, absl::Time now);

// Who decides, why, when.
struct IncidentDecision {
  Operator by;
  std::string reason;
  absl::Time now;
};

// Each: FAILED_PRECONDITION from a state that has no such arrow; INVALID_ARGUMENT for a missing or
// oversized text; PERMISSION_DENIED as above.
absl::StatusOr<v1::Incident> AssessIncident(const v1::Incident& incident,
                                            const IncidentDecision& in);
absl::StatusOr<v1::Incident> DismissIncident(const v1::Incident& incident,
                                             const IncidentDecision& in);
// Only with circumstances.
absl::StatusOr<v1::Incident> ConfirmIncident(const v1::Incident& incident,
                                             const IncidentDecision& in);

struct IncidentTexts {
  // Empty: as they are.
  std::string circumstances = {}, safeguards = {}, salvage = {}, description = {};
};
// ASSESSING stays; CONFIRMED, REPORT_DRAFT and SIGNED become REPORT_DRAFT without a signature. The
// caller sets the hash of the report that comes of it.
absl::StatusOr<v1::Incident> DraftIncident(const v1::Incident& incident, const IncidentTexts& texts,
                                           const IncidentDecision& in);

// `signature` was verified and says `report`. FAILED_PRECONDITION: it is for another incident, or
// (REPORT_CHANGED) not for exactly the report as it is now, or a part of the report is missing.
absl::StatusOr<v1::Incident> SignIncident(const v1::Incident& incident,
                                          const v1::LossReport& report,
                                          const v1::SignedDoc& signature,
                                          const IncidentDecision& in);

// The report went to `reported_to`; the first update is due after `update_every`.
absl::StatusOr<v1::Incident> ReportIncident(const v1::Incident& incident,
                                            absl::string_view reported_to,
                                            absl::Duration update_every,
                                            const IncidentDecision& in);
// An update went out (`in.reason` is what it says), due or before it was; the next one is due
// after `update_every`.
absl::StatusOr<v1::Incident> UpdateIncident(const v1::Incident& incident,
                                            absl::Duration update_every,
                                            const IncidentDecision& in);
// Only after an update that says how it ended.
absl::StatusOr<v1::Incident> CloseIncident(const v1::Incident& incident,
                                           const IncidentDecision& in);

// What time alone makes of it: REPORTED or UPDATED, and the update is due. nullopt: nothing.
std::optional<v1::Incident> DueForUpdate(const v1::Incident& incident, absl::Time now);

// Moves it and writes the step down; the caller has checked the arrow. `by` empty: Muster itself.
void TakeStep(v1::Incident& incident, v1::Incident::State to, absl::string_view by,
              absl::string_view reason, absl::Time now);

}  // namespace muster
