#include "agent/adapters/linux/watcher.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

constexpr uint32_t kMask = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE |
                           IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
bool IsDirectory(const std::string& path) {
  struct stat st = {};
  return stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

// `name` is empty when the folder itself changed.
bool Concerns(const std::string& wanted, const std::string& name) {
  return wanted.empty() || name.empty() || wanted == name || (wanted == "*" && name[0] != '.');
}

}  // namespace

Watcher::Watcher() : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

void Watcher::Watch(std::string dir, std::string name, unsigned tags) {
  while (!IsDirectory(dir)) {
    const size_t slash = dir.find_last_of('/');
    if (slash == std::string::npos) break;
    name = dir.substr(slash + 1);
    dir = slash == 0 ? "/" : dir.substr(0, slash);
  }
  if (interests_.size() >= limits::kMaxWatches) return;
  const int wd = inotify_add_watch(fd_.get(), dir.c_str(), kMask);
  if (wd < 0) return;
  std::vector<Interest>& all = interests_[wd];
  const auto known =
      std::find_if(all.begin(), all.end(), [&](const Interest& i) { return i.name == name; });
  if (known != all.end()) {
    known->tags |= tags;
  } else if (all.size() < limits::kMaxNamesPerFolder) {
    all.push_back({name, tags});
  }
}

unsigned Watcher::Drain() {
  unsigned tags = 0;
  alignas(inotify_event) char buffer[16 << 10];
  for (;;) {
    const ssize_t length = read(fd_.get(), buffer, sizeof buffer);
    if (length <= 0) return tags;
    for (ssize_t at = 0; at < length;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & IN_Q_OVERFLOW) != 0) tags = ~0u;
      const auto it = interests_.find(event->wd);
      if (it == interests_.end()) continue;
      const std::string name = event->len > 0 ? event->name : "";
      for (const Interest& i : it->second) {
        if (Concerns(i.name, name)) tags |= i.tags;
      }
      if ((event->mask & IN_IGNORED) != 0) interests_.erase(it);
    }
  }
}

}  // namespace muster::agent
