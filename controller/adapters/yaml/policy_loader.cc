#include "controller/adapters/yaml/policy_loader.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "common/limits.h"
#include "common/time_proto.h"
#include "controller/adapters/yaml/cohorts_reader.h"
#include "controller/adapters/yaml/guidance_reader.h"
#include "controller/adapters/yaml/identity_reader.h"
#include "controller/adapters/yaml/retention_reader.h"
#include "controller/adapters/yaml/web_reader.h"
#include "controller/adapters/yaml/yaml_fields.h"
#include "controller/adapters/yaml/yaml_tree.h"

namespace muster {
namespace {

constexpr absl::string_view kTrmFile = "trm.yaml";
constexpr absl::string_view kBlocklistFile = "blocklist.yaml";
constexpr absl::string_view kCatalogueFolder = "catalogue/";
constexpr absl::string_view kYaml = ".yaml";

// The app id that a catalogue file's name stands for; nullopt for any other path.
std::optional<std::string> CatalogueId(absl::string_view path) {
  if (!absl::ConsumePrefix(&path, kCatalogueFolder)) return std::nullopt;
  if (!absl::ConsumeSuffix(&path, kYaml) || !IsAppId(path)) return std::nullopt;
  return std::string(path);
}

// Strictly YYYY-MM-DD, a day that exists.
std::optional<absl::Time> ParseDate(absl::string_view text) {
  const bool shape =
      text.size() == 10 && text[4] == '-' && text[7] == '-' &&
      std::count_if(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c); }) == 8;
  absl::CivilDay day;
  if (!shape || !absl::ParseCivilTime(text, &day)) return std::nullopt;
  if (absl::FormatCivilTime(day) != text) return std::nullopt;  // 2026-02-30 was normalised
  return absl::FromCivil(day, absl::UTCTimeZone());
}

// Loads all files of one call; each file's issues are collected apart and joined at the end.
class Loader {
 public:
  LoadResult Load(const std::vector<PolicyFileText>& files) {
    if (files.size() > limits::kMaxPolicyFiles) {
      result_.issues.push_back({PolicyIssue::Severity::kError, "", 0, 0,
                                absl::StrCat(files.size(), " policy files were given; at most ",
                                             limits::kMaxPolicyFiles, " are allowed")});
      return std::move(result_);
    }
    std::map<std::string, int> seen;
    for (const PolicyFileText& file : files) {
      FileIssues issues(IsPrintable(file.path, false) ? file.path : Quoted(file.path));
      if (seen[file.path]++ > 0) {
        issues.Error(0, 0, "this file was given twice; give it once");
      } else {
        LoadFile(file, &issues);
      }
      std::vector<PolicyIssue> found = issues.Take();
      std::move(found.begin(), found.end(), std::back_inserter(result_.issues));
    }
    CheckSharedFacts();
    SortAndCapIssues(&result_.issues);
    return std::move(result_);
  }

 private:
  struct FactAt {
    std::string app, file;
    LocatedFact fact;
  };

  void LoadFile(const PolicyFileText& file, FileIssues* issues) {
    const std::optional<std::string> id = CatalogueId(file.path);
    const bool is_trm = file.path == kTrmFile, is_blocklist = file.path == kBlocklistFile;
    const bool is_guidance = IsGuidanceFile(file.path), is_cohorts = file.path == kCohortsFile;
    const bool is_retention = file.path == kRetentionFile;
    if (!id.has_value() && !is_trm && !is_blocklist && !is_guidance && !is_cohorts &&
        !is_retention) {
      issues->Error(0, 0,
                    "unknown policy file; expected catalogue/<app id>.yaml, trm.yaml, "
                    "blocklist.yaml, cohorts.yaml, retention.yaml or "
                    "guidance/{training,archive,messages}.yaml");
      return;
    }
    // A file that was given counts as given, even when nothing in it can be read.
    if (is_trm) result_.policies.trm.emplace();
    if (is_blocklist) result_.policies.blocklist.emplace();
    if (is_cohorts) result_.policies.cohorts.emplace();
    const std::optional<YamlNode> root = ParseYaml(file.text, issues);
    if (!root.has_value()) return;
    if (is_guidance) return ReadGuidance(file.path, *root, &result_.policies, issues);
    if (is_retention) return ReadRetention(*root, &result_.policies, issues);
    if (is_cohorts) return ReadCohorts(*root, &result_.policies, issues);
    if (is_trm) return LoadTrm(*root, issues);
    if (is_blocklist) return LoadBlocklist(*root, issues);
    LoadApp(*root, *id, issues);
  }

