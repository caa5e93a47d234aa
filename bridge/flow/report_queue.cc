#include "bridge/flow/report_queue.h"

#include <algorithm>
#include <utility>

#include "common/bridge_limits.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster::bridge {

ReportQueue::ReportQueue(std::string bridge_id, PrivateKey key, BridgeStore* store,
                         BlobStore* blobs, const Clock* clock)
    : bridge_id_(std::move(bridge_id)),
      key_(std::move(key)),
      store_(store),
      blobs_(blobs),
      clock_(clock) {}

absl::StatusOr<ReportQueue::Log*> ReportQueue::LogOf(const std::string& device_id) {
  if (const auto it = logs_.find(device_id); it != logs_.end()) return &it->second;
  Log log;
  if (device_id.empty()) {
    log.log = std::make_unique<agent::ReportLog>(bridge_id_, key_, store_, clock_);
  } else {
    log.store = std::make_unique<PhoneStore>(device_id, store_, blobs_);
    // Each report of a phone tells everything of its kind: the newest are worth most.
    log.log = std::make_unique<agent::ReportLog>(device_id, key_, log.store.get(), clock_,
                                                 limits::kMaxPhoneReportsWaiting, false);
  }
  MUSTER_RETURN_IF_ERROR(log.log->Open());
  return &logs_.emplace(device_id, std::move(log)).first->second;
}

void ReportQueue::Queue(Log& log, Item item) {
  const uint64_t number = ++last_;
  log.numbers.push_back(number);
  items_[number] = std::move(item);
}

void ReportQueue::Tidy(const std::string& device_id, uint64_t acknowledged) {
  const auto it = logs_.find(device_id);
  if (it == logs_.end()) return;
  std::deque<uint64_t>& numbers = it->second.numbers;
  while (!numbers.empty()) {
    const auto item = items_.find(numbers.front());
    if (item != items_.end() && item->second.seq > acknowledged) break;
    if (item != items_.end()) items_.erase(item);
    numbers.pop_front();
  }
  if (it->second.log->waiting() == 0) logs_.erase(it);
}

void ReportQueue::DropStale(Log& log) {
  if (log.numbers.size() <= 2 * log.log->waiting()) return;
  std::deque<uint64_t> kept;
  for (const uint64_t number : log.numbers) {
    const auto item = items_.find(number);
    if (item == items_.end()) continue;
    const auto waiting = log.log->Next(item->second.seq - 1);
    if (waiting.ok() && *waiting && (*waiting)->seq == item->second.seq) {
      kept.push_back(number);
    } else {
      items_.erase(item);
    }
  }
  log.numbers = std::move(kept);
}

absl::Status ReportQueue::Open(const std::string& device_id) {
  MutexLock lock(&mu_);
  MUSTER_ASSIGN_OR_RETURN(Log* const log, LogOf(device_id));
  const bool known = !log->numbers.empty() ||
                     std::any_of(fresh_.begin(), fresh_.end(),
                                 [&](const Item& item) { return item.device_id == device_id; });
  if (known) return absl::OkStatus();
  for (uint64_t seq = 0;;) {
    MUSTER_ASSIGN_OR_RETURN(const auto waiting, log->log->Next(seq));
    if (!waiting) break;
    seq = waiting->seq;
    fresh_.push_back({device_id, seq});
  }
  Tidy(device_id, 0);
  return absl::OkStatus();
}

void ReportQueue::Forget(const std::string& device_id) {
  MutexLock lock(&mu_);
  begun_.erase(device_id);
  const auto it = logs_.find(device_id);
  if (it == logs_.end()) return;
  for (const uint64_t number : it->second.numbers) items_.erase(number);
  logs_.erase(it);
  fresh_.erase(std::remove_if(fresh_.begin(), fresh_.end(),
                              [&](const Item& item) { return item.device_id == device_id; }),
               fresh_.end());
}

absl::StatusOr<v1::ReportChain> ReportQueue::Head(const std::string& device_id) {
  MutexLock lock(&mu_);
  MUSTER_ASSIGN_OR_RETURN(Log* const log, LogOf(device_id));
  v1::ReportChain head = log->log->head();
  Tidy(device_id, 0);
  return head;
}

absl::Status ReportQueue::Append(const std::string& device_id, v1::Report body) {
  MutexLock lock(&mu_);
  MUSTER_ASSIGN_OR_RETURN(Log* const log, LogOf(device_id));
  const absl::StatusOr<uint64_t> seq = log->log->Append(std::move(body));
  if (seq.ok()) fresh_.push_back({device_id, *seq});
  DropStale(*log);
  Tidy(device_id, 0);
  return seq.status();
}

void ReportQueue::Committed() {
  MutexLock lock(&mu_);
  for (Item& item : std::exchange(fresh_, {})) {
    if (const auto it = logs_.find(item.device_id); it != logs_.end()) {
      Queue(it->second, std::move(item));
    }
  }
}

absl::StatusOr<bool> ReportQueue::Acknowledge(const std::string& device_id, uint64_t seq,
                                              const std::string& sha256) {
  MutexLock lock(&mu_);
  MUSTER_ASSIGN_OR_RETURN(Log* const log, LogOf(device_id));
  const bool ours = !log->log->IsForeign(seq, sha256);
  const absl::Status status = ours ? log->log->Acknowledge(seq) : log->log->SkipTo(seq);
  Tidy(device_id, status.ok() ? seq : 0);
  if (!status.ok()) return status;
  return ours;
}

void ReportQueue::Reset() {
  MutexLock lock(&mu_);
  begun_.clear();
}

void ReportQueue::Begin(const std::string& device_id) {
  MutexLock lock(&mu_);
  if (!begun_.insert(device_id).second) return;
  const auto it = logs_.find(device_id);
  if (it == logs_.end()) return;
  // The stream may be past their numbers.
  for (const uint64_t number : std::exchange(it->second.numbers, {})) {
    const auto item = items_.find(number);
    if (item == items_.end()) continue;
    Item moved = std::move(item->second);
    items_.erase(item);
    Queue(it->second, std::move(moved));
  }
}

void ReportQueue::End(const std::string& device_id) {
  MutexLock lock(&mu_);
  begun_.erase(device_id);
}

std::optional<agent::Outbox::Numbered> ReportQueue::Next(uint64_t after) {
  MutexLock lock(&mu_);
  for (auto it = items_.upper_bound(after); it != items_.end(); ++it) {
    const Item& item = it->second;
    if (!begun_.contains(item.device_id)) continue;
    const auto log = logs_.find(item.device_id);
    if (log == logs_.end()) continue;
    auto waiting = log->second.log->Next(item.seq - 1);
    // One that was dropped for want of room, or cannot be read, is passed over.
    if (!waiting.ok() || !*waiting || (*waiting)->seq != item.seq) continue;
    agent::Outbox::Numbered out;
    out.seq = it->first;
    out.message.set_device_id(item.device_id);
    *out.message.mutable_report() = std::move((*waiting)->doc);
    return out;
  }
  return std::nullopt;
}

size_t ReportQueue::waiting() const {
  MutexLock lock(&mu_);
  return items_.size();
}

}  // namespace muster::bridge
