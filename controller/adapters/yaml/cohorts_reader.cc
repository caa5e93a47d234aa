#include "controller/adapters/yaml/cohorts_reader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/limits.h"
#include "common/time_proto.h"
#include "controller/adapters/yaml/yaml_fields.h"

namespace muster {
namespace {

// RFC 3339 and nothing else: absl also takes words like "infinite-future".
std::optional<absl::Time> ParseInstant(const std::string& text) {
  absl::Time time;
  std::string error;
  const bool shape = text.size() >= 20 && std::all_of(text.begin(), text.begin() + 4, [](char c) {
                       return absl::ascii_isdigit(static_cast<unsigned char>(c));
                     });
  if (!shape || !absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return std::nullopt;
  return time;
}

v1::Platform::Id ReadPlatform(const YamlNode& node, FileIssues* issues) {
  const auto text = ReadText(node, "'platform'", {}, issues);
  if (!text) return v1::Platform::UNSPECIFIED;
  if (*text == PlatformName(v1::Platform::LINUX)) return v1::Platform::LINUX;
  const bool known = std::any_of(std::begin(kPlatforms), std::end(kPlatforms),
                                 [&](v1::Platform::Id p) { return *text == PlatformName(p); });
  issues->Error(node, known ? absl::StrCat("no agent of Muster enforces on ", *text,
                                           ", so that cohort cannot be told to monitor; expected "
                                           "linux")
                            : absl::StrCat("unknown platform ", Quoted(*text), "; expected linux"));
  return v1::Platform::UNSPECIFIED;
}

void ReadEntry(const YamlNode& item, LoadedPolicies* out, FileIssues* issues) {
  constexpr absl::string_view kEntry = "a cohort";
  if (!ExpectMap(item, kEntry, issues)) return;
  CheckKeys(item, {"platform", "monitor_until", "reason"}, issues);
  Located<v1::CohortPolicy> cohort{{}, issues->file(), item.line, item.column};
  if (const YamlField* platform = RequireField(item, "platform", kEntry, issues)) {
    cohort.value.set_platform(ReadPlatform(platform->value, issues));
  }
  if (const YamlField* until = RequireField(item, "monitor_until", kEntry, issues)) {
    cohort.line = until->value.line, cohort.column = until->value.column;
    const auto text = ReadText(until->value, "'monitor_until'", {}, issues);
    const auto time = text ? ParseInstant(*text) : std::nullopt;
    if (time) {
      *cohort.value.mutable_monitor_until() = ToProto(*time);
    } else if (text) {
      issues->Error(until->value, absl::StrCat("'monitor_until' ", Quoted(*text),
                                               " is not a time; write it like "
                                               "2026-03-01T12:00:00Z"));
    }
  }
  if (const YamlField* reason = RequireField(item, "reason", kEntry, issues)) {
    const TextRule rule = {.max_bytes = limits::kMaxReasonBytes};
    cohort.value.set_monitor_reason(ReadText(reason->value, "'reason'", rule, issues).value_or(""));
  }
  out->cohorts->push_back(std::move(cohort));
}

}  // namespace

void ReadCohorts(const YamlNode& root, LoadedPolicies* out, FileIssues* issues) {
  if (!ExpectMap(root, kCohortsFile, issues)) return;
  CheckKeys(root, {"cohorts"}, issues);
  const YamlField* list = RequireField(root, "cohorts", kCohortsFile, issues);
  if (list == nullptr) return;
  // An empty list has a meaning here: nobody monitors.
  if (list->value.kind == YamlNode::Kind::kSequence && list->value.items.empty()) return;
  if (!ExpectList(list->value, "'cohorts'", issues)) return;
  if (list->value.items.size() > std::size(kPlatforms)) {
    issues->Error(list->value, absl::StrCat("'cohorts' has ", list->value.items.size(),
                                            " entries; at most one per platform"));
    return;
  }
  for (const YamlNode& item : list->value.items) ReadEntry(item, out, issues);
}

}  // namespace muster