  void LoadApp(const YamlNode& root, const std::string& file_id, FileIssues* issues) {
    if (!ExpectMap(root, "an app file", issues)) return;
    CheckKeys(root, {"id", "name", "publisher", "note", "identities", "web"}, issues);
    Located<v1::App> app{{}, issues->file(), root.line, root.column};
    if (const YamlField* id = RequireField(root, "id", "an app file", issues)) {
      app.line = id->value.line, app.column = id->value.column;
      const auto text = ReadAppId(id->value, "'id'", issues);
      if (text.has_value() && *text != file_id) {
        issues->Error(id->value, absl::StrCat("'id' is '", *text, "', but the file is named for '",
                                              file_id, "'; make them equal"));
      }
    }
    app.value.set_id(file_id);
    if (const YamlField* name = RequireField(root, "name", "an app file", issues)) {
      const auto text =
          ReadText(name->value, "'name'", {.max_bytes = limits::kMaxNameBytes}, issues);
      app.value.set_name(text.value_or(""));
    }
    if (const YamlField* publisher = FindField(root, "publisher")) {
      const auto text =
          ReadText(publisher->value, "'publisher'", {.max_bytes = limits::kMaxNameBytes}, issues);
      app.value.set_publisher(text.value_or(""));
    }
    if (const YamlField* note = FindField(root, "note")) {
      const TextRule rule = {.max_bytes = limits::kMaxReasonBytes, .multiline = true};
      app.value.set_note(ReadText(note->value, "'note'", rule, issues).value_or(""));
    }
    LoadIdentities(root, &app.value, issues);
    if (const YamlField* web = FindField(root, "web")) {
      for (LocatedFact& fact : ReadWebHosts(web->value, &app.value, issues)) {
        facts_.push_back({file_id, issues->file(), std::move(fact)});
      }
    }
    result_.policies.apps.push_back(std::move(app));
  }

  void LoadIdentities(const YamlNode& root, v1::App* app, FileIssues* issues) {
    const YamlField* list = RequireField(root, "identities", "an app file", issues);
    if (list == nullptr || !ExpectList(list->value, "'identities'", issues)) return;
    if (list->value.items.size() > limits::kMaxIdentitiesPerApp) {
      issues->Error(list->value, absl::StrCat("'identities' has ", list->value.items.size(),
                                              " entries; at most ", limits::kMaxIdentitiesPerApp,
                                              " are allowed"));
      return;
    }
    std::map<std::string, int> seen;  // all facts of an identity -> its line
    for (const YamlNode& item : list->value.items) {
      std::optional<ReadIdentity> read = ReadAppIdentity(item, issues);
      if (!read.has_value()) continue;
      std::vector<std::string> facts = IdentityFacts(read->identity);
      std::sort(facts.begin(), facts.end());
      const auto [first, is_new] = seen.emplace(
          absl::StrCat(read->identity.platform(), "\n", absl::StrJoin(facts, "\n")), item.line);
      if (!is_new) {
        issues->Error(item, absl::StrCat("this identity is already given in line ", first->second,
                                         "; keep one of them"));
        continue;
      }
      for (LocatedFact& fact : read->facts) {
        facts_.push_back({app->id(), issues->file(), std::move(fact)});
      }
      *app->add_identities() = std::move(read->identity);
    }
  }

  // The list under the file's only key, or null.
  const YamlNode* OnlyList(const YamlNode& root, absl::string_view key, absl::string_view what,
                           FileIssues* issues) {
    if (!ExpectMap(root, what, issues)) return nullptr;
    CheckKeys(root, {key}, issues);
    const YamlField* list = RequireField(root, key, what, issues);
    if (list == nullptr) return nullptr;
    if (!ExpectList(list->value, absl::StrCat("'", key, "'"), issues)) return nullptr;
    if (list->value.items.size() <= limits::kMaxPolicyFiles) return &list->value;
    issues->Error(list->value,
                  absl::StrCat("'", key, "' has ", list->value.items.size(), " entries; at most ",
                               limits::kMaxPolicyFiles, " are allowed"));
    return nullptr;
  }

  void LoadBlocklist(const YamlNode& root, FileIssues* issues) {
    const YamlNode* list = OnlyList(root, "apps", "blocklist.yaml", issues);
    if (list == nullptr) return;
    std::map<std::string, int> seen;
    for (const YamlNode& item : list->items) {
      const auto id = ReadAppId(item, "an entry of 'apps'", issues);
      if (!id.has_value() || !IsFirst(*id, item, &seen, issues)) continue;
      result_.policies.blocklist->push_back({*id, issues->file(), item.line, item.column});
    }
  }

  static bool IsFirst(const std::string& id, const YamlNode& at, std::map<std::string, int>* seen,
                      FileIssues* issues) {
    const auto [first, is_new] = seen->emplace(id, at.line);
    if (!is_new) {
      issues->Error(at, absl::StrCat("app '", id, "' is already listed in line ", first->second,
                                     "; keep one of them"));
    }
    return is_new;
  }

