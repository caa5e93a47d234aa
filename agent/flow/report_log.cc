#include "agent/flow/report_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "agent/domain/exec_record.h"
#include "agent/domain/mend_texts.h"
#include "agent/flow/log.h"
#include "common/limits.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

std::string FileOf(uint64_t seq) { return absl::StrFormat("%s/%012d.pb", kSpoolDir, seq); }

std::optional<uint64_t> SeqOf(absl::string_view file_name) {
  uint64_t seq = 0;
  if (!absl::ConsumeSuffix(&file_name, ".pb") || !absl::SimpleAtoi(file_name, &seq)) {
    return std::nullopt;
  }
  return seq;
}

// What is stored and sent must be readable again: serialising takes texts that parsing refuses.
bool IsReadable(const v1::Report& body) {
  v1::Report back;
  return back.ParseFromString(body.SerializeAsString());
}

}  // namespace

Worth WorthOf(const v1::Report& body) {
  switch (body.body_case()) {
    case v1::Report::kExec: {
      const auto& items = body.exec().items();
      const bool allowed =
          std::all_of(items.begin(), items.end(), [](const auto& item) { return IsAllow(item); });
      return allowed && !items.empty() ? Worth::kAllowed : Worth::kExec;
    }
    case v1::Report::kStatus:
      return body.status().tampering().empty() ? Worth::kState : Worth::kProof;
    case v1::Report::kPolicy:
    case v1::Report::kDisarm:
    case v1::Report::kWitness:
    case v1::Report::kArchive:
      return Worth::kProof;
    case v1::Report::kInventory:
    case v1::Report::kPhone:
    case v1::Report::kBridge:
    case v1::Report::BODY_NOT_SET:
      return Worth::kState;
  }
  return Worth::kState;
}

ReportLog::ReportLog(std::string device_id, PrivateKey key, StateStore* store, const Clock* clock,
                     size_t max_waiting, bool by_worth)
    : device_id_(std::move(device_id)),
      key_(std::move(key)),
      store_(store),
      clock_(clock),
      max_waiting_(max_waiting),
      by_worth_(by_worth) {}

absl::Status ReportLog::Open() {
  MutexLock lock(&mu_);
  MUSTER_ASSIGN_OR_RETURN(std::optional<std::string> head, store_->Read(kChainFile));
  if (head && !head_.ParseFromString(*head)) {
    return absl::DataLossError(
        "chain.pb is damaged; move the state directory away and enrol this device again");
  }
  MUSTER_ASSIGN_OR_RETURN(std::vector<std::string> names, store_->List(kSpoolDir));
  std::vector<uint64_t> unreadable;
  for (const std::string& name : names) {
    const std::optional<uint64_t> seq = SeqOf(name);
    if (!seq) continue;
    MUSTER_ASSIGN_OR_RETURN(std::optional<std::string> bytes, store_->Read(FileOf(*seq)));
    v1::SignedDoc doc;
    v1::Report report;
    if (!bytes || !doc.ParseFromString(*bytes)) {
      return absl::DataLossError(
          absl::StrCat("report ", FileOf(*seq), " is damaged; remove the file and restart"));
    }
    const bool readable = report.ParseFromString(doc.payload());
    // The file of a report is its commit; the head on disk may be one behind.
    if (*seq > head_.seq()) {
      head_.set_seq(*seq);
      head_.set_sha256(Sha256Hex(doc.payload()));
      // What an unreadable one said to be lost is said again.
      if (readable) head_.set_dropped(0);
    }
    if (readable) {
      waiting_[*seq] = WorthOf(report);
    } else {
      unreadable.push_back(*seq);
    }
  }
  DropUnreadable(unreadable);
  return absl::OkStatus();
}

void ReportLog::DropUnreadable(const std::vector<uint64_t>& seqs) {
  if (seqs.empty()) return;
  head_.set_dropped(head_.dropped() + seqs.size());
  // Without room for the count the files stay for the next start, which counts them again.
  if (!SaveHead().ok()) return;
  for (const uint64_t seq : seqs) {
    Log(Severity::kError, "report ", seq, " cannot be read; it counts as lost");
    store_->Remove(FileOf(seq)).IgnoreError();
  }
}

absl::Status ReportLog::SaveHead() { return store_->Write(kChainFile, head_.SerializeAsString()); }

absl::Status ReportLog::DropOne(Worth than) {
  const auto victim =
      by_worth_ ? std::min_element(waiting_.begin(), waiting_.end(),
                                   [](const auto& a, const auto& b) { return a.second < b.second; })
                : waiting_.begin();
  if (by_worth_ && victim->second > than) {
    return absl::ResourceExhaustedError(
        absl::StrCat(waiting_.size(), " reports wait and are worth more than this one"));
  }
  // Counted before it is gone: a crash between the two counts one too many, never too few.
  head_.set_dropped(head_.dropped() + 1);
  MUSTER_RETURN_IF_ERROR(SaveHead());
  MUSTER_RETURN_IF_ERROR(store_->Remove(FileOf(victim->first)));
  waiting_.erase(victim);
  return absl::OkStatus();
}

