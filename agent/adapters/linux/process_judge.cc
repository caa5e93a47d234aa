#include "agent/adapters/linux/process_judge.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_hash.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/linux/proc.h"
#include "agent/domain/interpreters.h"
#include "agent/flow/candidates.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

// To read the very file of an O_PATH descriptor.
Fd Reopen(int place) {
  return Fd(open(absl::StrCat("/proc/self/fd/", place).c_str(),
                 O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

}  // namespace

namespace {

absl::flat_hash_set<uint64_t> SystemDevices() {
  absl::flat_hash_set<uint64_t> out;
  for (const char* path : {"/", "/usr"}) {
    if (const std::optional<uint64_t> dev = DeviceOfPath(path)) out.insert(*dev);
  }
  return out;
}

}  // namespace

ProcessJudge::ProcessJudge(GateState* shared, const MountMarks* marks)
    : shared_(shared), marks_(marks), system_devices_(SystemDevices()) {}

std::optional<ProcessJudge::Program> ProcessJudge::ProgramOf(int pid) const {
  const Fd exe(open(absl::StrCat("/proc/", pid, "/exe").c_str(), O_PATH | O_CLOEXEC));
  const std::optional<FileFacts> facts = exe.ok() ? FactsOfFd(exe.get()) : std::nullopt;
  if (!facts) return std::nullopt;
  Program out{facts->stamp, PathOfExe(pid), false};
  out.interpreter = IsInterpreter(out.path) || facts->owner != 0 ||
                    !system_devices_.contains(facts->stamp.key.dev);
  return out;
}

std::optional<AppIndex> ProcessJudge::AppOf(const GateState::View& view, const FileStamp& stamp,
                                            const std::string& path, const std::string& link) {
  const CandidateIndex& candidates = *view.state.candidates;
  if (candidates.Spared(stamp.key) || !marks_->InScope(stamp.key.dev)) return std::nullopt;
  if (const std::optional<AppIndex> app = candidates.FindFile(stamp)) return app;
  const CandidateIndex::Answer known = candidates.Look(stamp, path);
  switch (known.known) {
    case CandidateIndex::Known::kApp:
      return known.app;
    case CandidateIndex::Known::kNeedsOwner: {
      const std::map<std::string, std::string> owners = shared_->machine().DpkgOwners({path});
      const auto app = MatchOwnedPath(*view.state.policy, path,
                                      owners.empty() ? std::string() : owners.begin()->second);
      if (app) return app;
      break;
    }
    case CandidateIndex::Known::kNo:
      if (!candidates.has_unsized_hash() && !candidates.has_build_ids()) return std::nullopt;
      break;
    case CandidateIndex::Known::kNeedsHash:
      break;
  }
  // Looked at before it is opened: another file, or a device, may be at the end of the link by
  // now. Its times alone may have changed.
  const Fd place(open(link.c_str(), O_PATH | O_CLOEXEC));
  const std::optional<FileFacts> facts = place.ok() ? FactsOfFd(place.get()) : std::nullopt;
  if (!facts || !(facts->stamp.key == stamp.key)) return std::nullopt;
  const Fd file = Reopen(place.get());
  if (!file.ok()) return std::nullopt;
  return shared_->AppByContents(view, file.get(), *facts, path);
}

std::optional<AppIndex> ProcessJudge::AppOfData(const GateState::View& view, const FileStamp& stamp,
                                                int place) {
  const CandidateIndex& candidates = *view.state.candidates;
  if (!candidates.HasDataFileOfSize(stamp.size)) return std::nullopt;
  const Fd file = Reopen(place);
  const std::optional<std::string> sha256 =
      file.ok() ? HashFd(file.get(), stamp.size) : std::nullopt;
  if (!sha256) return std::nullopt;
  return candidates.FindDataFile(stamp.size, *sha256);
}

std::optional<AppIndex> ProcessJudge::AppOfArguments(const GateState::View& view, int pid,
                                                     const std::string& program,
                                                     std::string* path) {
  const absl::StatusOr<std::string> line =
      ReadFile(absl::StrCat("/proc/", pid, "/cmdline"), limits::kMaxCommandLineBytes);
  if (!line.ok()) return std::nullopt;
  for (const std::string& argument : FileArguments(program, *line)) {
    const std::string link = PathFromOutside(pid, argument);
    const Fd file(open(link.c_str(), O_PATH | O_CLOEXEC));
    const std::optional<FileFacts> facts = file.ok() ? FactsOfFd(file.get()) : std::nullopt;
    if (!facts) continue;
    const bool there = absl::StartsWith(link, absl::StrCat("/proc/", pid, "/root/"));
    *path = there ? argument : PathOfFd(file.get());
    if (const auto app = AppOf(view, facts->stamp, *path, link)) return app;
    return AppOfData(view, facts->stamp, file.get());
  }
  return std::nullopt;
}

bool ProcessJudge::End(const GateState::View& view, int pid, const FileStamp& exe, AppIndex app,
                       std::string path) {
  const ProcessPerson who = ReadPerson(pid);
  const Decision decision = shared_->Decide(view, app, who);
  if (!decision.deny) return false;
  GateState::Decided d;
  d.terminal = TerminalOf(pid);
  if (!KillIfStill(pid, exe)) return false;
  shared_->blocked.fetch_add(1);
  d.policy = view.state.policy;
  d.app = app;
  d.who = who;
  d.verdict = decision.verdict;
  d.path = std::move(path);
  d.denied = d.killed = true;
  shared_->Record(std::move(d));
  return true;
}

bool ProcessJudge::EndIfDisallowed(int pid, Depth depth) {
  if (shared_->IsAgent(pid)) return false;
  const GateState::View view = shared_->view();
  if (view.state.policy == nullptr || view.state.candidates == nullptr) return false;
  const std::optional<Program> program = ProgramOf(pid);
  if (!program) return false;
  if (depth == Depth::kByStamp) {
    const auto app = view.state.candidates->FindFile(program->stamp);
    return app && !view.state.candidates->Spared(program->stamp.key) &&
           End(view, pid, program->stamp, *app, program->path);
  }
  const std::string link = absl::StrCat("/proc/", pid, "/exe");
  if (const auto app = AppOf(view, program->stamp, program->path, link)) {
    return End(view, pid, program->stamp, *app, program->path);
  }
  if (!program->interpreter) return false;
  std::string path;
  const std::optional<AppIndex> app = AppOfArguments(view, pid, program->path, &path);
  return app && End(view, pid, program->stamp, *app, std::move(path));
}

}  // namespace muster::agent
