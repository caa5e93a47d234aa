#include "agent/adapters/linux/slow_lane.h"

#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "agent/adapters/linux/beat.h"
#include "common/agent_limits.h"

namespace muster::agent {

std::optional<std::string> HashCache::Find(const FileStamp& stamp) {
  MutexLock lock(&mu_);
  const auto it = by_stamp_.find(stamp);
  if (it == by_stamp_.end()) return std::nullopt;
  order_.splice(order_.begin(), order_, it->second);
  return it->second->second;
}

void HashCache::Put(const FileStamp& stamp, std::string sha256) {
  MutexLock lock(&mu_);
  if (const auto it = by_stamp_.find(stamp); it != by_stamp_.end()) {
    it->second->second = std::move(sha256);
    return;
  }
  order_.emplace_front(stamp, std::move(sha256));
  by_stamp_[stamp] = order_.begin();
  if (order_.size() <= capacity_) return;
  by_stamp_.erase(order_.back().first);
  order_.pop_back();
}

std::optional<std::string> HashFd(int fd, uint64_t size) {
  if (size > limits::kMaxHashedBytes) return std::nullopt;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (EVP_DigestInit_ex(ctx.get(), EVP_sha256(), nullptr) != 1) return std::nullopt;
  std::string buffer(64 << 10, '\0');
  for (uint64_t at = 0; at < size;) {
    const ssize_t n = pread(fd, buffer.data(), std::min<uint64_t>(buffer.size(), size - at),
                            static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    EVP_DigestUpdate(ctx.get(), buffer.data(), static_cast<size_t>(n));
    at += static_cast<uint64_t>(n);
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_DigestFinal_ex(ctx.get(), digest, &length);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest), length));
}

SlowLane::SlowLane(size_t capacity) : capacity_(capacity) {
  MutexLock lock(&mu_);
  busy_since_ns_.push_back(0);
  threads_.emplace_back([this] { Run(0); });
}

SlowLane::~SlowLane() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(&mu_);
    stop_ = true;
    tasks_.clear();
    changed_.NotifyAll();
    std::swap(threads, threads_);
  }
  for (std::thread& t : threads) t.join();
}

bool SlowLane::AllAreSlow() const {
  const int64_t now = MonotonicNanos();
  return std::all_of(busy_since_ns_.begin(), busy_since_ns_.end(), [now](int64_t since) {
    return since != 0 && now - since >= absl::ToInt64Nanoseconds(limits::kSlowTask);
  });
}

bool SlowLane::Offer(std::function<void()> task) {
  MutexLock lock(&mu_);
  if (stop_ || tasks_.size() >= capacity_) return false;
  tasks_.push_back(std::move(task));
  if (threads_.size() < limits::kMaxLaneThreads && AllAreSlow()) {
    const size_t me = busy_since_ns_.size();
    busy_since_ns_.push_back(MonotonicNanos());
    threads_.emplace_back([this, me] { Run(me); });
  }
  changed_.NotifyAll();
  return true;
}

bool SlowLane::stopping() const {
  MutexLock lock(&mu_);
  return stop_;
}

void SlowLane::Run(size_t me) {
  for (;;) {
    std::function<void()> task;
    {
      MutexLock lock(&mu_);
      busy_since_ns_[me] = 0;
      while (!stop_ && tasks_.empty()) changed_.Wait(&mu_);
      if (stop_) return;
      busy_since_ns_[me] = MonotonicNanos();
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace muster::agent
