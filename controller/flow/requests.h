// From a ticket to a decided request.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/services.h"
#include "muster/v1/request.pb.h"

namespace muster {

struct Submission {
  std::string person_upn, app_id, ticket, justification, device_id, training_acknowledged;
  absl::Duration term = limits::kDefaultTerm;
};

struct RequestOutcome {
  v1::Request request;
  Touched touched;
};

// A new request, AWAITING_APPROVAL; or, for an app that the TRM gate closes, stored as DENIED
// with its reason. When the person already has an open request or grant for the app that only
// lacks the training, and this submission brings it, the training is recorded there and that
// request is returned. NOT_FOUND: app, person or device; ALREADY_EXISTS: open request or grant;
// otherwise as domain SubmitRequest().
absl::StatusOr<RequestOutcome> Submit(const Services& services, const Actor& actor,
                                      const Submission& submission, bool dry_run);

enum class Decision { kApprove, kDeny, kCancel };

// NOT_FOUND: no such request; otherwise as domain Approve(), Deny(), Cancel().
absl::StatusOr<RequestOutcome> DecideRequest(const Services& services, const Actor& actor,
                                             const std::string& request_id, Decision decision,
                                             const std::string& reason, bool dry_run);

}  // namespace muster
