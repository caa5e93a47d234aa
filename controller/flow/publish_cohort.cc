#include "controller/flow/publish_cohort.h"

#include <optional>
#include <set>
#include <utility>

#include "common/time_proto.h"
#include "controller/domain/chunks.h"
#include "controller/domain/proof.h"
#include "controller/flow/audit.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/lookup.h"
#include "controller/flow/training.h"
#include "muster/v1/rollout.pb.h"

namespace muster {
namespace {

struct StoredCohort {
  v1::SignedDoc doc;
  v1::CohortPolicy policy;
  uint64_t revision = 0;
};

absl::StatusOr<std::optional<StoredCohort>> FindCohort(const Snapshot& snapshot,
                                                       const std::string& key) {
  MUSTER_ASSIGN_OR_RETURN(auto found, Find<v1::SignedDoc>(snapshot, key));
  if (!found) return std::nullopt;
  StoredCohort out;
  if (!out.policy.ParseFromString(found->value.payload())) {
    return absl::DataLossError(absl::StrCat("store: ", key, " is damaged"));
  }
  out.doc = std::move(found->value);
  out.revision = found->revision;
  return out;
}

// One attempt to bring a cohort up to date, as one mutation.
class CohortWriter {
 public:
  CohortWriter(const Services& services, const Signer& signer, const Snapshot& snapshot,
               v1::Platform::Id platform)
      : s_(services),
        signer_(signer),
        snapshot_(snapshot),
        platform_(platform),
        name_(CohortName(platform)),
        now_(services.clock.Now()) {}

  // False: nothing is to be written.
  absl::StatusOr<bool> Write() {
    MUSTER_RETURN_IF_ERROR(Read());
    if (rollout_.state() == v1::Rollout::ABORTED && base_) return Revert();
    MUSTER_ASSIGN_OR_RETURN(CompiledCohort compiled,
                            CompileCohort(snapshot_, s_.settings, platform_));
    v1::CohortPolicy& wanted = compiled.policy;
    if (wanted.chunks().empty()) return false;
    chunks_ = std::move(compiled.chunks);
    const std::string content_hash = ContentSha256(wanted);
    if (!target_) return Publish(std::move(wanted), v1::Rollout::COMPLETE);
    const bool refused = rollout_.state() == v1::Rollout::ABORTED &&
                         rollout_.refused_content_sha256() == content_hash;
    if (refused || ContentSha256(target_->policy) == content_hash) return Refresh();
    return Publish(std::move(wanted), v1::Rollout::RUNNING);
  }
  Mutation& mutation() { return mutation_; }

 private:
  absl::Status Read() {
    MUSTER_ASSIGN_OR_RETURN(target_, FindCohort(snapshot_, DocumentKey(name_)));
    MUSTER_ASSIGN_OR_RETURN(base_, FindCohort(snapshot_, BaseDocumentKey(name_)));
    MUSTER_ASSIGN_OR_RETURN(auto rollout, Find<v1::Rollout>(snapshot_, RolloutKey(name_)));
    if (rollout) rollout_ = rollout->value;
    mutation_.expects.push_back({DocumentKey(name_), target_ ? target_->revision : 0});
    mutation_.expects.push_back({RolloutKey(name_), rollout ? rollout->revision : 0});
    if (target_) last_ = target_->policy.header();
    return absl::OkStatus();
  }

  absl::StatusOr<v1::SignedDoc> SignNext(v1::CohortPolicy policy) {
    *policy.mutable_header() = NextHeader(s_, signer_, kCohortKind, name_, limits::kCohortLife,
                                          last_.version() > 0 ? &last_ : nullptr);
    last_ = policy.header();
    MUSTER_ASSIGN_OR_RETURN(v1::SignedDoc doc, signer_.Sign(policy, kCohortKind.role));
    AuditPublication(s_, doc, last_, "", mutation_);
    return doc;
  }

