#include "agent/adapters/linux/gate.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/adapters/files/local_machine.h"
#include "agent/domain/cacheable.h"
#include "agent/domain/person_of.h"
#include "agent/flow/candidates.h"
#include "agent/flow/log.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

constexpr int kDeciderNice = -20, kSparePollMs = 20;
constexpr int kStartTries = 200, kStartTryMs = 5;
constexpr absl::Duration kWatchdogPeriod = absl::Milliseconds(50);
// The spare thread helps when the first has been at one event for so long.
constexpr absl::Duration kLateAfter = absl::Milliseconds(100);
constexpr absl::Duration kStuckAfter = absl::Seconds(2);
// sysexits(3), EX_SOFTWARE: the service manager restarts on it.
constexpr int kExitStuck = 70;

int64_t NanosOf(absl::Time t) { return absl::ToUnixNanos(t); }

}  // namespace

absl::StatusOr<GateGroups> GateGroups::Open(bool enforce) {
  absl::StatusOr<FanotifyGroup> execs = FanotifyGroup::Open(enforce);
  if (!execs.ok()) return execs.status();
  GateGroups out{*std::move(execs), std::nullopt};
  if (!enforce) return out;
  absl::StatusOr<FanotifyGroup> opens = FanotifyGroup::Open(enforce);
  if (!opens.ok()) return opens.status();
  out.opens.emplace(*std::move(opens));
  return out;
}

Gate::Gate(GateGroups groups, GateState* shared, std::function<void()> kill_disallowed,
           GateHooks hooks)
    : groups_(std::move(groups)),
      shared_(shared),
      kill_disallowed_(std::move(kill_disallowed)),
      hooks_(std::move(hooks)),
      // Descriptors are unique in this process: only the group that the event is of knows it.
      pending_([this](int fd, bool allow) {
        if (!groups_.execs.Respond(fd, allow) && groups_.opens) groups_.opens->Respond(fd, allow);
      }),
      stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      spare_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      local_lane_(std::make_unique<SlowLane>(limits::kMaxSlowTasks)),
      remote_lane_(std::make_unique<SlowLane>(limits::kMaxSlowTasks)) {
  first_.thread = std::thread([this] { FirstLoop(); });
  spare_.thread = std::thread([this] { SpareLoop(); });
  watchdog_thread_ = std::thread([this] { WatchdogLoop(); });
}

void Gate::StopDeciding(bool allow_waiting) {
  eventfd_write(stop_event_.get(), 1);
  first_.thread.join();
  spare_.thread.join();
  // No new events and no decider any more: nothing may wait for the lanes.
  if (allow_waiting) {
    pending_.AllowAll();
  } else {
    pending_.Expire(absl::InfiniteFuture());
  }
  watchdog_thread_.join();
}

void Gate::TakeDown() {
  if (stopping_.exchange(true)) return;
  groups_.execs.Flush();
  if (groups_.opens) groups_.opens->Flush();
  StopDeciding(true);
  groups_.execs.Close();
  if (groups_.opens) groups_.opens->Close();
}

std::optional<GateGroups> Gate::HandOver() {
  if (stopping_.exchange(true)) return std::nullopt;
  StopDeciding(false);
  return std::move(groups_);
}

Gate::~Gate() {
  TakeDown();
  local_lane_.reset();
  remote_lane_.reset();
}

void Gate::FirstLoop() {
  // Whoever starts a program waits for this thread: it goes before everything ordinary.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kDeciderNice);
  pollfd fds[3] = {{groups_.execs.fd(), POLLIN, 0},
                   {groups_.opens ? groups_.opens->fd() : -1, POLLIN, 0},
                   {stop_event_.get(), POLLIN, 0}};
  while (!stopping_) {
    first_.busy_since_ns = 0;
    if (poll(fds, 3, -1) < 0 && errno != EINTR) break;
    if ((fds[0].revents & POLLIN) != 0) Serve(groups_.execs, first_);
    if ((fds[1].revents & POLLIN) != 0) Serve(*groups_.opens, first_);
  }
  first_.busy_since_ns = 0;
}

void Gate::SpareLoop() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kDeciderNice);
  pollfd wait[2] = {{spare_event_.get(), POLLIN, 0}, {stop_event_.get(), POLLIN, 0}};
  while (!stopping_) {
    if (poll(wait, 2, -1) < 0 && errno != EINTR) break;
    eventfd_t count = 0;
    eventfd_read(spare_event_.get(), &count);
    pollfd fds[3] = {{groups_.execs.fd(), POLLIN, 0},
                     {groups_.opens ? groups_.opens->fd() : -1, POLLIN, 0},
                     {stop_event_.get(), POLLIN, 0}};
    while (!stopping_ && first_.busy_since_ns != 0) {
      spare_.busy_since_ns = 0;
      if (poll(fds, 3, kSparePollMs) < 0 && errno != EINTR) break;
      if ((fds[0].revents & POLLIN) != 0) Serve(groups_.execs, spare_);
      if ((fds[1].revents & POLLIN) != 0) Serve(*groups_.opens, spare_);
    }
    spare_.busy_since_ns = 0;
  }
}

