#include "agent/adapters/files/local_machine.h"

#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/files/helper.h"
#include "agent/adapters/files/homes.h"
#include "agent/adapters/files/packaged.h"
#include "agent/domain/dpkg.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

bool IsRegularExecutable(const std::string& path) {
  struct stat st = {};
  return lstat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

// Files below `root`, links not followed, bounded.
std::vector<std::string> ExecutablesBelow(const std::string& root) {
  std::vector<std::string> out;
  std::error_code error;
  size_t seen = 0;
  for (fs::recursive_directory_iterator
           it(root, fs::directory_options::skip_permission_denied, error),
       end;
       !error && it != end && seen < 64 * limits::kMaxFilesPerPackage; it.increment(error)) {
    ++seen;
    if (out.size() >= limits::kMaxFilesPerPackage) break;
    if (IsRegularExecutable(it->path().string())) out.push_back(it->path().string());
  }
  return out;
}

// Drops what makes the items from `first` on larger than `bytes`; true when it did.
bool KeepWithin(size_t bytes, size_t first, std::vector<v1::InventoryItem>& items) {
  size_t sum = 0;
  for (size_t i = first; i < items.size(); ++i) {
    sum += items[i].ByteSizeLong();
    if (sum <= bytes) continue;
    items.resize(i);
    return true;
  }
  return false;
}

std::string RealPath(const std::string& path) {
  char real[PATH_MAX];
  return realpath(path.c_str(), real) != nullptr ? real : "";
}

bool IsBelow(const std::string& path, const std::string& folder) {
  return !folder.empty() && absl::StartsWith(path, folder + "/");
}

}  // namespace

LocalMachine::LocalMachine(MachinePaths paths)
    : paths_(std::move(paths)),
      real_home_dir_(RealPath(paths_.home_dir)),
      dpkg_(paths_.dpkg_admindir + "/info") {}

InventoryRead LocalMachine::ReadInventory(unsigned sources) {
  InventoryRead out;
  // Which files are a package's own changes with the packages.
  out.sources = (sources & kDpkgSource) != 0 ? sources | kFilesSource : sources;
  MutexLock lock(&mu_);
  if (sources == kAllSources) {
    dpkg_.Forget();
    programs_.clear();
    web_apps_ = WebAppCache();
  }
  if ((sources & kDpkgSource) != 0) ReadDpkg(paths_.dpkg_admindir, out);
  if ((sources & kRpmSource) != 0) {
    std::erase_if(programs_, [](const auto& known) { return known.first[0] != '/'; });
    ReadRpm(paths_.rpm_db, FindHelper(paths_.helper_dir, "muster-inventory-rpm"), out);
  }
  if ((sources & kFlatpakSource) != 0) ReadFlatpaks(out);
  if ((sources & kSnapSource) != 0) {
    ScanBudget budget{limits::kMaxNamesPerScan};
    ReadSnaps(paths_.snap_dir, budget, out);
  }
  if ((sources & kFilesSource) != 0) ScanFiles(out);
  if ((out.sources & kFilesSource) != 0) AddUnowned(out);
  return out;
}

void LocalMachine::ReadFlatpaks(InventoryRead& out) const {
  const std::string helper = FindHelper(paths_.helper_dir, "muster-inventory-flatpak");
  ReadFlatpak(Confined(paths_.flatpak_dir), nullptr, helper, out);
  ScanBudget budget{limits::kMaxNamesPerScan};
  std::vector<std::string> said_elsewhere;
  for (const Home& home : FindHomes(paths_.home_dir, paths_.passwd, budget, said_elsewhere)) {
    ReadFlatpak(home.folder.Below(".local/share/flatpak"), &home, helper, out);
  }
}

void LocalMachine::ScanFiles(InventoryRead& out) {
  found_ = FoundFiles();
  found_notes_.clear();
  ScanBudget budget{limits::kMaxNamesPerScan};
  for (const std::string& folder : paths_.application_dirs) {
    ScanApplications(Confined(folder), budget, found_);
  }
  ScanOpt(Confined(paths_.opt_dir), budget, found_);
  for (const Home& home : FindHomes(paths_.home_dir, paths_.passwd, budget, found_notes_)) {
    // One home full of names must not hide the others.
    ScanBudget own{limits::kMaxNamesPerScan / 16};
    const size_t first = found_.items.size();
    ScanHome(home, own, found_);
    ScanBrowsers(home, own, web_apps_, found_.items);
    if (KeepWithin(limits::kMaxHomeItemBytes, first, found_.items) || own.exhausted) {
      found_notes_.push_back(
          absl::StrCat("inventory: the home of ", home.account, " has more than is looked at"));
    }
  }
  if (budget.exhausted) {
    found_notes_.push_back(absl::StrCat("inventory: ", paths_.opt_dir,
                                        " or a folder of desktop entries has more than is "
                                        "looked at"));
  }
  if (KeepWithin(limits::kMaxFileItemBytes, 0, found_.items)) {
    found_notes_.push_back("inventory: there are more programs of no package than a report holds");
  }
}

