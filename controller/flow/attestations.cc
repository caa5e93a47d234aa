#include "controller/flow/attestations.h"

#include "common/time_proto.h"
#include "controller/domain/archive_guidance.h"
#include "controller/domain/grant.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"
#include "controller/flow/training.h"

namespace muster {
namespace {

// The texts of one version, as they were applied.
absl::StatusOr<v1::Guidance> TextsOfVersion(const Snapshot& snapshot, const std::string& version) {
  if (version.empty()) return absl::InvalidArgumentError("the version of the guidance is missing");
  MUSTER_ASSIGN_OR_RETURN(
      const auto found,
      Load<v1::Guidance>(snapshot, ArchiveTextKey(version),
                         absl::StrCat("no archive guidance '", version,
                                      "' is on file; see `musterctl archive guidance`")));
  return found.value;
}

// A text that another program chose, for an audit line.
std::string Shown(const std::string& text) {
  const bool plain = CheckFreeText("version", text, limits::kMaxTicketBytes).ok();
  return plain ? text : "(unreadable)";
}

template <typename Record>
void WriteOn(const Services& services, const Actor& actor, const Versioned<Record>& before,
             const v1::Training& attested, const std::string& key, const std::string& verb,
             const std::string& ticket, Mutation& mutation) {
  Record after = before.value;
  *after.mutable_archive_attestation() = attested;
  mutation.expects.push_back({key, before.revision});
  Put(mutation, key, after);
  mutation.audit.push_back(
      MakeAuditEntry(services, actor,
                     {.verb = verb,
                      .object = key,
                      .before = &before.value,
                      .after = &after,
                      .reason = absl::StrCat("archive guidance ", attested.version(), " attested"),
                      .ticket = ticket,
                      .transaction_id = after.transaction_id()}));
}

// Requests and grants name the newest version that was attested.
template <typename Record>
bool Lacks(const Record& record, const v1::Training& attested) {
  return record.archive_attestation().version() != attested.version();
}

absl::Status WriteOnRequests(const Services& services, const Snapshot& snapshot, const Actor& actor,
                             const std::string& person_id, const v1::Training& attested,
                             Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const auto apps, KeyTails(snapshot, OpenRequestKey(person_id, "")));
  for (const std::string& app : apps) {
    MUSTER_ASSIGN_OR_RETURN(const auto open, snapshot.Get(OpenRequestKey(person_id, app)));
    if (!open) continue;
    const std::string key = RequestKey(open->bytes);
    MUSTER_ASSIGN_OR_RETURN(const auto request, Find<v1::Request>(snapshot, key));
    if (!request || !Lacks(request->value, attested)) continue;
    WriteOn(services, actor, *request, attested, key, "request.attestation",
            request->value.ticket(), mutation);
  }
  return absl::OkStatus();
}

absl::Status WriteOnGrants(const Services& services, const Snapshot& snapshot, const Actor& actor,
                           const std::string& person_id, const v1::Training& attested,
                           Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const auto grants, GrantsOfPerson(snapshot, person_id));
  for (const v1::Grant& grant : grants) {
    if (!Holds(grant.state()) || !Lacks(grant, attested)) continue;
    const std::string key = GrantKey(grant.grant_id());
    MUSTER_ASSIGN_OR_RETURN(const auto stored, Find<v1::Grant>(snapshot, key));
    if (!stored) continue;
    WriteOn(services, actor, *stored, attested, key, "grant.attestation", grant.ticket(), mutation);
  }
  return absl::OkStatus();
}

bool IsSame(const v1::GuidanceAttestation& a, const v1::GuidanceAttestation& b) {
  return a.version() == b.version() && a.sha256() == b.sha256();
}

void WriteRefusal(const Services& services, const Actor& actor, const std::string& person_id,
                  const v1::GuidanceAttestation& attestation, const absl::Status& why,
                  Mutation& mutation) {
  mutation.audit.push_back(MakeAuditEntry(
      services, actor,
      {.verb = "archive.attestation-refused",
       .object = AttestationKey(person_id),
       .reason = absl::StrCat("version ", Shown(attestation.version()), ": ",
                              absl::IsNotFound(why) ? "not on file" : "another text is on file")}));
}

