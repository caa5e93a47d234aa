#include "controller/adapters/yaml/yaml_fields.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/limits.h"

namespace muster {
namespace {

constexpr size_t kMaxNearDistance = 2;

absl::string_view KindWords(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "empty";
    case YamlNode::Kind::kScalar:
      return "a single value";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
  }
  return "empty";
}

// Levenshtein, ignoring case.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = absl::ascii_tolower(a[i - 1]) == absl::ascii_tolower(b[j - 1]);
      const size_t next = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (same ? 0 : 1)});
      diagonal = row[j];
      row[j] = next;
    }
  }
  return row[b.size()];
}

// What a plain scalar is when YAML would not read it as text; empty for text.
absl::string_view OtherType(const YamlNode& node) {
  if (node.quoted) return "";
  if (absl::EqualsIgnoreCase(node.text, "true") || absl::EqualsIgnoreCase(node.text, "false")) {
    return "a boolean";
  }
  double number = 0;
  return absl::SimpleAtod(node.text, &number) ? "a number" : "";
}

bool ExpectScalar(const YamlNode& node, absl::string_view what, absl::string_view type,
                  FileIssues* issues) {
  if (node.kind == YamlNode::Kind::kScalar) return true;
  issues->Error(node, absl::StrCat(what, " must be ", type, ", but is ", KindWords(node.kind)));
  return false;
}

}  // namespace

std::string OneOf(const std::vector<absl::string_view>& words) {
  return absl::StrCat(words.size() == 1 ? "" : "one of ", absl::StrJoin(words, ", "));
}

std::string DidYouMean(absl::string_view word, const std::vector<absl::string_view>& words) {
  if (word.empty() || word.size() > limits::kMaxAppIdBytes) return "";
  absl::string_view nearest;
  size_t least = std::min(kMaxNearDistance, word.size() / 2) + 1;
  for (const absl::string_view candidate : words) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < least) least = distance, nearest = candidate;
  }
  return nearest.empty() ? "" : absl::StrCat("; did you mean '", nearest, "'?");
}

bool ExpectMap(const YamlNode& node, absl::string_view what, FileIssues* issues) {
  if (node.kind == YamlNode::Kind::kMap) return true;
  issues->Error(
      node, absl::StrCat(what, " must be a map (key: value lines), but is ", KindWords(node.kind)));
  return false;
}

bool ExpectList(const YamlNode& node, absl::string_view what, FileIssues* issues) {
  if (node.kind != YamlNode::Kind::kSequence) {
    issues->Error(node, absl::StrCat(what, " must be a list (lines that start with '- '), but is ",
                                     KindWords(node.kind)));
    return false;
  }
  if (!node.items.empty()) return true;
  issues->Error(node, absl::StrCat(what, " is empty; give at least one entry"));
  return false;
}

void CheckKeys(const YamlNode& map, const std::vector<absl::string_view>& known,
               FileIssues* issues) {
  for (const YamlField& field : map.fields) {
    if (std::find(known.begin(), known.end(), field.key) != known.end()) continue;
    const std::string near = DidYouMean(field.key, known);
    issues->Error(field.line, field.column,
                  absl::StrCat("unknown key ", Quoted(field.key), near, near.empty() ? ";" : "",
                               " expected ", OneOf(known)));
  }
}

const YamlField* FindField(const YamlNode& map, absl::string_view key) {
  for (const YamlField& field : map.fields) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

const YamlField* RequireField(const YamlNode& map, absl::string_view key, absl::string_view what,
                              FileIssues* issues) {
  const YamlField* field = FindField(map, key);
  if (field == nullptr) {
    issues->Error(map, absl::StrCat(what, " has no '", key, "'; add ", key, ": ..."));
  }
  return field;
}

std::optional<std::string> ReadText(const YamlNode& node, absl::string_view what,
                                    const TextRule& rule, FileIssues* issues) {
  if (!ExpectScalar(node, what, "text", issues)) return std::nullopt;
  if (const absl::string_view type = OtherType(node); !type.empty() && !rule.digits_are_text) {
    issues->Error(node, absl::StrCat(what, " must be text, but ", Quoted(node.text), " is ", type,
                                     "; put it in quotes"));
    return std::nullopt;
  }
  if (absl::StripAsciiWhitespace(node.text).empty()) {
    issues->Error(node, absl::StrCat(what, " must not be empty"));
    return std::nullopt;
  }
  if (node.text.size() > rule.max_bytes) {
    issues->Error(node, absl::StrCat(what, " has ", node.text.size(), " bytes; at most ",
                                     rule.max_bytes, " are allowed"));
    return std::nullopt;
  }
  if (!IsPrintable(node.text, rule.multiline)) {
    issues->Error(node, absl::StrCat(what, " must be ", rule.multiline ? "" : "one line of ",
                                     "printable text; remove control and invisible characters"));
    return std::nullopt;
  }
  return node.text;
}

const YamlField* ReadLine(const YamlNode& map, absl::string_view key, std::string* out,
                          FileIssues* issues) {
  const YamlField* field = FindField(map, key);
  if (field == nullptr) return nullptr;
  const auto text = ReadText(field->value, absl::StrCat("'", key, "'"),
                             {.max_bytes = limits::kMaxConfigTextBytes}, issues);
  if (!text.has_value()) return nullptr;
  *out = *text;
  return field;
}

void ReadFileName(const YamlNode& map, absl::string_view key, absl::string_view folder,
                  std::string* out, FileIssues* issues) {
  if (ReadLine(map, key, out, issues) == nullptr) return;
  if (!absl::StartsWith(*out, "/")) *out = absl::StrCat(folder, *out);
}

std::optional<bool> ReadBool(const YamlNode& node, absl::string_view what, FileIssues* issues) {
  if (!ExpectScalar(node, what, "true or false", issues)) return std::nullopt;
  if (!node.quoted && node.text == "true") return true;
  if (!node.quoted && node.text == "false") return false;
  issues->Error(node, absl::StrCat(what, " must be true or false, not ", Quoted(node.text)));
  return std::nullopt;
}

std::optional<absl::Duration> ReadDuration(const YamlNode& node, absl::string_view what,
                                           absl::Duration least, absl::Duration most,
                                           FileIssues* issues) {
  if (!ExpectScalar(node, what, "a duration like 60s", issues)) return std::nullopt;
  absl::Duration value;
  if (!absl::ParseDuration(node.text, &value)) {
    issues->Error(
        node, absl::StrCat(what, " must be a duration like 60s or 5m, not ", Quoted(node.text)));
    return std::nullopt;
  }
  if (value < least || value > most) {
    issues->Error(node,
                  absl::StrCat(what, " must be between ", absl::FormatDuration(least), " and ",
                               absl::FormatDuration(most), ", not ", Quoted(node.text)));
    return std::nullopt;
  }
  return value;
}

bool IsAppId(absl::string_view id) {
  if (id.empty() || id.size() > limits::kMaxAppIdBytes) return false;
  if (id.front() == '-' || id.back() == '-') return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
}

std::optional<std::string> ReadAppId(const YamlNode& node, absl::string_view what,
                                     FileIssues* issues) {
  if (!ExpectScalar(node, what, "an app id", issues)) return std::nullopt;
  if (IsAppId(node.text)) return node.text;
  issues->Error(
      node, absl::StrCat(what, " ", Quoted(node.text), " is not an app id; use 1 to ",
                         limits::kMaxAppIdBytes, " of a-z, 0-9 and -, with no - at either end"));
  return std::nullopt;
}

}  // namespace muster
