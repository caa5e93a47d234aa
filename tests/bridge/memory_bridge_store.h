// A bridge's state in memory: what is not committed is gone after a crash, and it can die at any
// commit.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "bridge/flow/bridge_store.h"
#include "common/mutex.h"

namespace muster::bridge {

class MemoryBridgeStore final : public BridgeStore {
 public:
  using Records = std::map<std::string, std::string>;

  absl::StatusOr<std::optional<std::string>> Read(const std::string& name) const override {
    MutexLock lock(&mu_);
    const auto it = now_.find(name);
    return it == now_.end() ? std::optional<std::string>() : it->second;
  }
  absl::Status Write(const std::string& name, absl::string_view bytes) override {
    MutexLock lock(&mu_);
    if (dead_) return Dead();
    now_[name] = std::string(bytes);
    changed_[name] = now_[name];
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& name) override {
    MutexLock lock(&mu_);
    if (dead_) return Dead();
    now_.erase(name);
    changed_[name] = std::nullopt;
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) const override {
    MutexLock lock(&mu_);
    std::vector<std::string> out;
    const std::string below = dir + "/";
    for (auto it = now_.lower_bound(below); it != now_.end(); ++it) {
      if (!absl::StartsWith(it->first, below)) break;
      out.push_back(it->first.substr(below.size()));
    }
    return out;
  }
  absl::Status Commit() override {
    MutexLock lock(&mu_);
    if (!commit_error.ok()) return commit_error;
    if (commits_until_death_ == 0) dead_ = true;
    if (dead_) return Dead();
    --commits_until_death_;
    ++commits_;
    for (auto& [name, bytes] : changed_) {
      if (bytes) {
        committed_[name] = *bytes;
      } else {
        committed_.erase(name);
      }
    }
    changed_.clear();
    return absl::OkStatus();
  }

  // The commit after this many more fails, and everything from then on until a crash.
  void DieAfter(int commits) {
    MutexLock lock(&mu_);
    commits_until_death_ = commits;
  }
  bool dead() const {
    MutexLock lock(&mu_);
    return dead_;
  }
  // As after kill -9.
  void Crash() {
    MutexLock lock(&mu_);
    Settle(committed_);
  }
  Records committed() const {
    MutexLock lock(&mu_);
    return committed_;
  }
  // A copy that is put back.
  void Restore(const Records& records) {
    MutexLock lock(&mu_);
    committed_ = records;
    Settle(records);
  }
  int commits() const {
    MutexLock lock(&mu_);
    return commits_;
  }

  absl::Status commit_error;

 private:
  static absl::Status Dead() { return absl::UnavailableError("dead"); }
  void Settle(const Records& records) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    now_ = records;
    changed_.clear();
    dead_ = false;
    commits_until_death_ = -1;
  }

  mutable Mutex mu_;
  Records now_ ABSL_GUARDED_BY(mu_), committed_ ABSL_GUARDED_BY(mu_);
  // Since the last commit, so that one costs what has changed and not what there is.
  std::map<std::string, std::optional<std::string>> changed_ ABSL_GUARDED_BY(mu_);
  int commits_until_death_ ABSL_GUARDED_BY(mu_) = -1;  // -1: it lives
  int commits_ ABSL_GUARDED_BY(mu_) = 0;
  bool dead_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace muster::bridge
