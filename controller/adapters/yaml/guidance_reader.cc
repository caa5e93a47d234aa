#include "controller/adapters/yaml/guidance_reader.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "common/limits.h"
#include "controller/adapters/yaml/yaml_fields.h"
#include "controller/domain/messages.h"

namespace muster {
namespace {

const TextRule kLongText = {.max_bytes = limits::kMaxGuidanceBytes, .multiline = true};

void ReadTraining(const YamlNode& root, LoadedPolicies* out, FileIssues* issues) {
  constexpr absl::string_view kWhat = "guidance/training.yaml";
  if (!ExpectMap(root, kWhat, issues)) return;
  CheckKeys(root, {"version", "text"}, issues);
  const YamlField* version = RequireField(root, "version", kWhat, issues);
  const YamlField* text = RequireField(root, "text", kWhat, issues);
  if (version == nullptr || text == nullptr) return;
  const auto name =
      ReadText(version->value, "'version'", {.max_bytes = limits::kMaxTicketBytes}, issues);
  const auto words = ReadText(text->value, "'text'", kLongText, issues);
  if (!name || !words) return;
  v1::TrainingText training;
  training.set_version(*name);
  training.set_text(*words);
  training.set_sha256(Sha256Hex(*words));
  out->training = std::move(training);
}

void ReadArchive(const YamlNode& root, LoadedPolicies* out, FileIssues* issues) {
  if (!ExpectMap(root, "guidance/archive.yaml", issues)) return;
  std::vector<absl::string_view> keys = {"version"};
  for (const v1::Platform::Id platform : kPlatforms) keys.push_back(PlatformName(platform));
  CheckKeys(root, keys, issues);
  out->archive.emplace();
  for (const YamlField& field : root.fields) {
    const bool is_version = field.key == "version";
    const auto text =
        ReadText(field.value, absl::StrCat("'", field.key, "'"),
                 is_version ? TextRule{.max_bytes = limits::kMaxTicketBytes} : kLongText, issues);
    if (!text) continue;
    if (is_version) {
      out->archive->version = *text;
    } else {
      out->archive->texts[field.key] = *text;
    }
  }
  if (!out->archive->version.empty() && out->archive->texts.empty()) {
    issues->Error(root, "guidance/archive.yaml has a version but no text; add one for a platform");
  }
}

v1::MessageTemplate::Reader ReadReader(const YamlNode& node, FileIssues* issues) {
  const auto to = ReadText(node, "'to'", {}, issues);
  if (!to) return v1::MessageTemplate::UNSPECIFIED;
  if (*to == "requester") return v1::MessageTemplate::REQUESTER;
  if (*to == "person") return v1::MessageTemplate::PERSON;
  issues->Error(node, absl::StrCat("'to' ", Quoted(*to), " is neither requester nor person"));
  return v1::MessageTemplate::UNSPECIFIED;
}

std::string ReadTemplate(const YamlNode& item, absl::string_view key, const TextRule& rule,
                         FileIssues* issues) {
  const YamlField* field = RequireField(item, key, "a message", issues);
  if (field == nullptr) return "";
  const auto text = ReadText(field->value, absl::StrCat("'", key, "'"), rule, issues);
  if (!text) return "";
  const auto filled = FillMessage(*text, {});
  if (!filled.ok()) issues->Error(field->value, std::string(filled.status().message()));
  return *text;
}

void ReadMessage(const YamlNode& item, LoadedPolicies* out, FileIssues* issues) {
  if (!ExpectMap(item, "a message", issues)) return;
  CheckKeys(item, {"topic", "to", "subject", "text"}, issues);
  v1::MessageTemplate message;
  if (const YamlField* topic = RequireField(item, "topic", "a message", issues)) {
    const auto name = ReadText(topic->value, "'topic'", {}, issues);
    if (name && !IsTopic(*name)) {
      issues->Error(topic->value,
                    absl::StrCat("unknown topic ", Quoted(*name), DidYouMean(*name, Topics())));
    }
    message.set_topic(name.value_or(""));
  }
  if (const YamlField* to = RequireField(item, "to", "a message", issues)) {
    message.set_reader(ReadReader(to->value, issues));
  }
  message.set_subject(
      ReadTemplate(item, "subject", {.max_bytes = limits::kMaxVerifiedBytes}, issues));
  message.set_text(ReadTemplate(item, "text", kLongText, issues));
  out->messages->push_back(std::move(message));
}

void ReadMessages(const YamlNode& root, LoadedPolicies* out, FileIssues* issues) {
  constexpr absl::string_view kWhat = "guidance/messages.yaml";
  if (!ExpectMap(root, kWhat, issues)) return;
  CheckKeys(root, {"messages"}, issues);
  const YamlField* list = RequireField(root, "messages", kWhat, issues);
  if (list == nullptr || !ExpectList(list->value, "'messages'", issues)) return;
  if (list->value.items.size() > limits::kMaxTemplates) {
    issues->Error(list->value, absl::StrCat("'messages' has ", list->value.items.size(),
                                            " entries; at most ", limits::kMaxTemplates));
    return;
  }
  out->messages.emplace();
  std::set<std::pair<std::string, int>> seen;
  for (const YamlNode& item : list->value.items) {
    ReadMessage(item, out, issues);
    if (out->messages->empty()) continue;
    const v1::MessageTemplate& last = out->messages->back();
    if (!seen.emplace(last.topic(), last.reader()).second) {
      issues->Error(item, absl::StrCat("there already is a message of topic '", last.topic(),
                                       "' to this reader; keep one"));
    }
  }
}

}  // namespace

bool IsGuidanceFile(absl::string_view path) {
  return path == kTrainingFile || path == kArchiveFile || path == kMessagesFile;
}

void ReadGuidance(absl::string_view path, const YamlNode& root, LoadedPolicies* out,
                  FileIssues* issues) {
  if (path == kTrainingFile) return ReadTraining(root, out, issues);
  if (path == kArchiveFile) return ReadArchive(root, out, issues);
  ReadMessages(root, out, issues);
}

}  // namespace muster
