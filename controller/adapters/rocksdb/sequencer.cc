#include "controller/adapters/rocksdb/sequencer.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log_limits.h"
#include "common/status_macros.h"
#include "controller/adapters/rocksdb/layout.h"

namespace muster {
namespace {

using Steady = std::chrono::steady_clock;

// To an officer: what it means, and what to do.
absl::Status NotWritten(const rocksdb::Status& s, const std::string& folder) {
  if (s.IsNoSpace()) {
    return absl::UnavailableError(
        absl::StrCat("store: the disk of ", folder,
                     " is full; nothing was changed. Make room on it: then "
                     "Muster goes on by itself"));
  }
  const absl::Status found = layout::FromRocks(s, absl::StrCat("writing to ", folder));
  return absl::Status(found.code(), absl::StrCat(found.message(),
                                                 "; nothing was changed. Look after that disk, "
                                                 "then try again"));
}

}  // namespace

Sequencer::Sequencer(Database* database, Tip tip)
    : database_(database), tip_(std::move(tip)), thread_([this] { Run(); }) {}

Sequencer::~Sequencer() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

absl::StatusOr<uint64_t> Sequencer::Commit(Mutation mutation) {
  MUSTER_ASSIGN_OR_RETURN(PreparedCommit commit, Prepare(std::move(mutation)));
  std::future<Answer> answer;
  {
    MutexLock lock(&mu_);
    if (queue_.size() >= limits::kMaxWaitingCommits) {
      return absl::ResourceExhaustedError(
          absl::StrCat("store: ", queue_.size(),
                       " changes wait to be written already; nothing was changed, try again in a "
                       "moment"));
    }
    waiting_entries_ += commit.mutation.audit.size();
    waiting_bytes_ += commit.bytes;
    Waiting& waiting = queue_.emplace_back();
    waiting.commit = std::move(commit);
    answer = waiting.answer.get_future();
    // While it waits for company it looks at the clock, not at each who comes.
    if (queue_.size() == 1 || HasFullBatch()) wake_.NotifyAll();
  }
  return answer.get();
}

bool Sequencer::HasFullBatch() const {
  return waiting_entries_ >= limits::kMaxBatchEntries || waiting_bytes_ >= limits::kMaxBatchBytes;
}

void Sequencer::Run() {
  for (std::vector<Waiting> commits = Take(); !commits.empty(); commits = Take()) {
    loaded_ = commits.size() > 1;
    last_began_ = Steady::now();
    Write(std::move(commits));
  }
}

// Those whom the last batch answered come back with what they want next, one after the other; taken
// at once, the first of them would have a sync for itself. A lone one never waits here.
void Sequencer::WaitForCompany() {
  if (!loaded_) return;
  const auto until = last_began_ + absl::ToChronoNanoseconds(limits::kMinLogBatch);
  for (auto now = Steady::now(); now < until && !HasFullBatch() && !stopping_;
       now = Steady::now()) {
    wake_.WaitFor(&mu_, absl::FromChrono(until - now));
  }
}

std::vector<Sequencer::Waiting> Sequencer::Take() {
  MutexLock lock(&mu_);
  while (queue_.empty() && !stopping_) wake_.Wait(&mu_);
  if (!queue_.empty()) WaitForCompany();
  std::vector<Waiting> out;
  size_t entries = 0, bytes = 0;
  while (!queue_.empty()) {
    const PreparedCommit& next = queue_.front().commit;
    entries += next.mutation.audit.size();
    bytes += next.bytes;
    const bool fits = entries <= limits::kMaxBatchEntries && bytes <= limits::kMaxBatchBytes;
    if (!out.empty() && !fits) break;  // one that is larger by itself goes by itself
    waiting_entries_ -= next.mutation.audit.size();
    waiting_bytes_ -= next.bytes;
    out.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return out;
}

void Sequencer::Write(std::vector<Waiting> commits) {
  if (!tip_) {
    absl::StatusOr<Tip> tip = Recover();
    if (!tip.ok()) {
      for (Waiting& waiting : commits) waiting.answer.set_value(tip.status());
      return;
    }
    tip_ = *std::move(tip);
  }
  const std::shared_ptr<rocksdb::DB> db = database_->Get();
  CommitBatch batch(db.get(), *std::move(tip_));
  tip_.reset();
  std::vector<Taken> taken;
  for (Waiting& waiting : commits) {
    const Answer revision = batch.Add(std::move(waiting.commit));
    if (revision.ok()) {
      taken.push_back({std::move(waiting.answer), *revision});
    } else {
      waiting.answer.set_value(revision.status());
    }
  }
  const absl::Status written = taken.empty() ? absl::OkStatus() : Sync(*db, batch);
  if (written.ok()) tip_ = std::move(batch).TakeTip();
  for (Taken& one : taken) {
    one.answer.set_value(written.ok() ? Answer(one.revision) : Answer(written));
  }
}

absl::Status Sequencer::Sync(rocksdb::DB& db, CommitBatch& batch) {
  rocksdb::WriteOptions options;
  options.sync = true;
  const rocksdb::Status s = db.Write(options, &batch.Finish());
  if (s.ok()) return absl::OkStatus();
  return failure_ = NotWritten(s, database_->folder());
}

absl::StatusOr<Tip> Sequencer::Recover() {
  if (!database_->HasRoom()) return failure_;  // and what is open can still be read
  MUSTER_RETURN_IF_ERROR(database_->Reopen());
  return ReadTip(database_->Get(), database_->folder());
}

}  // namespace muster
