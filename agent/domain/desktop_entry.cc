#include "agent/domain/desktop_entry.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "agent/domain/text.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

constexpr size_t kMaxWords = 64;  // of an Exec line; the program is among the first

// Exec's words: separated by spaces, quoted whole, a backslash inside quotes keeps the next.
std::vector<std::string> WordsOf(absl::string_view exec) {
  std::vector<std::string> out;
  std::string word;
  bool quoted = false, any = false;
  for (size_t i = 0; i < exec.size() && out.size() < kMaxWords; ++i) {
    const char c = exec[i];
    if (c == '"') {
      quoted = !quoted;
      any = true;
    } else if (c == '\\' && quoted && i + 1 < exec.size()) {
      word += exec[++i];
    } else if ((c == ' ' || c == '\t') && !quoted) {
      if (any) out.push_back(std::move(word));
      word.clear();
      any = false;
    } else {
      word += c;
      any = true;
    }
  }
  if (any && out.size() < kMaxWords) out.push_back(std::move(word));
  return out;
}

void ReadExec(absl::string_view exec, DesktopEntry& out) {
  bool after_env = false;
  for (const std::string& word : WordsOf(exec)) {
    if (out.program.empty()) {
      const absl::string_view name = absl::string_view(word).substr(word.find_last_of('/') + 1);
      if (name == "env") {
        after_env = true;
      } else if (!after_env || (!absl::StrContains(word, "=") && word[0] != '-')) {
        out.program = CleanText(word, limits::kMaxPathBytes);
      }
      continue;
    }
    absl::string_view value = word;
    if (absl::ConsumePrefix(&value, "--app-id=")) {
      out.web_app_id = CleanText(value, limits::kMaxPackageIdBytes);
    } else if (absl::ConsumePrefix(&value, "--app=")) {
      out.web_app_url = CleanText(value, limits::kMaxPathBytes);
    }
  }
}

}  // namespace

DesktopEntry ParseDesktopEntry(absl::string_view text) {
  DesktopEntry out;
  bool inside = false, application = false;
  std::string exec;
  ForEachLine(text, [&](absl::string_view line) {
    line = absl::StripAsciiWhitespace(line);
    if (absl::StartsWith(line, "[")) {
      inside = line == "[Desktop Entry]";
      return;
    }
    const size_t equals = line.find('=');
    if (!inside || equals == absl::string_view::npos) return;
    const absl::string_view key = absl::StripTrailingAsciiWhitespace(line.substr(0, equals));
    const absl::string_view value = absl::StripLeadingAsciiWhitespace(line.substr(equals + 1));
    if (key == "Type") {
      application = value == "Application";
    } else if (key == "Name" && out.name.empty()) {
      out.name = CleanText(value, limits::kMaxNameBytes);
    } else if (key == "X-AppImage-Version" && out.version.empty()) {
      out.version = CleanText(value, limits::kMaxVersionBytes);
    } else if (key == "Exec" && exec.empty()) {
      exec = std::string(value.substr(0, limits::kMaxExecLineBytes));
    }
  });
  if (!application) return DesktopEntry();
  ReadExec(exec, out);
  return out;
}

}  // namespace muster::agent
