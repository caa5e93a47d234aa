// A controller without programs or network: the real store, the real LDIF directory, real keys,
// a clock that only moves when told.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/signed_doc.h"
#include "common/time_proto.h"
#include "controller/adapters/ldif/ldif_directory.h"
#include "controller/adapters/openssl/tenant_files.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "controller/flow/apply.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/device_documents.h"
#include "controller/flow/device_reports.h"
#include "controller/flow/directory_alarms.h"
#include "controller/flow/enroll.h"
#include "controller/flow/explain.h"
#include "controller/flow/grants.h"
#include "controller/flow/lookup.h"
#include "controller/flow/reconciler.h"
#include "controller/flow/request_decisions.h"
#include "controller/flow/requests.h"
#include "controller/flow/sync.h"
#include "controller/flow/sync_runs.h"
#include "controller/flow/trust.h"
#include "tests/controller/flow/whole_store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_device.h"

namespace muster {

// Fails commits on purpose: the n-th one from now, before anything is written.
class FaultyStore final : public Store {
 public:
  explicit FaultyStore(std::unique_ptr<Store> real) : real_(std::move(real)) {}
  std::unique_ptr<Snapshot> Read() const override { return real_->Read(); }
  absl::StatusOr<uint64_t> Commit(Mutation m) override {
    if (fail_in_ > 0 && --fail_in_ == 0) return absl::InternalError("crash");
    ++commits_;
    return real_->Commit(std::move(m));
  }
  void FailIn(int n) { fail_in_ = n; }
  int commits() const { return commits_; }

 private:
  std::unique_ptr<Store> real_;
  int fail_in_ = 0, commits_ = 0;
};

// Answers like the real directory, unless told to fail.
class FaultyDirectory final : public Directory {
 public:
  explicit FaultyDirectory(std::unique_ptr<Directory> real) : real_(std::move(real)) {}
  std::string source() const override { return real_->source(); }
  std::string kind() const override { return real_->kind(); }
  absl::StatusOr<DirectorySnapshotPtr> Read(const std::map<std::string, std::string>& groups,
                                            ReadDepth depth) override {
    if (!error.ok()) return error;
    reads.push_back(depth);
    if (depth == ReadDepth::kChanges && unchanged) return last_;
    MUSTER_ASSIGN_OR_RETURN(last_, real_->Read(groups, depth));
    if (edit) {
      auto edited = std::make_shared<DirectorySnapshot>(*last_);
      edit(*edited);
      last_ = std::move(edited);
    }
    return last_;
  }
  absl::Status ConfirmGone(const PastMember& member) override {
    asked.push_back(member.person_id);
    if (const auto it = confirm.find(member.person_id); it != confirm.end()) return it->second;
    return error.ok() ? real_->ConfirmGone(member) : error;
  }
  v1::DirectoryReading reading() const override { return real_->reading(); }
  absl::Status AddMember(const std::string& g, const std::string& p) override {
    return error.ok() ? real_->AddMember(g, p) : error;
  }
  absl::Status RemoveMember(const std::string& g, const std::string& p) override {
    return error.ok() ? real_->RemoveMember(g, p) : error;
  }
  absl::Status CheckPassword(const v1::Person& person, const std::string& password) override {
    if (!error.ok()) return error;
    ++password_checks;
    const auto it = passwords.find(person.upn());
    if (it != passwords.end() && it->second == password) return absl::OkStatus();
    return absl::UnauthenticatedError("wrong");
  }
  std::map<std::string, std::string> passwords;  // by UPN
  int password_checks = 0;
  absl::Status error;
  std::function<void(DirectorySnapshot&)> edit;  // of every read
  bool unchanged = false;                        // the answer of a read of changes
  std::vector<ReadDepth> reads;
  std::map<std::string, absl::Status> confirm;  // by person
  std::vector<std::string> asked;               // ConfirmGone: person ids

