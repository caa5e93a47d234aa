// musterd fsck, backup and restore: the store as a whole, beside a running musterd or without one.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace muster {

// Adds the subcommands to `app`; both must outlive parsing.
class StoreCommands {
 public:
  explicit StoreCommands(CLI::App& app);
  StoreCommands(const StoreCommands&) = delete;
  StoreCommands& operator=(const StoreCommands&) = delete;
  // Runs the one that was parsed; nullopt: none of these. FAILED_PRECONDITION: there are findings,
  // or entries are missing.
  std::optional<absl::Status> Run();

 private:
  void AddPlace(CLI::App* command);
  absl::StatusOr<std::string> TenantFolder() const;
  absl::Status Fsck() const;
  absl::Status Backup() const;
  absl::Status Restore() const;

  CLI::App* fsck_ = nullptr;
  CLI::App* backup_ = nullptr;
  CLI::App* restore_ = nullptr;
  std::string config_, dir_, format_ = "text", out_, from_;
  std::vector<std::string> witnesses_, keys_;
  bool accept_loss_ = false;
};

}  // namespace muster
