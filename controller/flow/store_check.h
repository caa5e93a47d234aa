// The check of a whole store: every record, every index, and the audit log with its tree. Reads
// only; memory does not grow with the store.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/flow/store.h"

namespace muster {

// What is in the store beside the records, as the engine keeps it. Thread-compatible.
class StoreInternals {
 public:
  virtual ~StoreInternals() = default;
  // By what the log's index knows a term.
  virtual std::string TermHash(absl::string_view term) const = 0;
  // Every entry of the log's index: the hash of a term, and a sequence. Stops at an error.
  using OnTerm = std::function<absl::Status(absl::string_view hash, uint64_t sequence)>;
  virtual absl::Status ForEachTerm(const OnTerm& each) const = 0;
  // Every tile, with how many bytes it has.
  using OnTile = std::function<absl::Status(uint32_t level, uint64_t index, size_t bytes)>;
  virtual absl::Status ForEachTile(const OnTile& each) const = 0;
  // Keys that are none of the above, printable, at most `limit`.
  virtual absl::StatusOr<std::vector<std::string>> ForeignKeys(size_t limit) const = 0;
};

enum class StoreProblem {
  kUnknownKind,     // a key that no kind of record has
  kForeignKey,      // a key that is none of Muster's
  kDamaged,         // bytes that its kind does not have
  kMisplaced,       // the record says that it is another one
  kRevision,        // written after the store's own revision
  kMissingIndex,    // a record that is not listed where it has to be
  kWrongIndex,      // listed there as something else
  kStaleIndex,      // lists a record that is not there, or that says otherwise
  kConflict,        // two records that exclude each other
  kCounterBehind,   // an id would be given a second time
  kLogGap,          // an entry of the audit log is missing
  kLogBeyondEnd,    // there is one after its last
  kLogEntry,        // an entry's text is not what was hashed, or cannot be read
  kLogSequence,     // an entry says that it is another one
  kLogSubject,      // what an entry is about is not "kind/id"
  kLogTile,         // a tile does not follow from the entries
  kLogRoot,         // nor does the log's head
  kLogTermMissing,  // the search would not find an entry
  kLogTermExtra,    // the search would find one that does not fit
  kHeadNotOnLog,    // a signed head is not one that this log had
  kHeadAheadOfLog,  // or counts more entries than there are
};
// "LOG_GAP", and what an operator does about it.
absl::string_view ProblemName(StoreProblem problem);
absl::string_view ProblemNextStep(StoreProblem problem);

struct StoreFinding {
  StoreProblem problem = StoreProblem::kDamaged;
  std::string key;  // of the record; printable
  std::string detail;
};

// What was found. `findings` ends at limits::kMaxStoreFindings, `found` counts all.
struct StoreCheck {
  uint64_t revision = 0;
  LogHead log;
  uint64_t pruned_below = 0;
  uint64_t records = 0;  // with the entries of the log
  std::vector<StoreFinding> findings;
  uint64_t found = 0;

  void Add(StoreProblem problem, absl::string_view key, std::string detail);
};

// Told now and then: what is looked at, and how many of them so far.
using StoreProgress = std::function<void(absl::string_view what, uint64_t done)>;

// Errors only where the store could not be read to its end; what is wrong in it is a finding.
absl::StatusOr<StoreCheck> CheckStore(const Snapshot& snapshot, const StoreInternals& internals,
                                      const StoreProgress& progress);

// The parts of it, for CheckStore and tests: everything but the audit log; and the log.
absl::Status CheckRecords(const Snapshot& snapshot, const StoreProgress& progress, StoreCheck& out);
absl::Status CheckLog(const Snapshot& snapshot, const StoreInternals& internals,
                      const StoreProgress& progress, StoreCheck& out);

// {"clean":…,"findings":[…]}, and the same as text for people.
std::string StoreCheckJson(const StoreCheck& check);
std::string StoreCheckText(const StoreCheck& check);

}  // namespace muster
