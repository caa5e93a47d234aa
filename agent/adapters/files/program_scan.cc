#include "agent/adapters/files/program_scan.h"

#include <dirent.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/domain/desktop_entry.h"
#include "agent/domain/inventory.h"
#include "agent/domain/program_head.h"
#include "agent/domain/text.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

// A path that is no clean text cannot be said in a report; what is said names it as far as
// it goes, and the hash is left out.
void AddProgram(const Confined& folder, const std::string& name, const std::string& account,
                bool app_images_only, FoundFiles& out) {
  const std::optional<struct stat> st = folder.Look(name);
  if (!st || !S_ISREG(st->st_mode)) return;
  const ProgramKind kind = KindOfProgram(folder.Head(name, kProgramHeadBytes));
  const bool app_image = kind == ProgramKind::kAppImage;
  // A downloaded AppImage counts before somebody makes it executable.
  if (kind == ProgramKind::kNone || (!app_image && (st->st_mode & 0111) == 0)) return;
  if (app_images_only && !app_image) return;
  const std::string path = absl::StrCat(folder.path(), "/", name);
  v1::InventoryItem item =
      MakeItem(app_image ? v1::Origin::APPIMAGE : v1::Origin::UNPACKAGED, path, "");
  item.set_name(CleanText(name, limits::kMaxNameBytes));
  item.set_path(item.package_id());
  item.set_account_name(account);
  if (IsCleanText(path, limits::kMaxPathBytes) &&
      static_cast<uint64_t>(st->st_size) <= limits::kMaxHashedBytes) {
    out.stamps[path] = StampOf(*st);
  }
  out.items.push_back(std::move(item));
}

void AddPrograms(const Confined& folder, const std::string& account, bool app_images_only,
                 ScanBudget& budget, FoundFiles& out) {
  for (const Confined::Entry& entry : folder.List(budget)) {
    if (entry.type == DT_REG) AddProgram(folder, entry.name, account, app_images_only, out);
  }
}

void ScanTree(const Confined& folder, size_t depth, ScanBudget& budget, FoundFiles& out) {
  for (const Confined::Entry& entry : folder.List(budget)) {
    if (entry.type == DT_REG) AddProgram(folder, entry.name, "", false, out);
    if (entry.type != DT_DIR || depth == 0) continue;
    const Confined below = folder.Below(entry.name);
    if (below.ok()) ScanTree(below, depth - 1, budget, out);
  }
}

void AddEntry(const Confined& folder, const std::string& name, const std::string& account,
              FoundFiles& out) {
  absl::StatusOr<std::string> text = folder.Read(name, limits::kMaxDesktopEntryBytes);
  if (!text.ok()) return;
  const DesktopEntry entry = ParseDesktopEntry(*text);
  // A web app is reported by its browser's profile.
  if (entry.program.empty() || !entry.web_app_id.empty()) return;
  v1::InventoryItem item =
      MakeItem(v1::Origin::DESKTOP_ENTRY, absl::StrCat(folder.path(), "/", name), entry.version);
  item.set_name(entry.name);
  item.set_path(entry.program);
  item.set_account_name(account);
  out.items.push_back(std::move(item));
}

void AddEntries(const Confined& folder, const std::string& account, ScanBudget& budget,
                FoundFiles& out) {
  for (const Confined::Entry& entry : folder.List(budget)) {
    // A package may put a link here to an entry elsewhere; its own folder says what it is.
    if (entry.type == DT_REG && absl::EndsWith(entry.name, ".desktop")) {
      AddEntry(folder, entry.name, account, out);
    }
  }
}

}  // namespace

const std::vector<std::string> kHomeProgramFolders = {"bin", ".local/bin", "Applications",
                                                      "Downloads"};

void ScanOpt(const Confined& opt, ScanBudget& budget, FoundFiles& out) {
  if (opt.ok()) ScanTree(opt, limits::kMaxProgramDepth, budget, out);
}

void ScanApplications(const Confined& folder, ScanBudget& budget, FoundFiles& out) {
  if (folder.ok()) AddEntries(folder, "", budget, out);
}

void ScanHome(const Home& home, ScanBudget& budget, FoundFiles& out) {
  const Confined& root = home.folder;
  AddPrograms(root, home.account, true, budget, out);
  for (const std::string& name : kHomeProgramFolders) {
    const bool downloads = name == "Downloads" || name == "Applications";
    if (const Confined folder = root.Below(name); folder.ok()) {
      AddPrograms(folder, home.account, downloads, budget, out);
    }
  }
  const Confined share = root.Below(".local/share");
  if (!share.ok()) return;
  for (const Confined::Entry& entry : share.List(budget)) {
    if (entry.type != DT_DIR || entry.name == "applications") continue;
    if (const Confined folder = share.Below(entry.name); folder.ok()) {
      AddPrograms(folder, home.account, false, budget, out);
    }
  }
  if (const Confined folder = share.Below("applications"); folder.ok()) {
    AddEntries(folder, home.account, budget, out);
  }
}

}  // namespace muster::agent
