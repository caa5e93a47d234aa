// What is installed here: dpkg, flatpak (system and per user), snap, accounts.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/flow/machine.h"

namespace muster::agent {

struct MachinePaths {
  std::string dpkg_admindir = "/var/lib/dpkg";
  std::string flatpak_dir = "/var/lib/flatpak";
  std::string snap_dir = "/snap";
  std::string home_dir = "/home";
  std::string passwd = "/etc/passwd";
};

// Thread-safe: holds no state.
class LocalMachine final : public Machine {
 public:
  explicit LocalMachine(MachinePaths paths) : paths_(std::move(paths)) {}

  std::vector<v1::InventoryItem> ReadInventory() override;
  std::vector<std::string> ProgramFiles(v1::Origin::Kind origin,
                                        const std::string& package_id) override;
  std::optional<FileStamp> Stat(const std::string& path) override;
  std::string Resolve(const std::string& path) override;
  std::map<std::string, std::string> DpkgOwners(const std::set<std::string>& paths) override;
  std::multimap<std::string, std::pair<std::string, std::string>> DpkgFilesByMd5(
      const std::set<std::string>& md5s) override;
  absl::StatusOr<HashedFile> Hash(const std::string& path) override;
  std::vector<Account> Accounts(const std::vector<std::string>& wanted) override;
  std::string hostname() override;
  std::string kernel() override;

  // Directories whose changes mean that ReadInventory or Accounts may say something new, with
  // the name in them that matters (empty: any).
  std::vector<std::pair<std::string, std::string>> InventoryWatches() const;

 private:
  std::vector<std::string> FlatpakDirs() const;
  void ReadFlatpaks(std::vector<v1::InventoryItem>& out) const;
  void ReadSnaps(std::vector<v1::InventoryItem>& out) const;
  std::vector<std::string> DpkgProgramFiles(const std::string& package) const;

  const MachinePaths paths_;
};

// The stamp of an open file or of a path, without asking a remote server for fresher facts.
std::optional<FileStamp> StampOfFd(int fd);
std::optional<FileStamp> StampOfPath(const std::string& path);
// The device of whatever is at `path`.
std::optional<uint64_t> DeviceOfPath(const std::string& path);

}  // namespace muster::agent
