#include "agent/adapters/linux/gate.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "agent/adapters/files/local_machine.h"
#include "agent/domain/person_of.h"
#include "agent/flow/candidates.h"
#include "agent/flow/log.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

constexpr size_t kMaxFoundSizes = 4'096;
constexpr int kStartTries = 200, kStartTryMs = 5;
constexpr absl::Duration kWatchdogPeriod = absl::Milliseconds(50);
constexpr absl::Duration kStuckAfter = absl::Seconds(2);
// sysexits(3), EX_SOFTWARE: the service manager restarts on it.
constexpr int kExitStuck = 70;

int64_t NanosOf(absl::Time t) { return absl::ToUnixNanos(t); }

}  // namespace

GateState::GateState(const Clock* clock, Machine* machine, std::function<void()> on_record)
    : clock_(clock),
      machine_(machine),
      on_record_(std::move(on_record)),
      hashes_(limits::kMaxCachedHashes) {
  view_.remote_devices = view_.found_sizes =
      std::make_shared<const absl::flat_hash_set<uint64_t>>();
}

GateState::View GateState::view() const {
  MutexLock lock(&mu_);
  return view_;
}

void GateState::SetState(EnforcementState state) {
  MutexLock lock(&mu_);
  std::swap(view_.state, state);
}

void GateState::SetRemoteDevices(absl::flat_hash_set<uint64_t> devices) {
  auto next = std::make_shared<const absl::flat_hash_set<uint64_t>>(std::move(devices));
  MutexLock lock(&mu_);
  view_.remote_devices = std::move(next);
}

void GateState::NoteSize(uint64_t size) {
  MutexLock lock(&mu_);
  if (view_.found_sizes->contains(size) || view_.found_sizes->size() >= kMaxFoundSizes) return;
  auto next = std::make_shared<absl::flat_hash_set<uint64_t>>(*view_.found_sizes);
  next->insert(size);
  view_.found_sizes = std::move(next);
}

void GateState::Record(Decided decided) {
  bool first = false;
  {
    MutexLock lock(&mu_);
    first = records_.empty();
    if (records_.size() >= limits::kMaxExecRecordsWaiting) {
      ++dropped_;
    } else {
      records_.push_back({std::move(decided), clock_->Now()});
    }
  }
  if (first) on_record_();
}

std::vector<ExecRecord> GateState::TakeRecords(uint32_t* dropped) {
  std::vector<Kept> kept;
  {
    MutexLock lock(&mu_);
    std::swap(kept, records_);
    *dropped = dropped_;
    dropped_ = 0;
  }
  std::vector<ExecRecord> out;
  out.reserve(kept.size());
  for (const Kept& k : kept) {
    const Decided& d = k.decided;
    ExecRecord r;
    r.app_id = d.policy->rule(d.app).id;
    r.uid = d.who.real_uid;
    r.verdict = d.decision.verdict;
    r.reason = d.policy->Reason(d.app, d.who.person, k.at);
    r.path = d.path;
    r.denied = d.denied;
    r.at = k.at;
    out.push_back(std::move(r));
  }
  return out;
}

std::optional<AppIndex> GateState::AppByContents(const View& view, int fd, const FileStamp& stamp,
                                                 const std::string& path) {
  std::optional<std::string> sha256 = hashes_.Find(stamp);
  if (!sha256) {
    sha256 = HashFd(fd, [] { return false; });
    const std::optional<FileStamp> after = StampOfFd(fd);
    if (!sha256 || !after || !after->SameContents(stamp)) return std::nullopt;
    hashes_.Put(stamp, *sha256);
  }
  const std::optional<AppIndex> app = view.state.candidates->FindHash(stamp.size, *sha256, path);
  // From now on a copy is hashed before it runs, not after.
  if (app && view.state.candidates->has_unsized_hash()) NoteSize(stamp.size);
  return app;
}

absl::StatusOr<std::unique_ptr<Gate>> Gate::Start(bool enforce, GateState* shared,
                                                  std::function<void()> kill_disallowed,
                                                  GateHooks hooks) {
  absl::StatusOr<FanotifyGroup> group = FanotifyGroup::Open(enforce);
  if (!group.ok()) return group.status();
  return std::unique_ptr<Gate>(
      new Gate(*std::move(group), shared, std::move(kill_disallowed), std::move(hooks)));
}

