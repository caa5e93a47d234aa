// Which phone asks for the chunks of a policy: one for all that are to have it, the others wait
// until the chunks are here. Pure; thread-compatible.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace muster::bridge {

class ChunkTurns {
 public:
  // True: another phone is asking for this policy's chunks, and this one waits for it.
  bool Wait(const std::string& policy_sha256, const std::string& device_id) {
    const auto it = asking_.find(policy_sha256);
    if (it == asking_.end() || it->second.device_id == device_id) return false;
    it->second.waiting.push_back(device_id);
    return true;
  }
  void Begin(const std::string& policy_sha256, const std::string& device_id) {
    asking_[policy_sha256].device_id = device_id;
  }
  // This phone asks for that policy no longer, got or not: who waited for it.
  std::vector<std::string> End(const std::string& policy_sha256, const std::string& device_id) {
    const auto it = asking_.find(policy_sha256);
    if (it == asking_.end() || it->second.device_id != device_id) return {};
    std::vector<std::string> out = std::move(it->second.waiting);
    asking_.erase(it);
    return out;
  }
  // The same of all policies that it asks for.
  std::vector<std::string> EndAll(const std::string& device_id) {
    std::vector<std::string> out;
    for (auto it = asking_.begin(); it != asking_.end();) {
      if (it->second.device_id != device_id) {
        ++it;
        continue;
      }
      out.insert(out.end(), it->second.waiting.begin(), it->second.waiting.end());
      it = asking_.erase(it);
    }
    return out;
  }
  bool Asks(const std::string& device_id) const {
    for (const auto& [sha256, turn] : asking_) {
      if (turn.device_id == device_id) return true;
    }
    return false;
  }
  bool empty() const { return asking_.empty(); }
  void Clear() { asking_.clear(); }

 private:
  struct Turn {
    std::string device_id;
    std::vector<std::string> waiting;
  };
  std::map<std::string, Turn> asking_;  // by the policy's hash
};

}  // namespace muster::bridge
