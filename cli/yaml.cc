#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/output.h"

namespace muster::cli {
namespace {

// Plain only where no YAML 1.1 or 1.2 reader can take it for anything but this string; JSON's
// quoting is YAML's double quoting.
bool IsPlain(const std::string& text) {
  static constexpr std::array<absl::string_view, 9> kWords = {"true", "false", "null", "yes", "no",
                                                              "on",   "off",   "y",    "n"};
  if (text.empty() || absl::ascii_isalpha(static_cast<unsigned char>(text.front())) == 0) {
    return false;
  }
  for (absl::string_view word : kWords) {
    if (absl::EqualsIgnoreCase(text, word)) return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) != 0 || absl::StrContains("_-./@", c);
  });
}

std::string Scalar(const Json& value) {
  if (value.is_string() && IsPlain(value.get_ref<const std::string&>())) {
    return value.get<std::string>();
  }
  return CompactJson(value);
}

bool IsLeaf(const Json& value) { return !value.is_structured() || value.empty(); }

// Writes `value` starting on the current line; further lines are indented by `indent`.
void Write(const Json& value, const std::string& indent, std::string* out) {
  if (IsLeaf(value)) {
    absl::StrAppend(out, Scalar(value), "\n");
    return;
  }
  bool first = true;
  for (const auto& [name, element] : value.items()) {
    if (!first) absl::StrAppend(out, indent);
    first = false;
    if (value.is_array()) {
      absl::StrAppend(out, "- ");
      Write(element, indent + "  ", out);
      continue;
    }
    absl::StrAppend(out, Scalar(Json(name)), ":");
    const std::string deeper = indent + "  ";
    absl::StrAppend(out, IsLeaf(element) ? " " : absl::StrCat("\n", deeper));
    Write(element, deeper, out);
  }
}

}  // namespace

std::string RenderYaml(const Json& value) {
  std::string out;
  Write(value, "", &out);
  return out;
}

}  // namespace muster::cli
