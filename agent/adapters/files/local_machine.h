// What is installed here: dpkg, rpm, flatpak (system and per user), snap, AppImages, desktop
// entries, unpackaged programs, web apps; and the accounts.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/adapters/files/browser_apps.h"
#include "agent/adapters/files/dpkg_files.h"
#include "agent/adapters/files/file_hash.h"
#include "agent/adapters/files/program_scan.h"
#include "agent/flow/machine.h"
#include "common/mutex.h"

namespace muster::agent {

struct MachinePaths {
  std::string dpkg_admindir = "/var/lib/dpkg";
  std::string rpm_db = "/var/lib/rpm";
  std::string flatpak_dir = "/var/lib/flatpak";
  std::string snap_dir = "/snap";
  std::string opt_dir = "/opt";
  // Desktop entries for everybody.
  std::vector<std::string> application_dirs = {"/usr/share/applications",
                                               "/usr/local/share/applications"};
  std::string home_dir = "/home";
  std::string passwd = "/etc/passwd";
  std::string helper_dir;  // empty: beside this program, or where it was installed
};

// A folder whose change in `name` (empty: any) means that `sources` may say something new.
struct InventoryWatch {
  std::string folder, name;
  unsigned sources = 0;
};

// Thread-safe.
class LocalMachine final : public Machine {
 public:
  explicit LocalMachine(MachinePaths paths);

  InventoryRead ReadInventory(unsigned sources) override;
  std::vector<std::string> ProgramFiles(v1::Origin::Kind origin,
                                        const std::string& package_id) override;
  std::optional<FileStamp> Stat(const std::string& path) override;
  std::string Resolve(const std::string& path) override;
  std::map<std::string, std::string> DpkgOwners(const std::set<std::string>& paths) override;
  std::multimap<std::string, std::pair<std::string, std::string>> DpkgFilesByMd5(
      const std::set<std::string>& md5s) override;
  absl::StatusOr<HashedFile> Hash(const std::string& path) override;
  absl::StatusOr<HashedFile> HashExactly(const std::string& path, const FileStamp& stamp) override;
  std::vector<Account> Accounts(const std::vector<std::string>& wanted) override;
  std::string hostname() override;
  std::string kernel() override;

  // Those that concern `sources`; at most limits::kMaxWatches, the most telling first.
  std::vector<InventoryWatch> InventoryWatches(unsigned sources) const;

 private:
  std::vector<std::string> FlatpakDirs() const;
  std::vector<std::string> ProgramFilesOfRpm(const std::string& package);
  void ReadFlatpaks(InventoryRead& out) const;
  void ScanFiles(InventoryRead& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AddUnowned(InventoryRead& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const MachinePaths paths_;
  const std::string real_home_dir_;
  DpkgFiles dpkg_;

  Mutex mu_;
  // The last look at files that no packager brought, with those that dpkg knows.
  FoundFiles found_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> found_notes_ ABSL_GUARDED_BY(mu_);
  WebAppCache web_apps_ ABSL_GUARDED_BY(mu_);
  // Programs of flatpaks and snaps, by the folder of the revision, which never changes, and of
  // rpm packages, by "rpm NAME".
  std::map<std::string, std::vector<std::string>> programs_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster::agent