Gate::Gate(FanotifyGroup group, GateState* shared, std::function<void()> kill_disallowed,
           GateHooks hooks)
    : group_(std::move(group)),
      shared_(shared),
      kill_disallowed_(std::move(kill_disallowed)),
      hooks_(std::move(hooks)),
      pending_([this](int fd, bool allow) { group_.Respond(fd, allow); }),
      stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      local_lane_(std::make_unique<SlowLane>(limits::kMaxSlowTasks)),
      remote_lane_(std::make_unique<SlowLane>(limits::kMaxSlowTasks)),
      decide_thread_([this] { DecideLoop(); }),
      watchdog_thread_([this] { WatchdogLoop(); }) {}

void Gate::TakeDown() {
  if (stopping_.exchange(true)) return;
  group_.Flush();
  eventfd_write(stop_event_.get(), 1);
  decide_thread_.join();
  // No new events and no decider any more: nothing may wait for the lanes.
  pending_.AllowAll();
  watchdog_thread_.join();
  group_.Close();
}

Gate::~Gate() {
  TakeDown();
  local_lane_.reset();
  remote_lane_.reset();
}

void Gate::DecideLoop() {
  pollfd fds[2] = {{group_.fd(), POLLIN, 0}, {stop_event_.get(), POLLIN, 0}};
  while (!stopping_) {
    busy_since_ns_ = 0;
    if (poll(fds, 2, -1) < 0 && errno != EINTR) break;
    const absl::Time now = monotonic_.Now();
    busy_since_ns_ = NanosOf(now);
    absl::StatusOr<std::vector<FanotifyEvent>> events = group_.Read();
    if (!events.ok()) {
      // A gate that cannot read must not stand: leave, and let the service manager start anew.
      Log(Severity::kError, events.status().message());
      _exit(kExitStuck);
    }
    for (const FanotifyEvent& e : *events) {
      if (e.permission) pending_.Add(e.fd.get(), now);
    }
    for (FanotifyEvent& e : *events) {
      // From here on, an event at a time: a long queue is not a stuck thread.
      busy_since_ns_ = NanosOf(monotonic_.Now());
      Handle(std::move(e));
    }
  }
  busy_since_ns_ = 0;
}

void Gate::WatchdogLoop() {
  pollfd stop = {stop_event_.get(), POLLIN, 0};
  while (!stopping_) {
    poll(&stop, 1, static_cast<int>(absl::ToInt64Milliseconds(kWatchdogPeriod)));
    const absl::Time now = monotonic_.Now();
    pending_.Expire(now - limits::kExecDeadline);
    const int64_t busy = busy_since_ns_;
    if (busy == 0 || NanosOf(now) - busy < absl::ToInt64Nanoseconds(kStuckAfter)) continue;
    if (hooks_.on_stuck) {
      hooks_.on_stuck();
      continue;
    }
    // Leaving closes the descriptor: whatever waits runs, and the machine goes on.
    Log(Severity::kError, "the decision thread is stuck; leaving, to be started again");
    _exit(kExitStuck);
  }
}

void Gate::Allow(const FanotifyEvent& event) {
  if (!event.permission) return;
  pending_.Answer(event.fd.get(), true);
  pending_.Finish(event.fd.get());
}

void Gate::Handle(FanotifyEvent event) {
  if (hooks_.before_decision) hooks_.before_decision(event);
  // Our own hashing opens marked files; it must never wait for itself.
  if (event.pid == getpid()) return Allow(event);
  const GateState::View view = shared_->view();
  const std::optional<FileStamp> stamp = StampOfFd(event.fd.get());
  if (view.state.policy == nullptr || view.state.candidates == nullptr || !stamp) {
    return Allow(event);
  }
  const CandidateIndex& candidates = *view.state.candidates;
  if (candidates.Spared(stamp->key)) return Allow(event);
  if (const std::optional<AppIndex> app = candidates.FindFile(*stamp)) {
    if (event.permission) pending_.MarkCandidate(event.fd.get());
    Settle(view, event, *app, "");
    if (event.permission) pending_.Finish(event.fd.get());
    return;
  }
  const std::string path = PathOfFd(event.fd.get());
  CandidateIndex::Answer known = candidates.Look(*stamp, path);
  const bool any_size = candidates.has_unsized_hash() && event.exec;
  if (known.known == CandidateIndex::Known::kNo && any_size &&
      view.found_sizes->contains(stamp->size)) {
    known.known = CandidateIndex::Known::kNeedsHash;
  }
  const bool by_hash = known.known == CandidateIndex::Known::kNeedsHash ||
                       (known.known == CandidateIndex::Known::kNo && any_size);
  bool hashed = false;
  if (by_hash) {
    if (const std::optional<std::string> sha256 = shared_->hashes().Find(*stamp)) {
      const std::optional<AppIndex> app = candidates.FindHash(stamp->size, *sha256, path);
      hashed = true;
      known = app ? CandidateIndex::Answer{CandidateIndex::Known::kApp, *app}
                  : CandidateIndex::Answer{};
    }
  }
  switch (known.known) {
    case CandidateIndex::Known::kApp:
      if (event.permission) pending_.MarkCandidate(event.fd.get());
      Settle(view, event, known.app, path);
      if (event.permission) pending_.Finish(event.fd.get());
      return;
    case CandidateIndex::Known::kNeedsOwner:
      if (event.permission) pending_.MarkCandidate(event.fd.get());
      return Defer(view, std::move(event), *stamp, path, true);
    case CandidateIndex::Known::kNeedsHash:
      return Defer(view, std::move(event), *stamp, path, false);
    case CandidateIndex::Known::kNo:
      break;
  }
  Allow(event);
  if (any_size && !hashed) {
    event.permission = false;  // answered
    Defer(view, std::move(event), *stamp, path, false);
  }
}

