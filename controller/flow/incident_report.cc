#include "controller/flow/incident_report.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "common/archive_limits.h"
#include "common/loss_report_text.h"
#include "common/time_proto.h"
#include "controller/domain/incident.h"
#include "controller/domain/loss_report.h"
#include "controller/flow/incident_writes.h"
#include "controller/flow/lookup.h"
#include "controller/flow/retention.h"

namespace muster {
namespace {

template <typename T>
absl::StatusOr<std::optional<T>> FindValue(const Snapshot& snapshot, const std::string& key) {
  MUSTER_ASSIGN_OR_RETURN(auto found, Find<T>(snapshot, key));
  if (!found) return std::nullopt;
  return std::move(found->value);
}

auto AgeOf(const v1::ExportRecord& record) {
  return std::make_tuple(FromProto(record.seen().first_at()), FromProto(record.seen().last_at()),
                         record.seen().export_sha256());
}

absl::Status LoadExports(const Snapshot& snapshot, const v1::Incident& incident,
                         LossReportFacts& facts) {
  std::vector<v1::ExportRecord> all;
  for (const v1::Incident::Chat& chat : incident.chats()) {
    if (chat.chat_key().empty()) continue;
    MUSTER_RETURN_IF_ERROR(ForEach<v1::ExportRecord>(
        snapshot, ExportPrefix(incident.person_id(), incident.app_id(), chat.chat_key()),
        [&](const std::string&, Versioned<v1::ExportRecord>& found) {
          all.push_back(std::move(found.value));
          return absl::OkStatus();
        }));
  }
  std::sort(all.begin(), all.end(), [](const v1::ExportRecord& a, const v1::ExportRecord& b) {
    return AgeOf(a) < AgeOf(b);
  });
  if (all.size() > limits::kMaxReportExports) {
    facts.exports_not_listed = all.size() - limits::kMaxReportExports;
    all.erase(all.begin(), all.begin() + static_cast<ptrdiff_t>(facts.exports_not_listed));
  }
  for (v1::ExportRecord& record : all) {
    facts.exports[record.seen().chat_key()].push_back(std::move(record));
  }
  return absl::OkStatus();
}

absl::StatusOr<LossReportFacts> LoadFacts(const Services& services, const Snapshot& snapshot,
                                          const v1::Incident& incident) {
  LossReportFacts out;
  out.tenant = services.settings.tenant;
  MUSTER_ASSIGN_OR_RETURN(const v1::RetentionPolicy retention, LoadRetention(snapshot));
  MUSTER_ASSIGN_OR_RETURN(out.zone, AgencyZone(retention));
  out.zone_name = out.zone.name();
  MUSTER_ASSIGN_OR_RETURN(const auto person,
                          Find<v1::Person>(snapshot, PersonKey(incident.person_id())));
  if (person) out.person_name = person->value.display_name();
  MUSTER_ASSIGN_OR_RETURN(out.grant, FindValue<v1::Grant>(snapshot, GrantKey(incident.grant_id())));
  MUSTER_ASSIGN_OR_RETURN(out.device,
                          FindValue<v1::Device>(snapshot, DeviceKey(incident.device_id())));
  MUSTER_ASSIGN_OR_RETURN(out.guidance, FindValue<v1::GuidanceAttestation>(
                                            snapshot, AttestationKey(incident.person_id())));
  MUSTER_RETURN_IF_ERROR(LoadExports(snapshot, incident, out));
  return out;
}

}  // namespace

absl::StatusOr<v1::IncidentReportResponse> DraftReport(const Services& services,
                                                       const Snapshot& snapshot,
                                                       const v1::Incident& incident) {
  MUSTER_ASSIGN_OR_RETURN(const LossReportFacts facts, LoadFacts(services, snapshot, incident));
  v1::IncidentReportResponse out;
  out.set_html(LossReportHtml(incident, facts));
  MUSTER_ASSIGN_OR_RETURN(*out.mutable_sha256(), LossReportSha256(out.html()));
  return out;
}

absl::StatusOr<v1::IncidentReportResponse> GetReport(const Services& services,
                                                     const std::string& incident_id) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const Versioned<v1::Incident> incident,
                          Load<v1::Incident>(*snapshot, IncidentKey(incident_id),
                                             absl::StrCat("no incident '", incident_id,
                                                          "'; see `musterctl archive incidents`")));
  MUSTER_ASSIGN_OR_RETURN(
      auto out, FindValue<v1::IncidentReportResponse>(*snapshot, IncidentReportKey(incident_id)));
  if (!out) {
    MUSTER_ASSIGN_OR_RETURN(out, DraftReport(services, *snapshot, incident.value));
    out->clear_sha256();  // nobody signs what was never drafted
  }
  MUSTER_ASSIGN_OR_RETURN(const v1::RetentionPolicy retention, LoadRetention(*snapshot));
  MUSTER_ASSIGN_OR_RETURN(const absl::TimeZone zone, AgencyZone(retention));
  MUSTER_ASSIGN_OR_RETURN(*out->mutable_html(),
                          WithSignatureBlock(out->html(), SignatureBlock(incident.value, zone)));
  out->set_is_signed(incident.value.has_signature());
  if (out->is_signed()) *out->mutable_signature() = incident.value.signature();
  return *std::move(out);
}

}  // namespace muster
