// Seeded rounds of real changes in a real directory, read through answers that are wrong in every
// way a directory's can be. Whatever was read: nobody who is in loses what they have, nobody who
// is not in gets anything, and after the next clean read the store says what the directory says.
//
// The seed is MUSTER_SEED, else fixed: tests/run.sh sets it from the commit. MUSTER_FAULT_ROUNDS
// is how many rounds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "controller/adapters/ldap/ldap_directory.h"
#include "controller/flow/sync_runs.h"
#include "tests/controller/flow/world.h"
#include "tests/directory/true_directory.h"
#include "tests/integration/ldap_proxy.h"

namespace muster {
namespace {

uint64_t Number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  if (text != nullptr && !absl::SimpleAtoi(text, &otherwise)) ADD_FAILURE() << name << text;
  return otherwise;
}

using Ids = std::set<std::string>;

class FaultRounds : public World {
 protected:
  void Begin(uint64_t seed) {
    random_.seed(seed);
    settings_.groups = {{"whatsapp", TrueDirectory::kApproval}};
    settings_.write_back = false;
    LoadCatalogue();
    Slapd::Options options;
    options.ldif = truth_.Ldif();
    absl::StatusOr<std::unique_ptr<Slapd>> slapd = Slapd::Start(options);
    ASSERT_TRUE(slapd.ok()) << slapd.status();
    slapd_ = *std::move(slapd);
    // A few at a time, so that every group has ranges and every search pages.
    absl::StatusOr<std::unique_ptr<LdapProxy>> proxy =
        LdapProxy::Start(*slapd_, {.auto_range = 5, .page_size = 20});
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
    LdapOptions ldap;
    ldap.uris = {proxy_->uri()};
    ldap.ca_file = slapd_->ca_file();
    ldap.bind_dn = Slapd::kAdminDn;
    ldap.bind_password = Slapd::kPassword;
    ldap.base_dn = "ou=people,dc=mdm,dc=test";
    ldap_ = *LdapDirectory::Open(ldap);
    sync_ = std::make_unique<DirectorySync>(*services_, *ldap_);
    ASSERT_EQ(sync_->Run(MusterItself(), ReadDepth::kFull, false).status(), absl::OkStatus());
    ASSERT_EQ(StoredMembers(), truth_.Effective());
  }

  int Pick(int below) { return static_cast<int>(random_() % static_cast<uint64_t>(below)); }
  bool OneIn(int n) { return Pick(n) == 0; }

  std::vector<std::string> Tails(const std::string& prefix) {
    absl::StatusOr<std::vector<std::string>> tails = KeyTails(*store_->Read(), prefix);
    EXPECT_TRUE(tails.ok()) << tails.status();
    return tails.ok() ? *std::move(tails) : std::vector<std::string>();
  }
  Ids StoredMembers() {
    Ids out;
    for (const std::string& tail : Tails("member/whatsapp/")) out.insert(tail);
    return out;
  }
  // Who could open the app as far as the directory goes: counted, and not believed to be gone.
  Ids StoredAble() {
    Ids out;
    const std::unique_ptr<Snapshot> snapshot = store_->Read();
    for (const std::string& id : StoredMembers()) {
      const auto person = Find<v1::Person>(*snapshot, PersonKey(id));
      if (person.ok() && *person && (*person)->value.enabled() && !(*person)->value.deleted()) {
        out.insert(id);
      }
    }
    return out;
  }
  // Whose grant is neither being revoked nor revoked.
  Ids Holding() {
    Ids out;
    for (const std::string& tail : Tails("grant_live/")) {
      out.insert(tail.substr(0, tail.find('/')));
    }
    return out;
  }

  std::vector<v1::Grant> LiveGrants() {
    std::vector<v1::Grant> out;
    for (const std::string& tail : Tails("grant_live/")) {
      const auto id = store_->Read()->Get(absl::StrCat("grant_live/", tail));
      EXPECT_TRUE(id.ok() && *id) << tail;
      if (id.ok() && *id) out.push_back(GrantNow((*id)->bytes));
    }
    return out;
  }
  // Grant ids by person, of those that somebody approved.
  std::map<std::string, std::string> Approved() {
    std::map<std::string, std::string> out;
    for (const v1::Grant& grant : LiveGrants()) {
      if (grant.state() == v1::Grant::ACTIVE) out[grant.person_id()] = grant.grant_id();
    }
    return out;
  }
  void ApproveSome() {
    for (const v1::Grant& grant : LiveGrants()) {
      if (grant.state() != v1::Grant::UNSANCTIONED || OneIn(2)) continue;
      const auto adopted = AdoptGrant(*services_, Who("soc"), grant.grant_id(),
                                      {"known liaison", "INC7", "2026-1"}, false);
      ASSERT_TRUE(adopted.ok()) << adopted.status();
    }
  }

  std::vector<LdapFault> PickFaults() {
    std::vector<LdapFault> out;
    const int count = OneIn(5) ? 0 : 1 + Pick(2);
    for (int i = 0; i < count; ++i) {
      out.push_back({static_cast<LdapFault::Kind>(Pick(LdapFault::kKinds)), OneIn(2) ? 0 : Pick(6),
                     Pick(25)});
    }
    return out;
  }

  void ChangeTruth() {
    const bool many = OneIn(12);
    std::string ldif;
    for (int i = many ? 1 : Pick(4); i > 0; --i) ldif += truth_.Change(random_, many);
    if (ldif.empty()) return;
    const absl::Status changed = slapd_->Modify(ldif);
    ASSERT_EQ(changed, absl::OkStatus()) << ldif;
  }

