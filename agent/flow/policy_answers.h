// What the agent answers to a document: Ack, Nack with its code, Need.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/signed_doc.h"
#include "muster/v1/device_service.pb.h"

namespace muster::agent {

struct AcceptOutcome {
  std::vector<v1::AgentMessage> answers;  // in the order verified
  bool changed = false;                   // another document than the Beacon is in force now
  std::string last_refused;               // "name CODE: detail" of the last Nack; empty: none
  std::vector<std::string> alarms;        // signed documents that contradict each other
};

// What an unverified document calls itself: only to label its answer, never to decide.
v1::DocumentHeader ClaimedHeader(const v1::SignedDoc& doc);

void Acknowledge(uint64_t nonce, const v1::SignedDoc& doc, AcceptOutcome& out);
// The code is that of a VerifyError. An equal version with other bytes is also an alarm.
void Refuse(uint64_t nonce, const v1::SignedDoc& doc, const absl::Status& why, AcceptOutcome& out);
// Code NOT_SAVED: the state directory cannot be written.
void RefuseUnsaved(uint64_t nonce, const v1::SignedDoc& doc, const absl::Status& why,
                   AcceptOutcome& out);
void Need(uint64_t nonce, const std::vector<std::string>& chunks, AcceptOutcome& out);

}  // namespace muster::agent
