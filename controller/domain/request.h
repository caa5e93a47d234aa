// The life of a request (DESIGN, section 4). Pure.
#pragma once

#include <string>

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
};

absl::string_view RequestEventName(RequestEvent event);

// FAILED_PRECONDITION, naming state and event, for every pair that is not an arrow.
absl::StatusOr<v1::Request::State> NextRequestState(v1::Request::State state, RequestEvent event);

// True while somebody still has to do something: not yet ACTIVE and not at a side exit.
bool IsOpen(v1::Request::State state);

// Who acts, as the certificate and the directory tell it. Persons are compared, not names: the
// person id decides where both sides have one.
struct Operator {
  std::string person_id;  // empty: not in the directory
  std::string upn;
};
bool SamePerson(const Operator& who, absl::string_view person_id, absl::string_view upn);

struct NewRequest {
  v1::Person person;
  std::string app_id;
  v1::Trm::Status trm = v1::Trm::UNLISTED;
  std::string trm_decision_id, trm_reason;
  bool blocklisted = false;
  Operator requester;
  std::string ticket, justification, device_id, training_acknowledged;
  absl::Duration term;
  absl::Time now;
};

// A request in AWAITING_APPROVAL; or DENIED at once with its reason code when the TRM gate
// closes (TRM_PROHIBITED, BLOCKLISTED). INVALID_ARGUMENT for missing or oversized text or a term
// outside (0, kMaxTerm]; FAILED_PRECONDITION when the app needs no approval or the person is
// disabled or expired. Has no id yet.
absl::StatusOr<v1::Request> SubmitRequest(const NewRequest& in);

// APPROVED, with who and when. FAILED_PRECONDITION when it is not awaiting approval or the TRM
// status no longer allows a grant; PERMISSION_DENIED when the approver is the requester or the
// beneficiary.
absl::StatusOr<v1::Request> Approve(const v1::Request& request, const Operator& who,
                                    v1::Trm::Status trm, absl::string_view reason, absl::Time now);
absl::StatusOr<v1::Request> Deny(const v1::Request& request, const Operator& who,
                                 absl::string_view reason, absl::Time now);
// Only the requester or the beneficiary may cancel.
absl::StatusOr<v1::Request> Cancel(const v1::Request& request, const Operator& who,
                                   absl::string_view reason, absl::Time now);

// INVALID_ARGUMENT when a mandatory reason is empty or too long.
absl::Status CheckReason(absl::string_view reason);
absl::Status CheckTicket(absl::string_view ticket);  // the same of a ticket
absl::Status CheckTerm(absl::Duration term);         // INVALID_ARGUMENT outside (0, kMaxTerm]

}  // namespace muster
