// Builds the audit entry that goes into the same batch as the change it tells of.
#pragma once

#include <string>
#include <vector>

#include "controller/flow/services.h"
#include "google/protobuf/message.h"

namespace muster {

struct Audited {
  std::string verb;    // "request.approve"
  std::string object;  // "request/REQ-000001"
  const google::protobuf::Message* before = nullptr;
  const google::protobuf::Message* after = nullptr;
  std::string reason = {}, reason_code = {}, ticket = {}, transaction_id = {};
  // What it is about beside the object, the actor and what before and after name.
  std::vector<std::string> subjects = {};
};

// Its texts are shortened where it would not fit limits::kMaxLogEntryBytes.
v1::AuditEntry MakeAuditEntry(const Services& services, const Actor& actor, const Audited& what);

// JSON with proto field names; for audit entries.
std::string ToJson(const google::protobuf::Message& message);

}  // namespace muster
