#include "agent/flow/gate_messages.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/domain/text.h"
#include "common/limits.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

// Before the bytes of a path that is no text; no path of a file starts with it.
constexpr char kHex[] = "hex:";

// A path that is opened arrives as it is, whatever its bytes: a message with one that is no UTF-8
// is never read.
std::string SentPath(const std::string& path) {
  if (IsUtf8(path) && !absl::StartsWith(path, kHex)) return path;
  return absl::StrCat(kHex, absl::BytesToHexString(path));
}

std::string PathOfSent(absl::string_view sent) {
  if (!absl::ConsumePrefix(&sent, kHex)) return std::string(sent);
  return absl::HexStringToBytes(sent);
}

void SetStamp(const FileStamp& stamp, v1::GateStamp* out) {
  out->mutable_key()->set_dev(stamp.key.dev);
  out->mutable_key()->set_ino(stamp.key.ino);
  out->set_size(stamp.size);
  out->set_mtime_ns(stamp.mtime_ns);
  out->set_ctime_ns(stamp.ctime_ns);
}

FileStamp StampOf(const v1::GateStamp& s) {
  return {{s.key().dev(), s.key().ino()}, s.size(), s.mtime_ns(), s.ctime_ns()};
}

// Infinite times have no form in a Timestamp: they are left out.
template <typename Set>
void SetTime(absl::Time t, absl::Time none, const Set& set) {
  if (t != none) *set() = ToProto(t);
}

void AddPolicy(const PolicyIndex& policy, v1::GateState& out) {
  *out.mutable_content() = policy.content();
  out.set_how_to_ask(policy.how_to_ask());
  SetTime(policy.cohort_not_after(), absl::InfiniteFuture(),
          [&] { return out.mutable_cohort_not_after(); });
  if (policy.assignment()) *out.mutable_assignment() = *policy.assignment();
  if (policy.emergency_deny()) *out.mutable_emergency_deny() = *policy.emergency_deny();
  for (const auto& [name, uid] : policy.uid_of()) (*out.mutable_uid_of())[name] = uid;
  for (const auto& [key, until] : policy.windows()) {
    v1::GateState::Window* window = out.add_windows();
    window->set_uid(key.first);
    window->set_app_id(key.second);
    *window->mutable_until() = ToProto(until);
  }
  SetTime(policy.time_floor(), absl::InfinitePast(), [&] { return out.mutable_time_floor(); });
}

void AddCandidates(const CandidateIndex::Parts& parts, v1::GateState& out) {
  for (const ProgramFile& file : parts.files) {
    v1::GateState::File* f = out.add_files();
    SetStamp(file.stamp, f->mutable_stamp());
    f->set_app(file.app);
    f->set_path(SentPath(file.path));
  }
  for (const CataloguedPath& path : parts.paths) {
    v1::GateState::Path* p = out.add_paths();
    p->set_path(SentPath(path.path));
    p->set_app(path.app);
    if (path.stamp) SetStamp(*path.stamp, p->mutable_stamp());
  }
  for (const KnownHash& hash : parts.hashes) {
    v1::GateState::Hash* h = out.add_hashes();
    h->set_size(hash.size);
    h->set_sha256(hash.sha256);
    h->set_app(hash.app);
    h->set_learned(hash.learned);
    h->set_build_id(hash.build_id);
    h->set_companion_path(SentPath(hash.companion_path));
    h->set_companion_size(hash.companion_size);
    h->set_companion_sha256(hash.companion_sha256);
  }
  for (const std::string& path : parts.foreign_paths) out.add_foreign_paths(SentPath(path));
  for (const FileKey& key : parts.spared) {
    v1::GateFileKey* k = out.add_spared();
    k->set_dev(key.dev);
    k->set_ino(key.ino);
  }
}

std::shared_ptr<const PolicyIndex> PolicyOf(v1::GateState& in) {
  PolicyParts parts;
  parts.content = std::move(*in.mutable_content());
  parts.how_to_ask = in.how_to_ask();
  if (in.has_cohort_not_after()) parts.cohort_not_after = FromProto(in.cohort_not_after());
  if (in.has_assignment()) parts.assignment = &in.assignment();
  if (in.has_emergency_deny()) parts.emergency_deny = &in.emergency_deny();
  parts.uid_of = {in.uid_of().begin(), in.uid_of().end()};
  if (in.has_time_floor()) parts.time_floor = FromProto(in.time_floor());
  for (const v1::GateState::Window& w : in.windows()) {
    parts.windows[{w.uid(), w.app_id()}] = FromProto(w.until());
  }
  return PolicyIndex::Build(std::move(parts));
}

