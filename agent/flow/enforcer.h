// The seam to what stops a program.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/domain/candidate_index.h"
#include "agent/domain/exec_record.h"
#include "agent/domain/policy_index.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// Everything a decision looks at; immutable, swapped whole. `policy` null: no policy was ever
// accepted, and nothing is a catalogued app.
struct EnforcementState {
  std::shared_ptr<const PolicyIndex> policy;
  std::shared_ptr<const CandidateIndex> candidates;
  // Until then nothing is blocked and what would be is recorded; the past: now.
  absl::Time monitor_until = absl::InfinitePast();
  std::string policy_version = {};  // for people: "cohort/linux version 7"
};

struct EnforcerStatus {
  v1::StatusReport::Mode mode = v1::StatusReport::REPORT_ONLY;
  std::vector<std::string> cannot_enforce;
  std::vector<std::string> marked;
  uint64_t decided = 0;
  uint64_t blocked = 0;
  std::vector<v1::Canary> canaries;  // the latest, one per marked filesystem
  std::vector<v1::Tampering> tampering;
  std::vector<std::string> capabilities;  // as probed, in words
  uint32_t worker_restarts = 0;
};

// Thread-safe.
class Enforcer {
 public:
  virtual ~Enforcer() = default;
  // On return every new decision is made with `state`.
  virtual void Swap(EnforcementState state) = 0;
  // Disarmed: nothing is stopped, and whatever waited for an answer runs.
  virtual void SetArmed(bool armed) = 0;
  virtual EnforcerStatus status() const = 0;
  // Decisions since the last call, and how many could not be kept.
  virtual std::vector<ExecRecord> TakeRecords(uint32_t* dropped) = 0;
  // Kills running instances of apps that their person may not run (any more).
  virtual void KillDisallowed() = 0;
  // Tries to run a blocked probe on every marked filesystem, at most limits::kMaxCanaries.
  virtual std::vector<v1::Canary> Prove() = 0;
};

}  // namespace muster::agent
