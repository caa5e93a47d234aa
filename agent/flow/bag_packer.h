// Packs exports into the record repository, one bag each.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "agent/domain/archive_plan.h"
#include "agent/flow/archive_files.h"
#include "agent/flow/archive_ledger.h"
#include "common/clock.h"

namespace muster::agent {

// Thread-compatible: the archivist's one thread.
class BagPacker {
 public:
  struct Parts {
    std::string device_id, tenant;
    ArchiveLedger* ledger = nullptr;
    ExportFolders* folders = nullptr;
    RecordRepository* repository = nullptr;
    const Clock* clock = nullptr;
  };
  explicit BagPacker(Parts parts) : parts_(std::move(parts)) {}

  // Keeps a file that lies in no export folder until it is packed; at most
  // limits::kMaxSubmissions, the oldest goes.
  void Hold(const std::string& export_sha256, std::shared_ptr<HeldExport> file);
  // Packs what waits, each bag saved in the ledger at once. While the repository is away it is
  // tried again after ever longer pauses. When to call it again; InfiniteFuture: nothing waits.
  absl::Time Step(const ArchivePlan& plan);
  // Why something waits, for people.
  const std::vector<OfAccount>& problems() const { return problems_; }

 private:
  enum class Outcome { kPacked, kSkipped, kAway };
  Outcome Pack(const ArchivePlan& plan, const v1::ArchiveState::Export& waiting);
  std::shared_ptr<HeldExport> Find(const ArchivePlan& plan,
                                   const v1::ArchiveState::Export& waiting);
  // Of an account: nobody else hears why.
  absl::Time Pause(const std::string& account, const absl::Status& why);
  void AddProblem(const std::string& account, std::string text);

  const Parts parts_;
  std::map<std::string, std::shared_ptr<HeldExport>> held_;
  std::deque<std::string> held_order_;
  absl::Time next_ = absl::InfinitePast();
  absl::Duration pause_;
  int from_ = 0;  // place in the ledger of the first to try, round and round
  std::vector<OfAccount> problems_;
};

}  // namespace muster::agent
