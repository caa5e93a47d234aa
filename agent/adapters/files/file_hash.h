// What a file is and holds. Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/domain/file_stamp.h"
#include "agent/flow/machine.h"

namespace muster::agent {

// The stamp of an open file or of a path, without asking a remote server for fresher facts.
std::optional<FileStamp> StampOfFd(int fd);
std::optional<FileStamp> StampOfPath(const std::string& path);
// The same where no part of the path may be a link.
std::optional<FileStamp> StampWithoutLinks(const std::string& path);
// The device of whatever is at `path`.
std::optional<uint64_t> DeviceOfPath(const std::string& path);

// NOT_FOUND, or ABORTED when the file changed while it was read.
absl::StatusOr<HashedFile> HashFile(const std::string& path);
// ABORTED unless the file at `path`, whose last part is no link, is the one of `expected`.
absl::StatusOr<HashedFile> HashFileExactly(const std::string& path, const FileStamp& expected);

}  // namespace muster::agent
