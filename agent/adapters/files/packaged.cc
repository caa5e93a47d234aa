#include "agent/adapters/files/packaged.h"

#include <dirent.h>
#include <limits.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/dpkg_files.h"
#include "agent/adapters/files/helper.h"
#include "agent/domain/dpkg.h"
#include "agent/domain/snap_yaml.h"
#include "agent/domain/text.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

// What a helper says is as little trusted as the database it read.
void AddOwn(const v1::InventoryItem& from, v1::Origin::Kind origin, const std::string& account,
            InventoryRead& out) {
  if (out.items.size() >= limits::kMaxInventoryItems || from.package_id().empty()) return;
  v1::InventoryItem item =
      MakeItem(origin, from.package_id().substr(0, limits::kMaxPackageIdBytes), from.version());
  item.set_name(CleanText(from.name(), limits::kMaxNameBytes));
  item.set_signer(CleanText(from.signer(), limits::kMaxSignerBytes));
  item.set_account_name(account);
  out.items.push_back(std::move(item));
}

bool HasRpmDatabase(const std::string& db_dir) {
  for (const char* name : {"/rpmdb.sqlite", "/Packages.db", "/Packages"}) {
    if (access((db_dir + name).c_str(), F_OK) == 0) return true;
  }
  return false;
}

std::string LinkTarget(const Confined& folder, const std::string& name) {
  char target[PATH_MAX];
  const std::string path = absl::StrCat(folder.path(), "/", name);
  const ssize_t n = readlink(path.c_str(), target, sizeof target);
  return n > 0 ? std::string(target, static_cast<size_t>(n)) : "";
}

std::string LastPart(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

// flatpak's layout: app/ID/current -> ARCH/BRANCH, and below it active -> COMMIT.
void ReadFlatpakFolders(const Confined& installation, const Home* home, InventoryRead& out) {
  const Confined apps = installation.Below("app");
  if (!apps.ok()) return;
  ScanBudget budget{limits::kMaxNamesPerFolder};
  for (const Confined::Entry& entry : apps.List(budget)) {
    const Confined app = apps.Below(entry.name);
    if (!app.ok() || !app.Look("current/active", Links::kInside)) continue;
    v1::InventoryItem item =
        MakeItem(v1::Origin::FLATPAK, entry.name, LastPart(LinkTarget(app, "current")));
    if (home != nullptr) item.set_account_name(home->account);
    out.items.push_back(std::move(item));
  }
}

}  // namespace

void ReadDpkg(const std::string& admindir, InventoryRead& out) {
  absl::StatusOr<std::string> status = ReadFile(admindir + "/status", limits::kMaxDpkgStatusBytes);
  if (!status.ok()) {
    if (!absl::IsNotFound(status.status())) {
      out.notes.push_back(absl::StrCat("inventory: ", status.status().message()));
    }
    return;
  }
  for (const DpkgPackage& p : ParseDpkgStatus(*status, limits::kMaxInventoryItems)) {
    out.items.push_back(MakeItem(v1::Origin::DPKG, p.name, p.version));
  }
}

void ReadRpm(const std::string& db_dir, const std::string& helper, InventoryRead& out) {
  if (!HasRpmDatabase(db_dir)) return;
  absl::StatusOr<v1::DeviceInventory> got = RunHelper({helper, {db_dir}});
  if (!got.ok()) {
    out.notes.push_back(absl::StrCat("inventory: the rpm packages of ", db_dir,
                                     " could not be read: ", got.status().message()));
    return;
  }
  for (const v1::InventoryItem& item : got->items()) AddOwn(item, v1::Origin::RPM, "", out);
}

std::vector<std::string> RpmProgramFiles(const std::string& db_dir, const std::string& helper,
                                         const std::string& package) {
  std::vector<std::string> out;
  if (!HasRpmDatabase(db_dir)) return out;
  absl::StatusOr<v1::DeviceInventory> got = RunHelper({helper, {db_dir, package}});
  if (!got.ok()) return out;
  for (const v1::InventoryItem& item : got->items()) {
    const std::string path = ResolveParent(item.path());
    struct stat st = {};
    if (out.size() >= limits::kMaxFilesPerPackage || path.empty() || path[0] != '/') continue;
    if (lstat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
    if ((st.st_mode & 0111) != 0) out.push_back(path);
  }
  return out;
}

void ReadFlatpak(const Confined& installation, const Home* home, const std::string& helper,
                 InventoryRead& out) {
  if (!installation.ok()) return;
  const bool repository = installation.Look("repo/config").has_value();
  if (!repository) return ReadFlatpakFolders(installation, home, out);
  HelperCall call{helper, {home == nullptr ? "--system" : "--user", installation.path()}};
  if (home != nullptr) {
    // Its owner's rights are all it takes to read it, and all that it gets.
    call.uid = home->uid;
    call.gid = home->gid;
  }
  absl::StatusOr<v1::DeviceInventory> got = RunHelper(call);
  if (!got.ok()) {
    out.notes.push_back(absl::StrCat("inventory: flatpak's library could not read ",
                                     CleanText(installation.path(), 200), " (",
                                     got.status().message(), "); its folders were read instead"));
    return ReadFlatpakFolders(installation, home, out);
  }
  const std::string account = home == nullptr ? "" : home->account;
  for (const v1::InventoryItem& item : got->items()) {
    AddOwn(item, v1::Origin::FLATPAK, account, out);
  }
}

// snapd's layout: NAME/current -> REVISION, each revision a mount of its own.
void ReadSnaps(const std::string& snap_dir, ScanBudget& budget, InventoryRead& out) {
  const Confined root(snap_dir);
  if (!root.ok()) return;
  for (const Confined::Entry& entry : root.List(budget)) {
    if (entry.type != DT_DIR || entry.name == "bin") continue;
    const Confined snap = root.Below(entry.name, Links::kNone, true);
    const std::string revision = LinkTarget(snap, "current");
    if (!snap.ok() || revision.empty()) continue;
    SnapMeta meta;
    const Confined current = snap.Below(revision, Links::kNone, true);
    absl::StatusOr<std::string> yaml = absl::NotFoundError("");
    if (current.ok()) yaml = current.Read("meta/snap.yaml", limits::kMaxSnapYamlBytes);
    if (yaml.ok()) meta = ParseSnapYaml(*yaml);
    v1::InventoryItem item = MakeItem(v1::Origin::SNAP, entry.name,
                                      meta.version.empty() ? LastPart(revision) : meta.version);
    item.set_name(meta.title);
    out.items.push_back(std::move(item));
  }
}

}  // namespace muster::agent
