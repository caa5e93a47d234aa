// A stream of what a controller, or somebody in its place, could send to the agent's acceptor:
// good and bad documents of any version, chunks, beacons, raw messages; with restarts, saves that
// fail and a clock that jumps.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "google/protobuf/stubs/logging.h"
#include "tests/agent/fakes.h"
#include "tests/attacks/tenant.h"

namespace {

namespace agent = muster::agent;
namespace v1 = muster::v1;
using muster::attacks::By;
using muster::attacks::kDevice;
using muster::attacks::kStart;
using muster::attacks::Names;
using muster::attacks::Tenant;
using muster::attacks::TestKey;

void Require(bool holds) {
  if (!holds) std::abort();
}

class Player {
 public:
  Player(const uint8_t* data, size_t size) : in_(data, size) {
    // Most of what is worth trying needs a policy in force. It is made once: reading the keys of
    // a root costs more than all else.
    static const auto* const first = new First(MakeFirst());
    signed_ = first->signed_hashes;
    tenant_.chunks = first->chunks;
    Require(store_.Write(agent::kAcceptedFile, first->accepted).ok());
    acceptor_ = Started();
    Require(acceptor_->current()->in_force.size() == 4);
  }

  void Play() {
    for (int step = 0; step < 24 && in_.remaining_bytes() > 0; ++step) {
      switch (in_.ConsumeIntegralInRange<int>(0, 7)) {
        case 0:
        case 1:
          SendUpdate();
          break;
        case 2:
          SendChunk();
          break;
        case 3:
          SendBeacon();
          break;
        case 4:
          SendRaw();
          break;
        case 5:
          acceptor_ = Started();
          break;
        case 6:
          clock_.Advance(absl::Hours(in_.ConsumeIntegralInRange<int>(-100, 100)));
          tenant_.now = std::max(clock_.Now(), kStart);
          break;
        case 7:
          writes_fail_ = in_.ConsumeBool();
          break;
      }
      Check();
    }
    // A restart finds the same.
    const auto again = Started();
    Require(again->current()->in_force.size() == acceptor_->current()->in_force.size());
    for (const v1::PolicyReport::InForce& f : again->current()->in_force) {
      Require(acceptor_->current()->HashOf(f.name()) == f.sha256());
    }
  }

 private:
  struct First {
    std::string accepted;
    std::map<std::string, v1::Chunk> chunks;
    std::set<std::string> signed_hashes;
  };
  static First MakeFirst() {
    Tenant tenant;
    const v1::SignedDoc root = tenant.SignedRoot(1);
    const auto verified = muster::VerifyRoot(root, nullptr, "agency", {}, kStart);
    Require(verified.ok());
    agent::MemoryStateStore store;
    const std::string state = agent::FirstState(root, *verified).SerializeAsString();
    Require(store.Write(agent::kAcceptedFile, state).ok());
    const muster::FakeClock clock{kStart};
    agent::PolicyAcceptor acceptor({"agency", kDevice, TestKey("device").key_id()}, &store, &clock,
                                   [](const auto&) {});
    Require(acceptor.Load().ok());
    First out;
    v1::Update update;
    *update.add_documents() = root;
    *update.add_documents() = tenant.SignedDeny(1);
    *update.add_documents() = tenant.SignedAssignment(1);
    *update.add_documents() = tenant.SignedCohort(1);
    for (const v1::SignedDoc& doc : update.documents()) {
      out.signed_hashes.insert(muster::Sha256Hex(doc.payload()));
    }
    acceptor.Accept(update);
    for (const auto& [sha256, chunk] : tenant.chunks) acceptor.AddChunk(chunk);
    out.accepted = store.files().at(agent::kAcceptedFile);
    out.chunks = tenant.chunks;
    return out;
  }

  std::unique_ptr<agent::PolicyAcceptor> Started() {
    store_.before_write = [this](const std::string&) { return !writes_fail_; };
    auto out = std::make_unique<agent::PolicyAcceptor>(
        agent::DeviceIdentity{"agency", kDevice, TestKey("device").key_id()}, &store_, &clock_,
        [](const auto&) {});
    Require(out->Load().ok());
    return out;
  }

