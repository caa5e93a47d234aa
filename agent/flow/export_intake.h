// From a person's file to an export that is known: found in a folder or handed over, read in a
// process of its own, compared with the chat's last export, saved.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/domain/archive_plan.h"
#include "agent/flow/archive_files.h"
#include "agent/flow/archive_ledger.h"
#include "agent/flow/archive_teller.h"
#include "agent/flow/bag_packer.h"
#include "agent/flow/submissions.h"
#include "common/clock.h"

namespace muster::agent {

// Thread-compatible: the archivist's one thread.
class ExportIntake {
 public:
  struct Parts {
    ArchiveLedger* ledger = nullptr;
    ExportFolders* folders = nullptr;
    RecordRepository* repository = nullptr;
    ArchiveTeller* teller = nullptr;
    BagPacker* packer = nullptr;
    Submissions* submissions = nullptr;
    const Clock* clock = nullptr;
    std::function<std::string()> random_salt;  // limits::kSaltBytes
  };
  explicit ExportIntake(Parts parts) : parts_(std::move(parts)) {}

  // At most limits::kMaxReadsPerStep files. When to call it again at the latest.
  absl::Time Step(const ArchivePlan& plan);
  // That are watched.
  const std::vector<OfAccount>& folders() const { return folders_; }
  const std::vector<OfAccount>& problems() const { return problems_; }

 private:
  // A file of a folder, as it was last seen.
  struct Known {
    FileStamp stamp;
    absl::Time since;   // it has not changed
    bool done = false;  // it was read or refused
    int tries = 0;      // that failed
    absl::Time retry_at = absl::InfinitePast();
    bool seen = false;  // in the look that goes on
  };

  void HaveSalts(const ArchivePlan& plan);
  absl::StatusOr<std::string> SaltFor(const ArchivePlan& plan, const ArchivePerson& person,
                                      const std::string& have);
  std::string SaltOf(const std::string& person_id) const;

  absl::Time LookIntoFolders(const ArchivePlan& plan, size_t budget);
  bool WasHandled(const FoundExport& found) const;
  // When to try it again; InfinitePast: it is done with.
  absl::Time ReadFound(const ArchivePlan& plan, const FoundExport& found, Known& known);
  void ReadSubmissions(const ArchivePlan& plan);
  // The export, now known. CANCELLED: nothing is wrong with the file, try again; else as
  // HeldExport::Read, and DATA_LOSS: a damaged file that shows no date.
  absl::StatusOr<v1::ExportSeen> Read(const ArchivePlan& plan, const ArchivePerson& person,
                                      const std::string& app_id, const std::string& path,
                                      HeldExport& file);
  absl::StatusOr<v1::ExportSeen> Compare(const ArchivePlan& plan, const ArchivePerson& person,
                                         const std::string& app_id, const std::string& salt,
                                         HeldExport& file, v1::ExportRead& read);
  absl::Status Save(const v1::ExportSeen& seen, const v1::ExportRead& read, const std::string& path,
                    const FileStamp& stamp);
  void Refuse(const ArchivePerson& person, const FoundExport& found, absl::string_view code,
              const std::string& why);
  void AddProblem(const std::string& account, std::string text);

  const Parts parts_;
  std::map<std::string, Known> files_;  // by account and path
  std::vector<OfAccount> folders_, problems_;
  std::set<std::string> salts_settled_;  // persons whose salt was compared with the repository's
  absl::Time salt_at_ = absl::InfinitePast();
  absl::Time salt_wait_since_ = absl::InfiniteFuture();
};

}  // namespace muster::agent
