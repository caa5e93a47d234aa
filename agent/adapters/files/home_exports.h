// Export folders in people's homes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/adapters/files/homes.h"
#include "agent/flow/archive_files.h"
#include "common/agent_limits.h"

namespace muster::agent {

// Thread-compatible. Homes are read as FindHomeOf() and FindHomes() find them: no link, mount or
// pipe leads out of one, and a file counts only for the account that owns it.
class HomeExports final : public ExportFolders {
 public:
  // `helper_dir` as FindHelper() has it; of one person so many names are seen.
  HomeExports(std::string home_dir, std::string passwd, std::string helper_dir,
              size_t max_names = limits::kMaxNamesPerScan)
      : home_dir_(std::move(home_dir)),
        passwd_(std::move(passwd)),
        helper_dir_(std::move(helper_dir)),
        max_names_(max_names) {}

  FolderLook Look(const std::string& name, const std::vector<FolderOwner>& owners) override;
  absl::StatusOr<std::unique_ptr<HeldExport>> Open(const std::string& name,
                                                   const FoundExport& found) override;

 private:
  std::optional<Home> HomeOf(uint32_t uid) const;

  const std::string home_dir_, passwd_, helper_dir_;
  const size_t max_names_;
};

}  // namespace muster::agent