  // New content. What was current stays with the devices outside the wave.
  absl::StatusOr<bool> Publish(v1::CohortPolicy wanted, v1::Rollout::State state) {
    std::set<std::string> kept;
    const bool everybody = rollout_.wave() >= kLastWave;
    if (state == v1::Rollout::RUNNING && (!base_ || everybody)) {
      Put(mutation_, BaseDocumentKey(name_), target_->doc);
      Put(mutation_, BaseLeafKey(name_), LeafOf(target_->policy.header(), target_->doc.payload()));
      base_ = target_;
    }
    if (base_) {
      for (const v1::ChunkRef& ref : base_->policy.chunks()) kept.insert(ref.sha256());
    }
    for (const auto& [sha256, bytes] : chunks_) {
      kept.insert(sha256);
      mutation_.puts.push_back({ChunkKey(name_, sha256), bytes});
    }
    MUSTER_RETURN_IF_ERROR(DropChunksBut(snapshot_, name_, kept, mutation_));
    MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, SignNext(std::move(wanted)));
    MUSTER_RETURN_IF_ERROR(PutDocument(mutation_, doc));
    // Devices of a wave that has begun have taken what they cannot give back.
    const bool goes_on = state == v1::Rollout::RUNNING && !everybody && rollout_.wave() > 0 &&
                         rollout_.state() != v1::Rollout::ABORTED;
    MUSTER_RETURN_IF_ERROR(StartRollout(state, goes_on, doc));
    return true;
  }

  absl::Status StartRollout(v1::Rollout::State state, bool goes_on, const v1::SignedDoc& doc) {
    v1::Rollout next;
    next.set_name(name_);
    next.set_state(state);
    next.set_to_version(last_.version());
    next.set_to_sha256(Sha256Hex(doc.payload()));
    *next.mutable_started_at() = ToProto(now_);
    if (state == v1::Rollout::RUNNING) {
      next.set_from_version(base_->policy.header().version());
      next.set_from_sha256(Sha256Hex(base_->doc.payload()));
    }
    MUSTER_ASSIGN_OR_RETURN(const auto devices, DevicesOf(snapshot_, name_));
    if (goes_on) next.set_cutoff(rollout_.cutoff());
    const uint32_t wave = goes_on ? rollout_.wave() : 1;
    BeginWave(next, state == v1::Rollout::RUNNING ? wave : kLastWave, devices, now_);
    if (state == v1::Rollout::COMPLETE) *next.mutable_ended_at() = ToProto(now_);
    Put(mutation_, RolloutKey(name_), next);
    return absl::OkStatus();
  }

  // The same content with new dates or keys. The base goes first, so that the target stays the
  // higher version.
  absl::StatusOr<bool> Refresh() {
    const bool target_fresh =
        IsFresh(signer_, target_->doc, target_->policy.header(), kCohortKind.role, now_);
    const bool base_fresh =
        !base_ || IsFresh(signer_, base_->doc, base_->policy.header(), kCohortKind.role, now_);
    if (target_fresh && base_fresh) return false;
    if (base_) {
      MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, SignNext(base_->policy));
      Put(mutation_, BaseDocumentKey(name_), doc);
      Put(mutation_, BaseLeafKey(name_), LeafOf(last_, doc.payload()));
      rollout_.set_from_version(last_.version());
      rollout_.set_from_sha256(Sha256Hex(doc.payload()));
    }
    MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, SignNext(target_->policy));
    MUSTER_RETURN_IF_ERROR(PutDocument(mutation_, doc));
    rollout_.set_name(name_);
    rollout_.set_to_version(last_.version());
    rollout_.set_to_sha256(Sha256Hex(doc.payload()));
    Put(mutation_, RolloutKey(name_), rollout_);
    return true;
  }

  // An aborted rollout: everybody gets what was current before, as a newer version, because no
  // device goes back to an older one.
  absl::StatusOr<bool> Revert() {
    std::set<std::string> kept;
    for (const v1::ChunkRef& ref : base_->policy.chunks()) kept.insert(ref.sha256());
    MUSTER_RETURN_IF_ERROR(DropChunksBut(snapshot_, name_, kept, mutation_));
    MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, SignNext(base_->policy));
    MUSTER_RETURN_IF_ERROR(PutDocument(mutation_, doc));
    mutation_.deletes.push_back(BaseDocumentKey(name_));
    mutation_.deletes.push_back(BaseLeafKey(name_));
    rollout_.set_to_version(last_.version());
    rollout_.set_to_sha256(Sha256Hex(doc.payload()));
    Put(mutation_, RolloutKey(name_), rollout_);
    return true;
  }

  const Services& s_;
  const Signer& signer_;
  const Snapshot& snapshot_;
  const v1::Platform::Id platform_;
  const std::string name_;
  const absl::Time now_;
  std::optional<StoredCohort> target_, base_;
  v1::Rollout rollout_;
  v1::DocumentHeader last_;  // the highest version given
  std::vector<std::pair<std::string, std::string>> chunks_;
  Mutation mutation_;
};

