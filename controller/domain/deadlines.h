// What time alone makes of requests and grants: escalations, expiry, recertification, lapse. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "controller/domain/request.h"
#include "muster/v1/grant.pb.h"
#include "muster/v1/person.pb.h"
#include "muster/v1/request.pb.h"

namespace muster {

template <typename T>
struct DueStep {
  T after;
  std::string verb;    // for the audit log: "request.expire"
  std::string reason;  // in words
  std::string reason_code;
};

// The next step that is due, one at a time: call again with its result until there is none.
// What waits for an approver is escalated after each further `times.sla` to the next role; what is
// undecided expires.
std::optional<DueStep<v1::Request>> NextDue(const v1::Request& request, const DecisionTimes& times,
                                            absl::Time now);

// ACTIVE -> RECERT_DUE; reminders at half, a quarter and a thirtieth of the notice; at the end of
// the term RECERT_DUE -> LAPSED -> REVOKING, and BREAK_GLASS or SUSPENDED -> REVOKING. One
// reminder of a break-glass grant's review. What is
// suspended keeps as long as chats may still be exported, and for overdue exports for good: ending
// it would destroy records. A grant whose person is deleted from the directory is revoked.
std::optional<DueStep<v1::Grant>> NextDue(const v1::Grant& grant, const v1::Person& person,
                                          absl::Time now);

}  // namespace muster
