// Manifests, fetch lists, and the paths in them.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "archive/bag.h"
#include "archive/bag_lines.h"
#include "common/archive_limits.h"
#include "common/status_macros.h"
#include "unicode/normalizer2.h"
#include "unicode/unistr.h"

namespace muster::archive {
namespace {

struct Algorithm {
  absl::string_view name;
  size_t bytes;
};
constexpr Algorithm kAlgorithms[] = {{"md5", 16},    {"sha1", 20},   {"sha224", 28},
                                     {"sha256", 32}, {"sha384", 48}, {"sha512", 64}};

std::string Quoted(absl::string_view path) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(path), "\"");
}

absl::Status PathError(absl::string_view path, absl::string_view why) {
  return BagError(BagCode::kPath, absl::StrCat(Quoted(path.substr(0, 200)), " ", why));
}

std::string Encoded(absl::string_view path) {
  return absl::StrReplaceAll(path, {{"%", "%25"}, {"\r", "%0D"}, {"\n", "%0A"}});
}

// These three alone: "%7E" is a name as it stands.
std::string Decoded(absl::string_view path) {
  return absl::StrReplaceAll(
      path, {{"%25", "%"}, {"%0D", "\r"}, {"%0d", "\r"}, {"%0A", "\n"}, {"%0a", "\n"}});
}

absl::StatusOr<std::string> ListedPath(absl::string_view text) {
  if (absl::StartsWith(text, "./")) text.remove_prefix(2);
  std::string path = Decoded(text);
  MUSTER_RETURN_IF_ERROR(CheckBagPath(path));
  return path;
}

absl::Status CheckCount(size_t count) {
  if (count < limits::kMaxBagFiles) return absl::OkStatus();
  return BagError(BagCode::kOversize,
                  absl::StrCat("a list of over ", limits::kMaxBagFiles, " files"));
}

}  // namespace

size_t ChecksumBytes(absl::string_view algorithm) {
  for (const Algorithm& known : kAlgorithms) {
    if (known.name == algorithm) return known.bytes;
  }
  return 0;
}

std::string FormatManifest(const Manifest& manifest) {
  std::string out;
  for (const auto& [path, checksum] : manifest) {
    // Behind the mark of md5sum a name may begin as it likes.
    const bool odd = !path.empty() && absl::StrContains(" \t*", path.substr(0, 1));
    absl::StrAppend(&out, checksum, odd ? " *" : "  ", Encoded(path), "\n");
  }
  return out;
}

absl::StatusOr<Manifest> ParseManifest(absl::string_view text, size_t checksum_bytes) {
  Manifest manifest;
  for (absl::string_view line : BagLines(text)) {
    if (line.empty()) continue;
    const size_t end = std::min(line.find_first_of(" \t"), line.size());
    const std::string checksum = absl::AsciiStrToLower(line.substr(0, end));
    line.remove_prefix(std::min(line.find_first_not_of(" \t", end), line.size()));
    // As md5sum marks a file that it read as binary.
    if (absl::StartsWith(line, "*")) line.remove_prefix(1);
    if (checksum.size() != 2 * checksum_bytes || line.empty() ||
        checksum.find_first_not_of("0123456789abcdef") != std::string::npos) {
      return BagError(BagCode::kMalformed, "a line of a manifest is no \"checksum path\"");
    }
    MUSTER_RETURN_IF_ERROR(CheckCount(manifest.size()));
    MUSTER_ASSIGN_OR_RETURN(std::string path, ListedPath(line));
    const std::string shown = Quoted(path);
    if (!manifest.emplace(std::move(path), checksum).second) {
      return BagError(BagCode::kMalformed, absl::StrCat(shown, " is twice in a manifest"));
    }
  }
  return manifest;
}

absl::StatusOr<std::vector<std::string>> ParseFetchList(absl::string_view text) {
  std::vector<std::string> paths;
  for (const absl::string_view line : BagLines(text)) {
    if (line.empty()) continue;
    // URL, length or "-", path, which alone may hold spaces.
    std::vector<absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(absl::ByAnyChar(" \t"), 2));
    if (parts.size() < 3) {
      return BagError(BagCode::kMalformed, "a line of fetch.txt is no \"URL length path\"");
    }
    MUSTER_RETURN_IF_ERROR(CheckCount(paths.size()));
    MUSTER_ASSIGN_OR_RETURN(std::string path,
                            ListedPath(absl::StripLeadingAsciiWhitespace(parts[2])));
    paths.push_back(std::move(path));
  }
  return paths;
}

absl::Status CheckBagPath(absl::string_view path) {
  if (path.empty()) return PathError(path, "is no path");
  if (path.size() > limits::kMaxBagPathBytes) {
    return BagError(BagCode::kOversize, absl::StrCat("a path of ", path.size(), " bytes"));
  }
  if (path[0] == '/') return PathError(path, "is an absolute path");
  if (path[0] == '~') return PathError(path, "begins with '~', which a shell takes for a home");
  if (path.find('\\') != absl::string_view::npos) return PathError(path, "holds a backslash");
  if (path.find('\0') != absl::string_view::npos) return PathError(path, "holds a NUL");
  size_t depth = 0;
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part == ".") return PathError(path, "is not written in its one form");
    if (part == "..") return PathError(path, "leads upwards");
    if (++depth > limits::kMaxBagDepth) {
      return BagError(BagCode::kOversize,
                      absl::StrCat("folders below folders, over ", limits::kMaxBagDepth));
    }
  }
  return absl::OkStatus();
}

std::string PathIdentity(absl::string_view path) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfd = icu::Normalizer2::getNFDInstance(error);
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(error);
  if (U_FAILURE(error)) return std::string(path);
  icu::UnicodeString text = icu::UnicodeString::fromUTF8(
      icu::StringPiece(path.data(), static_cast<int32_t>(path.size())));
  text = nfd->normalize(text, error).foldCase();
  text = nfc->normalize(text, error);
  if (U_FAILURE(error)) return std::string(path);
  std::string out;
  text.toUTF8String(out);
  return out;
}

bool IsBagId(absl::string_view name) {
  if (name.empty() || name.size() > limits::kMaxBagIdBytes || name[0] == '.') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace muster::archive
