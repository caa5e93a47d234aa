// The texts that go with an event, for each reader that policies/guidance/messages.yaml has one
// for.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/audit.pb.h"
#include "muster/v1/grant.pb.h"
#include "muster/v1/request.pb.h"

namespace muster {

// What an audit entry is about; any of it may be empty.
struct EventSubject {
  v1::Request request;
  v1::Grant grant;
  v1::Obligation obligation;
  v1::Incident incident;
};
absl::StatusOr<EventSubject> SubjectOf(const Snapshot& snapshot, const v1::AuditEntry& entry);

struct EventMessage {
  std::string to;   // "requester", "person", "manager" or "records"
  std::string upn;  // of one recipient
  std::string subject, text;
};

// One for each recipient, in the order of the templates: the person's manager, where the directory
// names one, and each holder of the role records-officer, at most limits::kMaxRecipients.
absl::StatusOr<std::vector<EventMessage>> MessagesOf(const Services& services,
                                                     const Snapshot& snapshot,
                                                     const EventSubject& subject,
                                                     const v1::AuditEntry& entry);

}  // namespace muster
