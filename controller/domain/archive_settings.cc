// What an agency sets about archives: what changes with a new file, and what agents are told.
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/limits.h"
#include "common/time_proto.h"
#include "controller/domain/policy_set.h"
#include "google/protobuf/util/message_differencer.h"

namespace muster {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr size_t kMaxTextBytes = limits::kMaxChunkBytes - (8 << 10);

std::string OrNone(const std::string& text) { return text.empty() ? "none" : text; }

std::string DurationText(bool set, const google::protobuf::Duration& value) {
  return set ? absl::FormatDuration(FromProto(value)) : "the default";
}

std::string AuditLogText(const v1::RetentionPolicy& policy) {
  if (!policy.has_audit_log()) return "kept for good";
  return absl::StrCat("kept for ", policy.audit_log().keep_years(), " years (",
                      policy.audit_log().authority(), ")");
}

std::string FolderOf(const v1::RetentionPolicy& policy, v1::Platform::Id platform) {
  for (const v1::ArchiveFolder& folder : policy.folders()) {
    if (folder.platform() == platform) return folder.folder();
  }
  return "";
}

using Schedules = std::map<std::string, v1::RetentionSchedule>;
Schedules SchedulesOf(const v1::RetentionPolicy& policy) {
  Schedules out;
  for (const v1::RetentionSchedule& s : policy.schedules()) {
    out[absl::StrCat(s.id(), s.capstone() ? " (Capstone)" : "")] = s;
  }
  return out;
}

void DescribeSchedules(const Schedules& before, const Schedules& after,
                       std::vector<std::string>& changes) {
  for (const auto& [id, schedule] : after) {
    const std::string status = v1::RetentionSchedule::Status_Name(schedule.status());
    const auto old = before.find(id);
    if (old == before.end()) {
      changes.push_back(absl::StrCat("retention: schedule ", id, " added, ", status));
    } else if (old->second.status() != schedule.status()) {
      changes.push_back(absl::StrCat("retention: schedule ", id, ": ",
                                     v1::RetentionSchedule::Status_Name(old->second.status()),
                                     " -> ", status));
    } else if (!MessageDifferencer::Equals(old->second, schedule)) {
      changes.push_back(absl::StrCat("retention: schedule ", id, " changed"));
    }
  }
  for (const auto& [id, schedule] : before) {
    if (!after.contains(id))
      changes.push_back(absl::StrCat("retention: schedule ", id, " removed"));
  }
}

}  // namespace

void DescribeRetention(const PolicySet& before, const PolicySet& after,
                       std::vector<std::string>& changes) {
  if (!after.retention) return;
  const v1::RetentionPolicy is = *after.retention;
  const v1::RetentionPolicy was = before.retention.value_or(v1::RetentionPolicy());
  const auto say = [&](absl::string_view what, const std::string& from, const std::string& to) {
    if (from == to) return;
    changes.push_back(absl::StrCat("retention: ", what, " ", OrNone(from), " -> ", OrNone(to)));
  };
  say("time zone", was.time_zone(), is.time_zone());
  say("overdue grace", DurationText(was.has_overdue_grace(), was.overdue_grace()),
      DurationText(is.has_overdue_grace(), is.overdue_grace()));
  say("silent after", DurationText(was.has_silent_after(), was.silent_after()),
      DurationText(is.has_silent_after(), is.silent_after()));
  say("update every", DurationText(was.has_update_every(), was.update_every()),
      DurationText(is.has_update_every(), is.update_every()));
  say("repository", absl::StrCat(was.repository_id(), " ", was.repository()),
      absl::StrCat(is.repository_id(), " ", is.repository()));
  for (const v1::Platform::Id platform : kPlatforms) {
    say(absl::StrCat("folder on ", PlatformName(platform)), FolderOf(was, platform),
        FolderOf(is, platform));
  }
  say("texts of the audit log", AuditLogText(was), AuditLogText(is));
  DescribeSchedules(SchedulesOf(was), SchedulesOf(is), changes);
}

std::optional<v1::ArchiveSettings> ArchiveSettingsFor(
    const std::optional<v1::RetentionPolicy>& retention, const v1::Guidance& guidance,
    v1::Platform::Id platform) {
  if (!retention && guidance.archive_version().empty()) return std::nullopt;
  v1::ArchiveSettings out;
  out.set_time_zone(retention ? retention->time_zone() : "UTC");
  if (retention) {
    out.set_folder(FolderOf(*retention, platform));
    out.set_repository_id(retention->repository_id());
    out.set_repository(retention->repository());
  }
  const auto text = guidance.archive().find(std::string(PlatformName(platform)));
  // A longer one does not fit the one chunk that holds all this; its hash still names it.
  if (text != guidance.archive().end() && text->second.size() <= kMaxTextBytes) {
    out.set_guidance_text(text->second);
  }
  out.set_guidance_version(guidance.archive_version());
  out.set_guidance_sha256(guidance.archive_sha256());
  return out;
}

}  // namespace muster