 private:
  std::unique_ptr<Directory> real_;
  DirectorySnapshotPtr last_;
};

class CountingEntropy final : public Entropy {
 public:
  std::string Bytes(size_t n) override {
    std::string out(n, '\0');
    const uint64_t v = ++count_;
    for (size_t i = 0; i < 8 && i < n; ++i) out[n - 1 - i] = static_cast<char>(v >> (8 * i));
    return out;
  }

 private:
  uint64_t count_ = 0;
};

// Person n (1 to 99) of the test directory.
inline std::string IdOf(int n) { return absl::StrFormat("00000000-0000-4000-8000-%012d", n); }

inline std::string PersonLdif(const std::string& name, int n) {
  return absl::StrCat("dn: uid=", name, ",dc=agency,dc=test\nobjectClass: inetOrgPerson\n",
                      "entryUUID: ", IdOf(n), "\nuid: ", name, "\ncn: ", name,
                      "\nsn: x\nmail: ", name, "@agency.test\n\n");
}

inline constexpr int kAlice = 1, kBob = 2, kDesk = 3, kSoc = 4, kSecond = 5;
inline constexpr int kExtras = 20;  // u0 … u19 are persons 10 … 29

class World : public testing::Test {
 protected:
  World() {
    settings_.tenant = "agency";
    settings_.groups["whatsapp"] = "cn=wa,dc=agency,dc=test";
    WriteDirectory({});
    store_ = std::make_unique<FaultyStore>(*RocksDbStore::Open(dir_.File("db")));
    directory_ = std::make_unique<FaultyDirectory>(*LdifDirectory::Open(dir_.File("d.ldif")));
    services_ = std::make_unique<Services>(Services{*store_, clock_, entropy_, work_, settings_});
    EXPECT_TRUE(InitTenant({dir_.File("t"), "agency", {"localhost"}}, clock_.Now()).ok());
    Tenant tenant = *LoadTenant(dir_.File("t"));
    EXPECT_TRUE(AdoptRoot(*services_, signer_, tenant.root).ok());
    reconciler_ =
        std::make_unique<Reconciler>(*services_, signer_, *directory_, *hub_, ReconcilerOptions{});
    ca_ = NewDeviceAuthority("agency", tenant.device_authority, tenant.device_authority_key);
  }

  // Whatever the flows did: no index is wrong, and the audit log leads to its head.
  void TearDown() override {
    if (!breaks_store_) {
      EXPECT_EQ(FindingsIn(dir_.File("db")), std::vector<std::string>());
    }
  }

  // The whole directory file: everybody, and the group with these members.
  void WriteDirectory(const std::vector<std::string>& members,
                      const std::set<std::string>& left_out = {}) {
    std::string text = "version: 1\n\n";
    int n = 0;
    for (const char* name : {"alice", "bob", "desk", "soc", "second"}) {
      ++n;
      if (!left_out.contains(name)) text += PersonLdif(name, n);
    }
    for (int i = 0; i < kExtras; ++i) text += PersonLdif(absl::StrCat("u", i), 10 + i);
    text +=
        "dn: cn=wa,dc=agency,dc=test\nobjectClass: groupOfNames\nentryUUID: "
        "00000000-0000-4000-9000-000000000001\ncn: wa\n"
        "member: cn=placeholder,dc=agency,dc=test\n";
    for (const std::string& m : members) text += "member: uid=" + m + ",dc=agency,dc=test\n";
    ASSERT_TRUE(WriteFileAtomically(dir_.File("d.ldif"), text, 0600).ok());
  }
  std::string DirectoryText() { return *ReadFile(dir_.File("d.ldif")); }

