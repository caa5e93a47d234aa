// The bridge's state in one SQLite file: durable, one writer, whole after a kill at any moment.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/flow/bridge_store.h"
#include "common/mutex.h"

struct sqlite3;
struct sqlite3_stmt;

namespace muster::bridge {

// Thread-safe. Changes are kept in memory until Commit() puts all of them into one transaction, so
// that a full disk leaves neither half of them nor an open transaction behind. Names are bytes;
// List() gives everything below a directory, deeper names with their slashes.
class SqliteStore final : public BridgeStore {
 public:
  // Makes the file (0600) where there is none. ALREADY_EXISTS: another process has it open for
  // writing; FAILED_PRECONDITION: a newer bridge wrote it; DATA_LOSS: it is damaged, or no file of
  // ours; RESOURCE_EXHAUSTED: no space; UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const std::string& path);
  // Only reads, beside the process that writes: what that one has committed. NOT_FOUND.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> OpenReader(const std::string& path);
  ~SqliteStore() override;

  absl::StatusOr<std::optional<std::string>> Read(const std::string& name) const override;
  // RESOURCE_EXHAUSTED: more than limits::kMaxPendingStateBytes wait for a disk that takes nothing.
  absl::Status Write(const std::string& name, absl::string_view bytes) override;
  absl::Status Remove(const std::string& name) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) const override;
  absl::Status Commit() override;

 private:
  struct Closed {
    void operator()(sqlite3* db) const;
  };
  struct Finalized {
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalized>;

  SqliteStore(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  absl::Status OpenFile(bool for_writing);
  absl::Status CheckSchema(bool for_writing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The first column of the first row.
  absl::StatusOr<int> Number(const char* sql) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Prepare() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Run(const char* sql) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status PutPending() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Pend(const std::string& name, std::optional<std::string> bytes);
  // The status of SQLite's last failure, in words.
  absl::Status Failure(const char* doing) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string path_;
  const int lock_fd_;  // -1: a reader
  mutable Mutex mu_;
  std::unique_ptr<sqlite3, Closed> db_ ABSL_GUARDED_BY(mu_);
  Statement read_ ABSL_GUARDED_BY(mu_), list_ ABSL_GUARDED_BY(mu_), put_ ABSL_GUARDED_BY(mu_),
      remove_ ABSL_GUARDED_BY(mu_);
  // Not committed yet; nullopt: to be removed.
  std::map<std::string, std::optional<std::string>> pending_ ABSL_GUARDED_BY(mu_);
  size_t pending_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace muster::bridge
