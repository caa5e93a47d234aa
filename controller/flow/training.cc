#include "controller/flow/training.h"

#include "common/time_proto.h"
#include "controller/flow/attestations.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

absl::Status WriteGrantTraining(const Services& services, const Actor& actor,
                                const Snapshot& snapshot, const v1::Request& request,
                                Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const auto grant,
                          HoldingGrant(snapshot, request.person_id(), request.app_id()));
  if (!grant || grant->value.request_id() != request.request_id()) return absl::OkStatus();
  v1::Grant after = grant->value;
  *after.mutable_training() = request.training();
  after.set_training_acknowledged(request.training_acknowledged());
  if (request.has_archive_attestation()) {
    *after.mutable_archive_attestation() = request.archive_attestation();
  }
  mutation.expects.push_back({GrantKey(after.grant_id()), grant->revision});
  PutGrant(mutation, after);
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "grant.training",
                                           .object = absl::StrCat("grant/", after.grant_id()),
                                           .before = &grant->value,
                                           .after = &after,
                                           .ticket = request.ticket(),
                                           .transaction_id = after.transaction_id()}));
  return absl::OkStatus();
}

absl::StatusOr<RequestOutcome> TryRecord(const Services& services, const Actor& actor,
                                         const std::string& request_id, const std::string& version,
                                         bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto before, LoadRequest(*snapshot, request_id));
  if (CameToNothing(before.value.state())) {
    return absl::FailedPreconditionError(
        absl::StrCat(request_id, " is ", v1::Request::State_Name(before.value.state()),
                     "; training is recorded on a request that is open or granted"));
  }
  MUSTER_ASSIGN_OR_RETURN(const auto training, TrainingFor(services, *snapshot, actor, version));
  RequestOutcome out;
  out.request = before.value;
  *out.request.mutable_training() = *training;
  out.request.set_training_acknowledged(version);
  MUSTER_ASSIGN_OR_RETURN(const auto attested,
                          AttestationWith(*snapshot, out.request.person_id(), training));
  if (attested) *out.request.mutable_archive_attestation() = *attested;
  MUSTER_ASSIGN_OR_RETURN(out.touched, TouchedByRequest(*snapshot, out.request,
                                                        absl::StrCat(request_id, ": training ",
                                                                     version, " acknowledged")));
  if (dry_run) return out;
  Mutation mutation;
  mutation.expects.push_back({RequestKey(request_id), before.revision});
  Put(mutation, RequestKey(request_id), out.request);
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = "request.training",
                                           .object = absl::StrCat("request/", request_id),
                                           .before = &before.value,
                                           .after = &out.request,
                                           .ticket = out.request.ticket(),
                                           .transaction_id = out.request.transaction_id()}));
  MUSTER_RETURN_IF_ERROR(WriteGrantTraining(services, actor, *snapshot, out.request, mutation));
  MUSTER_ASSIGN_OR_RETURN(const uint64_t revision, services.store.Commit(std::move(mutation)));
  out.request.set_revision(revision);
  services.work.WakePerson(out.request.person_id());
  return out;
}

}  // namespace

absl::StatusOr<v1::Guidance> LoadGuidance(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(const auto stored, Find<v1::Guidance>(snapshot, kGuidanceKey));
  return stored ? stored->value : v1::Guidance();
}

absl::StatusOr<std::optional<v1::Training>> TrainingFor(const Services& services,
                                                        const Snapshot& snapshot,
                                                        const Actor& actor,
                                                        const std::string& version) {
  if (version.empty()) return std::nullopt;
  MUSTER_RETURN_IF_ERROR(CheckFreeText("guidance version", version, limits::kMaxTicketBytes));
  v1::Training out;
  out.set_version(version);
  *out.mutable_at() = ToProto(services.clock.Now());
  out.set_recorded_by_upn(actor.who.upn);
  MUSTER_ASSIGN_OR_RETURN(const auto text, Find<v1::TrainingText>(snapshot, TrainingKey(version)));
  if (text) out.set_text_sha256(text->value.sha256());
  return out;
}

absl::StatusOr<RequestOutcome> RecordTraining(const Services& services, const Actor& actor,
                                              const std::string& request_id,
                                              const std::string& version, bool dry_run) {
  if (version.empty()) return absl::InvalidArgumentError("the guidance version is missing");
  return RetryAborted([&] { return TryRecord(services, actor, request_id, version, dry_run); });
}

}  // namespace muster
