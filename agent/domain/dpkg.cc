#include "agent/domain/dpkg.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/domain/text.h"

namespace muster::agent {
namespace {

bool IsInstalled(absl::string_view status) {
  const size_t at = status.find_last_of(' ');
  return at != absl::string_view::npos && status.substr(at + 1) == "installed";
}

}  // namespace

std::vector<DpkgPackage> ParseDpkgStatus(absl::string_view text, size_t max) {
  std::vector<DpkgPackage> out;
  DpkgPackage current;
  bool installed = false;
  auto finish = [&] {
    if (installed && !current.name.empty() && out.size() < max) out.push_back(current);
    current = DpkgPackage();
    installed = false;
  };
  ForEachLine(text, [&](absl::string_view line) {
    if (line.empty()) return finish();
    if (line[0] == ' ' || line[0] == '\t') return;  // a continuation may hold anything
    if (absl::ConsumePrefix(&line, "Package:")) {
      current.name = std::string(absl::StripAsciiWhitespace(line));
    } else if (absl::ConsumePrefix(&line, "Architecture:")) {
      current.architecture = std::string(absl::StripAsciiWhitespace(line));
    } else if (absl::ConsumePrefix(&line, "Version:")) {
      current.version = std::string(absl::StripAsciiWhitespace(line));
    } else if (absl::ConsumePrefix(&line, "Status:")) {
      installed = IsInstalled(absl::StripAsciiWhitespace(line));
    }
  });
  finish();
  return out;
}

std::string PackageOfInfoFile(absl::string_view file_name, absl::string_view extension) {
  if (!absl::ConsumeSuffix(&file_name, extension)) return "";
  return std::string(file_name.substr(0, file_name.find(':')));
}

void ForEachListedPath(absl::string_view text,
                       const std::function<void(absl::string_view path)>& line) {
  ForEachLine(text, [&](absl::string_view path) {
    if (absl::StartsWith(path, "/") && path != "/.") line(path);
  });
}

void ForEachMd5(absl::string_view text,
                const std::function<void(absl::string_view md5, absl::string_view path)>& line) {
  constexpr size_t kDigits = 32;
  ForEachLine(text, [&](absl::string_view l) {
    if (l.size() <= kDigits + 2 || l[kDigits] != ' ') return;
    line(l.substr(0, kDigits), l.substr(kDigits + 2));
  });
}

}  // namespace muster::agent
