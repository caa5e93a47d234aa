// Doubles and a valid-by-default tenant for the agent's tests.
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
#include "common/crypto.h"
#include "common/mutex.h"
#include "common/signed_doc.h"
#include "common/time_proto.h"

namespace muster::agent {

inline absl::Time At(const char* text) {
  absl::Time t;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &t, &error)) std::abort();
  return t;
}

inline constexpr char kTestDevice[] = "dev-1";
inline constexpr char kTestTenant[] = "agency";

// One tenant with its keys. Every Make… gives a document that verifies; `edit` breaks it.
class TestTenant {
 public:
  explicit TestTenant(absl::Time now) : now_(now) {}

  v1::DocumentHeader Header(const char* kind, const std::string& name, uint64_t version) const {
    v1::DocumentHeader h;
    h.set_tenant(kTestTenant);
    h.set_kind(kind);
    h.set_name(name);
    h.set_epoch(1);
    h.set_version(version);
    *h.mutable_issued_at() = ToProto(now_);
    *h.mutable_not_after() = ToProto(now_ + absl::Hours(24));
    return h;
  }

  v1::Root Root(uint64_t version = 1) const {
    v1::Root root;
    *root.mutable_header() = Header("root", "root", version);
    const std::pair<const char*, const PrivateKey*> roles[] = {
        {"root", &root_}, {"policy", &policy_}, {"assignment", &assignment_}};
    for (const auto& [role, key] : roles) {
      v1::TrustedKey* k = root.add_keys();
      k->set_key_id(key->key_id());
      k->set_spki(key->spki());
      k->set_algorithm(key->algorithm());
      v1::TrustedRole* r = root.add_roles();
      r->set_role(role);
      r->add_key_ids(key->key_id());
      r->set_threshold(1);
    }
    return root;
  }

  // One app, `chat`: dpkg package chatapp; RESTRICTED unless told otherwise; blocklisted.
  v1::CohortPolicy Cohort(uint64_t version = 1,
                          v1::Trm::Status status = v1::Trm::RESTRICTED) const {
    v1::CohortPolicy policy;
    *policy.mutable_header() = Header("cohort", kLinuxCohort, version);
    policy.set_platform(v1::Platform::LINUX);
    v1::App* app = policy.add_apps();
    app->set_id("chat");
    app->set_name("Chat");
    v1::AppIdentity* identity = app->add_identities();
    identity->set_platform(v1::Platform::LINUX);
    identity->set_origin(v1::Origin::DPKG);
    identity->set_package_id("chatapp");
    v1::Trm* trm = policy.add_trm();
    trm->set_app_id("chat");
    trm->set_status(status);
    trm->set_decision_id("TRM-1");
    policy.add_blocklist("chat");
    policy.set_how_to_ask("Ask the service desk.");
    return policy;
  }

  // Persons alice and bob; alice is entitled to chat when `granted`.
  v1::DeviceAssignment Assignment(uint64_t version, bool granted) const {
    v1::DeviceAssignment a;
    *a.mutable_header() = Header("assignment", AssignmentName(kTestDevice), version);
    a.set_device_id(kTestDevice);
    a.set_certificate_key_sha256(device_.key_id());
    a.set_cohort(kLinuxCohort);
    for (const char* name : {"alice", "bob"}) {
      v1::AssignedPerson* p = a.add_persons();
      p->set_person_id(absl::StrCat("id-", name));
      p->set_upn(absl::StrCat(name, "@agency.example"));
      p->set_account_name(name);
    }
    if (granted) {
      v1::Entitlement* e = a.add_entitlements();
      e->set_grant_id("GRT-1");
      e->set_person_id("id-alice");
      e->set_app_id("chat");
      *e->mutable_not_after() = ToProto(now_ + absl::Hours(1));
    }
    return a;
  }

  v1::SignedDoc Sign(const v1::Root& m) const { return *MakeSignedDoc(m, {root_}); }
  v1::SignedDoc Sign(const v1::CohortPolicy& m) const { return *MakeSignedDoc(m, {policy_}); }
  v1::SignedDoc Sign(const v1::DeviceAssignment& m) const {
    return *MakeSignedDoc(m, {assignment_});
  }
  v1::Update UpdateOf(const std::vector<v1::SignedDoc>& docs, uint64_t nonce = 7) const {
    v1::Update update;
    update.set_nonce(nonce);
    for (const v1::SignedDoc& d : docs) *update.add_documents() = d;
    return update;
  }

  DeviceIdentity identity() const { return {kTestTenant, kTestDevice, device_.key_id()}; }
  v1::AcceptedState Enrolled() const {
    const v1::SignedDoc root = Sign(Root());
    return FirstState(root, *VerifyRoot(root, nullptr, kTestTenant, Floor(), now_));
  }
  const PrivateKey& device_key() const { return device_; }
  const PrivateKey& policy_key() const { return policy_; }
  absl::Time now() const { return now_; }

 private:
  static PrivateKey NewKey() { return *PrivateKey::Generate(kEcdsaP256Sha256); }
  const absl::Time now_;
  const PrivateKey root_ = NewKey(), policy_ = NewKey(), assignment_ = NewKey(), device_ = NewKey();
};

// Files in memory. `before_write` false: that write fails and changes nothing.
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

  std::function<bool(const std::string& name)> before_write;

 private:
  mutable Mutex mu_;
  std::map<std::string, std::string> files_ ABSL_GUARDED_BY(mu_);
};

// A machine made of tables.
class FakeMachine final : public Machine {
 public:
  std::vector<v1::InventoryItem> ReadInventory() override { return inventory; }
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
  std::vector<Account> Accounts(const std::vector<std::string>&) override { return accounts; }
  std::string hostname() override { return "host"; }
  std::string kernel() override { return "6.1"; }

  std::vector<v1::InventoryItem> inventory;
  std::map<std::string, std::vector<std::string>> program_files;
  std::map<std::string, FileStamp> stamps;
  std::map<std::string, std::string> links, owners;
  std::multimap<std::string, std::pair<std::string, std::string>> shipped;
  std::map<std::string, HashedFile> hashes;
  std::vector<Account> accounts = {{"alice", 20001}, {"bob", 20002}};
};

class FakeEnforcer final : public Enforcer {
 public:
  void Swap(EnforcementState s) override { state = std::move(s); }
  void SetArmed(bool a) override { armed = a; }
  EnforcerStatus status() const override {
    EnforcerStatus out;
    out.mode = armed ? v1::StatusReport::ENFORCING : v1::StatusReport::DISARMED;
    return out;
  }
  std::vector<ExecRecord> TakeRecords(uint32_t* dropped) override {
    *dropped = std::exchange(this->dropped, 0);
    return std::exchange(records, {});
  }
  void KillDisallowed() override { ++kills; }

  EnforcementState state;
  bool armed = true;
  int kills = 0;
  uint32_t dropped = 0;
  std::vector<ExecRecord> records;
};

}  // namespace muster::agent
