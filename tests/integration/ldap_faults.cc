#include "tests/integration/ldap_faults.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace muster {

absl::string_view FaultName(FaultKind kind) {
  switch (kind) {
    case FaultKind::kMissingRange:
      return "missing range";
    case FaultKind::kEmptyLastRange:
      return "empty last range";
    case FaultKind::kOverlappingRange:
      return "overlapping range";
    case FaultKind::kRepeatedRange:
      return "repeated range";
    case FaultKind::kSizeLimit:
      return "size limit";
    case FaultKind::kTimeLimit:
      return "time limit";
    case FaultKind::kBusy:
      return "busy";
    case FaultKind::kUnwilling:
      return "unwilling";
    case FaultKind::kEmptySuccess:
      return "empty success";
    case FaultKind::kNoSuchObject:
      return "no such object";
    case FaultKind::kPageCutClosed:
      return "page cut, closed";
    case FaultKind::kPageCutNoControl:
      return "page cut, no control";
    case FaultKind::kPageCutEmptyCookie:
      return "page cut, empty cookie";
    case FaultKind::kLostCookie:
      return "lost cookie";
    case FaultKind::kCloseBeforeRequest:
      return "closed before the request";
    case FaultKind::kCloseAmongEntries:
      return "closed among entries";
    case FaultKind::kCloseInMessage:
      return "closed in a message";
    case FaultKind::kCloseBeforeResult:
      return "closed before the result";
    case FaultKind::kCloseAfterModify:
      return "closed after a modify";
    case FaultKind::kCriticalControlRefused:
      return "critical control refused";
    case FaultKind::kSyncRefused:
      return "sync refused";
    case FaultKind::kTenPercentPersons:
      return "ten percent of persons";
    case FaultKind::kTenPercentMembers:
      return "ten percent of members";
  }
  return "unknown";
}

std::string Fault::ToString() const {
  return absl::StrCat(FaultName(kind), " (nth ", nth, ", times ", times, ", keep ", keep, ")");
}

void FaultPlan::Set(std::vector<Fault> faults) {
  MutexLock lock(&mu_);
  armed_.clear();
  order_.clear();
  for (Fault& fault : faults) armed_.push_back({fault, 0});
}

std::optional<Fault> FaultPlan::Strike(FaultKind kind) {
  MutexLock lock(&mu_);
  std::optional<Fault> out;
  for (Armed& armed : armed_) {
    if (armed.fault.kind != kind) continue;
    const int at = ++armed.seen - armed.fault.nth;
    if (at >= 0 && at < armed.fault.times) out = armed.fault;
  }
  if (!out) return std::nullopt;
  ++struck_[kind];
  if (order_.empty() || order_.back() != kind) order_.push_back(kind);
  return out;
}

int FaultPlan::struck(FaultKind kind) const {
  MutexLock lock(&mu_);
  const auto it = struck_.find(kind);
  return it == struck_.end() ? 0 : it->second;
}

std::string FaultPlan::Struck() const {
  MutexLock lock(&mu_);
  return absl::StrJoin(order_, ", ", [](std::string* out, FaultKind kind) {
    absl::StrAppend(out, FaultName(kind));
  });
}

}  // namespace muster