absl::Status CheckConcerned(const Snapshot& snapshot, const v1::Person& person,
                            const std::string& app_id) {
  MUSTER_RETURN_IF_ERROR(LoadApp(snapshot, app_id).status());
  MUSTER_ASSIGN_OR_RETURN(const auto grant, HoldingGrant(snapshot, person.person_id(), app_id));
  MUSTER_ASSIGN_OR_RETURN(const auto open,
                          snapshot.Get(OpenRequestKey(person.person_id(), app_id)));
  if (grant || open) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(person.upn(), " has neither an open request nor a grant for ", app_id,
                   "; file a request first: `musterctl request submit`"));
}

absl::StatusOr<AttestationOutcome> TryRecord(const Services& services, const Actor& actor,
                                             const v1::RecordAttestationRequest& in) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(*snapshot, in.person_upn()));
  MUSTER_RETURN_IF_ERROR(CheckConcerned(*snapshot, person, in.app_id()));
  MUSTER_ASSIGN_OR_RETURN(const v1::Guidance texts, TextsOfVersion(*snapshot, in.version()));
  AttestationOutcome out;
  out.attestation.set_person_id(person.person_id());
  out.attestation.set_version(in.version());
  out.attestation.set_sha256(texts.archive_sha256());
  out.attestation.set_account_name(person.account_name());
  *out.attestation.mutable_at() = ToProto(services.clock.Now());
  out.touched.persons = 1;
  out.touched.changes = {
      absl::StrCat(person.upn(), ": archive guidance ", in.version(), " attested")};
  MUSTER_ASSIGN_OR_RETURN(const auto devices, DevicesOfPerson(*snapshot, person));
  out.touched.devices = static_cast<uint32_t>(devices.size());
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(
      WriteAttestation(services, *snapshot, actor, person.person_id(), out.attestation, mutation));
  if (in.dry_run()) return out;
  if (mutation.audit.empty()) return out;  // On file already.
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  services.work.WakePerson(person.person_id());
  return out;
}

}  // namespace

absl::StatusOr<std::optional<absl::Time>> AttestSince(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(const auto since, Find<v1::TrainingText>(snapshot, kAttestSinceKey));
  if (!since) return std::nullopt;
  return FromProto(since->value.applied_at());
}

absl::StatusOr<std::optional<v1::Training>> AttestationOf(const Snapshot& snapshot,
                                                          const std::string& person_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto found,
                          Find<v1::GuidanceAttestation>(snapshot, AttestationKey(person_id)));
  if (!found) return std::nullopt;
  v1::Training out;
  out.set_version(found->value.version());
  *out.mutable_at() = found->value.at();
  out.set_text_sha256(found->value.sha256());
  return out;
}

absl::StatusOr<std::optional<v1::Training>> AttestationWith(
    const Snapshot& snapshot, const std::string& person_id,
    const std::optional<v1::Training>& training) {
  if (training && !training->version().empty()) {
    MUSTER_ASSIGN_OR_RETURN(const auto texts,
                            Find<v1::Guidance>(snapshot, ArchiveTextKey(training->version())));
    if (texts) {
      v1::Training out = *training;
      out.set_text_sha256(texts->value.archive_sha256());
      return out;
    }
  }
  return AttestationOf(snapshot, person_id);
}

absl::StatusOr<std::string> WhyUnattested(const Snapshot& snapshot, const v1::Request& request) {
  MUSTER_ASSIGN_OR_RETURN(const auto since, AttestSince(snapshot));
  if (!since) return "";
  MUSTER_ASSIGN_OR_RETURN(const auto grant,
                          Find<v1::Grant>(snapshot, GrantKey(request.grant_id())));
  if (!grant || !OwesAttestation(grant->value, since)) return "";
  return absl::StrCat(
      "the archive guidance is not attested; the person does so with `muster-agent archive guide`, "
      "or record it with `musterctl archive attest --person ",
      request.person_upn(), " --app ", request.app_id(), " --version VERSION`");
}

