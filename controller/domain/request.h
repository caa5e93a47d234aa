// The life of a request (DESIGN, section 4). Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "muster/v1/person.pb.h"
#include "muster/v1/request.pb.h"
#include "muster/v1/trm.pb.h"

namespace muster {

enum class RequestEvent {
  kApprove,         // the approver, and the only one needed
  kApproveFirst,    // the first of two
  kProvision,       // the write-back, or the wait for the AirWatch team, begins
  kMemberSeen,      // the directory shows the member
  kDeviceVerified,  // the device runs the policy, or the person has no device
  kProvisionFailed,
  kDeny,
  kCancel,
  kAskMore,
  kAnswer,
  kDuplicate,
  kExpire,
  kGrantRevoked,  // its grant was revoked before a device had verified it
  kBreakGlass,    // a break-glass approval: its grant runs at once, without the group
};

absl::string_view RequestEventName(RequestEvent event);

// FAILED_PRECONDITION, naming state and event, for every pair that is not an arrow.
absl::StatusOr<v1::Request::State> NextRequestState(v1::Request::State state, RequestEvent event);

// True while somebody still has to do something: not yet ACTIVE and not at a side exit.
bool IsOpen(v1::Request::State state);
// True while an approver has yet to decide.
bool IsUndecided(v1::Request::State state);
// True where nothing came of it, so that its ticket may be used again.
bool CameToNothing(v1::Request::State state);

// Who acts, as the certificate and the directory tell it. Persons are compared, not names.
struct Operator {
  std::string person_id;  // empty: not in the directory
  std::string upn;
  // Every account of the same human being (Person.employee_id), and every name of those accounts in
  // lowercase. May be empty.
  std::set<std::string> accounts = {}, names = {};
};
bool SamePerson(const Operator& who, absl::string_view person_id, absl::string_view upn);

// How long a decision may take.
struct DecisionTimes {
  absl::Duration sla = absl::Hours(24);                // then, and after each further, escalated
  std::vector<std::string> escalate_to = {};           // roles, one after the other
  absl::Duration expire_after = absl::Hours(24 * 30);  // undecided then: EXPIRED_UNDECIDED
};

struct NewRequest {
  v1::Person person;
  std::string app_id;
  v1::Trm::Status trm = v1::Trm::UNLISTED;
  std::string trm_decision_id = "", trm_reason = "";
  bool blocklisted = false;
  Operator requester;
  std::string ticket, ticket_source, justification, duty_location = "", device_id = "";
  std::optional<v1::Training> training = std::nullopt;
  bool break_glass = false;
  absl::Duration term;
  DecisionTimes times = {};
  absl::Time now;
};

// A request in AWAITING_APPROVAL; or DENIED at once with its reason code when the TRM gate
// closes (TRM_PROHIBITED, BLOCKLISTED). INVALID_ARGUMENT for missing or oversized text or a term
// outside (0, kMaxTerm] (break-glass: kMaxBreakGlassTerm); FAILED_PRECONDITION when the app needs
// no approval or the person is disabled or expired. Has no id yet.
absl::StatusOr<v1::Request> SubmitRequest(const NewRequest& in);

// What an approval depends on besides the request itself.
struct ApprovalFacts {
  v1::Trm::Status trm = v1::Trm::UNLISTED;
  bool capstone = false;  // of the beneficiary, now
};
// APPROVED, with who and when; or SECOND_APPROVAL, when it needs two and this was the first.
// FAILED_PRECONDITION when it is not awaiting approval, its time to be decided is over, or the TRM
// status no longer allows a grant; PERMISSION_DENIED when the approver is the requester, the
// beneficiary or the first approver.
absl::StatusOr<v1::Request> Approve(const v1::Request& request, const Operator& who,
                                    const ApprovalFacts& facts, absl::string_view reason,
                                    absl::Time now);
absl::StatusOr<v1::Request> Deny(const v1::Request& request, const Operator& who,
                                 absl::string_view reason, absl::Time now);
// Only the requester or the beneficiary may cancel.
absl::StatusOr<v1::Request> Cancel(const v1::Request& request, const Operator& who,
                                   absl::string_view reason, absl::Time now);
// MORE_INFO with the approver's question; AWAITING_APPROVAL with the answer, from the start: an
// approval given before the answer counts no longer, and the time to decide begins anew.
absl::StatusOr<v1::Request> AskMore(const v1::Request& request, const Operator& who,
                                    absl::string_view question, absl::Time now);
absl::StatusOr<v1::Request> AnswerRequest(const v1::Request& request, absl::string_view answer,
                                          const DecisionTimes& times, absl::Time now);
// DUPLICATE. FAILED_PRECONDITION: `of` is this one, or another person's.
absl::StatusOr<v1::Request> MarkDuplicate(const v1::Request& request, const Operator& who,
                                          const v1::Request& of, absl::string_view reason,
                                          absl::Time now);
// Tells a role that a decision is late; the state stays. FAILED_PRECONDITION: it is decided.
absl::StatusOr<v1::Request> Escalate(const v1::Request& request, absl::string_view to_role,
                                     const DecisionTimes& times, absl::Time now);

// The time to decide begins anew.
void StartClock(const DecisionTimes& times, absl::Time now, v1::Request& request);
// Sets the state, and since when when it changes.
void MoveTo(v1::Request& request, v1::Request::State state, absl::Time now);

// INVALID_ARGUMENT when a mandatory reason is empty or too long.
absl::Status CheckReason(absl::string_view reason);
absl::Status CheckTicket(absl::string_view ticket);  // the same of a ticket
absl::Status CheckTerm(absl::Duration term);         // INVALID_ARGUMENT outside (0, kMaxTerm]
// INVALID_ARGUMENT when `text` is too long, not UTF-8, or holds control characters other than line
// ends and tabs. `what` names it. Empty text is fine.
absl::Status CheckFreeText(absl::string_view what, absl::string_view text, size_t max);

}  // namespace muster
