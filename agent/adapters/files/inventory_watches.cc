// Which folders tell that an inventory may have changed.
#include <dirent.h>

#include "absl/strings/str_cat.h"
#include "agent/adapters/files/homes.h"
#include "agent/adapters/files/local_machine.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

constexpr char kNotHidden[] = "*";  // Watcher: any name but those that begin with a dot

void AddFlatpak(const std::string& dir, std::vector<InventoryWatch>& out) {
  out.push_back({dir, ".changed", kFlatpakSource});
  out.push_back({dir + "/app", "", kFlatpakSource});
}

void AddTree(const Confined& folder, size_t depth, ScanBudget& budget,
             std::vector<InventoryWatch>& out) {
  out.push_back({folder.path(), "", kFilesSource});
  if (depth == 0) return;
  for (const Confined::Entry& entry : folder.List(budget)) {
    if (entry.type != DT_DIR) continue;
    const Confined below = folder.Below(entry.name);
    if (below.ok()) AddTree(below, depth - 1, budget, out);
  }
}

void AddHome(const Confined& home, ScanBudget& budget, std::vector<InventoryWatch>& out) {
  AddFlatpak(home.path() + "/.local/share/flatpak", out);
  // No watch may hang on a link, which may lead anywhere: only on folders that are there.
  const auto add = [&](const std::string& name, const char* what) {
    const Confined folder = home.Below(name);
    if (folder.ok()) out.push_back({folder.path(), what, kFilesSource});
  };
  out.push_back({home.path(), kNotHidden, kFilesSource});
  for (const char* name : {".local", ".config", ".mozilla"}) add(name, kNotHidden);
  add(".local/share", kNotHidden);
  add(".local/share/applications", "");
  for (const std::string& name : kHomeProgramFolders) add(name, kNotHidden);
  if (const Confined share = home.Below(".local/share"); share.ok()) {
    for (const Confined::Entry& entry : share.List(budget)) {
      if (entry.type == DT_DIR && entry.name != "flatpak") {
        add(absl::StrCat(".local/share/", entry.name), kNotHidden);
      }
    }
  }
  for (std::string& folder : BrowserFolders(home, budget)) {
    out.push_back({std::move(folder), "", kFilesSource});
  }
}

}  // namespace

std::vector<InventoryWatch> LocalMachine::InventoryWatches(unsigned sources) const {
  std::vector<InventoryWatch> out = {{paths_.dpkg_admindir, "status", kDpkgSource},
                                     // Its other files are written by every reader.
                                     {paths_.rpm_db, "rpmdb.sqlite", kRpmSource},
                                     {paths_.rpm_db, "Packages.db", kRpmSource},
                                     {paths_.rpm_db, "Packages", kRpmSource},
                                     {paths_.snap_dir, "", kSnapSource}};
  std::erase_if(out, [&](const InventoryWatch& w) { return (w.sources & sources) == 0; });
  if ((sources & (kFilesSource | kFlatpakSource)) == 0) return out;
  out.push_back({paths_.home_dir, "", kFilesSource | kFlatpakSource});
  AddFlatpak(paths_.flatpak_dir, out);
  for (const std::string& folder : paths_.application_dirs) {
    out.push_back({folder, "", kFilesSource});
  }
  ScanBudget budget{limits::kMaxNamesPerScan};
  const Confined opt(paths_.opt_dir);
  if (opt.ok()) {
    AddTree(opt, limits::kMaxProgramDepth, budget, out);
  } else {
    out.push_back({paths_.opt_dir, "", kFilesSource});
  }
  std::vector<std::string> said_elsewhere;
  for (const Home& home : FindHomes(paths_.home_dir, paths_.passwd, budget, said_elsewhere)) {
    ScanBudget own{limits::kMaxNamesPerScan / 16};
    AddHome(home.folder, own, out);
  }
  if (out.size() > limits::kMaxWatches) out.resize(limits::kMaxWatches);
  return out;
}

}  // namespace muster::agent
