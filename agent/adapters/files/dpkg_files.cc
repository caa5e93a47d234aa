#include "agent/adapters/files/dpkg_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/confined.h"
#include "agent/adapters/files/file_io.h"
#include "agent/domain/dpkg.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

constexpr char kList[] = ".list", kSums[] = ".md5sums";

void ParseList(absl::string_view text,
               const std::function<void(absl::string_view, absl::string_view)>& each) {
  ForEachListedPath(text, [&](absl::string_view path) { each(path, path); });
}

void ParseSums(absl::string_view text,
               const std::function<void(absl::string_view, absl::string_view)>& each) {
  ForEachMd5(text, [&](absl::string_view md5, absl::string_view path) { each(md5, path); });
}

bool JustChanged(const struct stat& st) {
  constexpr int64_t kTicks = 20'000'000;  // ns; a tick has at most 10 ms
  timespec now = {};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec - StampOf(st).mtime_ns < kTicks;
}

bool IsRegularExecutable(const std::string& path) {
  struct stat st = {};
  return lstat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

}  // namespace

std::string ResolveParent(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos || slash == 0) return path;
  char real[PATH_MAX];
  if (realpath(path.substr(0, slash).c_str(), real) == nullptr) return path;
  return absl::StrCat(real, path.substr(slash));
}

void DpkgFiles::Forget() {
  MutexLock lock(&mu_);
  lists_ = Known();
  sums_ = Known();
}

void DpkgFiles::ReadOne(const std::string& name, const FileStamp& stamp, Parse parse,
                        Known& known) {
  Known::File& file = known.files[name];
  file.stamp = stamp;
  file.hits.clear();
  file.package = name.substr(0, name.find_last_of('.'));
  file.package = file.package.substr(0, file.package.find(':'));
  absl::StatusOr<std::string> text =
      ReadFile(absl::StrCat(info_dir_, "/", name), limits::kMaxDpkgListBytes);
  ++lists_read_;
  if (!text.ok()) return;
  parse(*text, [&](absl::string_view key, absl::string_view value) {
    if (known.wanted.contains(key)) file.hits.emplace_back(key, value);
  });
}

void DpkgFiles::Update(const std::set<std::string>& keys, const char* extension, Parse parse,
                       Known& known) {
  const auto is_known = [&](const std::string& key) { return known.wanted.contains(key); };
  if (!std::all_of(keys.begin(), keys.end(), is_known)) {
    if (known.wanted.size() + keys.size() > limits::kMaxDpkgPathsKnown) known.wanted.clear();
    known.wanted.insert(keys.begin(), keys.end());
    known.files.clear();
    known.folder = FileStamp();
  }
  std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(info_dir_.c_str()), closedir);
  struct stat st = {};
  if (dir == nullptr || fstat(dirfd(dir.get()), &st) != 0) {
    known.files.clear();
    return;
  }
  // dpkg puts a list in its place by a rename, which moves the folder's time.
  if (known.folder == StampOf(st)) return;
  // Two changes within one tick of the kernel's clock have one time: trust only an older one.
  known.folder = JustChanged(st) ? FileStamp() : StampOf(st);
  std::map<std::string, Known::File> before = std::exchange(known.files, {});
  while (const dirent* entry = readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name[0] == '.' || !absl::EndsWith(name, extension)) continue;
    if (fstatat(dirfd(dir.get()), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
    auto old = before.extract(name);
    if (!old.empty() && old.mapped().stamp == StampOf(st)) {
      known.files.insert(std::move(old));
    } else {
      ReadOne(name, StampOf(st), parse, known);
    }
  }
}

std::map<std::string, std::string> DpkgFiles::Owners(const std::set<std::string>& paths) {
  std::map<std::string, std::string> out;
  if (paths.empty()) return out;
  // Lists may name a file below /bin, /sbin or /lib that lives below /usr.
  std::set<std::string> keys = paths;
  for (const std::string& path : paths) {
    if (absl::StartsWith(path, "/usr/")) keys.insert(path.substr(4));
  }
  MutexLock lock(&mu_);
  Update(keys, kList, ParseList, lists_);
  for (const auto& [name, file] : lists_.files) {
    for (const auto& [path, value] : file.hits) {
      if (paths.contains(path)) out[path] = file.package;
      // /bin/x and /usr/bin/x are one file only where /bin is a link.
      const std::string usr = absl::StrCat("/usr", path);
      if (paths.contains(usr) && ResolveParent(path) == usr) out[usr] = file.package;
    }
  }
  return out;
}

std::multimap<std::string, std::pair<std::string, std::string>> DpkgFiles::FilesByMd5(
    const std::set<std::string>& md5s) {
  std::multimap<std::string, std::pair<std::string, std::string>> out;
  if (md5s.empty()) return out;
  MutexLock lock(&mu_);
  Update(md5s, kSums, ParseSums, sums_);
  for (const auto& [name, file] : sums_.files) {
    for (const auto& [md5, path] : file.hits) {
      if (!md5s.contains(md5)) continue;
      out.emplace(md5, std::make_pair(file.package, ResolveParent(absl::StrCat("/", path))));
    }
  }
  return out;
}

std::vector<std::string> DpkgFiles::ProgramFiles(const std::string& package) {
  std::vector<std::string> lists, out;
  std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(info_dir_.c_str()), closedir);
  if (dir == nullptr) return out;
  while (const dirent* entry = readdir(dir.get())) {
    const absl::string_view name = entry->d_name;
    if (absl::StartsWith(name, package) && PackageOfInfoFile(name, kList) == package) {
      lists.emplace_back(name);
    }
  }
  std::sort(lists.begin(), lists.end());
  for (const std::string& name : lists) {
    absl::StatusOr<std::string> list =
        ReadFile(absl::StrCat(info_dir_, "/", name), limits::kMaxDpkgListBytes);
    if (!list.ok()) continue;
    ForEachListedPath(*list, [&](absl::string_view listed) {
      if (out.size() >= limits::kMaxFilesPerPackage) return;
      const std::string path = ResolveParent(std::string(listed));
      if (IsRegularExecutable(path)) out.push_back(path);
    });
  }
  return out;
}

}  // namespace muster::agent