  void LoadTrm(const YamlNode& root, FileIssues* issues) {
    const YamlNode* list = OnlyList(root, "trm", "trm.yaml", issues);
    if (list == nullptr) return;
    std::map<std::string, int> seen;
    for (const YamlNode& item : list->items) LoadTrmEntry(item, &seen, issues);
  }

  void LoadTrmEntry(const YamlNode& item, std::map<std::string, int>* seen, FileIssues* issues) {
    constexpr absl::string_view kEntry = "a TRM entry";
    if (!ExpectMap(item, kEntry, issues)) return;
    CheckKeys(item, {"app", "status", "decision", "decided_at", "author", "reason"}, issues);
    Located<v1::Trm> trm{{}, issues->file(), item.line, item.column};
    if (const YamlField* app = RequireField(item, "app", kEntry, issues)) {
      trm.line = app->value.line, trm.column = app->value.column;
      const auto id = ReadAppId(app->value, "'app'", issues);
      if (id.has_value() && IsFirst(*id, app->value, seen, issues)) trm.value.set_app_id(*id);
    }
    if (const YamlField* status = RequireField(item, "status", kEntry, issues)) {
      trm.value.set_status(ReadStatus(status->value, issues));
    }
    const auto text = [&](absl::string_view key, const TextRule& rule) {
      const YamlField* field = RequireField(item, key, kEntry, issues);
      if (field == nullptr) return std::string();
      return ReadText(field->value, absl::StrCat("'", key, "'"), rule, issues).value_or("");
    };
    trm.value.set_decision_id(text("decision", {.max_bytes = limits::kMaxTicketBytes}));
    trm.value.set_author(text("author", {.max_bytes = limits::kMaxUpnBytes}));
    trm.value.set_reason(text("reason", {.max_bytes = limits::kMaxReasonBytes, .multiline = true}));
    if (const YamlField* at = RequireField(item, "decided_at", kEntry, issues)) {
      const auto date = ReadText(at->value, "'decided_at'", {}, issues);
      const auto time = date.has_value() ? ParseDate(*date) : std::nullopt;
      if (time.has_value()) {
        *trm.value.mutable_decided_at() = ToProto(*time);
      } else if (date.has_value()) {
        issues->Error(at->value, absl::StrCat("'decided_at' ", Quoted(*date),
                                              " is not a date; write YYYY-MM-DD"));
      }
    }
    result_.policies.trm->push_back(std::move(trm));
  }

  static v1::Trm::Status ReadStatus(const YamlNode& node, FileIssues* issues) {
    static constexpr std::pair<absl::string_view, v1::Trm::Status> kStatuses[] = {
        {"PERMITTED", v1::Trm::PERMITTED},
        {"RESTRICTED", v1::Trm::RESTRICTED},
        {"PROHIBITED", v1::Trm::PROHIBITED},
        {"UNLISTED", v1::Trm::UNLISTED}};
    const auto text = ReadText(node, "'status'", {}, issues);
    if (!text.has_value()) return v1::Trm::UNSPECIFIED;
    std::vector<absl::string_view> names;
    for (const auto& [name, status] : kStatuses) {
      if (name == *text) return status;
      names.push_back(name);
    }
    const std::string near = DidYouMean(*text, names);
    issues->Error(node, absl::StrCat("unknown status ", Quoted(*text), near,
                                     near.empty() ? ";" : "", " expected ", OneOf(names)));
    return v1::Trm::UNSPECIFIED;
  }

  // One fact names one app only; the later file in order of path is told about the earlier.
  void CheckSharedFacts() {
    std::stable_sort(facts_.begin(), facts_.end(), [](const FactAt& a, const FactAt& b) {
      return std::tie(a.file, a.fact.line, a.fact.column) <
             std::tie(b.file, b.fact.line, b.fact.column);
    });
    std::map<std::string, const FactAt*> owner;
    for (const FactAt& at : facts_) {
      const auto [first, is_new] = owner.emplace(at.fact.fact, &at);
      if (is_new || first->second->app == at.app) continue;
      const FactAt& other = *first->second;
      result_.issues.push_back(
          {PolicyIssue::Severity::kError, at.file, at.fact.line, at.fact.column,
           absl::StrCat(Quoted(at.fact.fact), " is an identity of both app '", other.app, "' (",
                        other.file, ":", other.fact.line, ":", other.fact.column, ") and app '",
                        at.app, "'; keep it in one of them")});
    }
  }

  LoadResult result_;
  std::vector<FactAt> facts_;
};

}  // namespace

LoadResult LoadPolicies(const std::vector<PolicyFileText>& files) { return Loader().Load(files); }

}  // namespace muster
