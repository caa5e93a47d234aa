// Reads an export in a process of its own that can do nothing else: what a stranger put into it
// can cost neither this process's memory nor its time, and reaches no file. Thread-safe.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "muster/v1/archive_reader.pb.h"

namespace muster::agent {

inline constexpr uid_t kNobody = 65534;

struct ArchiveReaderCall {
  std::string program;  // FindHelper(dir, kArchiveReader)
  int fd = -1;          // the export, open for reading; stays the caller's
  std::string name;     // of the file, for the chat's name
  std::string salt;     // of the person; never empty
  std::string order;    // "dmy", "mdy", "ymd"; empty: found out
  // Whose rights the process has when this one is root.
  uid_t uid = kNobody;
  gid_t gid = kNobody;
  const v1::ArchiveState::Tail* earlier = nullptr;  // looked for; times: wall clock as if in UTC
};
inline constexpr char kArchiveReader[] = "muster-archive-reader";
inline constexpr char kRefusedZip[] = "refused zip: ";

// INVALID_ARGUMENT: it is no export, with the reason in words (kRefusedZip stands before that
// of a zip that was refused). NOT_FOUND: no such program; UNAVAILABLE: the file cannot be read, or
// the process failed; DEADLINE_EXCEEDED after limits::kExportReadTime; RESOURCE_EXHAUSTED: it says
// too much. A damaged export is no error: see `damaged`.
absl::StatusOr<v1::ExportRead> ReadExportInHelper(const ArchiveReaderCall& call);

}  // namespace muster::agent
