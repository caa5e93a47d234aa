// The seams to what people put into their export folders, and to the record repository. All calls
// touch files, maybe on a share that hangs: never one with a lock held.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/domain/file_stamp.h"
#include "archive/bag.h"
#include "muster/v1/archive_reader.pb.h"

namespace muster::agent {

// What is asked of one reading.
struct ReadQuestion {
  std::string salt;                                    // of its person; 32 bytes
  std::optional<v1::ArchiveState::Tail> earlier_tail;  // of the chat's last export
};

// What is packed beside the export itself.
struct PackOrder {
  std::string repository;  // the folder or share
  std::string bag_id;
  archive::BagInfo info;
  std::string export_sha256;
};

struct Packed {
  std::string payload_oxum, tagmanifest_sha256;
};

// A person's file, held open: whatever becomes of its name, it is the same file. Thread-compatible.
class HeldExport {
 public:
  virtual ~HeldExport() = default;
  virtual const FileStamp& stamp() const = 0;
  virtual const std::string& name() const = 0;  // without a folder
  // In a process of its own, with the rights of nobody. INVALID_ARGUMENT: no export at all;
  // RESOURCE_EXHAUSTED: over a cap; ABORTED: it changed meanwhile; UNAVAILABLE,
  // DEADLINE_EXCEEDED: another time.
  virtual absl::StatusOr<v1::ExportRead> Read(const ReadQuestion& question) = 0;
  // A bag of that id whose export is this one is there already: its figures.
  // FAILED_PRECONDITION: the file is no longer the export; ALREADY_EXISTS: the bag is another's;
  // UNAVAILABLE, RESOURCE_EXHAUSTED.
  virtual absl::StatusOr<Packed> Pack(const PackOrder& order) = 0;
};

// Something that one account may hear of; without an account everybody.
struct OfAccount {
  std::string account;
  std::string text;
};

// Whose folder is looked into.
struct FolderOwner {
  std::string account;
  uint32_t uid = 0;
};

struct FoundExport {
  std::string account;
  uint32_t uid = 0;
  std::string path;       // relative to the export folder
  std::string subfolder;  // its first part when there are two; empty: it lies in the folder itself
  FileStamp stamp;
};

struct FolderLook {
  std::vector<FoundExport> files;   // at most limits::kMaxFolderExports of each folder
  std::vector<OfAccount> folders;   // that are watched, absolute
  std::vector<OfAccount> problems;  // in words, for people
};

class ExportFolders {
 public:
  virtual ~ExportFolders() = default;
  // The folder `name` below the home of each of `owners`, made for its person where it is missing.
  virtual FolderLook Look(const std::string& name, const std::vector<FolderOwner>& owners) = 0;
  // NOT_FOUND, or it is none that is read; ABORTED: it is another file than was found.
  virtual absl::StatusOr<std::unique_ptr<HeldExport>> Open(const std::string& name,
                                                           const FoundExport& found) = 0;
};

// The record repository as agents see it. A folder without `incoming` is none: an empty mount
// point must not be taken for the share.
class RecordRepository {
 public:
  virtual ~RecordRepository() = default;
  // UNAVAILABLE: it is not there now.
  virtual absl::Status Check(const std::string& path) = 0;
  // The salt that the repository holds for a person; `proposed` (32 bytes) becomes it where there
  // is none. UNAVAILABLE: it can neither be read nor written; DATA_LOSS: what is there is none.
  virtual absl::StatusOr<std::string> Salt(const std::string& path, const std::string& person_id,
                                           const std::string& proposed) = 0;
};

}  // namespace muster::agent
