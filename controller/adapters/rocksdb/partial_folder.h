// The folder that a backup is written into before it has its name: whose it is, and what a killed
// musterd left. A lock on the folder itself says that its backup is still being written; the
// kernel takes that back with the process.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace muster {

// `<out>.partial-XXXXXX`, 0700 and locked as long as this lives. Leaves the folder where it is.
class PartialFolder {
 public:
  // NOT_FOUND: the folder that `out` is to be in. UNAVAILABLE.
  static absl::StatusOr<PartialFolder> New(const std::string& out);
  ~PartialFolder();
  PartialFolder(PartialFolder&& other) noexcept;
  PartialFolder& operator=(PartialFolder&&) = delete;

  const std::string& path() const { return path_; }

 private:
  PartialFolder(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
};

// Whether a folder of this name counts as one of those.
bool IsPartialName(const std::string& name);

// Removes what backups that were killed left in the folder where `out` is to be: folders of this
// user with such a name, without a lock, and with nothing but some of `files` in them. Their
// paths. Where a file system knows no locks (NFS), nothing is removed.
std::vector<std::string> RemoveDeadPartials(const std::string& out,
                                            const std::vector<std::string>& files);

}  // namespace muster
