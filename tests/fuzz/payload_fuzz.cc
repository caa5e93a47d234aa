// Any payload of each kind, under a good signature: what passes can be used, whatever it says.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/domain/freshness.h"
#include "agent/domain/policy_index.h"
#include "agent/flow/accepted_state.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/attacks/tenant.h"

namespace {

using muster::attacks::By;
using muster::attacks::kDevice;
using muster::attacks::kStart;
using muster::attacks::RawBy;
using muster::attacks::Tenant;
using muster::attacks::TestKey;

void Require(bool holds) {
  if (!holds) std::abort();
}

const muster::Trust& AgencyTrust() {
  static const auto* const trust = new muster::Trust(*muster::Trust::FromRoot(Tenant().Root(1)));
  return *trust;
}

muster::VerifyInputs Inputs(const muster::v1::SignedDoc& doc, const std::string& name) {
  return {doc, AgencyTrust(), name, {}, kStart};
}

// Compiles the policy and asks it everything.
void Use(const muster::v1::CohortContent& content, const muster::v1::DeviceAssignment& assignment,
         const muster::v1::EmergencyDeny* deny) {
  muster::agent::PolicyParts parts;
  parts.content = content;
  parts.assignment = &assignment;
  parts.emergency_deny = deny;
  parts.uid_of = {{"alice", 1001}, {"bob", 1002}};
  const auto index = muster::agent::PolicyIndex::Build(std::move(parts));
  for (int app = 0; app < index->app_count(); ++app) {
    for (const std::optional<uint32_t> uid : {std::optional<uint32_t>(1001), {}}) {
      const muster::agent::Decision decision = index->Decide(app, uid, kStart);
      const muster::v1::Explanation why = index->Explain(app, uid, kStart);
      Require(why.verdict() == decision.verdict);
      Require(!why.reason().empty() && index->Reason(app, uid, kStart) == why.reason());
      const muster::agent::AppRule& rule = index->rule(app);
      if (kStart < rule.denied_until) Require(decision.deny);
      if (rule.trm == muster::v1::Trm::PROHIBITED) {
        Require(decision.verdict != muster::v1::Verdict::ALLOW);
      }
      // Nobody but a person with an entitlement gets what is restricted.
      if (rule.trm == muster::v1::Trm::RESTRICTED && !uid) Require(decision.deny);
      if (decision.deny && !uid) Require(index->CouldDeny(app));
    }
  }
  Require(index->NextExpiry(kStart) > kStart);
}

muster::v1::CohortContent ChatContent() {
  muster::v1::CohortContent content;
  Require(content.ParseFromString(Tenant::Content("chat")));
  return content;
}

void FuzzCohort(const std::string& bytes) {
  const auto doc = RawBy("muster.v1.CohortPolicy", bytes, "policy");
  const auto policy = muster::VerifyCohort(Inputs(doc, "cohort/linux"), muster::v1::Platform::LINUX,
                                           "cohort/linux");
  if (!policy.ok()) return;
  const int count = policy->payload().chunks_size();
  Require(count > 0 && static_cast<size_t>(count) <= muster::limits::kMaxChunks);
  const std::string chunk = Tenant::Content("chat");
  const auto content = muster::AssembleContent(policy->payload(), {chunk});
  if (content.ok()) Use(*content, Tenant().Assignment(1), nullptr);
}

// The input as the bytes of two chunks.
void FuzzChunks(const std::string& bytes) {
  Tenant tenant;
  const std::string first = bytes.substr(0, bytes.size() / 2), second = bytes.substr(first.size());
  const muster::v1::CohortPolicy policy = tenant.Cohort(1, [&](muster::v1::CohortPolicy& c) {
    *c.mutable_chunks(0) = tenant.Chunk(first);
    *c.add_chunks() = tenant.Chunk(second);
  });
  const auto both = muster::AssembleContent(policy, {first, second});
  if (both.ok()) Use(*both, tenant.Assignment(1), nullptr);
  Require(!muster::AssembleContent(policy, {first}).ok());
  if (first != second) Require(!muster::AssembleContent(policy, {second, first}).ok());
  const muster::v1::CohortPolicy one = tenant.Cohort(
      1, [&](muster::v1::CohortPolicy& c) { *c.mutable_chunks(0) = tenant.Chunk(bytes); });
  const auto whole = muster::AssembleContent(one, {bytes});
  if (!whole.ok()) return;
  Require(!whole->apps().empty());
  Use(*whole, tenant.Assignment(1), nullptr);
}

void FuzzAssignment(const std::string& bytes) {
  const auto doc = RawBy("muster.v1.DeviceAssignment", bytes, "assignment");
  const auto assignment = muster::VerifyAssignment(Inputs(doc, muster::AssignmentName(kDevice)),
                                                   kDevice, TestKey("device").key_id());
  if (assignment.ok()) Use(ChatContent(), assignment->payload(), nullptr);
}

void FuzzDeny(const std::string& bytes) {
  const auto doc = RawBy("muster.v1.EmergencyDeny", bytes, "emergency");
  const auto deny = muster::VerifyEmergencyDeny(Inputs(doc, muster::kEmergencyDenyName));
  if (!deny.ok()) return;
  Require(deny->payload().app_ids().empty() == deny->payload().lifts_all());
  Use(ChatContent(), Tenant().Assignment(1), &deny->payload());
}

void FuzzRoot(const std::string& bytes) {
  muster::v1::SignedDoc doc = RawBy("muster.v1.Root", bytes, "root1");
  *doc.add_signatures() = RawBy("muster.v1.Root", bytes, "root2").signatures(0);
  const auto root = muster::VerifyRootStep(doc, AgencyTrust(), "agency", {}, kStart);
  if (!root.ok()) return;
  Require(root->payload().header().version() <= 2);
  const muster::v1::AcceptedState state = muster::agent::FirstState(doc, *root);
  Require(muster::agent::ReadAccepted(state, kDevice).ok());
}

// The input as a BeaconUpdate, whose beacon is signed here.
void FuzzBeacon(const std::string& bytes) {
  muster::v1::BeaconUpdate update;
  if (!update.ParseFromString(bytes)) return;
  const auto doc = RawBy("muster.v1.Beacon", update.beacon().payload(), "beacon");
  const auto beacon = muster::VerifyBeacon(Inputs(doc, muster::kBeaconName));
  if (!beacon.ok()) return;
  muster::agent::ProvenBeacon proven;
  for (const muster::v1::InclusionProof& proof : update.proofs()) {
    if (!muster::VerifyInclusion(beacon->payload(), proof).ok()) continue;
    Require(proof.index() < beacon->payload().tree_size() && proof.path_size() <= 64);
    proven.leaves.push_back(proof.leaf());
  }
  muster::agent::OwnDocument own;
  own.name = "cohort/linux";
  own.epoch = 1;
  own.version = 5;
  own.sha256 = "aa";
  (void)muster::agent::FindContradictions({own}, proven.leaves);
  Require(!muster::agent::CheckFreshness({own}, proven, kStart).stale_because.empty());
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // It would say so of every string that is no UTF-8.
  return 0;
}

// The first byte says which kind the others are.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      FuzzRoot(bytes);
      break;
    case 1:
      FuzzCohort(bytes);
      break;
    case 2:
      FuzzChunks(bytes);
      break;
    case 3:
      FuzzAssignment(bytes);
      break;
    case 4:
      FuzzDeny(bytes);
      break;
    case 5:
      FuzzBeacon(bytes);
      break;
  }
  return 0;
}