CandidateIndex::Parts CandidatesOf(const v1::GateState& in) {
  CandidateIndex::Parts out;
  for (const v1::GateState::File& f : in.files()) {
    out.files.push_back({StampOf(f.stamp()), f.app(), PathOfSent(f.path())});
  }
  for (const v1::GateState::Path& p : in.paths()) {
    CataloguedPath path{PathOfSent(p.path()), p.app(), std::nullopt};
    if (p.has_stamp()) path.stamp = StampOf(p.stamp());
    out.paths.push_back(std::move(path));
  }
  for (const v1::GateState::Hash& h : in.hashes()) {
    out.hashes.push_back({h.size(), h.sha256(), h.app(), h.learned(), h.build_id(),
                          PathOfSent(h.companion_path()), h.companion_size(),
                          h.companion_sha256()});
  }
  for (const std::string& path : in.foreign_paths()) out.foreign_paths.push_back(PathOfSent(path));
  for (const v1::GateFileKey& k : in.spared()) out.spared.push_back({k.dev(), k.ino()});
  return out;
}

absl::Status CheckApps(const CandidateIndex::Parts& parts, int count) {
  const auto bad = [count](AppIndex app, AppIndex lowest) { return app < lowest || app >= count; };
  bool wrong = false;
  for (const ProgramFile& f : parts.files) wrong |= bad(f.app, 0);
  for (const CataloguedPath& p : parts.paths) wrong |= bad(p.app, -1);
  for (const KnownHash& h : parts.hashes) wrong |= bad(h.app, 0);
  if (wrong) return absl::InvalidArgumentError("a candidate names an app that is not there");
  return absl::OkStatus();
}

}  // namespace

v1::GateState ToGateState(const EnforcementState& state) {
  v1::GateState out;
  if (state.policy != nullptr) AddPolicy(*state.policy, out);
  if (state.candidates != nullptr) AddCandidates(state.candidates->parts(), out);
  SetTime(state.monitor_until, absl::InfinitePast(), [&] { return out.mutable_monitor_until(); });
  out.set_policy_version(state.policy_version);
  return out;
}

absl::StatusOr<EnforcementState> FromGateState(v1::GateState in) {
  EnforcementState out;
  if (in.has_content()) {
    CandidateIndex::Parts parts = CandidatesOf(in);
    if (absl::Status s = CheckApps(parts, in.content().apps_size()); !s.ok()) return s;
    out.policy = PolicyOf(in);
    out.candidates = std::make_shared<const CandidateIndex>(std::move(parts));
  }
  if (in.has_monitor_until()) out.monitor_until = FromProto(in.monitor_until());
  out.policy_version = in.policy_version();
  return out;
}

v1::GateStatus ToGateStatus(const EnforcerStatus& s) {
  v1::GateStatus out;
  out.set_mode(s.mode);
  for (const std::string& text : s.cannot_enforce) {
    out.add_cannot_enforce(CleanText(text, limits::kMaxReasonBytes));
  }
  for (const std::string& path : s.marked) out.add_marked(CleanText(path, limits::kMaxPathBytes));
  out.set_decided(s.decided);
  out.set_blocked(s.blocked);
  for (const v1::Canary& c : s.canaries) *out.add_canaries() = c;
  for (const v1::Tampering& t : s.tampering) *out.add_tampering() = t;
  for (const std::string& text : s.capabilities) out.add_capabilities(text);
  out.set_worker_restarts(s.worker_restarts);
  return out;
}

EnforcerStatus FromGateStatus(const v1::GateStatus& in) {
  EnforcerStatus out;
  out.mode = in.mode();
  out.cannot_enforce = {in.cannot_enforce().begin(), in.cannot_enforce().end()};
  out.marked = {in.marked().begin(), in.marked().end()};
  out.decided = in.decided();
  out.blocked = in.blocked();
  out.canaries = {in.canaries().begin(), in.canaries().end()};
  out.tampering = {in.tampering().begin(), in.tampering().end()};
  out.capabilities = {in.capabilities().begin(), in.capabilities().end()};
  out.worker_restarts = in.worker_restarts();
  return out;
}

v1::GateRecord ToGateRecord(const ExecRecord& r) {
  v1::GateRecord out;
  out.set_app_id(r.app_id);
  if (r.uid) out.set_uid(*r.uid);
  out.set_verdict(r.verdict);
  out.set_reason(r.reason);
  out.set_path(CleanText(r.path, limits::kMaxPathBytes));
  out.set_denied(r.denied);
  out.set_killed(r.killed);
  *out.mutable_at() = ToProto(r.at);
  out.set_terminal(r.terminal);
  return out;
}

ExecRecord FromGateRecord(const v1::GateRecord& in) {
  ExecRecord out;
  out.app_id = in.app_id();
  if (in.has_uid()) out.uid = in.uid();
  out.verdict = static_cast<v1::Verdict::Kind>(in.verdict());
  out.reason = in.reason();
  out.path = in.path();
  out.denied = in.denied();
  out.killed = in.killed();
  out.at = FromProto(in.at());
  out.terminal = in.terminal();
  return out;
}

}  // namespace muster::agent