absl::StatusOr<DocumentPtr> LoadWithChunks(const Snapshot& snapshot, const std::string& name,
                                           const std::string& key) {
  MUSTER_ASSIGN_OR_RETURN(const auto stored, FindCohort(snapshot, key));
  if (!stored) return nullptr;
  MUSTER_ASSIGN_OR_RETURN(const DocumentPtr shared, ShareDocument(stored->doc));
  auto out = std::make_shared<Document>(*shared);
  for (const v1::ChunkRef& ref : stored->policy.chunks()) {
    MUSTER_ASSIGN_OR_RETURN(auto record, snapshot.Get(ChunkKey(name, ref.sha256())));
    if (!record) {
      return absl::DataLossError(
          absl::StrCat("store: a chunk of ", name, " version ", out->version, " is missing"));
    }
    out->chunks.push_back(
        {ref.sha256(), std::make_shared<const std::string>(std::move(record->bytes))});
  }
  return out;
}

}  // namespace

absl::StatusOr<CompiledCohort> CompileCohort(const Snapshot& snapshot, const Settings& settings,
                                             v1::Platform::Id platform) {
  MUSTER_ASSIGN_OR_RETURN(const PolicySet set, LoadPolicySet(snapshot));
  CompiledCohort out;
  out.policy.set_platform(platform);
  out.policy.set_how_to_ask(settings.how_to_ask);
  AddMonitoring(set, platform, out.policy);
  v1::CohortContent content = CompileContent(set, platform);
  if (content.apps().empty()) return out;
  MUSTER_ASSIGN_OR_RETURN(const v1::Guidance guidance, LoadGuidance(snapshot));
  if (auto archive = ArchiveSettingsFor(set.retention, guidance, platform)) {
    *content.mutable_archive() = *std::move(archive);
  }
  for (std::string& chunk : SplitContent(content)) {
    v1::ChunkRef* ref = out.policy.add_chunks();
    ref->set_sha256(Sha256Hex(chunk));
    ref->set_size(static_cast<uint32_t>(chunk.size()));
    out.chunks.emplace_back(ref->sha256(), std::move(chunk));
  }
  return out;
}

absl::StatusOr<CohortPublication> PublishCohort(const Services& services, const Signer& signer,
                                                v1::Platform::Id platform) {
  MUSTER_RETURN_IF_ERROR(RetryAborted([&]() -> absl::Status {
    const std::unique_ptr<Snapshot> snapshot = services.store.Read();
    CohortWriter writer(services, signer, *snapshot, platform);
    MUSTER_ASSIGN_OR_RETURN(const bool changed, writer.Write());
    if (!changed) return absl::OkStatus();
    return services.store.Commit(std::move(writer.mutation())).status();
  }));
  return LoadCohort(*services.store.Read(), CohortName(platform));
}

