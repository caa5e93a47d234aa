// The state directory on disk.
#pragma once

#include <string>

#include "agent/adapters/files/file_io.h"
#include "agent/flow/state_store.h"
#include "common/mutex.h"

namespace muster::agent {

// Thread-safe. The directory is 0711, so that any local user reaches what is in run/ and nothing
// else; files there are 0644, every other one is 0600.
class FileStateStore final : public StateStore {
 public:
  explicit FileStateStore(std::string dir) : dir_(std::move(dir)) {}

  // Makes the directory and those below it.
  absl::Status Create();

  absl::StatusOr<std::optional<std::string>> Read(const std::string& name) const override;
  absl::Status Write(const std::string& name, absl::string_view bytes) override;
  absl::Status Remove(const std::string& name) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) const override;

  std::string PathOf(const std::string& name) const { return dir_ + "/" + name; }

 private:
  const std::string dir_;
  Mutex write_mu_;  // two writers of one name would share its temporary file
};

// Holds run/agent.pid: at most one agent per state directory. ALREADY_EXISTS: another runs.
absl::StatusOr<Fd> LockPidFile(const FileStateStore& store);

// Kills the process that holds run/agent.pid, if there is one; its pid, or 0.
int KillHolder(const FileStateStore& store);

}  // namespace muster::agent
