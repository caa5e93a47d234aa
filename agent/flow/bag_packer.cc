#include "agent/flow/bag_packer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/domain/export_reading.h"
#include "agent/domain/plain_text.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/time_proto.h"

namespace muster::agent {

void BagPacker::Hold(const std::string& export_sha256, std::shared_ptr<HeldExport> file) {
  if (!held_.emplace(export_sha256, std::move(file)).second) return;
  held_order_.push_back(export_sha256);
  if (held_order_.size() <= limits::kMaxSubmissions) return;
  held_.erase(held_order_.front());
  held_order_.pop_front();
}

absl::Time BagPacker::Step(const ArchivePlan& plan) {
  problems_.clear();
  if (plan.settings.repository().empty()) return absl::InfiniteFuture();
  std::vector<v1::ArchiveState::Export> waiting;
  std::vector<int> after;  // where to go on once that many were tried
  parts_.ledger->Look([&](const v1::ArchiveState& state) {
    const int all = state.exports_size();
    for (int i = 0; i < all && waiting.size() < limits::kMaxReadsPerStep; ++i) {
      const int at = (from_ + i) % all;
      if (state.exports(at).packed()) continue;
      waiting.push_back(state.exports(at));
      after.push_back((at + 1) % all);
    }
  });
  if (waiting.empty()) return absl::InfiniteFuture();
  const absl::Time now = parts_.clock->Now();
  // A clock that was put back must not put the next try off.
  next_ = std::min(next_, now + limits::kMaxPackPause);
  if (now < next_) {
    AddProblem("", "the record repository is away; exports wait to be packed");
    return next_;
  }
  if (absl::Status there = parts_.repository->Check(plan.settings.repository()); !there.ok()) {
    return Pause("", there);
  }
  for (size_t i = 0; i < waiting.size(); ++i) {
    // What cannot be packed keeps its place, and keeps nothing behind it waiting.
    from_ = after[i];
    const Outcome outcome = Pack(plan, waiting[i]);
    if (outcome == Outcome::kAway) return next_;
    if (outcome == Outcome::kPacked) pause_ = absl::ZeroDuration();
  }
  pause_ = absl::ZeroDuration();
  return parts_.clock->Now() + limits::kExportLookInterval;
}

// The lookup by hash makes any file of that content good, wherever it lies.
std::shared_ptr<HeldExport> BagPacker::Find(const ArchivePlan& plan,
                                            const v1::ArchiveState::Export& waiting) {
  const auto held = held_.find(waiting.seen().export_sha256());
  if (held != held_.end()) return held->second;
  const ArchivePerson* person = plan.FindPerson(waiting.seen().person_id());
  if (person == nullptr || waiting.path().empty()) return nullptr;
  FoundExport found;
  found.account = person->account;
  found.uid = person->uid;
  found.path = waiting.path();
  absl::StatusOr<std::unique_ptr<HeldExport>> file =
      parts_.folders->Open(plan.settings.folder(), found);
  return file.ok() ? *std::move(file) : nullptr;
}

BagPacker::Outcome BagPacker::Pack(const ArchivePlan& plan,
                                   const v1::ArchiveState::Export& waiting) {
  const v1::ExportSeen& seen = waiting.seen();
  const std::string name =
      PlainText(waiting.path().empty() ? "a file that was submitted" : waiting.path(), 120);
  const std::shared_ptr<HeldExport> file = Find(plan, waiting);
  if (file == nullptr) {
    AddProblem(seen.account_name(),
               absl::StrCat(name, " was read, but is gone before it could be packed: put it back"));
    return Outcome::kSkipped;
  }
  PackOrder order;
  order.repository = plan.settings.repository();
  order.bag_id = BagIdOf(seen.person_id(), seen.app_id(), seen.export_sha256());
  order.info = MakeBagInfo(seen, waiting.chat(), parts_.device_id, parts_.tenant);
  order.export_sha256 = seen.export_sha256();
  const absl::StatusOr<Packed> packed = file->Pack(order);
  if (absl::IsFailedPrecondition(packed.status())) {
    AddProblem(seen.account_name(),
               absl::StrCat(name, " was changed before it could be packed: put back what it was"));
    return Outcome::kSkipped;
  }
  if (absl::IsAlreadyExists(packed.status())) {
    AddProblem(seen.account_name(),
               absl::StrCat(name, ": the record repository holds something else as ", order.bag_id,
                            "; tell the records office"));
    return Outcome::kSkipped;
  }
  if (!packed.ok()) {
    // Its name is in the words of the error, and is nobody else's business.
    Pause(seen.account_name(), packed.status());
    return Outcome::kAway;
  }
  const absl::Status saved = parts_.ledger->Commit([&](v1::ArchiveState& state) {
    v1::ArchiveState::Export* e =
        FindExport(state, seen.person_id(), seen.app_id(), seen.export_sha256());
    if (e == nullptr) return absl::OkStatus();
    e->set_packed(true);
    e->set_packed_reported(false);
    e->mutable_seen()->set_bag_id(order.bag_id);
    e->mutable_seen()->set_repository_id(plan.settings.repository_id());
    e->mutable_seen()->set_payload_oxum(packed->payload_oxum);
    e->mutable_seen()->set_tagmanifest_sha256(packed->tagmanifest_sha256);
    *e->mutable_seen()->mutable_packed_at() = ToProto(parts_.clock->Now());
    return absl::OkStatus();
  });
  if (!saved.ok()) {
    Pause("", saved);
    return Outcome::kAway;
  }
  held_.erase(seen.export_sha256());
  held_order_.erase(std::remove(held_order_.begin(), held_order_.end(), seen.export_sha256()),
                    held_order_.end());
  return Outcome::kPacked;
}

absl::Time BagPacker::Pause(const std::string& account, const absl::Status& why) {
  pause_ = std::clamp(2 * pause_, limits::kMinPackPause, limits::kMaxPackPause);
  next_ = parts_.clock->Now() + pause_;
  AddProblem(account, absl::StrCat("exports wait to be packed: ", why.message()));
  return next_;
}

void BagPacker::AddProblem(const std::string& account, std::string text) {
  if (problems_.size() < limits::kMaxArchiveProblems)
    problems_.push_back({account, std::move(text)});
}

}  // namespace muster::agent
