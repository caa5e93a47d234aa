#include "agent/adapters/files/home_exports.h"

#include <dirent.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/adapters/files/held_export.h"
#include "agent/domain/text.h"
#include "common/agent_limits.h"
#include "common/archive_limits.h"

namespace muster::agent {
namespace {

// Each part of the folder's name that is missing is made for the person.
Confined FolderIn(const Home& home, const std::string& name) {
  Confined at = home.folder.Below(".", Links::kNone, true);
  for (absl::string_view part : absl::StrSplit(name, '/', absl::SkipEmpty())) {
    const std::string folder(part);
    if (folder == "." || folder == "..") return Confined();
    if (!at.Look(folder)) at.MakeFolder(folder, home.uid, home.gid).IgnoreError();
    at = at.Below(folder);
    if (!at.ok()) break;
  }
  return at;
}

void AddProblem(const FolderOwner& owner, std::string text, FolderLook& out) {
  const auto said = std::count_if(out.problems.begin(), out.problems.end(),
                                  [&](const OfAccount& p) { return p.account == owner.account; });
  if (static_cast<size_t>(said) >= limits::kMaxArchiveProblems) return;
  out.problems.push_back({owner.account, std::move(text)});
}

// Files of one folder; `prefix` is its name with a slash, or nothing.
void AddFiles(const Confined& folder, const FolderOwner& owner, const std::string& subfolder,
              ScanBudget& budget, FolderLook& out, size_t& count) {
  for (const Confined::Entry& entry : folder.List(budget)) {
    if (entry.type != DT_REG) continue;
    const std::optional<struct stat> st = folder.Look(entry.name);
    if (!st || !S_ISREG(st->st_mode)) continue;
    FoundExport found;
    found.account = owner.account;
    found.uid = owner.uid;
    found.subfolder = subfolder;
    found.path = subfolder.empty() ? entry.name : absl::StrCat(subfolder, "/", entry.name);
    found.stamp = StampOf(*st);
    // Protocol Buffers take no other; nothing is lost by asking for another name.
    if (!IsCleanText(found.path, 2 * NAME_MAX + 1)) {
      AddProblem(
          owner,
          absl::StrCat(CleanText(found.path, NAME_MAX), ": rename it; its name cannot be read"),
          out);
      continue;
    }
    if (st->st_uid != owner.uid) {
      AddProblem(owner, absl::StrCat(found.path, ": it belongs to another account"), out);
      continue;
    }
    if (++count > limits::kMaxFolderExports) {
      AddProblem(owner,
                 absl::StrCat("the export folder of ", owner.account, " holds more than ",
                              limits::kMaxFolderExports, " files; the rest is not looked at"),
                 out);
      return;
    }
    out.files.push_back(std::move(found));
  }
}

}  // namespace

// The home that the account is said to have comes before any other folder that it owns.
std::optional<Home> HomeExports::HomeOf(uint32_t uid) const {
  if (std::optional<Home> named = FindHomeOf(uid, passwd_)) return named;
  ScanBudget budget{limits::kMaxNamesPerScan};
  std::vector<std::string> notes;  // the inventory says them
  std::vector<Home> homes = FindHomes(home_dir_, passwd_, budget, notes);
  const auto it =
      std::find_if(homes.begin(), homes.end(), [&](const Home& h) { return h.uid == uid; });
  if (it == homes.end()) return std::nullopt;
  return std::move(*it);
}

FolderLook HomeExports::Look(const std::string& name, const std::vector<FolderOwner>& owners) {
  FolderLook out;
  for (const FolderOwner& owner : owners) {
    // Of each their own: nobody's many files leave no look for the next.
    ScanBudget budget{max_names_};
    const std::optional<Home> home = HomeOf(owner.uid);
    const Confined folder = home ? FolderIn(*home, name) : Confined();
    if (!folder.ok()) {
      out.problems.push_back(
          {owner.account, absl::StrCat("there is no export folder for ", owner.account,
                                       !home ? ": no home of theirs is on this machine"
                                             : ": something else is in its place")});
      continue;
    }
    out.folders.push_back({owner.account, folder.path()});
    size_t count = 0;
    AddFiles(folder, owner, "", budget, out, count);
    for (const Confined::Entry& entry : folder.List(budget)) {
      if (entry.type != DT_DIR || !IsCleanText(entry.name, NAME_MAX)) continue;
      AddFiles(folder.Below(entry.name), owner, entry.name, budget, out, count);
    }
    if (!budget.exhausted) continue;
    out.problems.push_back({owner.account, absl::StrCat("the export folder of ", owner.account,
                                                        " holds too much; not all of it is "
                                                        "looked at")});
  }
  return out;
}

absl::StatusOr<std::unique_ptr<HeldExport>> HomeExports::Open(const std::string& name,
                                                              const FoundExport& found) {
  const std::optional<Home> home = HomeOf(found.uid);
  const Confined folder = home ? FolderIn(*home, name) : Confined();
  struct stat st = {};
  Fd fd = folder.ok() ? folder.OpenFile(found.path, &st) : Fd();
  if (!fd.ok() || st.st_uid != found.uid) {
    return absl::NotFoundError(absl::StrCat(found.path, " is gone"));
  }
  const FileStamp stamp = StampOf(st);
  if (found.stamp.key.ino != 0 && !stamp.SameContents(found.stamp)) {
    return absl::AbortedError(absl::StrCat(found.path, " changes"));
  }
  return std::make_unique<HeldExportFile>(
      std::move(fd), stamp, found.path.substr(found.path.find_last_of('/') + 1), helper_dir_);
}

}  // namespace muster::agent
