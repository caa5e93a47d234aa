// Reading checked values out of a YamlNode. Every function reports what is wrong and what would
// be right to `issues`, and then returns nothing. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/adapters/yaml/yaml_tree.h"

namespace muster {

// "one of a, b, c"
std::string OneOf(const std::vector<absl::string_view>& words);

// "; did you mean 'x'?" for the nearest word, when it is near; else empty.
std::string DidYouMean(absl::string_view word, const std::vector<absl::string_view>& words);

// `what` names the node in messages: "an identity".
bool ExpectMap(const YamlNode& node, absl::string_view what, FileIssues* issues);
// Also reports an empty list.
bool ExpectList(const YamlNode& node, absl::string_view what, FileIssues* issues);

// Reports each key of `map` that is not in `known`.
void CheckKeys(const YamlNode& map, const std::vector<absl::string_view>& known,
               FileIssues* issues);

const YamlField* FindField(const YamlNode& map, absl::string_view key);
// Reports a missing key at the map's position.
const YamlField* RequireField(const YamlNode& map, absl::string_view key, absl::string_view what,
                              FileIssues* issues);

struct TextRule {
  size_t max_bytes = 256;
  bool multiline = false;
  bool digits_are_text = false;  // for hashes: no quotes needed around digits
};
// Text that is not empty, printable and not longer than the rule says. Numbers and booleans must
// be quoted to be text. `what` is the key or "an entry of 'paths'".
std::optional<std::string> ReadText(const YamlNode& node, absl::string_view what,
                                    const TextRule& rule, FileIssues* issues);
// One line of text of key `key`; null, and `out` as it was, when it is absent or wrong.
const YamlField* ReadLine(const YamlNode& map, absl::string_view key, std::string* out,
                          FileIssues* issues);
// The same for a path; a relative one is taken from `folder` (empty, or with a '/' at its end).
void ReadFileName(const YamlNode& map, absl::string_view key, absl::string_view folder,
                  std::string* out, FileIssues* issues);
std::optional<bool> ReadBool(const YamlNode& node, absl::string_view what, FileIssues* issues);
// Like 60s or 1m30s, within [least, most].
std::optional<absl::Duration> ReadDuration(const YamlNode& node, absl::string_view what,
                                           absl::Duration least, absl::Duration most,
                                           FileIssues* issues);

// [a-z0-9-], no dash at either end, at most limits::kMaxAppIdBytes.
std::optional<std::string> ReadAppId(const YamlNode& node, absl::string_view what,
                                     FileIssues* issues);
bool IsAppId(absl::string_view id);

}  // namespace muster
