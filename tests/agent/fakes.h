// Doubles for the agent's tests.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/flow/accept_policy.h"
#include "agent/flow/enforcer.h"
#include "agent/flow/machine.h"
#include "agent/flow/state_store.h"
#include "common/mutex.h"
#include "tests/agent/test_tenant.h"

namespace muster::agent {

// Files in memory. `before_write` false: that write or removal fails and changes nothing.
class MemoryStateStore final : public StateStore {
 public:
  absl::StatusOr<std::optional<std::string>> Read(const std::string& name) const override {
    MutexLock lock(&mu_);
    const auto it = files_.find(name);
    return it == files_.end() ? std::optional<std::string>() : it->second;
  }
  absl::Status Write(const std::string& name, absl::string_view bytes) override {
    if (before_write && !before_write(name)) return absl::ResourceExhaustedError("no space");
    MutexLock lock(&mu_);
    files_[name] = std::string(bytes);
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& name) override {
    if (before_write && !before_write(name)) return absl::UnavailableError("stopped");
    MutexLock lock(&mu_);
    files_.erase(name);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) const override {
    MutexLock lock(&mu_);
    std::vector<std::string> out;
    for (const auto& [name, bytes] : files_) {
      if (absl::StartsWith(name, dir + "/")) out.push_back(name.substr(dir.size() + 1));
    }
    return out;
  }
  std::map<std::string, std::string> files() const {
    MutexLock lock(&mu_);
    return files_;
  }

  void SetFiles(std::map<std::string, std::string> files) {
    MutexLock lock(&mu_);
    files_ = std::move(files);
  }

  std::function<bool(const std::string& name)> before_write;

 private:
  mutable Mutex mu_;
  std::map<std::string, std::string> files_ ABSL_GUARDED_BY(mu_);
};

// A machine made of tables.
class FakeMachine final : public Machine {
 public:
  InventoryRead ReadInventory(unsigned sources) override {
    sources_read.push_back(sources);
    return {kAllSources, inventory, item_stamps, inventory_notes};
  }
  std::vector<std::string> ProgramFiles(v1::Origin::Kind, const std::string& id) override {
    return program_files[id];
  }
  std::optional<FileStamp> Stat(const std::string& path) override {
    const auto it = stamps.find(path);
    return it == stamps.end() ? std::nullopt : std::optional<FileStamp>(it->second);
  }
  std::string Resolve(const std::string& path) override {
    const auto it = links.find(path);
    return it == links.end() ? path : it->second;
  }
  std::map<std::string, std::string> DpkgOwners(const std::set<std::string>& paths) override {
    std::map<std::string, std::string> out;
    for (const auto& [path, owner] : owners) {
      if (paths.contains(path)) out[path] = owner;
    }
    return out;
  }
  std::multimap<std::string, std::pair<std::string, std::string>> DpkgFilesByMd5(
      const std::set<std::string>& md5s) override {
    std::multimap<std::string, std::pair<std::string, std::string>> out;
    for (const auto& [md5, where] : shipped) {
      if (md5s.contains(md5)) out.emplace(md5, where);
    }
    return out;
  }
  absl::StatusOr<HashedFile> Hash(const std::string& path) override {
    const auto it = hashes.find(path);
    if (it == hashes.end()) return absl::NotFoundError(path);
    return it->second;
  }
  absl::StatusOr<HashedFile> HashExactly(const std::string& path, const FileStamp& stamp) override {
    absl::StatusOr<HashedFile> hashed = Hash(path);
    if (hashed.ok() && !hashed->stamp.SameContents(stamp)) return absl::AbortedError(path);
    return hashed;
  }
  std::vector<Account> Accounts(const std::vector<std::string>&) override { return accounts; }
  std::string hostname() override { return "host"; }
  std::string kernel() override { return "6.1"; }

  std::vector<v1::InventoryItem> inventory;
  std::map<std::string, FileStamp> item_stamps;
  std::vector<std::string> inventory_notes;
  std::vector<unsigned> sources_read;
  std::map<std::string, std::vector<std::string>> program_files;
  std::map<std::string, FileStamp> stamps;
  std::map<std::string, std::string> links, owners;
  std::multimap<std::string, std::pair<std::string, std::string>> shipped;
  std::map<std::string, HashedFile> hashes;
  std::vector<Account> accounts = {{"alice", 20001}, {"bob", 20002}};
};

inline v1::Canary MakeCanary(const std::string& filesystem, v1::Canary::Result result,
                             const std::string& detail = "") {
  v1::Canary out;
  out.set_filesystem(filesystem);
  out.set_result(result);
  out.set_detail(detail);
  return out;
}

// Blocks on `/`, as its one canary says.
class FakeEnforcer final : public Enforcer {
 public:
  void Swap(EnforcementState s) override { state = std::move(s); }
  void SetArmed(bool a) override { armed = a; }
  EnforcerStatus status() const override {
    EnforcerStatus out = known;
    out.mode = armed ? v1::StatusReport::ENFORCING : v1::StatusReport::DISARMED;
    return out;
  }
  std::vector<ExecRecord> TakeRecords(uint32_t* dropped) override {
    *dropped = std::exchange(this->dropped, 0);
    return std::exchange(records, {});
  }
  void KillDisallowed() override { ++kills; }
  std::vector<v1::Canary> Prove() override {
    ++proofs;
    return canaries;
  }

  EnforcementState state;
  EnforcerStatus known;  // all but its mode
  bool armed = true;
  int kills = 0, proofs = 0;
  std::vector<v1::Canary> canaries = {MakeCanary("/", v1::Canary::BLOCKED)};
  uint32_t dropped = 0;
  std::vector<ExecRecord> records;
};

}  // namespace muster::agent
