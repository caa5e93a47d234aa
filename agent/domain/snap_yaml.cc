#include "agent/domain/snap_yaml.h"

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "agent/domain/text.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

// A flow scalar (YAML 1.2, 7.3). Other kinds of values give nothing.
std::string ScalarOf(absl::string_view value) {
  value = absl::StripAsciiWhitespace(value);
  if (value.empty()) return "";
  const char first = value[0];
  if (first == '\'' || first == '"') {
    std::string out;
    for (size_t i = 1; i < value.size(); ++i) {
      if (value[i] == '\\' && first == '"' && i + 1 < value.size()) {
        out += value[++i];
      } else if (value[i] == first) {
        if (first == '"' || i + 1 >= value.size() || value[i + 1] != first) return out;
        out += value[i++];  // '' is one quote
      } else {
        out += value[i];
      }
    }
    return "";  // it goes on in the next line
  }
  if (absl::string_view("&*!|>%@`{[").find(first) != absl::string_view::npos) return "";
  const size_t comment = value.find(" #");
  return std::string(absl::StripTrailingAsciiWhitespace(value.substr(0, comment)));
}

}  // namespace

SnapMeta ParseSnapYaml(absl::string_view text) {
  SnapMeta out;
  ForEachLine(text, [&](absl::string_view line) {
    if (absl::ConsumePrefix(&line, "version:")) {
      if (out.version.empty()) out.version = CleanText(ScalarOf(line), limits::kMaxVersionBytes);
    } else if (absl::ConsumePrefix(&line, "title:")) {
      if (out.title.empty()) out.title = CleanText(ScalarOf(line), limits::kMaxNameBytes);
    }
  });
  return out;
}

}  // namespace muster::agent