  // WhatsApp RESTRICTED and blocklisted, Signal PROHIBITED and blocklisted, Slack UNLISTED.
  void LoadCatalogue(v1::Trm::Status whatsapp = v1::Trm::RESTRICTED) {
    LoadedPolicies loaded;
    for (const char* id : {"whatsapp", "signal", "slack"}) {
      Located<v1::App> app;
      app.value.set_id(id);
      app.value.set_name(id);
      v1::AppIdentity* identity = app.value.add_identities();
      identity->set_platform(v1::Platform::LINUX);
      identity->set_origin(v1::Origin::DPKG);
      identity->set_package_id(id);
      loaded.apps.push_back(app);
    }
    loaded.trm.emplace();
    loaded.blocklist.emplace();
    for (const auto& [id, status] :
         {std::pair("whatsapp", whatsapp), std::pair("signal", v1::Trm::PROHIBITED)}) {
      Located<v1::Trm> trm;
      trm.value.set_app_id(id);
      trm.value.set_status(status);
      trm.value.set_decision_id("TRM-1");
      loaded.trm->push_back(trm);
      loaded.blocklist->push_back({id, "blocklist.yaml", 2, 5});
    }
    const auto outcome = ApplyPolicies(*services_, Who("soc"), loaded, {});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    ASSERT_TRUE(outcome->applied) << IssueText(outcome->issues.at(0));
  }

  static Actor Who(const std::string& name) {
    const std::map<std::string, int> kIds = {
        {"alice", kAlice}, {"bob", kBob}, {"desk", kDesk}, {"soc", kSoc}, {"second", kSecond}};
    return {{IdOf(kIds.at(name)), name + "@agency.test"}, "certificate 1", "test"};
  }

  // A Linux device of `owner` with this key; its documents are published.
  EnrolledDevice EnrolDevice(const PrivateKey& key, const std::string& owner,
                             const std::vector<std::string>& accounts = {}) {
    const auto token = CreateToken(*services_, Who("soc"),
                                   {.platform = v1::Platform::LINUX,
                                    .owner_upn = owner + "@agency.test",
                                    .group = "",
                                    .ttl = absl::Hours(1)},
                                   false);
    EXPECT_TRUE(token.ok()) << token.status();
    const auto enrolled = EnrollDevice(*services_, *ca_,
                                       {.token = token->token,
                                        .csr_der = MakeCsr(key),
                                        .hostname = "laptop",
                                        .platform = v1::Platform::LINUX,
                                        .local_accounts = accounts,
                                        .from = "test"});
    EXPECT_TRUE(enrolled.ok()) << enrolled.status();
    Settle();
    return *enrolled;
  }

  absl::Status Sync() { return reconciler_->SyncNow(MusterItself(), false).status(); }

