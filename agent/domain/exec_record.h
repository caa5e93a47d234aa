// Decisions on catalogued apps, kept for the next report. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/domain/accounts.h"
#include "agent/domain/policy_index.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

struct ExecRecord {
  std::string app_id;
  std::optional<uint32_t> uid;  // the real uid; empty: the process ended before it was looked at
  v1::Verdict::Kind verdict = v1::Verdict::ALLOW;
  std::string reason;
  std::string path;
  bool denied = false;
  bool killed = false;  // it ran already, or had started before it could be judged
  absl::Time at;
  std::string terminal;  // of the process, e.g. "/dev/pts/3"; empty: none
};

// True when the record can be lost with the least harm: somebody ran what they may run.
bool IsAllow(const ExecRecord& record);
// The same of a report's line. A start that monitor mode let through is none: its verdict says
// what would have been blocked.
bool IsAllow(const v1::ExecReport::Item& item);

// One item per (app, uid, verdict, reason, path, denied, killed), in the order first seen, at most
// limits::kMaxExecItemsPerReport; what does not fit is counted in `dropped`, as is
// `already_dropped`.
v1::ExecReport AggregateExecs(const std::vector<ExecRecord>& records, uint32_t already_dropped,
                              const std::map<uint32_t, std::string>& name_of);

}  // namespace muster::agent
