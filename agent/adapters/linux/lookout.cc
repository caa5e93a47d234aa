#include "agent/adapters/linux/lookout.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <map>
#include <utility>
#include <vector>

#include "agent/adapters/linux/proc.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

constexpr unsigned kLooksPerTry = 15;

// Whoever a namespace was found by may have ended since; 0: nobody is in it.
int LivingIn(const MountMarks::Watch& watch) {
  if (MountNamespaceOf(watch.pid) == watch.id) return watch.pid;
  int out = 0;
  ForEachProcess([&](int pid) {
    if (out == 0 && MountNamespaceOf(pid) == watch.id) out = pid;
  });
  return out;
}

}  // namespace

Lookout::Lookout(Parts parts)
    : parts_(std::move(parts)),
      own_mounts_(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)),
      stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      lane_(limits::kMaxInspections) {
  Connect();
  thread_ = std::thread([this] { Run(); });
}

Lookout::~Lookout() {
  stopping_ = true;
  eventfd_write(stop_event_.get(), 1);
  thread_.join();
}

void Lookout::Connect() {
  absl::StatusOr<ProcConnector> connector = ProcConnector::Open();
  MutexLock lock(&mu_);
  connector_error_ = std::string(connector.status().message());
  if (connector.ok()) connector_.emplace(*std::move(connector));
}

std::string Lookout::connector_error() const {
  MutexLock lock(&mu_);
  return connector_error_;
}

void Lookout::Run() {
  while (!stopping_) {
    Wait();
    if (stopping_) return;
    if (std::exchange(own_changed_, false)) {
      bool changed = false;
      parts_.with_group([&](const FanotifyGroup& g) { changed = parts_.marks->MarkOwn(g); });
      if (changed) parts_.marks_changed();
    }
    if (connector_) {
      for (const int pid : connector_->Read(&lost_)) OnExec(pid);
    }
    if (MonotonicClock().Now() >= next_look_ || std::exchange(lost_, false)) {
      LookAround();
      next_look_ = MonotonicClock().Now() + limits::kLookAround;
    }
  }
}

void Lookout::Wait() {
  const std::vector<MountMarks::Watch> others = parts_.marks->watches();
  std::vector<pollfd> fds = {{stop_event_.get(), POLLIN, 0},
                             {own_mounts_.get(), POLLPRI, 0},
                             {connector_ ? connector_->fd() : -1, POLLIN, 0}};
  for (const MountMarks::Watch& w : others) fds.push_back({w.fd, POLLPRI, 0});
  const absl::Duration left = std::max(next_look_ - MonotonicClock().Now(), absl::ZeroDuration());
  const int ms = static_cast<int>(absl::ToInt64Milliseconds(left + absl::Microseconds(999)));
  if (poll(fds.data(), fds.size(), ms) <= 0) return;
  own_changed_ = (fds[1].revents & (POLLPRI | POLLERR)) != 0;
  for (size_t i = 3; i < fds.size(); ++i) {
    if ((fds[i].revents & (POLLPRI | POLLERR)) != 0) OnNewDevices(LivingIn(others[i - 3]));
  }
}

// True when this program runs no other files, so that being marked is all it takes.
bool Lookout::IsKnownPlain(const FileKey& key) {
  const auto it = interpreters_.find(key);
  return it != interpreters_.end() && !it->second;
}

void Lookout::OnExec(int pid) {
  const std::optional<FileStamp> stamp = StampOfExe(pid);
  if (!stamp) return;
  const bool seen = parts_.marks->Covers(stamp->key.dev);
  if (seen && IsKnownPlain(stamp->key)) return;
  if (interpreters_.size() >= limits::kMaxKnownPrograms) interpreters_.clear();
  const std::optional<ProcessJudge::Program> program = parts_.judge->ProgramOf(pid);
  if (!program) return;
  const bool interpreter = program->interpreter;
  // An inode number can be given to another file: a program that runs files stays looked at.
  interpreters_[program->stamp.key] = interpreter;
  if (!seen && parts_.marks->InScope(stamp->key.dev)) OnNewDevices(pid);
  if (!seen || interpreter) Offer(pid);
}

// Whoever runs from a filesystem that was marked this moment started unseen.
void Lookout::OnNewDevices(int pid) {
  MountMarks::NamespaceMarks news;
  parts_.with_group([&](const FanotifyGroup& g) { news = parts_.marks->MarkNamespaceOf(pid, g); });
  if (news.devices.empty()) return;
  if (news.changed) parts_.marks_changed();
  const absl::flat_hash_set<uint64_t> devices(news.devices.begin(), news.devices.end());
  ForEachProcess([&](int other) {
    const std::optional<FileStamp> stamp = StampOfExe(other);
    if (stamp && devices.contains(stamp->key.dev)) Offer(other);
  });
}

void Lookout::LookAround() {
  if (!connector_ && looks_++ % kLooksPerTry == 0) Connect();
  std::map<uint64_t, int> namespaces;
  absl::flat_hash_map<int, FileStamp> judged;
  ForEachProcess([&](int pid) {
    if (const uint64_t id = MountNamespaceOf(pid); id != 0) namespaces.emplace(id, pid);
    if (connector_) return;
    // Nobody tells what starts: look at everything that was not looked at yet.
    const std::optional<FileStamp> stamp = StampOfExe(pid);
    if (!stamp) return;
    const auto it = judged_.find(pid);
    if (it == judged_.end() || !(it->second == *stamp)) Offer(pid);
    judged.emplace(pid, *stamp);
  });
  judged_ = std::move(judged);
  absl::flat_hash_set<uint64_t> living;
  for (const auto& [id, pid] : namespaces) {
    living.insert(id);
    if (!parts_.marks->KnowsNamespace(id)) OnNewDevices(pid);
  }
  parts_.marks->Prune(living);
}

void Lookout::Offer(int pid) {
  if (!parts_.enforcing()) return;
  if (!lane_.Offer(
          [this, pid] { parts_.judge->EndIfDisallowed(pid, ProcessJudge::Depth::kByContents); })) {
    // It is looked at with the next policy, or when it starts something.
    Log(Severity::kWarning, "too many programs start at once to look at each");
  }
}

}  // namespace muster::agent
