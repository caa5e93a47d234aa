#include "archive/files/zip_names.h"

#include <unicode/utf8.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "archive/files/zip_directory.h"
#include "archive/fingerprint.h"
#include "common/archive_limits.h"

namespace muster::archive {
namespace {

constexpr int32_t kMaxShownCharacters = 80;

// Overrides turn letters round: they make one name look like another. The embeddings that phones
// put around numbers ("WhatsApp Chat with <202A>+44 7700 900123<202C>.txt") do not.
bool Turns(UChar32 c) { return c == 0x202D || c == 0x202E; }
bool IsUnseen(UChar32 c) { return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069); }

bool IsControl(UChar32 c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029;
}

// Empty: it is fine.
std::string WrongCharacters(absl::string_view name) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(name.data());
  const auto length = static_cast<int32_t>(name.size());
  for (int32_t i = 0; i < length;) {
    UChar32 c = 0;
    U8_NEXT(bytes, i, length, c);
    if (c < 0) return "is not UTF-8";
    if (IsControl(c)) return "holds a control character";
    if (Turns(c)) return "holds a mark that hides how it reads";
    if (c == '\\') return "holds a backslash";
  }
  return "";
}

std::string WrongPath(absl::string_view name) {
  // "Q: minutes.pdf" is a title that somebody gave.
  if (name.size() >= 2 && absl::ascii_isalpha(static_cast<unsigned char>(name[0])) &&
      name[1] == ':' && name.substr(2, 1) != " ") {
    return "begins with a drive letter";
  }
  if (name[0] == '/') return "begins at the root of a file system";
  absl::string_view path = name;
  if (path.back() == '/') path.remove_suffix(1);
  for (absl::string_view part : absl::StrSplit(path, '/')) {
    if (part == "..") return "leads out of its folder";
    if (part.empty() || part == ".") return "is no plain path";
  }
  return "";
}

}  // namespace

std::string ShownName(absl::string_view name) {
  std::string out;
  const auto* bytes = reinterpret_cast<const uint8_t*>(name.data());
  const auto length = static_cast<int32_t>(std::min<size_t>(name.size(), 4096));
  int32_t i = 0, shown = 0;
  for (; i < length && shown < kMaxShownCharacters; ++shown) {
    const int32_t start = i;
    UChar32 c = 0;
    U8_NEXT(bytes, i, length, c);
    if (c < 0 || IsControl(c) || IsUnseen(c)) {
      out += '?';
    } else {
      absl::StrAppend(&out,
                      name.substr(static_cast<size_t>(start), static_cast<size_t>(i - start)));
    }
  }
  if (static_cast<size_t>(i) < name.size()) out += "...";
  return out;
}

absl::string_view BaseName(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

absl::Status ZipNames::Add(absl::string_view name) {
  if (name.empty()) return RefuseZip("a file in it has no name");
  std::string wrong =
      name.size() > limits::kMaxZipNameBytes ? "is too long" : WrongCharacters(name);
  if (wrong.empty()) wrong = WrongPath(name);
  if (!wrong.empty()) return RefuseZip(absl::StrCat("the name '", ShownName(name), "' ", wrong));
  absl::string_view path = name;
  if (path.back() == '/') path.remove_suffix(1);
  if (!folded_.insert(FoldedName(path)).second) {
    return RefuseZip(absl::StrCat("two files in it are named '", ShownName(path), "'"));
  }
  return absl::OkStatus();
}

}  // namespace muster::archive
