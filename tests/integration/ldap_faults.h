// What the fault proxy does wrong, and when: a plan made before, so that a seed repeats it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/mutex.h"

namespace muster {

enum class FaultKind {
  // Of a range after the first.
  kMissingRange,      // answered without the attribute
  kEmptyLastRange,    // "first-*" without a value: looks like the end
  kOverlappingRange,  // begins with the last value of the one before, and says so
  kRepeatedRange,     // named as asked for, but holds the values of the one before
  // Of a search; `keep` entries are sent before a limit or an end.
  kSizeLimit,
  kTimeLimit,
  kBusy,
  kUnwilling,
  kEmptySuccess,
  kNoSuchObject,  // base scope only, not of the root DSE
  // Of a page.
  kPageCutClosed,
  kPageCutNoControl,
  kPageCutEmptyCookie,  // of a page that is not the last: looks complete
  kLostCookie,          // the server is asked with another cookie
  // Of the connection.
  kCloseBeforeRequest,  // of a search, compare or modify
  kCloseAmongEntries,
  kCloseInMessage,
  kCloseBeforeResult,
  kCloseAfterModify,  // it is done, but not answered
  // Of a control.
  kCriticalControlRefused,
  kSyncRefused,
  // A controller that has a tenth: success, looks complete.
  kTenPercentPersons,
  kTenPercentMembers,
};
inline constexpr int kFaultKinds = static_cast<int>(FaultKind::kTenPercentMembers) + 1;
absl::string_view FaultName(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::kBusy;
  int nth = 1;    // of the operations that it could strike
  int times = 1;  // that many in a row
  int keep = 1;   // entries that still get through
  std::string ToString() const;
};
inline constexpr int kAlways = 1 << 30;

// Thread-safe.
class FaultPlan {
 public:
  // Starts to count anew; empty: none.
  void Set(std::vector<Fault> faults);
  // An operation that `kind` can strike is under way: whether it does.
  std::optional<Fault> Strike(FaultKind kind);
  // Since the start.
  int struck(FaultKind kind) const;
  // Since Set(), in order, the same in a row once: "kBusy, kLostCookie".
  std::string Struck() const;

 private:
  struct Armed {
    Fault fault;
    int seen = 0;
  };
  mutable Mutex mu_;
  std::vector<Armed> armed_ ABSL_GUARDED_BY(mu_);
  std::vector<FaultKind> order_ ABSL_GUARDED_BY(mu_);
  std::map<FaultKind, int> struck_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster
