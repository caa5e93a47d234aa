#include "agent/adapters/linux/mount_marks.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/local_machine.h"
#include "agent/adapters/linux/proc.h"
#include "agent/domain/text.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

std::vector<Mount> MountsOf(const std::string& pid) {
  const absl::StatusOr<std::string> text =
      ReadFile(absl::StrCat("/proc/", pid, "/mountinfo"), limits::kMaxMountInfoBytes);
  return ParseMountInfo(text.value_or(""));
}

// True when reaching `path` asks a server that may never answer.
bool BelowRemote(const std::vector<Mount>& mounts, const std::string& path) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const Mount& m) {
    return IsRemote(m.type) && m.path != path && absl::StartsWith(path, m.path + "/");
  });
}

// The place of a mount, as an O_PATH descriptor. Its owner may turn a part of the path into a link
// at any moment; mountinfo has none.
Fd OpenPlace(const std::string& root, const std::string& path) {
  const Fd above(open(root.empty() ? "/" : root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!above.ok()) return Fd();
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
  return Fd(static_cast<int>(syscall(SYS_openat2, above.get(), path.c_str(), &how, sizeof how)));
}

// For people and messages. Anybody names a place of his own as he likes.
std::string NameOf(absl::string_view path, absl::string_view whose) {
  return CleanText(absl::StrCat(path, whose), limits::kMaxPathBytes);
}

std::optional<uint64_t> DeviceOf(const Fd& fd) {
  struct statx sx = {};
  if (!fd.ok() || statx(fd.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &sx) != 0) {
    return std::nullopt;
  }
  return makedev(sx.stx_dev_major, sx.stx_dev_minor);
}

}  // namespace

uint64_t MountNamespaceOf(int pid) {
  struct stat st = {};
  return stat(absl::StrCat("/proc/", pid, "/ns/mnt").c_str(), &st) == 0 ? st.st_ino : 0;
}

MountMarks::MountMarks(MarkScope scope) : scope_(std::move(scope)) {
  if (scope_.paths.empty()) return;
  absl::flat_hash_set<uint64_t> seen, devices;
  ForEachProcess([&](int pid) {
    if (!seen.insert(MountNamespaceOf(pid)).second) return;
    for (const Mount& m : MountsOf(absl::StrCat(pid))) devices.insert(m.dev);
  });
  MutexLock lock(&mu_);
  old_devices_ = std::move(devices);
  for (const std::string& path : scope_.paths) {
    if (const std::optional<uint64_t> dev = DeviceOfPath(path)) scope_devices_.insert(*dev);
  }
}

bool MountMarks::InScopeLocked(uint64_t dev) const {
  if (scope_.paths.empty() || scope_devices_.contains(dev)) return true;
  return scope_.and_new && !old_devices_.contains(dev);
}

bool MountMarks::InScope(uint64_t dev) const {
  if (scope_.paths.empty()) return true;
  MutexLock lock(&mu_);
  return InScopeLocked(dev);
}

bool MountMarks::Covers(uint64_t dev) const {
  MutexLock lock(&mu_);
  return covered_.contains(dev);
}

bool MountMarks::KnowsNamespace(uint64_t id) const {
  MutexLock lock(&mu_);
  return others_.contains(id);
}

bool MountMarks::empty() const {
  MutexLock lock(&mu_);
  return own_.marked.empty();
}

void MountMarks::MarkPaths(const FanotifyGroup& group, Namespace& out) {
  for (const std::string& path : scope_.paths) {
    const absl::Status status = group.MarkFilesystem(path);
    if (!status.ok()) {
      out.failed.push_back(CleanText(status.message(), limits::kMaxReasonBytes));
      continue;
    }
    const uint64_t dev = DeviceOfPath(path).value_or(0);
    covered_.insert(dev);
    out.marked.push_back({path, NameOf(path, ""), dev, dev});
  }
}

void MountMarks::MarkMounts(const std::vector<Mount>& mounts, const Place& place,
                            const FanotifyGroup& group, Namespace& out, NamespaceMarks* news) {
  std::map<uint64_t, std::string> why;
  absl::flat_hash_set<uint64_t> done;
  for (const Mount& m : mounts) {
    if (!CanHoldPrograms(m.type) || done.contains(m.dev)) continue;
    if (!InScopeLocked(m.dev) || scope_devices_.contains(m.dev)) continue;
    // Another namespace shows mostly what is marked already.
    if (!place.root.empty() && IsOwn(m.dev)) continue;
    if (BelowRemote(mounts, m.path)) {
      why[m.dev] = absl::StrCat("programs on ", m.path, place.whose,
                                " are not seen: it is reached through a remote filesystem");
      continue;
    }
    const std::string path = place.root + m.path;
    const Fd there = OpenPlace(place.root, m.path);
    const std::optional<uint64_t> dev = DeviceOf(there);
    // Another mount on top hides this one; nobody reaches a program through it. btrfs gives its
    // subvolumes device numbers that mountinfo does not show.
    if (!dev || (*dev != m.dev && m.type != "btrfs")) continue;
    // What was looked at is marked, not what the path leads to by now. A descriptor of a remote
    // filesystem would be asked for again.
    const absl::Status status = group.MarkFilesystem(
        IsRemote(m.type) ? path : absl::StrCat("/proc/self/fd/", there.get()), m.path);
    if (!status.ok()) {
      why[m.dev] =
          absl::StrCat("programs on ", m.type, " filesystem ", status.message(), place.whose);
      continue;
    }
    done.insert(m.dev);
    for (const uint64_t d : {m.dev, *dev}) {
      const bool first = covered_.insert(d).second;
      if (news == nullptr) continue;
      news->devices.push_back(d);
      news->changed |= first;
    }
    const bool known = std::any_of(out.marked.begin(), out.marked.end(),
                                   [&](const Marked& k) { return k.dev == m.dev; });
    if (!known) out.marked.push_back({path, NameOf(m.path, place.whose), m.dev, *dev});
  }
  for (const auto& [dev, text] : why) {
    if (!done.contains(dev)) out.failed.push_back(CleanText(text, limits::kMaxReasonBytes));
  }
}

bool MountMarks::IsOwn(uint64_t dev) const {
  return std::any_of(own_.marked.begin(), own_.marked.end(),
                     [dev](const Marked& m) { return m.dev == dev; });
}

void MountMarks::Cover(const Namespace& ns) {
  for (const Marked& m : ns.marked) {
    covered_.insert(m.dev);
    covered_.insert(m.shown_dev);
  }
}

bool MountMarks::MarkOwn(const FanotifyGroup& group) {
  const std::vector<Mount> mounts = MountsOf("self");
  Namespace next;
  MutexLock lock(&mu_);
  for (const Mount& m : mounts) {
    if (IsRemote(m.type)) remote_.insert(m.dev);
  }
  if (mounts.empty()) next.failed.push_back("the list of mounts cannot be read");
  MarkPaths(group, next);
  MarkMounts(mounts, {}, group, next, nullptr);
  const auto same = [](const Marked& a, const Marked& b) { return a.name == b.name; };
  const bool changed =
      next.failed != own_.failed || !std::equal(next.marked.begin(), next.marked.end(),
                                                own_.marked.begin(), own_.marked.end(), same);
  own_.marked = std::move(next.marked);
  own_.failed = std::move(next.failed);
  // A device number is given again after an unmount.
  covered_.clear();
  Cover(own_);
  for (const auto& [id, ns] : others_) Cover(ns);
  return changed;
}

MountMarks::NamespaceMarks MountMarks::MarkNamespaceOf(int pid, const FanotifyGroup& group) {
  NamespaceMarks news;
  const uint64_t id = MountNamespaceOf(pid);
  if (id == 0 || id == MountNamespaceOf(getpid())) return news;
  const std::string proc = absl::StrCat("/proc/", pid);
  // Opened before it is read, so that no change falls between.
  Fd watch(open((proc + "/mountinfo").c_str(), O_RDONLY | O_CLOEXEC));
  const std::vector<Mount> mounts = MountsOf(absl::StrCat(pid));
  if (!watch.ok() || mounts.empty()) return news;
  // Without the process: a report for every container that starts would tell nobody anything.
  const Place place = {proc + "/root", " (in another mount namespace)"};
  MutexLock lock(&mu_);
  if (others_.size() >= limits::kMaxNamespaces && !others_.contains(id)) return news;
  Namespace& ns = others_[id];
  if (!ns.mountinfo.ok()) ns.mountinfo = std::move(watch);
  ns.pid = pid;
  ns.failed.clear();
  // What it unmounted since then is not its any more.
  std::erase_if(ns.marked, [&](const Marked& m) {
    return std::none_of(mounts.begin(), mounts.end(),
                        [&](const Mount& now) { return now.dev == m.dev; });
  });
  for (const Mount& m : mounts) {
    // What an account stacks upon its own filesystem is as slow as that.
    if (IsRemote(m.type) || m.type == "overlay") remote_.insert(m.dev);
  }
  MarkMounts(mounts, place, group, ns, &news);
  return news;
}

void MountMarks::Prune(const absl::flat_hash_set<uint64_t>& living) {
  MutexLock lock(&mu_);
  for (auto it = others_.begin(); it != others_.end();) {
    if (living.contains(it->first)) {
      ++it;
      continue;
    }
    it = others_.erase(it);
  }
  covered_.clear();
  Cover(own_);
  for (const auto& [id, ns] : others_) Cover(ns);
}

void MountMarks::Clear() {
  MutexLock lock(&mu_);
  covered_.clear();
  others_.clear();
  own_ = Namespace();
}

std::vector<MountMarks::Marked> MountMarks::marked() const {
  MutexLock lock(&mu_);
  std::vector<Marked> out = own_.marked;
  for (const auto& [id, ns] : others_) {
    out.insert(out.end(), ns.marked.begin(), ns.marked.end());
  }
  if (out.size() > limits::kMaxCanaries) out.resize(limits::kMaxCanaries);
  return out;
}

std::vector<std::string> MountMarks::failed() const {
  MutexLock lock(&mu_);
  std::vector<std::string> out = own_.failed;
  for (const auto& [id, ns] : others_) {
    out.insert(out.end(), ns.failed.begin(), ns.failed.end());
  }
  return out;
}

absl::flat_hash_set<uint64_t> MountMarks::remote_devices() const {
  MutexLock lock(&mu_);
  return remote_;
}

std::vector<MountMarks::Watch> MountMarks::watches() const {
  MutexLock lock(&mu_);
  std::vector<Watch> out;
  for (const auto& [id, ns] : others_) out.push_back({ns.mountinfo.get(), id, ns.pid});
  return out;
}

}  // namespace muster::agent