absl::Status WriteAttestation(const Services& services, const Snapshot& snapshot,
                              const Actor& actor, const std::string& person_id,
                              const v1::GuidanceAttestation& attestation, Mutation& mutation) {
  const absl::StatusOr<v1::Guidance> texts = TextsOfVersion(snapshot, attestation.version());
  absl::StatusOr<v1::Training> attested =
      texts.ok() ? AttestedTraining(*texts, attestation, actor.who.upn) : texts.status();
  if (!attested.ok()) {
    if (absl::IsDataLoss(attested.status())) return attested.status();
    WriteRefusal(services, actor, person_id, attestation, attested.status(), mutation);
    return absl::OkStatus();
  }
  const std::string key = AttestationKey(person_id);
  MUSTER_ASSIGN_OR_RETURN(const auto known, Find<v1::GuidanceAttestation>(snapshot, key));
  v1::GuidanceAttestation after = attestation;
  after.set_person_id(person_id);
  after.set_sha256(attested->text_sha256());
  if (!known || !IsSame(known->value, after)) {
    mutation.expects.push_back({key, known ? known->revision : 0});
    Put(mutation, key, after);
    mutation.audit.push_back(MakeAuditEntry(services, actor,
                                            {.verb = "archive.attest",
                                             .object = key,
                                             .before = known ? &known->value : nullptr,
                                             .after = &after}));
  }
  MUSTER_RETURN_IF_ERROR(
      WriteOnRequests(services, snapshot, actor, person_id, *attested, mutation));
  return WriteOnGrants(services, snapshot, actor, person_id, *attested, mutation);
}

absl::StatusOr<AttestationOutcome> RecordAttestation(const Services& services, const Actor& actor,
                                                     const v1::RecordAttestationRequest& in) {
  return RetryAborted([&] { return TryRecord(services, actor, in); });
}

absl::Status WriteArchiveGuidance(const Services& services, const Snapshot& snapshot,
                                  const ArchiveTexts& loaded, v1::Guidance& after,
                                  Mutation& mutation) {
  after.clear_archive();
  for (const auto& [platform, text] : loaded.texts) (*after.mutable_archive())[platform] = text;
  after.set_archive_version(loaded.version);
  after.set_archive_sha256(ArchiveTextsSha256(loaded.texts));
  MUSTER_ASSIGN_OR_RETURN(const auto since, Find<v1::TrainingText>(snapshot, kAttestSinceKey));
  if (loaded.version.empty()) {
    if (since) mutation.deletes.push_back(kAttestSinceKey);
    return absl::OkStatus();
  }
  const std::string key = ArchiveTextKey(loaded.version);
  MUSTER_ASSIGN_OR_RETURN(const auto known, Find<v1::Guidance>(snapshot, key));
  if (known && known->value.archive_sha256() != after.archive_sha256()) {
    return absl::FailedPreconditionError(
        absl::StrCat("guidance/archive.yaml: version ", loaded.version,
                     " is on file with other texts, which people may have attested; give the new "
                     "texts a new version"));
  }
  if (!known) {
    v1::Guidance texts;
    *texts.mutable_archive() = after.archive();
    texts.set_archive_version(after.archive_version());
    texts.set_archive_sha256(after.archive_sha256());
    Put(mutation, key, texts);
  }
  if (since) return absl::OkStatus();
  v1::TrainingText first;
  first.set_version(loaded.version);
  *first.mutable_applied_at() = ToProto(services.clock.Now());
  Put(mutation, kAttestSinceKey, first);
  return absl::OkStatus();
}

absl::Status GetArchiveGuidance(const Services& services, v1::ArchiveGuidanceView& out) {
  MUSTER_ASSIGN_OR_RETURN(const v1::Guidance guidance, LoadGuidance(*services.store.Read()));
  for (const auto& [platform, text] :
       std::map<std::string, std::string>(guidance.archive().begin(), guidance.archive().end())) {
    v1::ArchiveGuidanceView::Item* item = out.add_items();
    item->set_platform(platform);
    item->set_version(guidance.archive_version());
    item->set_sha256(guidance.archive_sha256());
    item->set_text(text);
  }
  return absl::OkStatus();
}

}  // namespace muster
