// Keeps chats as evidence: what people export is read, told to the controller by hashes and packed
// for the record repository; receipts are kept; each person hears what is still owed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/domain/archive_plan.h"
#include "agent/domain/policy_index.h"
#include "agent/flow/archive_files.h"
#include "agent/flow/archive_ledger.h"
#include "agent/flow/archive_teller.h"
#include "agent/flow/bag_packer.h"
#include "agent/flow/export_intake.h"
#include "agent/flow/submissions.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/signed_doc.h"
#include "muster/v1/agent_control.pb.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// Thread-safe; Step is for one thread, and may take as long as the largest export. No other call
// waits for a file of a person or for the repository.
//
// What it knows is saved before it is told (ArchiveLedger): after a crash at any step nothing is
// lost, and what is told again says the same.
class Archivist {
 public:
  struct Parts {
    std::string device_id, tenant;
    StateStore* store = nullptr;
    const Clock* clock = nullptr;
    ExportFolders* folders = nullptr;
    RecordRepository* repository = nullptr;
    NoticeChannel* notices = nullptr;          // null: nobody is told anything
    std::function<std::string()> random_salt;  // limits::kSaltBytes
    std::function<void()> wake;                // asks for a Step soon; never blocks
  };
  explicit Archivist(Parts parts);

  // `queue` saves a report; false: it could not.
  absl::Status Start(std::function<bool(v1::Report)> queue);
  void SetPolicy(std::shared_ptr<const PolicyIndex> policy);
  // Looks, reads, packs, reminds, reports; when to call it again at the latest.
  absl::Time Step();

  // Each is kept and reported as held, or refused with its code.
  void OnReceipts(const v1::ReceiptUpdate& update, const Trust& trust, absl::Time now);
  // The controller has lost what it was told: everything is told again.
  void ReportInFull();
  // Windows that may be open, of the accounts of `uid_of`.
  ExportWindows Windows(const std::map<std::string, uint32_t>& uid_of) const;
  // What this person owes of this app, for `explain`; empty: nothing is known.
  struct Owed {
    std::string words;
    bool overdue = false;
  };
  std::optional<Owed> OwedFor(const std::string& app_id, uint32_t uid) const;

  // The local socket; `uid` is the caller's. Errors as status codes.
  absl::StatusOr<v1::ExportWindow> Open(const std::string& app_id, uint32_t uid);
  absl::StatusOr<v1::ArchiveView> View(uint32_t uid) const;
  absl::StatusOr<v1::ArchiveStatement> Declare(const v1::ControlRequest::ArchiveState& request,
                                               uint32_t uid);
  absl::StatusOr<v1::ArchiveGuideView> Guide(const v1::ControlRequest::ArchiveGuide& request,
                                             uint32_t uid);
  // Empty: it is being read; ask again with the same file.
  std::optional<absl::StatusOr<v1::ExportSeen>> Submit(
      const v1::ControlRequest::ArchiveSubmit& request, std::shared_ptr<HeldExport> file,
      uint32_t uid);

 private:
  std::shared_ptr<const ArchivePlan> plan() const ABSL_LOCKS_EXCLUDED(mu_);
  void Remind(const ArchivePlan& plan);
  void RemindOf(const ArchivePlan& plan, const ArchivePerson& person, const std::string& app_id);
  void Report();

  const Parts parts_;
  ArchiveLedger ledger_;
  ArchiveTeller teller_;
  Submissions submissions_;
  BagPacker packer_;  // Step's alone, as is the intake
  ExportIntake intake_;
  std::function<bool(v1::Report)> queue_;

  mutable Mutex mu_;
  std::shared_ptr<const ArchivePlan> plan_ ABSL_GUARDED_BY(mu_);
  std::vector<OfAccount> folders_ ABSL_GUARDED_BY(mu_);
  std::vector<OfAccount> problems_ ABSL_GUARDED_BY(mu_);
};

// The next report, as much as one may hold; empty: there is nothing to tell.
v1::ArchiveReport NextArchiveReport(const v1::ArchiveState& state);
// Takes out of `state` what `told` has told.
void MarkTold(const v1::ArchiveReport& told, v1::ArchiveState& state);

// Judges one receipt and notes it in `state`: held, or refused. Empty when it was not taken; else
// the id of the app whose export is confirmed now, and whose it is.
struct NewlyHeld {
  std::string person_id, app_id;
};
std::optional<NewlyHeld> TakeReceipt(const v1::SignedDoc& doc, const Trust& trust,
                                     const std::string& device_id, absl::Time now,
                                     v1::ArchiveState& state);

}  // namespace muster::agent