  // One of four kinds, perhaps edited or by others; remembered when the right keys signed it.
  v1::SignedDoc Document(int kind, uint64_t version) {
    tenant_.epoch = in_.ConsumeIntegralInRange<uint32_t>(1, 3);
    static const Names kSigners[] = {{"root1", "root2"}, {"emergency"}, {"assignment"}, {"policy"}};
    static const char* const kOthers[] = {"root1",  "root2",  "policy",    "policy2",
                                          "beacon", "device", "emergency", "stranger"};
    Names signers = kSigners[kind];
    const std::string right = signers[0];
    if (in_.ConsumeProbability<double>() > 0.8) signers[0] = in_.PickValueInArray(kOthers);
    const auto dates = [&](auto& doc) {
      v1::DocumentHeader* h = doc.mutable_header();
      if (in_.remaining_bytes() == 0 || in_.ConsumeBool()) return;
      *h->mutable_issued_at() =
          muster::ToProto(tenant_.now + absl::Hours(in_.ConsumeIntegralInRange<int>(-1000, 1000)));
      *h->mutable_not_after() = muster::ToProto(
          tenant_.now + absl::Hours(in_.ConsumeIntegralInRange<int>(-1000, 10'000)));
    };
    v1::SignedDoc doc;
    if (kind == 0) {
      doc = By(tenant_.Root(version, dates), signers);
    } else if (kind == 1) {
      doc = By(tenant_.Deny(version, dates), signers);
    } else if (kind == 2) {
      doc = By(tenant_.Assignment(version, dates), signers);
    } else {
      doc = By(Cohort(version, dates), signers);
    }
    if (signers[0] == right) signed_.insert(muster::Sha256Hex(doc.payload()));
    return doc;
  }

  template <typename Dates>
  v1::CohortPolicy Cohort(uint64_t version, const Dates& dates) {
    return tenant_.Cohort(version, [&](v1::CohortPolicy& c) {
      const int more = in_.ConsumeIntegralInRange<int>(0, 3);
      for (int i = 0; i < more; ++i) {
        *c.add_chunks() =
            tenant_.Chunk(Tenant::Content(std::string(1, static_cast<char>('a' + i))));
      }
      dates(c);
    });
  }

  uint64_t Version() {
    return in_.ConsumeProbability<double>() > 0.95 ? in_.ConsumeIntegral<uint64_t>()
                                                   : in_.ConsumeIntegralInRange<uint64_t>(0, 9);
  }

  void Update(const std::vector<v1::SignedDoc>& docs) {
    v1::Update update;
    for (const v1::SignedDoc& doc : docs) *update.add_documents() = doc;
    Answered(acceptor_->Accept(update));
    last_ = docs;
  }

  void SendUpdate() {
    std::vector<v1::SignedDoc> docs;
    const int count = in_.ConsumeIntegralInRange<int>(1, 4);
    for (int i = 0; i < count; ++i) {
      docs.push_back(Document(in_.ConsumeIntegralInRange<int>(0, 3), Version()));
    }
    Update(docs);
  }

  void SendChunk() {
    v1::Chunk chunk;
    if (!tenant_.chunks.empty() && in_.ConsumeBool()) {
      auto it = tenant_.chunks.begin();
      std::advance(it, in_.ConsumeIntegralInRange<size_t>(0, tenant_.chunks.size() - 1));
      chunk = it->second;
    }
    if (in_.ConsumeProbability<double>() > 0.8) {
      chunk.set_data(in_.ConsumeRandomLengthString(64));
    }
    Answered(acceptor_->AddChunk(chunk));
  }

  void SendBeacon() {
    std::vector<v1::DocumentLeaf> leaves;
    for (const v1::SignedDoc& doc : last_) leaves.push_back(Tenant::LeafOf(doc));
    if (leaves.empty()) return;
    if (in_.ConsumeBool()) leaves[0].set_version(Version());
    ChangeLog();
    v1::BeaconUpdate update = tenant_.Beacon(Version(), leaves);
    Prove(update);
    if (in_.ConsumeBool()) update.mutable_proofs(0)->set_index(in_.ConsumeIntegral<uint8_t>());
    Answered(acceptor_->AcceptBeacon(update));
  }

  // The audit log grows, is rewritten somewhere, or begins anew; all by its own key.
  void ChangeLog() {
    muster::LogFolder& log = tenant_.log;
    const int kind = in_.ConsumeIntegralInRange<int>(0, 9);
    if (kind == 0 || log.size() > 64) log = Tenant::SomeLog();
    if (kind == 1) {
      log.Replace(in_.ConsumeIntegralInRange<uint64_t>(0, log.size() - 1), "rewritten");
    }
    log.AddSome(in_.ConsumeIntegralInRange<uint64_t>(0, 5));
    heads_[log.Root(log.size())] = log.leaves();
  }

  // From what the device has seen, mostly.
  void Prove(v1::BeaconUpdate& update) {
    const uint64_t size = tenant_.log.size();
    const uint64_t seen = acceptor_->seen_log().size();
    const uint64_t from = in_.ConsumeBool() ? seen : in_.ConsumeIntegralInRange<uint64_t>(0, size);
    if (from <= size) update = tenant_.Continuing(from, update);
    if (update.audit_path_size() > 0 && in_.ConsumeProbability<double>() > 0.9) {
      const int hash = in_.ConsumeIntegralInRange<int>(0, update.audit_path_size() - 1);
      update.set_audit_path(hash, in_.ConsumeRandomLengthString(33));
    }
  }

  void SendRaw() {
    v1::ControllerMessage message;
    if (!message.ParseFromString(in_.ConsumeRandomLengthString(512))) return;
    if (message.has_update()) Answered(acceptor_->Accept(message.update()));
    if (message.has_chunk()) Answered(acceptor_->AddChunk(message.chunk()));
    if (message.has_beacon()) Answered(acceptor_->AcceptBeacon(message.beacon()));
  }

  static void Answered(const agent::AcceptOutcome& outcome) {
    for (const v1::AgentMessage& answer : outcome.answers) {
      Require(answer.has_ack() || answer.has_nack() || answer.has_need());
      Require(static_cast<size_t>(answer.need().chunks_size()) <= muster::limits::kMaxChunks);
      if (answer.has_nack()) Require(!answer.nack().code().empty());
    }
  }

  // Within an epoch the log that was taken begins with every one that was taken before.
  void CheckLog() {
    const v1::SeenLog& seen = acceptor_->seen_log();
    if (seen.root().empty()) return;
    if (seen.root() == seen_.root()) {
      Require(seen.epoch() >= seen_.epoch());
      seen_ = seen;
      return;
    }
    const std::vector<std::string>& now = heads_.at(seen.root());
    Require(seen.size() == now.size());
    if (!seen_.root().empty() && seen.epoch() == seen_.epoch()) {
      const std::vector<std::string>& before = heads_.at(seen_.root());
      Require(before.size() < now.size() && std::equal(before.begin(), before.end(), now.begin()));
    }
    Require(seen.epoch() >= seen_.epoch());
    seen_ = seen;
  }

  void Check() {
    CheckLog();
    // What is in force was signed by the tenant, and never goes back.
    for (const agent::OwnDocument& own : acceptor_->current()->own) {
      if (own.version == 0) continue;
      Require(signed_.contains(own.sha256));
      Raise(in_force_[own.name], {own.epoch, own.version});
    }
    const std::string saved = store_.files().at(agent::kAcceptedFile);
    if (saved == checked_) return;
    checked_ = saved;
    v1::AcceptedState state;
    Require(state.ParseFromString(saved));
    for (const v1::AcceptedState::FloorRecord& floor : state.floors()) {
      Raise(floors_[floor.name()], {floor.epoch(), floor.version()});
    }
    // What is saved is what is in force.
    const auto read = agent::ReadAccepted(state, kDevice);
    Require(read.ok() && read->in_force.size() == acceptor_->current()->in_force.size());
    for (const v1::PolicyReport::InForce& f : read->in_force) {
      Require(acceptor_->current()->HashOf(f.name()) == f.sha256());
    }
  }

  using VersionPair = std::pair<uint32_t, uint64_t>;
  static void Raise(VersionPair& seen, VersionPair now) {
    Require(seen <= now);
    seen = now;
  }

  FuzzedDataProvider in_;
  Tenant tenant_;
  muster::FakeClock clock_{kStart};
  agent::MemoryStateStore store_;
  bool writes_fail_ = false;
  std::unique_ptr<agent::PolicyAcceptor> acceptor_;
  std::vector<v1::SignedDoc> last_;
  std::set<std::string> signed_;
  std::map<std::string, std::vector<std::string>> heads_;  // leaves by root
  v1::SeenLog seen_;
  std::string checked_;  // the last saved state that was looked at
  std::map<std::string, VersionPair> in_force_, floors_;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // It would say so of every string that is no UTF-8.
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Player(data, size).Play();
  return 0;
}