void ReportLog::CountLost() {
  MutexLock lock(&mu_);
  head_.set_dropped(head_.dropped() + 1);
}

absl::StatusOr<uint64_t> ReportLog::Append(v1::Report body) {
  MutexLock lock(&mu_);
  // One bad name must not take everything else that it came with along.
  if (!IsReadable(body)) MendTexts(body);
  if (!IsReadable(body)) {
    head_.set_dropped(head_.dropped() + 1);
    // The count may be all there is of this chain, and nobody else saves it.
    SaveHead().IgnoreError();
    return absl::InvalidArgumentError("nobody could read it back; it counts as lost");
  }
  const bool exec = body.has_exec();
  absl::StatusOr<uint64_t> seq = TryAppend(std::move(body));
  // In memory alone: a full disk takes no count either. It is saved with the next thing that is.
  if (!seq.ok() && exec) head_.set_dropped(head_.dropped() + 1);
  return seq;
}

absl::StatusOr<uint64_t> ReportLog::TryAppend(v1::Report body) {
  const Worth worth = WorthOf(body);
  while (waiting_.size() >= max_waiting_) MUSTER_RETURN_IF_ERROR(DropOne(worth));
  const uint64_t seq = head_.seq() + 1;
  body.set_device_id(device_id_);
  body.set_seq(seq);
  body.set_prev_sha256(head_.sha256());
  *body.mutable_at() = ToProto(clock_->Now());
  body.set_dropped_before(head_.dropped());
  MUSTER_ASSIGN_OR_RETURN(v1::SignedDoc doc, MakeSignedDoc(body, {key_}));
  MUSTER_RETURN_IF_ERROR(store_->Write(FileOf(seq), doc.SerializeAsString()));
  head_.set_seq(seq);
  head_.set_sha256(Sha256Hex(doc.payload()));
  head_.set_dropped(0);
  waiting_[seq] = worth;
  return seq;
}

absl::StatusOr<std::optional<ReportLog::Waiting>> ReportLog::Next(uint64_t after) {
  MutexLock lock(&mu_);
  const auto it = waiting_.upper_bound(after);
  if (it == waiting_.end()) return std::optional<Waiting>();
  Waiting out{it->first, {}};
  MUSTER_ASSIGN_OR_RETURN(std::optional<std::string> bytes, store_->Read(FileOf(out.seq)));
  if (!bytes || !out.doc.ParseFromString(*bytes)) {
    return absl::DataLossError(absl::StrCat("report ", FileOf(out.seq), " is damaged"));
  }
  return std::optional<Waiting>(std::move(out));
}

absl::Status ReportLog::Acknowledge(uint64_t seq) {
  MutexLock lock(&mu_);
  if (seq > head_.seq()) {
    return absl::InvalidArgumentError(
        absl::StrCat("report ", seq, " was acknowledged but only ", head_.seq(), " exist"));
  }
  if (waiting_.empty() || waiting_.begin()->first > seq) return absl::OkStatus();
  // The head must outlive the files that it could be read from.
  MUSTER_RETURN_IF_ERROR(SaveHead());
  while (!waiting_.empty() && waiting_.begin()->first <= seq) {
    MUSTER_RETURN_IF_ERROR(store_->Remove(FileOf(waiting_.begin()->first)));
    waiting_.erase(waiting_.begin());
  }
  return absl::OkStatus();
}

bool ReportLog::IsForeign(uint64_t seq, const std::string& sha256) const {
  MutexLock lock(&mu_);
  if (seq > head_.seq()) return true;
  if (!waiting_.contains(seq) || sha256.empty()) return false;
  const auto bytes = store_->Read(FileOf(seq));
  v1::SignedDoc doc;
  return bytes.ok() && *bytes && doc.ParseFromString(**bytes) && Sha256Hex(doc.payload()) != sha256;
}

absl::Status ReportLog::SkipTo(uint64_t seq) {
  MutexLock lock(&mu_);
  if (seq > head_.seq() && seq - head_.seq() > limits::kMaxReportsSkipped) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot go on at report ", seq, " after ", head_.seq()));
  }
  const auto end = waiting_.upper_bound(seq);
  v1::ReportChain next = head_;
  next.set_dropped(head_.dropped() + static_cast<uint64_t>(std::distance(waiting_.begin(), end)));
  if (seq > head_.seq()) {
    next.set_seq(seq);
    next.clear_sha256();
  }
  MUSTER_RETURN_IF_ERROR(store_->Write(kChainFile, next.SerializeAsString()));
  head_ = next;
  while (!waiting_.empty() && waiting_.begin()->first <= seq) {
    MUSTER_RETURN_IF_ERROR(store_->Remove(FileOf(waiting_.begin()->first)));
    waiting_.erase(waiting_.begin());
  }
  return absl::OkStatus();
}

size_t ReportLog::waiting() const {
  MutexLock lock(&mu_);
  return waiting_.size();
}

v1::ReportChain ReportLog::head() const {
  MutexLock lock(&mu_);
  return head_;
}

}  // namespace muster::agent
