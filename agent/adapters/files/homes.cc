#include "agent/adapters/files/homes.h"

#include <dirent.h>
#include <pwd.h>

#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/domain/accounts.h"
#include "agent/domain/mounts.h"
#include "agent/domain/text.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

std::map<uint32_t, std::string> NamesOf(const std::string& passwd_text) {
  std::map<uint32_t, std::string> out;
  for (Account& a : ParsePasswd(passwd_text)) out.emplace(a.uid, std::move(a.name));
  return out;
}

std::string AccountOf(uid_t uid, const std::string& folder,
                      const std::map<uint32_t, std::string>& names, bool ask_system) {
  if (const auto it = names.find(uid); it != names.end()) return it->second;
  if (ask_system) {
    char buffer[16 << 10];
    struct passwd entry = {};
    struct passwd* found = nullptr;
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr) {
      return found->pw_name;
    }
  }
  return folder.substr(folder.find_last_of('/') + 1);
}

struct NamedHome {
  std::string account, folder;
};

std::optional<NamedHome> NamedIn(absl::string_view passwd_text, uid_t uid) {
  for (absl::string_view line : absl::StrSplit(passwd_text, '\n')) {
    const std::vector<absl::string_view> f = absl::StrSplit(line, ':');
    uint32_t of = 0;
    if (f.size() >= 7 && absl::SimpleAtoi(f[2], &of) && of == uid) {
      return NamedHome{std::string(f[0]), std::string(f[5])};
    }
  }
  return std::nullopt;
}

std::optional<NamedHome> NamedBySystem(uid_t uid) {
  char buffer[16 << 10];
  struct passwd entry = {};
  struct passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) != 0 || found == nullptr) {
    return std::nullopt;
  }
  return NamedHome{found->pw_name, found->pw_dir};
}

}  // namespace

std::set<uint64_t> RemoteDevices() {
  std::set<uint64_t> out;
  absl::StatusOr<std::string> text = ReadFile("/proc/self/mountinfo", limits::kMaxMountInfoBytes);
  if (!text.ok()) return out;
  for (const Mount& mount : ParseMountInfo(*text)) {
    if (IsRemote(mount.type)) out.insert(mount.dev);
  }
  return out;
}

std::vector<Home> FindHomes(const std::string& home_dir, const std::string& passwd,
                            ScanBudget& budget, std::vector<std::string>& notes) {
  std::vector<Home> out;
  const Confined root(home_dir);
  if (!root.ok()) return out;
  std::set<std::string> folders;
  for (const Confined::Entry& entry : root.List(budget)) {
    if (entry.type == DT_DIR) folders.insert(entry.name);
  }
  const std::string text = ReadFile(passwd, limits::kMaxPasswdBytes).value_or("");
  for (const std::string& home : ParseHomes(text)) {
    absl::string_view below = home;
    if (absl::ConsumePrefix(&below, home_dir + "/") && !below.empty()) {
      folders.insert(std::string(absl::StripSuffix(below, "/")));
    }
  }
  const std::map<uint32_t, std::string> names = NamesOf(text);
  const std::set<uint64_t> remote = RemoteDevices();
  for (const std::string& folder : folders) {
    if (out.size() >= limits::kMaxHomes) {
      notes.push_back(absl::StrCat("inventory: of ", folders.size(), " homes only ", out.size(),
                                   " are looked into"));
      break;
    }
    // The folder's device is known to the kernel: no server is asked before it is judged.
    Home home{"", 0, 0, root.Below(folder, Links::kNone, true)};
    const std::optional<uint64_t> device = home.folder.Device();
    if (!device) continue;
    if (remote.contains(*device)) {
      notes.push_back(absl::StrCat("inventory: the home ", CleanText(home.folder.path(), 200),
                                   " is on another machine; it is not looked into"));
      continue;
    }
    const std::optional<struct stat> st = home.folder.Look(".");
    if (!st) continue;
    home.uid = st->st_uid;
    home.gid = st->st_gid;
    home.account = CleanText(AccountOf(home.uid, folder, names, passwd == "/etc/passwd"),
                             limits::kMaxUpnBytes);
    out.push_back(std::move(home));
  }
  return out;
}

std::optional<Home> FindHomeOf(uid_t uid, const std::string& passwd) {
  const std::string text = ReadFile(passwd, limits::kMaxPasswdBytes).value_or("");
  std::optional<NamedHome> named = NamedIn(text, uid);
  if (!named && passwd == "/etc/passwd") named = NamedBySystem(uid);
  if (!named || !absl::StartsWith(named->folder, "/")) return std::nullopt;
  Home home{CleanText(named->account, limits::kMaxUpnBytes), uid, 0, Confined(named->folder)};
  const std::optional<uint64_t> device = home.folder.Device();
  if (!device || RemoteDevices().contains(*device)) return std::nullopt;
  // A folder of somebody else's (/, /nonexistent, a link that was put there) is no home of theirs.
  const std::optional<struct stat> st = home.folder.Look(".");
  if (!st || st->st_uid != uid) return std::nullopt;
  home.gid = st->st_gid;
  return home;
}

}  // namespace muster::agent
