#include "controller/adapters/yaml/retention_reader.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/archive_limits.h"
#include "common/limits.h"
#include "common/log_limits.h"
#include "common/time_proto.h"
#include "controller/adapters/yaml/yaml_fields.h"
#include "controller/domain/archive_shapes.h"

namespace muster {
namespace {

constexpr uint32_t kMaxKeepYears = 1'000;

// Like "5d", beside what ReadDuration takes.
void ReadDays(const YamlNode& map, absl::string_view key, absl::Duration least, absl::Duration most,
              google::protobuf::Duration* out, FileIssues* issues) {
  const YamlField* field = FindField(map, key);
  if (field == nullptr) return;
  YamlNode node = field->value;
  absl::string_view number = node.text;
  uint32_t days = 0;
  if (absl::ConsumeSuffix(&number, "d") && absl::SimpleAtoi(number, &days) && days < 10'000) {
    node.text = absl::StrCat(24 * days, "h");
  }
  const auto value = ReadDuration(node, absl::StrCat("'", key, "'"), least, most, issues);
  if (value) *out = ToProto(*value);
}

// One of a few words; an issue that lists them else.
template <typename T, size_t N>
T ReadWord(const YamlNode& map, absl::string_view key, absl::string_view what,
           const std::pair<absl::string_view, T> (&words)[N], T none, FileIssues* issues) {
  const YamlField* field = RequireField(map, key, what, issues);
  if (field == nullptr) return none;
  const auto text = ReadText(field->value, absl::StrCat("'", key, "'"), {}, issues);
  if (!text) return none;
  std::vector<absl::string_view> names;
  for (const auto& [name, value] : words) {
    if (name == *text) return value;
    names.push_back(name);
  }
  const std::string near = DidYouMean(*text, names);
  issues->Error(field->value, absl::StrCat("unknown ", key, " ", Quoted(*text), near,
                                           near.empty() ? ";" : "", " expected ", OneOf(names)));
  return none;
}

void ReadRepository(const YamlNode& root, v1::RetentionPolicy* policy, FileIssues* issues) {
  const YamlField* field = FindField(root, "repository");
  if (field == nullptr || !ExpectMap(field->value, "'repository'", issues)) return;
  CheckKeys(field->value, {"id", "path"}, issues);
  if (const YamlField* id = RequireField(field->value, "id", "a repository", issues)) {
    const auto text = ReadText(id->value, "'id'", {}, issues);
    if (text && !IsPlainId(*text)) {
      issues->Error(id->value, absl::StrCat("'id' ", Quoted(*text),
                                            " may hold letters, digits, '.', '_' and '-' only"));
    }
    policy->set_repository_id(text.value_or(""));
  }
  if (const YamlField* path = RequireField(field->value, "path", "a repository", issues)) {
    const auto text = ReadText(path->value, "'path'", {.max_bytes = limits::kMaxPathBytes}, issues);
    if (text && !absl::StartsWith(*text, "/")) {
      issues->Error(path->value, absl::StrCat("'path' ", Quoted(*text),
                                              " must begin with '/': it is where agents find the "
                                              "repository"));
    }
    policy->set_repository(text.value_or(""));
  }
}

// It lies below each person's home, and nowhere else.
bool IsFolder(absl::string_view folder) {
  if (folder.empty() || folder.front() == '/') return false;
  const std::vector<absl::string_view> parts = absl::StrSplit(folder, '/');
  return std::none_of(parts.begin(), parts.end(), [](absl::string_view part) {
    return part.empty() || part == "." || part == "..";
  });
}

void ReadFolders(const YamlNode& root, v1::RetentionPolicy* policy, FileIssues* issues) {
  const YamlField* field = FindField(root, "folders");
  if (field == nullptr || !ExpectMap(field->value, "'folders'", issues)) return;
  std::vector<absl::string_view> platforms;
  for (const v1::Platform::Id platform : kPlatforms) platforms.push_back(PlatformName(platform));
  CheckKeys(field->value, platforms, issues);
  for (const YamlField& entry : field->value.fields) {
    const auto text = ReadText(entry.value, absl::StrCat("'", entry.key, "'"), {}, issues);
    if (!text) continue;
    if (!IsFolder(*text)) {
      issues->Error(entry.value, absl::StrCat(Quoted(*text),
                                              " is no folder below a home; write it "
                                              "like Chat exports, without a leading '/' or '..'"));
      continue;
    }
    for (const v1::Platform::Id platform : kPlatforms) {
      if (PlatformName(platform) != entry.key) continue;
      v1::ArchiveFolder* folder = policy->add_folders();
      folder->set_platform(platform);
      folder->set_folder(*text);
    }
  }
}

// A whole number of years, written plainly.
std::optional<uint32_t> ReadYears(const YamlNode& node, uint32_t least, uint32_t most,
                                  FileIssues* issues) {
  uint32_t value = 0;
  if (node.kind == YamlNode::Kind::kScalar && !node.quoted && absl::SimpleAtoi(node.text, &value) &&
      value >= least && value <= most) {
    return value;
  }
  issues->Error(node, absl::StrCat("'keep_years' must be a number between ", least, " and ", most));
  return std::nullopt;
}

void ReadKeepYears(const YamlNode& item, v1::RetentionSchedule* schedule, FileIssues* issues) {
  const YamlField* years = FindField(item, "keep_years");
  const bool temporary = schedule->disposition() == v1::RetentionSchedule::TEMPORARY;
  if (years == nullptr) {
    if (temporary) RequireField(item, "keep_years", "a temporary schedule", issues);
    return;
  }
  const auto value = ReadYears(years->value, 1, kMaxKeepYears, issues);
  if (!value) return;
  if (!temporary) {
    issues->Error(years->value, "a permanent schedule has no 'keep_years'");
    return;
  }
  schedule->set_keep_years(*value);
}

void ReadCutoff(const YamlNode& item, v1::RetentionSchedule* schedule, FileIssues* issues) {
  if (schedule->disposition() != v1::RetentionSchedule::TEMPORARY) return;
  static constexpr std::pair<absl::string_view, absl::string_view> kCutoffs[] = {
      {"calendar-year", "calendar-year"}, {"fiscal-year", "fiscal-year"}, {"message", "message"}};
  schedule->set_cutoff(std::string(
      ReadWord(item, "cutoff", "a temporary schedule", kCutoffs, absl::string_view(), issues)));
}

void ReadSchedule(const YamlNode& item, std::set<std::string>* seen, v1::RetentionPolicy* policy,
                  FileIssues* issues) {
  constexpr absl::string_view kWhat = "a schedule";
  static constexpr std::pair<absl::string_view, v1::RetentionSchedule::Status> kStatuses[] = {
      {"draft", v1::RetentionSchedule::DRAFT}, {"approved", v1::RetentionSchedule::APPROVED}};
  static constexpr std::pair<absl::string_view, v1::RetentionSchedule::Disposition>
      kDispositions[] = {{"temporary", v1::RetentionSchedule::TEMPORARY},
                         {"permanent", v1::RetentionSchedule::PERMANENT}};
  if (!ExpectMap(item, kWhat, issues)) return;
  CheckKeys(
      item,
      {"id", "title", "status", "disposition", "keep_years", "cutoff", "capstone", "authority"},
      issues);
  v1::RetentionSchedule schedule;
  const auto line = [&](absl::string_view key, size_t most) {
    const YamlField* field = RequireField(item, key, kWhat, issues);
    if (field == nullptr) return std::string();
    return ReadText(field->value, absl::StrCat("'", key, "'"), {.max_bytes = most}, issues)
        .value_or("");
  };
  schedule.set_id(line("id", limits::kMaxTicketBytes));
  schedule.set_title(line("title", limits::kMaxReasonBytes));
  schedule.set_authority(line("authority", limits::kMaxReasonBytes));
  schedule.set_status(ReadWord(item, "status", kWhat, kStatuses,
                               v1::RetentionSchedule::STATUS_UNSPECIFIED, issues));
  schedule.set_disposition(ReadWord(item, "disposition", kWhat, kDispositions,
                                    v1::RetentionSchedule::DISPOSITION_UNSPECIFIED, issues));
  if (const YamlField* capstone = FindField(item, "capstone")) {
    schedule.set_capstone(ReadBool(capstone->value, "'capstone'", issues).value_or(false));
  }
  ReadKeepYears(item, &schedule, issues);
  ReadCutoff(item, &schedule, issues);
  const std::string key = absl::StrCat(schedule.id(), schedule.capstone() ? " capstone" : "");
  if (!schedule.id().empty() && !seen->insert(key).second) {
    issues->Error(item, absl::StrCat("schedule '", schedule.id(), "' is given twice for ",
                                     schedule.capstone() ? "Capstone officials" : "everybody else",
                                     "; keep one"));
  }
  *policy->add_schedules() = std::move(schedule);
}

void ReadAuditLog(const YamlNode& root, v1::RetentionPolicy* policy, FileIssues* issues) {
  const YamlField* field = FindField(root, "audit_log");
  if (field == nullptr || !ExpectMap(field->value, "'audit_log'", issues)) return;
  CheckKeys(field->value, {"keep_years", "authority"}, issues);
  v1::AuditRetention* out = policy->mutable_audit_log();
  if (const YamlField* years = RequireField(field->value, "keep_years", "'audit_log'", issues)) {
    out->set_keep_years(
        ReadYears(years->value, limits::kMinLogKeepYears, limits::kMaxLogKeepYears, issues)
            .value_or(0));
  }
  if (const YamlField* by = RequireField(field->value, "authority", "'audit_log'", issues)) {
    const auto text =
        ReadText(by->value, "'authority'", {.max_bytes = limits::kMaxLogTextBytes}, issues);
    out->set_authority(text.value_or(""));
  }
}

void ReadSchedules(const YamlNode& root, v1::RetentionPolicy* policy, FileIssues* issues) {
  const YamlField* list = FindField(root, "schedules");
  if (list == nullptr || !ExpectList(list->value, "'schedules'", issues)) return;
  if (list->value.items.size() > limits::kMaxSchedules) {
    issues->Error(list->value, absl::StrCat("'schedules' has ", list->value.items.size(),
                                            " entries; at most ", limits::kMaxSchedules));
    return;
  }
  std::set<std::string> seen;
  for (const YamlNode& item : list->value.items) ReadSchedule(item, &seen, policy, issues);
}

}  // namespace

void ReadRetention(const YamlNode& root, LoadedPolicies* out, FileIssues* issues) {
  if (!ExpectMap(root, kRetentionFile, issues)) return;
  CheckKeys(root,
            {"time_zone", "overdue_grace", "silent_after", "update_every", "repository", "folders",
             "schedules", "audit_log"},
            issues);
  v1::RetentionPolicy policy;
  if (const YamlField* zone = RequireField(root, "time_zone", kRetentionFile, issues)) {
    const auto name = ReadText(zone->value, "'time_zone'", {}, issues);
    if (name && !IsTimeZone(*name)) {
      issues->Error(zone->value, absl::StrCat("unknown time zone ", Quoted(*name),
                                              "; write it like America/New_York"));
    }
    policy.set_time_zone(name.value_or(""));
  }
  ReadDays(root, "overdue_grace", absl::ZeroDuration(), limits::kMaxOverdueGrace,
           policy.mutable_overdue_grace(), issues);
  ReadDays(root, "silent_after", limits::kMinSilentAfter, limits::kMaxSilentAfter,
           policy.mutable_silent_after(), issues);
  ReadDays(root, "update_every", absl::Hours(24), limits::kMaxUpdateEvery,
           policy.mutable_update_every(), issues);
  if (FindField(root, "overdue_grace") == nullptr) policy.clear_overdue_grace();
  if (FindField(root, "silent_after") == nullptr) policy.clear_silent_after();
  if (FindField(root, "update_every") == nullptr) policy.clear_update_every();
  ReadRepository(root, &policy, issues);
  ReadFolders(root, &policy, issues);
  ReadSchedules(root, &policy, issues);
  ReadAuditLog(root, &policy, issues);
  out->retention = std::move(policy);
}

}  // namespace muster
