// From a ticket to a request that waits for its decision.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/request.pb.h"

namespace muster {

inline constexpr char kDefaultTicketSource[] = "service-desk";

struct Submission {
  std::string person_upn = "", app_id = "", ticket = "", ticket_source = kDefaultTicketSource;
  std::string justification = "", duty_location = "", device_id = "", training_acknowledged = "";
  bool break_glass = false;
  absl::Duration term = limits::kDefaultTerm;
};

struct RequestOutcome {
  v1::Request request;
  Touched touched;
};

// A new request, AWAITING_APPROVAL; or, for an app that the TRM gate closes, stored as DENIED
// with its reason. When the person already has an open request or grant for the app that only
// lacks the training, and this submission brings it, the training is recorded there and that
// request is returned. NOT_FOUND: app, person or device; ALREADY_EXISTS: open request or grant, or
// the ticket already stands for a request; otherwise as domain SubmitRequest().
absl::StatusOr<RequestOutcome> Submit(const Services& services, const Actor& actor,
                                      const Submission& submission, bool dry_run);

// NOT_FOUND: no such request.
absl::StatusOr<Versioned<v1::Request>> LoadRequest(const Snapshot& snapshot,
                                                   const std::string& request_id);
// One person and their devices.
absl::StatusOr<Touched> TouchedByRequest(const Snapshot& snapshot, const v1::Request& request,
                                         std::string change);

}  // namespace muster
