// A store in one file, taken beside a running musterd, and brought back.
//
//   <backup>/data           all keys and values; see below
//   <backup>/manifest.json  when, revision, the log's size and root, count, hash of `data`
//   <backup>/checkpoint     the log's head as text; signed when the log's key was at hand
//
// `data`: "MUSTER BACKUP 1\n", then for each key, in order, its length and its value's as 4 bytes,
// big-endian, the key and the value. There are no keys of the tenant in it: keep those apart.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/adapters/rocksdb/store_reader.h"
#include "controller/flow/store.h"

namespace muster {

struct BackupManifest {
  absl::Time at;
  uint64_t revision = 0;
  LogHead log;
  uint64_t keys = 0;   // of `data`
  uint64_t bytes = 0;  // of the file
  std::string sha256;  // of the file, lowercase hex
};

// The head of the log as a note, signed or not: what lies in the backup as `checkpoint`.
using HeadText = std::function<std::string(const Snapshot& snapshot)>;

// Writes `out` whole or not at all. ALREADY_EXISTS: there is something at `out`.
absl::StatusOr<BackupManifest> WriteBackup(const StoreReader& reader, const std::string& out,
                                           absl::Time now, const HeadText& head_text);

// Removes what backups to the same place as `out` left when they were killed, and nothing of one
// that still runs. Their folders; partial_folder.h says how they are known.
std::vector<std::string> RemoveDeadBackups(const std::string& out);

// INVALID_ARGUMENT: no manifest of a backup. NOT_FOUND, UNAVAILABLE.
absl::StatusOr<BackupManifest> ReadBackupManifest(const std::string& backup);

// A store that was loaded beside the place where it is to be; gone again unless Keep() was called.
class LoadedBackup {
 public:
  // Loads `backup` next to the folder `db`, which must not exist, and reads it back.
  // ALREADY_EXISTS: a store is there. DATA_LOSS: a byte of the backup is not what its manifest
  // says, or the store is not the one that it tells of.
  static absl::StatusOr<std::unique_ptr<LoadedBackup>> Load(const std::string& backup,
                                                            const std::string& db);
  ~LoadedBackup();
  LoadedBackup(const LoadedBackup&) = delete;
  LoadedBackup& operator=(const LoadedBackup&) = delete;

  const BackupManifest& manifest() const { return manifest_; }
  const StoreReader& reader() const { return *reader_; }
  // Puts it in its place. UNAVAILABLE.
  absl::Status Keep();

 private:
  LoadedBackup(BackupManifest manifest, std::string loading, std::string db)
      : manifest_(std::move(manifest)), loading_(std::move(loading)), db_(std::move(db)) {}

  const BackupManifest manifest_;
  const std::string loading_, db_;
  std::unique_ptr<StoreReader> reader_;
};

}  // namespace muster
