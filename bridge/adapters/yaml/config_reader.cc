#include "bridge/adapters/yaml/config_reader.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/limits.h"
#include "common/uuid.h"

namespace muster::bridge {

ConfigReader::ConfigReader(const ConfigNode& map, absl::string_view what, ConfigProblems* problems)
    : map_(map), what_(what), problems_(problems) {
  if (map.kind != ConfigNode::Kind::kMap) {
    problems_->Add(map.line, map.column, absl::StrCat(what, " must be a map (key: value lines)"));
  }
}

const ConfigField* ConfigReader::Find(absl::string_view key, bool required) {
  asked_.emplace_back(key);
  for (const ConfigField& field : map_.fields) {
    if (field.key == key) return &field;
  }
  if (required && map_.kind == ConfigNode::Kind::kMap) {
    problems_->Add(map_.line, map_.column, absl::StrCat(what_, " has no '", key, "'"));
  }
  return nullptr;
}

const ConfigField* ConfigReader::Scalar(absl::string_view key, bool required) {
  const ConfigField* field = Find(key, required);
  if (field == nullptr) return nullptr;
  const std::string& text = field->value.text;
  const bool one_line = text.find('\n') == std::string::npos;
  if (field->value.kind == ConfigNode::Kind::kText && one_line &&
      !absl::StripAsciiWhitespace(text).empty() && text.size() <= limits::kMaxConfigTextBytes) {
    return field;
  }
  problems_->Add(field->line, field->column,
                 absl::StrCat("'", key, "' must be one line of text, of at most ",
                              limits::kMaxConfigTextBytes, " bytes"));
  return nullptr;
}

std::string ConfigReader::Text(absl::string_view key, bool required) {
  const ConfigField* field = Scalar(key, required);
  return field != nullptr ? field->value.text : "";
}

std::string ConfigReader::Word(absl::string_view key, const std::vector<absl::string_view>& words) {
  const ConfigField* field = Scalar(key, false);
  if (field == nullptr) return std::string(words.front());
  if (std::find(words.begin(), words.end(), field->value.text) == words.end()) {
    Fail(key,
         absl::StrCat("must be ", words.size() > 1 ? "one of " : "", absl::StrJoin(words, ", ")));
  }
  return field->value.text;
}

std::string ConfigReader::Path(absl::string_view key, bool required) {
  std::string path = Text(key, required);
  if (path.empty() || absl::StartsWith(path, "/")) return path;
  const size_t slash = problems_->file().rfind('/');
  return slash == std::string::npos
             ? path
             : absl::StrCat(absl::string_view(problems_->file()).substr(0, slash + 1), path);
}

uint64_t ConfigReader::Number(absl::string_view key, uint64_t otherwise, uint64_t least,
                              uint64_t most) {
  const ConfigField* field = Scalar(key, false);
  if (field == nullptr) return otherwise;
  uint64_t value = 0;
  if (!absl::SimpleAtoi(field->value.text, &value) || value < least || value > most) {
    Fail(key, absl::StrCat("must be a number from ", least, " to ", most));
    return otherwise;
  }
  return value;
}

absl::Duration ConfigReader::Time(absl::string_view key, absl::Duration otherwise,
                                  absl::Duration least, absl::Duration most) {
  const ConfigField* field = Scalar(key, false);
  if (field == nullptr) return otherwise;
  absl::Duration value;
  if (!absl::ParseDuration(field->value.text, &value) || value < least || value > most) {
    Fail(key, absl::StrCat("must be a time like 6h, from ", absl::FormatDuration(least), " to ",
                           absl::FormatDuration(most)));
    return otherwise;
  }
  return value;
}

std::string ConfigReader::Uuid(absl::string_view key, bool required) {
  const std::string text = Text(key, required);
  if (!text.empty() && !IsUuid(text)) {
    Fail(key, "must be a UUID, as the UEM shows it: 8-4-4-4-12 hex digits");
  }
  return absl::AsciiStrToLower(text);
}

const ConfigNode* ConfigReader::Map(absl::string_view key, bool required) {
  const ConfigField* field = Find(key, required);
  return field != nullptr ? &field->value : nullptr;
}

const ConfigNode* ConfigReader::List(absl::string_view key) {
  const ConfigField* field = Find(key, false);
  if (field == nullptr) return nullptr;
  if (field->value.kind == ConfigNode::Kind::kList) return &field->value;
  problems_->Add(field->line, field->column,
                 absl::StrCat("'", key, "' must be a list (lines that begin with '- ')"));
  return nullptr;
}

void ConfigReader::Fail(absl::string_view key, absl::string_view message) {
  for (const ConfigField& field : map_.fields) {
    if (field.key != key) continue;
    return problems_->Add(field.line, field.column, absl::StrCat("'", key, "' ", message));
  }
  problems_->Add(map_.line, map_.column, absl::StrCat(what_, ": '", key, "' ", message));
}

void ConfigReader::Done() {
  for (const ConfigField& field : map_.fields) {
    if (std::find(asked_.begin(), asked_.end(), field.key) != asked_.end()) continue;
    problems_->Add(field.line, field.column,
                   absl::StrCat("unknown key '", field.key, "' in ", what_, "; known are ",
                                absl::StrJoin(asked_, ", ")));
  }
}

}  // namespace muster::bridge
