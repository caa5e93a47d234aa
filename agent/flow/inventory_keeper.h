// What is installed here, kept from look to look and over restarts: since when it is known, what
// its programs hash to, which apps it is, and what the controller was told.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/domain/inventory.h"
#include "agent/domain/policy_index.h"
#include "agent/flow/machine.h"
#include "agent/flow/state_store.h"
#include "common/clock.h"
#include "muster/v1/agent_control.pb.h"

namespace muster::agent {

// Thread-compatible. The parts must outlive it.
class InventoryKeeper {
 public:
  InventoryKeeper(Machine* machine, StateStore* store, const Clock* clock)
      : machine_(machine), store_(store), clock_(clock) {}

  // Takes over what an earlier run knew; damage is logged and only costs first days and hashes.
  void Load();
  // Looks at `sources` (bits of InventorySource).
  void Read(unsigned sources);
  // Names the app of every item; `policy` may be null.
  void Label(const PolicyIndex* policy, const v1::LearnedHashes& learned);

  const Inventory& items() const { return items_; }
  const std::vector<std::string>& notes() const { return notes_; }
  // Items that are a catalogued app.
  std::vector<v1::InventoryItem> Catalogued() const;

  // What the controller does not know yet; everything the first time and after ReportInFull.
  // Empty when there is nothing to say.
  std::optional<v1::InventoryReport> TakeReport();
  void ReportInFull() { reported_.reset(); }

  // A program whose contents are not known; the caller hashes it without holding anything up.
  std::optional<std::pair<std::string, FileStamp>> NextToHash() const;
  // What came of it: a failure is not tried again until the file changes.
  void SetHash(const std::string& path, const FileStamp& stamp,
               const absl::StatusOr<HashedFile>& hashed);

  // Writes kInventoryFile when something changed and the last writing is long ago.
  void SaveIfDue();

 private:
  void SetHashes();

  Machine* const machine_;
  StateStore* const store_;
  const Clock* const clock_;
  Inventory items_, gone_;
  std::optional<Inventory> reported_;
  std::map<std::string, FileStamp> stamps_;                          // by path, now
  std::map<std::string, std::pair<FileStamp, std::string>> hashes_;  // by path; empty: it failed
  // Hashes of an earlier run, right for files that have not changed since `loaded_at_`.
  std::map<std::string, std::string> loaded_hashes_;
  absl::Time loaded_at_ = absl::InfinitePast();
  absl::Time read_at_ = absl::InfinitePast(), saved_at_ = absl::InfinitePast();
  std::map<unsigned, std::vector<std::string>> notes_of_;  // by the sources of one look
  std::vector<std::string> notes_;
  bool changed_ = false;
};

}  // namespace muster::agent