absl::StatusOr<CohortPublication> LoadCohort(const Snapshot& snapshot, const std::string& name) {
  CohortPublication out;
  out.name = name;
  MUSTER_ASSIGN_OR_RETURN(out.target, LoadWithChunks(snapshot, name, DocumentKey(name)));
  MUSTER_ASSIGN_OR_RETURN(out.base, LoadWithChunks(snapshot, name, BaseDocumentKey(name)));
  MUSTER_ASSIGN_OR_RETURN(const auto rollout, Find<v1::Rollout>(snapshot, RolloutKey(name)));
  if (rollout && out.base != nullptr) out.cutoff = CutoffOf(rollout->value);
  return out;
}

absl::StatusOr<DocumentPtr> CohortDocumentOf(const Snapshot& snapshot, v1::Platform::Id platform,
                                             const std::string& device_id) {
  const std::string name = CohortName(platform);
  MUSTER_ASSIGN_OR_RETURN(const auto rollout, Find<v1::Rollout>(snapshot, RolloutKey(name)));
  if (rollout && !InWave(rollout->value, device_id)) {
    MUSTER_ASSIGN_OR_RETURN(DocumentPtr base, FindDocument(snapshot, BaseDocumentKey(name)));
    MUSTER_ASSIGN_OR_RETURN(const auto runs,
                            Find<v1::DocumentState>(snapshot, DocumentStateKey(device_id, name)));
    const bool past =
        base != nullptr && runs && IsReported(runs->value) && runs->value.version() > base->version;
    if (base != nullptr && !past) return base;
  }
  return FindDocument(snapshot, DocumentKey(name));
}

absl::Status EndRollout(const Snapshot& snapshot, const std::string& name, Mutation& mutation) {
  mutation.deletes.push_back(BaseDocumentKey(name));
  mutation.deletes.push_back(BaseLeafKey(name));
  MUSTER_ASSIGN_OR_RETURN(const auto target, FindCohort(snapshot, DocumentKey(name)));
  std::set<std::string> kept;
  if (target) {
    for (const v1::ChunkRef& ref : target->policy.chunks()) kept.insert(ref.sha256());
  }
  return DropChunksBut(snapshot, name, kept, mutation);
}

absl::StatusOr<std::string> ContentOf(const Snapshot& snapshot, const std::string& name) {
  MUSTER_ASSIGN_OR_RETURN(const auto target, FindCohort(snapshot, DocumentKey(name)));
  if (!target) return absl::NotFoundError(absl::StrCat("no ", name, " is published"));
  return ContentSha256(target->policy);
}

absl::Status DropChunksBut(const Snapshot& snapshot, const std::string& name,
                           const std::set<std::string>& kept, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const auto stored, KeyTails(snapshot, ChunkKey(name, "")));
  for (const std::string& sha256 : stored) {
    if (!kept.contains(sha256)) mutation.deletes.push_back(ChunkKey(name, sha256));
  }
  return absl::OkStatus();
}

absl::Status ForDevicesOf(const Snapshot& snapshot, const std::string& name,
                          const std::function<absl::Status(const v1::Device&)>& each) {
  return ForEach<v1::Device>(
      snapshot, "device/",
      [&](const std::string&, const Versioned<v1::Device>& device) -> absl::Status {
        if (device.value.state() != v1::Device::ENROLLED ||
            CohortName(device.value.platform()) != name) {
          return absl::OkStatus();
        }
        return each(device.value);
      });
}

absl::StatusOr<std::vector<std::string>> DevicesOf(const Snapshot& snapshot,
                                                   const std::string& name) {
  std::vector<std::string> out;
  MUSTER_RETURN_IF_ERROR(ForDevicesOf(snapshot, name, [&](const v1::Device& device) {
    out.push_back(device.device_id());
    return absl::OkStatus();
  }));
  return out;
}

}  // namespace muster
