// A bridge's state in memory: what is not committed is gone after a crash.
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
    now_[name] = std::string(bytes);
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& name) override {
    MutexLock lock(&mu_);
    now_.erase(name);
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
    committed_ = now_;
    ++commits_;
    return absl::OkStatus();
  }

  // As after kill -9.
  void Crash() {
    MutexLock lock(&mu_);
    now_ = committed_;
  }
  Records committed() const {
    MutexLock lock(&mu_);
    return committed_;
  }
  // A copy that is put back.
  void Restore(const Records& records) {
    MutexLock lock(&mu_);
    now_ = committed_ = records;
  }
  int commits() const { return commits_; }

  absl::Status commit_error;

 private:
  mutable Mutex mu_;
  Records now_ ABSL_GUARDED_BY(mu_), committed_ ABSL_GUARDED_BY(mu_);
  int commits_ = 0;
};

}  // namespace muster::bridge