// Asks dpkg about the places where it installs, never about homes.
void LocalMachine::AddUnowned(InventoryRead& out) {
  std::set<std::string> paths;
  const auto could_be_owned = [](const v1::InventoryItem& item) {
    return item.account_name().empty() && item.origin() != v1::Origin::WEB_APP;
  };
  for (const v1::InventoryItem& item : found_.items) {
    if (could_be_owned(item)) paths.insert(item.package_id());
  }
  const std::map<std::string, std::string> owners = dpkg_.Owners(paths);
  for (const v1::InventoryItem& item : found_.items) {
    if (could_be_owned(item) && owners.contains(item.package_id())) continue;
    if (const auto it = found_.stamps.find(item.package_id()); it != found_.stamps.end()) {
      out.stamps.insert(*it);
    }
    out.items.push_back(item);
  }
  out.notes.insert(out.notes.end(), found_notes_.begin(), found_notes_.end());
}

std::vector<std::string> LocalMachine::FlatpakDirs() const {
  std::vector<std::string> out = {paths_.flatpak_dir}, notes;
  ScanBudget budget{limits::kMaxNamesPerFolder};
  for (const Home& home : FindHomes(paths_.home_dir, paths_.passwd, budget, notes)) {
    out.push_back(home.folder.path() + "/.local/share/flatpak");
  }
  return out;
}

std::vector<std::string> LocalMachine::ProgramFilesOfRpm(const std::string& package) {
  MutexLock lock(&mu_);
  const std::string key = "rpm " + package;  // no path: it goes when rpm's database changes
  auto known = programs_.find(key);
  if (known == programs_.end()) {
    const std::string helper = FindHelper(paths_.helper_dir, "muster-inventory-rpm");
    known = programs_.emplace(key, RpmProgramFiles(paths_.rpm_db, helper, package)).first;
  }
  return known->second;
}

std::vector<std::string> LocalMachine::ProgramFiles(v1::Origin::Kind origin,
                                                    const std::string& package_id) {
  // A package id is a directory name below: never let one lead elsewhere.
  if (package_id.empty() || package_id[0] == '.' || absl::StrContains(package_id, "/")) return {};
  if (origin == v1::Origin::DPKG) return dpkg_.ProgramFiles(package_id);
  if (origin == v1::Origin::RPM) return ProgramFilesOfRpm(package_id);
  std::vector<std::pair<std::string, std::string>> roots;  // the folder, and what it is within
  if (origin == v1::Origin::FLATPAK) {
    for (const std::string& dir : FlatpakDirs()) {
      roots.push_back({absl::StrCat(dir, "/app/", package_id, "/current/active/files"), dir});
    }
  } else if (origin == v1::Origin::SNAP) {
    roots.push_back({absl::StrCat(paths_.snap_dir, "/", package_id, "/current"), paths_.snap_dir});
  }
  std::vector<std::string> out;
  MutexLock lock(&mu_);
  for (const auto& [root, within] : roots) {
    const std::string real = RealPath(root);
    // A link that its owner turned to /usr must not make the system's programs an app's.
    if (real.empty() || !IsBelow(real, RealPath(within))) continue;
    auto known = programs_.find(real);
    if (known == programs_.end()) known = programs_.emplace(real, ExecutablesBelow(real)).first;
    for (const std::string& path : known->second) {
      if (out.size() < limits::kMaxFilesPerPackage) out.push_back(path);
    }
  }
  return out;
}

std::optional<FileStamp> LocalMachine::Stat(const std::string& path) {
  // In a home a folder may become a link at any moment.
  return IsBelow(path, real_home_dir_) ? StampWithoutLinks(path) : StampOfPath(path);
}

std::string LocalMachine::Resolve(const std::string& path) {
  const std::string real = RealPath(path);
  return real.empty() ? ResolveParent(path) : real;
}

std::map<std::string, std::string> LocalMachine::DpkgOwners(const std::set<std::string>& paths) {
  return dpkg_.Owners(paths);
}

std::multimap<std::string, std::pair<std::string, std::string>> LocalMachine::DpkgFilesByMd5(
    const std::set<std::string>& md5s) {
  return dpkg_.FilesByMd5(md5s);
}

absl::StatusOr<HashedFile> LocalMachine::Hash(const std::string& path) { return HashFile(path); }

absl::StatusOr<HashedFile> LocalMachine::HashExactly(const std::string& path,
                                                     const FileStamp& stamp) {
  return HashFileExactly(path, stamp);
}

std::vector<Account> LocalMachine::Accounts(const std::vector<std::string>& wanted) {
  std::vector<Account> out;
  if (absl::StatusOr<std::string> text = ReadFile(paths_.passwd, limits::kMaxPasswdBytes);
      text.ok()) {
    out = ParsePasswd(*text);
  }
  // Another file than the system's stands for the whole system.
  if (paths_.passwd != "/etc/passwd") return out;
  std::set<std::string> known;
  for (const Account& a : out) known.insert(a.name);
  for (const std::string& name : wanted) {
    if (!known.insert(name).second) continue;
    char buffer[16 << 10];
    struct passwd entry = {};
    struct passwd* found = nullptr;
    if (getpwnam_r(name.c_str(), &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr) {
      out.push_back({name, found->pw_uid, found->pw_shell});
    }
  }
  return out;
}

std::string LocalMachine::hostname() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::string LocalMachine::kernel() {
  struct utsname u = {};
  return uname(&u) == 0 ? u.release : "";
}

}  // namespace muster::agent