  // What a read through faults did, against the truth of the moment.
  void Judge(const Ids& before_members, const Ids& before_able, const Ids& before_holding,
             const std::map<std::string, std::string>& before_approved) {
    const Ids truth = truth_.Effective(), members = StoredMembers(), able = StoredAble(),
              holding = Holding();
    for (const auto& [person, grant] : before_approved) {
      EXPECT_TRUE(!truth.contains(person) || GrantNow(grant).state() == v1::Grant::ACTIVE)
          << "wrongly revoked: " << GrantNow(grant).ShortDebugString();
    }
    for (const std::string& id : truth) {
      EXPECT_TRUE(members.contains(id) || !before_members.contains(id)) << "wrongly out: " << id;
      EXPECT_TRUE(able.contains(id) || !before_able.contains(id)) << "wrongly unable: " << id;
      EXPECT_TRUE(holding.contains(id) || !before_holding.contains(id)) << "wrongly revoked " << id;
    }
    for (const std::string& id : members) {
      EXPECT_TRUE(truth.contains(id) || before_members.contains(id)) << "wrongly in: " << id;
    }
    for (const std::string& id : holding) {
      EXPECT_TRUE(truth.contains(id) || before_holding.contains(id)) << "wrongly granted: " << id;
    }
  }

  void ReadThroughFaults() {
    for (int reads = 1 + Pick(3); reads > 0; --reads) {
      const Ids members = StoredMembers(), able = StoredAble(), holding = Holding();
      const auto approved = Approved();
      proxy_->SetFaults(PickFaults());
      const absl::StatusOr<v1::SyncRun> run =
          sync_->Run(MusterItself(), OneIn(2) ? ReadDepth::kFull : ReadDepth::kChanges, false);
      if (!run.ok()) ++failed_;
      if (run.ok() && run->state() == v1::SyncRun::HELD) ++held_;
      Judge(members, able, holding, approved);
    }
    proxy_->SetFaults({});
  }

  // The next clean read, and two people where it takes them.
  void ReadClean() {
    const Ids members = StoredMembers(), truth = truth_.Effective();
    std::vector<std::string> leaving;
    std::set_difference(members.begin(), members.end(), truth.begin(), truth.end(),
                        std::back_inserter(leaving));
    const size_t limit = std::max<size_t>(5, members.size() * 5 / 100);
    absl::StatusOr<v1::SyncRun> run = sync_->Run(MusterItself(), ReadDepth::kFull, false);
    ASSERT_TRUE(run.ok()) << run.status();
    const bool many = leaving.size() > limit || (truth.empty() && !members.empty());
    EXPECT_EQ(run->state() == v1::SyncRun::HELD, many) << run->detail();
    if (run->state() == v1::SyncRun::HELD) {
      ++really_held_;
      ASSERT_TRUE(ReleaseRun(*services_, Who("soc"), run->run_id(), false).ok());
      ASSERT_TRUE(ReleaseRun(*services_, Who("second"), run->run_id(), false).ok());
      run = sync_->Run(MusterItself(), ReadDepth::kFull, false);
      ASSERT_TRUE(run.ok()) << run.status();
    }
    EXPECT_EQ(StoredMembers(), truth) << run->DebugString();
    EXPECT_EQ(StoredAble(), truth);
    // Who left or was deleted has no grant; who is disabled keeps it.
    std::set<std::string> expected = truth;
    for (const std::string& tail : Tails("inactive_member/whatsapp/")) expected.insert(tail);
    for (const auto& [person, grant] : Approved()) {
      EXPECT_TRUE(expected.contains(person)) << "not revoked: " << grant;
      ++approved_seen_;
    }
  }

  std::mt19937_64 random_;
  TrueDirectory truth_;
  std::unique_ptr<Slapd> slapd_;
  std::unique_ptr<LdapProxy> proxy_;
  std::unique_ptr<LdapDirectory> ldap_;
  std::unique_ptr<DirectorySync> sync_;
  int failed_ = 0, held_ = 0, really_held_ = 0, approved_seen_ = 0;
};

TEST_F(FaultRounds, NobodyIsWronglyInOrOut) {
  const uint64_t seed = Number("MUSTER_SEED", 20'261'127);
  const uint64_t rounds = Number("MUSTER_FAULT_ROUNDS", 300);
  ASSERT_NO_FATAL_FAILURE(Begin(seed));
  for (uint64_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("MUSTER_SEED=", seed, ", round ", round));
    clock_.Advance(absl::Minutes(1));
    ASSERT_NO_FATAL_FAILURE(ChangeTruth());
    ReadThroughFaults();
    ASSERT_NO_FATAL_FAILURE(ReadClean());
    ASSERT_NO_FATAL_FAILURE(ApproveSome());
    if (HasFailure()) break;
  }
  // A round that never failed, was never held or never released has shown nothing.
  EXPECT_GT(failed_, 0);
  EXPECT_GT(held_, 0);
  EXPECT_GT(really_held_, 0);
  EXPECT_GT(approved_seen_, 0);
  const std::map<LdapFault::Kind, int> fired = proxy_->fired();
  std::string counts;
  for (int kind = 0; kind < LdapFault::kKinds; ++kind) {
    const auto it = fired.find(static_cast<LdapFault::Kind>(kind));
    const int n = it == fired.end() ? 0 : it->second;
    absl::StrAppend(&counts, LdapFault::Name(static_cast<LdapFault::Kind>(kind)), " ", n, ", ");
    // Muster does not write here.
    EXPECT_EQ(n > 0, kind != LdapFault::kClosedAfterModify) << kind;
  }
  std::printf("%d rounds: %d reads refused, %d held wrongly or not, %d held rightly; %s\n",
              static_cast<int>(rounds), failed_, held_, really_held_, counts.c_str());
}

}  // namespace
}  // namespace muster
