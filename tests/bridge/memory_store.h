// A bridge's state in memory: durable is what was committed, and it can die at any commit.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "bridge/flow/bridge_store.h"

namespace muster::bridge {

class MemoryBridgeStore final : public BridgeStore {
 public:
  absl::StatusOr<std::optional<std::string>> Read(const std::string& name) const override {
    const auto it = now_.find(name);
    return it == now_.end() ? std::nullopt : std::optional(it->second);
  }
  absl::Status Write(const std::string& name, absl::string_view bytes) override {
    if (dead_) return absl::UnavailableError("dead");
    now_[name] = std::string(bytes);
    changed_[name] = now_[name];
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& name) override {
    if (dead_) return absl::UnavailableError("dead");
    now_.erase(name);
    changed_[name] = std::nullopt;
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) const override {
    std::vector<std::string> out;
    const std::string prefix = dir + "/";
    for (auto it = now_.lower_bound(prefix);
         it != now_.end() && absl::StartsWith(it->first, prefix); ++it) {
      out.push_back(it->first.substr(prefix.size()));
    }
    return out;
  }
  absl::Status Commit() override {
    if (dead_ || commits_until_death_ == 0) {
      dead_ = true;
      return absl::UnavailableError("dead");
    }
    --commits_until_death_;
    ++commits_;
    for (auto& [name, bytes] : changed_) {
      if (bytes) {
        durable_[name] = *bytes;
      } else {
        durable_.erase(name);
      }
    }
    changed_.clear();
    return absl::OkStatus();
  }

  void DieAfter(int commits) { commits_until_death_ = commits; }
  bool dead() const { return dead_; }
  int commits() const { return commits_; }
  // What a kill at this moment leaves.
  void Kill() {
    now_ = durable_;
    changed_.clear();
    dead_ = false;
    commits_until_death_ = -1;
  }

 private:
  std::map<std::string, std::string> now_, durable_;
  std::map<std::string, std::optional<std::string>> changed_;  // since the last commit
  int commits_until_death_ = -1, commits_ = 0;                 // -1: it lives
  bool dead_ = false;
};

}  // namespace muster::bridge