  // Syncs in full and lets everything follow.
  v1::SyncRun Run() {
    auto run = reconciler_->SyncNow(MusterItself(), false);
    EXPECT_TRUE(run.ok()) << run.status();
    Settle();
    return run.value_or(v1::SyncRun());
  }
  v1::SyncRun RunNow(const std::string& id) {
    return Load<v1::SyncRun>(*store_->Read(), RunKey(id), "missing")->value;
  }
  // Account names under "member/whatsapp/" or "inactive_member/whatsapp/".
  std::vector<std::string> Members(const std::string& prefix = "member/whatsapp/") {
    std::vector<std::string> out;
    for (const auto found = store_->Read()->Scan(prefix, "", 1'000); const Record& r : *found) {
      out.push_back(
          Load<v1::Person>(*store_->Read(), PersonKey(r.key.substr(prefix.size())), "missing")
              ->value.account_name());
    }
    return out;
  }
  static std::vector<std::string> Extras(int n) {
    std::vector<std::string> out;
    for (int i = 0; i < n; ++i) out.push_back(absl::StrCat("u", i));
    return out;
  }
  // "CODE object", newest first.
  std::vector<std::string> Alarms() {
    std::vector<std::string> out;
    for (const auto found = FindDirectoryAlarms(*store_->Read(), clock_.Now());
         const v1::DirectoryAlarm& alarm : found->items) {
      out.push_back(absl::StrCat(v1::DirectoryAlarm::Code_Name(alarm.code()), " ", alarm.object()));
    }
    return out;
  }
  // Of all audit entries with this verb.
  std::vector<v1::AuditEntry> Audited(const std::string& verb) {
    std::vector<v1::AuditEntry> out;
    for (const auto found = store_->Read()->Scan("audit/", "", 10'000);
         const Record& record : *found) {
      v1::AuditRecord stored;
      v1::AuditEntry entry;
      EXPECT_TRUE(stored.ParseFromString(record.bytes) && entry.ParseFromString(stored.entry()));
      if (entry.verb() == verb) out.push_back(entry);
    }
    return out;
  }

  // Everything that has been asked for, until nothing more happens.
  void Settle() {
    for (int i = 0; i < 4; ++i) {
      reconciler_->DirectoryRound();
      reconciler_->PublishRound(work_.Wait(absl::ZeroDuration()));
    }
  }

  absl::StatusOr<v1::Request> SubmitFor(const std::string& person,
                                        const std::string& app = "whatsapp") {
    MUSTER_ASSIGN_OR_RETURN(RequestOutcome out, Submit(*services_, Who("desk"),
                                                       {.person_upn = person + "@agency.test",
                                                        .app_id = app,
                                                        .ticket = absl::StrCat("INC", ++tickets_),
                                                        .justification = "liaison",
                                                        .device_id = "",
                                                        .training_acknowledged = "2026-1",
                                                        .term = absl::Hours(24)},
                                                       false));
    return out.request;
  }
  absl::Status ApproveBy(const std::string& who, const std::string& id) {
    return Decide(who, Decision::kApprove, id).status();
  }
  absl::StatusOr<RequestOutcome> Decide(const std::string& who, Decision decision,
                                        const std::string& id,
                                        const std::string& reason = "needed") {
    return DecideRequest(*services_, Who(who),
                         {.decision = decision, .request_id = id, .reason = reason}, false);
  }
  absl::StatusOr<GrantOutcome> Revoke(const std::string& grant_id, const std::string& reason) {
    return DecideGrant(*services_, Who("soc"),
                       {.verb = GrantVerb::kRevoke, .grant_id = grant_id, .reason = reason}, false);
  }
  v1::Request RequestNow(const std::string& id) {
    return Load<v1::Request>(*store_->Read(), RequestKey(id), "missing")->value;
  }
  v1::Grant GrantNow(const std::string& id) {
    return Load<v1::Grant>(*store_->Read(), GrantKey(id), "missing")->value;
  }
  uint64_t AuditCount() { return store_->Read()->Scan("audit/", "", 100'000)->size(); }

  // The published entitlements of a device, as "grant app".
  std::vector<std::string> Entitlements(const std::string& device_id) {
    std::vector<std::string> out;
    const DocumentPtr doc = *FindDocument(*store_->Read(), DocumentKey(AssignmentName(device_id)));
    if (doc == nullptr) return {"nothing published"};
    v1::SignedDoc envelope;
    v1::DeviceAssignment assignment;
    EXPECT_TRUE(envelope.ParseFromString(*doc->bytes));
    EXPECT_TRUE(assignment.ParseFromString(envelope.payload()));
    for (const auto& e : assignment.entitlements()) {
      out.push_back(
          absl::StrCat(e.grant_id(), " ", e.app_id(), e.suspended_by_trm() ? " suspended" : ""));
    }
    return out;
  }

  bool breaks_store_ = false;  // this test writes records that no flow would
  TempDir dir_;
  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  CountingEntropy entropy_;
  Work work_;
  int tickets_ = 0;
  Settings settings_;
  Signer signer_{[this] { return LoadOnlineKeys(dir_.File("t")); }};
  std::unique_ptr<DeviceHub> hub_ = std::make_unique<DeviceHub>(clock_);
  std::unique_ptr<FaultyStore> store_;
  std::unique_ptr<FaultyDirectory> directory_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<Reconciler> reconciler_;
  std::unique_ptr<CertificateAuthority> ca_;
};

}  // namespace muster