void Gate::Serve(const FanotifyGroup& group, Decider& decider) {
  const absl::Time now = monotonic_.Now();
  decider.busy_since_ns = NanosOf(now);
  absl::StatusOr<std::vector<FanotifyEvent>> events = group.Read();
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
    if (events->size() > 1) decider.busy_since_ns = NanosOf(monotonic_.Now());
    Handle(std::move(e));
  }
}

bool Gate::Late() const {
  const int64_t now = NanosOf(monotonic_.Now());
  const auto late = [now](const Decider& d) {
    const int64_t since = d.busy_since_ns;
    return since != 0 && now - since >= absl::ToInt64Nanoseconds(kStuckAfter);
  };
  return late(first_) && late(spare_);
}

void Gate::WatchdogLoop() {
  pollfd stop = {stop_event_.get(), POLLIN, 0};
  while (!stopping_) {
    poll(&stop, 1, static_cast<int>(absl::ToInt64Milliseconds(kWatchdogPeriod)));
    const absl::Time now = monotonic_.Now();
    pending_.Expire(now - limits::kExecDeadline + kWatchdogPeriod);
    const int64_t busy = first_.busy_since_ns;
    if (busy != 0 && NanosOf(now) - busy >= absl::ToInt64Nanoseconds(kLateAfter)) {
      eventfd_write(spare_event_.get(), 1);
    }
    if (!Late()) continue;
    if (hooks_.on_stuck) {
      hooks_.on_stuck();
      continue;
    }
    // Leaving closes the descriptors: whatever waits runs, and the machine goes on.
    Log(Severity::kError, "both decision threads are stuck; leaving, to be started again");
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
  if (shared_->IsAgent(event.pid)) return Allow(event);
  const GateState::View view = shared_->view();
  const std::optional<FileFacts> facts = FactsOfFd(event.fd.get());
  if (!facts) return Allow(event);
  if (event.exec && shared_->IsProbe(event.pid, facts->stamp.key)) {
    if (event.permission) pending_.Answer(event.fd.get(), false);
    if (event.permission) pending_.Finish(event.fd.get());
    return;
  }
  if (view.state.policy == nullptr || view.state.candidates == nullptr) return Allow(event);
  const CandidateIndex& candidates = *view.state.candidates;
  if (candidates.Spared(facts->stamp.key)) {
    Allow(event);
    return Remember(view, event, *facts, true);
  }
  if (const std::optional<AppIndex> app = candidates.FindFile(facts->stamp)) {
    if (event.permission) pending_.MarkCandidate(event.fd.get());
    Settle(view, event, *app, "");
    if (event.permission) pending_.Finish(event.fd.get());
    return;
  }
  const std::string path = PathOfFd(event.fd.get());
  const Finding found = Look(view, event, facts->stamp, path);
  if (event.permission && found.likely) pending_.MarkCandidate(event.fd.get());
  switch (found.known.known) {
    case CandidateIndex::Known::kApp:
      if (event.permission) pending_.MarkCandidate(event.fd.get());
      Settle(view, event, found.known.app, path);
      if (event.permission) pending_.Finish(event.fd.get());
      return;
    case CandidateIndex::Known::kNeedsOwner:
      if (event.permission) pending_.MarkCandidate(event.fd.get());
      return Defer(view, std::move(event), *facts, path, true);
    case CandidateIndex::Known::kNeedsHash:
      return Defer(view, std::move(event), *facts, path, false);
    case CandidateIndex::Known::kNo:
      break;
  }
  Allow(event);
  Remember(view, event, *facts, found.contents_known);
  if (!found.contents_known) {
    event.permission = false;  // answered
    Defer(view, std::move(event), *facts, path, false);
  }
}

Gate::Finding Gate::Look(const GateState::View& view, const FanotifyEvent& event,
                         const FileStamp& stamp, const std::string& path) {
  const CandidateIndex& candidates = *view.state.candidates;
  Finding out;
  out.known = candidates.Look(stamp, path);
  const bool open = out.known.known == CandidateIndex::Known::kNo ||
                    out.known.known == CandidateIndex::Known::kNeedsHash;
  if (!open) return out;
  const bool any_size = candidates.has_unsized_hash() && event.exec;
  const bool any_build = candidates.has_build_ids() && event.exec;
  const bool size_known = out.known.known == CandidateIndex::Known::kNeedsHash;
  if (!any_size && !any_build && !size_known) return out;
  const GateState::AtHand at_hand = shared_->ContentsAtHand(event.fd.get(), stamp);
  if (at_hand.sha256) {
    if (const auto app = candidates.FindHash(stamp.size, *at_hand.sha256, path)) {
      out.known = {CandidateIndex::Known::kApp, *app};
      return out;
    }
  }
  const std::vector<ContentMatch> matches = candidates.MatchContents(
      {stamp.size, at_hand.sha256.value_or(""), at_hand.build_id.value_or("")}, path);
  out.likely = std::any_of(matches.begin(), matches.end(),
                           [](const ContentMatch& m) { return !m.needs_companion; });
  const bool must_read =
      !matches.empty() || (any_build && !at_hand.build_id) ||
      (!at_hand.sha256 && (size_known || (any_size && view.found_sizes->contains(stamp.size))));
  out.known = {must_read ? CandidateIndex::Known::kNeedsHash : CandidateIndex::Known::kNo, -1};
  out.contents_known = !must_read && (at_hand.sha256 || !any_size);
  return out;
}

// Checked again after the kernel was told: a state or contents that came in between count.
void Gate::Remember(const GateState::View& view, const FanotifyEvent& event, const FileFacts& facts,
                    bool contents_known) {
  if (!event.exec || !remembers_) return;
  AllowFacts allow;
  allow.contents_known = contents_known;
  allow.remote = view.remote_devices->contains(facts.stamp.key.dev);
  allow.owner = facts.owner;
  allow.mode = facts.mode;
  if (!MayRemember(allow)) return;
  if (!groups_.execs.Allow(event.fd.get())) {
    remembers_ = false;
    return;
  }
  const std::optional<FileFacts> after = FactsOfFd(event.fd.get());
  if (shared_->epoch() == view.epoch && after && after->stamp == facts.stamp) return;
  groups_.execs.TakeBackAllowed(event.fd.get());
}

void Gate::Settle(const GateState::View& view, const FanotifyEvent& event, AppIndex app,
                  const std::string& path) {
  const ProcessPerson who = ReadPerson(event.pid);
  Decision decision = shared_->Decide(view, app, who);
  if (!event.exec && decision.deny && who.real_uid == 0u && who.person == 0u &&
      who.login_uid == kUnsetLoginUid && !RunsDynamicLoader(event.pid)) {
    // dpkg, backup and virus scanners of the system itself read files; reading is not running.
    decision.deny = false;
  }
  std::string terminal;
  if (decision.deny) terminal = TerminalOf(event.pid);
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
  GateState::Decided d;
  d.policy = view.state.policy;
  d.app = app;
  d.who = who;
  d.verdict = decision.verdict;
  d.path = path.empty() ? PathOfFd(event.fd.get()) : path;
  d.denied = denied;
  d.terminal = std::move(terminal);
  shared_->Record(std::move(d));
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

void Gate::Defer(const GateState::View& view, FanotifyEvent event, const FileFacts& facts,
                 const std::string& path, bool by_owner) {
  const bool remote = view.remote_devices->contains(facts.stamp.key.dev);
  // std::function copies: the event is shared, not moved.
  auto shared_event = std::make_shared<FanotifyEvent>(std::move(event));
  auto task = [this, view, shared_event, facts, path, by_owner] {
    const FanotifyEvent& e = *shared_event;
    std::optional<AppIndex> app;
    if (by_owner) {
      const std::map<std::string, std::string> owners = shared_->machine().DpkgOwners({path});
      app = MatchOwnedPath(*view.state.policy, path,
                           owners.empty() ? std::string() : owners.begin()->second);
    }
    if (!app) {
      app = shared_->AppByContents(view, e.fd.get(), facts.stamp, path);
    }
    if (app) {
      Settle(view, e, *app, path);
    } else if (e.permission) {
      pending_.Answer(e.fd.get(), true);
    }
    if (e.permission) {
      pending_.Finish(e.fd.get());
    } else if (app) {
      EndStarted(e.pid, facts.stamp);
    }
    if (!app && !by_owner) Remember(view, e, facts, true);
  };
  SlowLane& lane = remote ? *remote_lane_ : *local_lane_;
  if (lane.Offer(std::move(task))) return;
  // Too much at once: what is only suspected runs, what sits at a blocked path does not.
  if (!shared_event->permission) return;
  pending_.Answer(shared_event->fd.get(), !by_owner);
  pending_.Finish(shared_event->fd.get());
}

}  // namespace muster::agent