void Gate::Settle(const GateState::View& view, const FanotifyEvent& event, AppIndex app,
                  const std::string& path) {
  const PolicyIndex& policy = *view.state.policy;
  const ProcessPerson who = ReadPerson(event.pid);
  Decision decision = policy.Decide(app, who.person, shared_->clock().Now());
  if (!event.exec && decision.deny && who.real_uid == 0u && who.person == 0u &&
      who.login_uid == kUnsetLoginUid && !RunsDynamicLoader(event.pid)) {
    // dpkg, backup and virus scanners of the system itself read files; reading is not running.
    decision.deny = false;
  }
  bool denied = false;
  if (event.permission) {
    const bool first = pending_.Answer(event.fd.get(), !decision.deny);
    denied = decision.deny && first;
    if (!first && decision.deny && event.exec) {
      const std::optional<FileStamp> program = StampOfFd(event.fd.get());
      local_lane_->Offer([this, pid = event.pid, program] { EndStarted(pid, program); });
    }
  }
  // Answered; from here on nobody waits.
  if (!event.exec && !denied) return;
  shared_->decided.fetch_add(1);
  if (denied) shared_->blocked.fetch_add(1);
  shared_->Record({view.state.policy, app, who, decision,
                   path.empty() ? PathOfFd(event.fd.get()) : path, denied});
}

// The start was let through, but may not have happened yet: until it has, the process still is
// what it was before and would be passed over.
void Gate::EndStarted(int pid, const std::optional<FileStamp>& program) {
  for (int i = 0; program && i < kStartTries; ++i) {
    const std::optional<FileStamp> exe = StampOfExe(pid);
    if (!exe || exe->key == program->key) break;
    poll(nullptr, 0, kStartTryMs);
  }
  kill_disallowed_();
}

void Gate::Defer(const GateState::View& view, FanotifyEvent event, const FileStamp& stamp,
                 const std::string& path, bool by_owner) {
  const bool remote = view.remote_devices->contains(stamp.key.dev);
  // std::function copies: the event is shared, not moved.
  auto shared_event = std::make_shared<FanotifyEvent>(std::move(event));
  auto task = [this, view, shared_event, stamp, path, by_owner] {
    const FanotifyEvent& e = *shared_event;
    std::optional<AppIndex> app;
    if (by_owner) {
      const std::map<std::string, std::string> owners = shared_->machine().DpkgOwners({path});
      app = MatchOwnedPath(*view.state.policy, path,
                           owners.empty() ? std::string() : owners.begin()->second);
    } else {
      app = shared_->AppByContents(view, e.fd.get(), stamp, path);
    }
    if (app) {
      Settle(view, e, *app, path);
    } else if (e.permission) {
      pending_.Answer(e.fd.get(), true);
    }
    if (e.permission) {
      pending_.Finish(e.fd.get());
    } else if (app) {
      EndStarted(e.pid, stamp);
    }
  };
  SlowLane& lane = remote ? *remote_lane_ : *local_lane_;
  if (lane.Offer(std::move(task))) return;
  // Too much at once: what is only suspected runs, what sits at a blocked path does not.
  if (!shared_event->permission) return;
  pending_.Answer(shared_event->fd.get(), !by_owner);
  pending_.Finish(shared_event->fd.get());
}

}  // namespace muster::agent
