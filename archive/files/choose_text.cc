#include "archive/files/choose_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "archive/export_reader.h"
#include "archive/files/zip_names.h"
#include "archive/fingerprint.h"
#include "common/archive_limits.h"

namespace muster::archive {
namespace {

constexpr char kIosText[] = "_chat.txt";

// How sure a name is to be the chat's, best first.
enum class Standing { kIosName, kZipsName, kAppsName, kOther };
constexpr Standing kStandings[] = {Standing::kIosName, Standing::kZipsName, Standing::kAppsName,
                                   Standing::kOther};

// Without its ending, and without the " (1)" that a second download gets.
std::string StemOf(absl::string_view name, absl::string_view ending) {
  std::string folded = FoldedName(BaseName(name));
  absl::string_view stem = absl::StripSuffix(folded, ending);
  const size_t open = stem.rfind(" (");
  if (open != absl::string_view::npos && absl::EndsWith(stem, ")") &&
      std::all_of(stem.begin() + static_cast<std::ptrdiff_t>(open) + 2, stem.end() - 1,
                  [](unsigned char c) { return absl::ascii_isdigit(c); })) {
    stem = stem.substr(0, open);
  }
  return std::string(stem);
}

Standing StandingOf(absl::string_view name, absl::string_view zip_name) {
  if (FoldedName(BaseName(name)) == kIosText) return Standing::kIosName;
  const std::string stem = StemOf(name, ".txt");
  if (stem == StemOf(zip_name, ".zip")) return Standing::kZipsName;
  return absl::StrContains(stem, "whatsapp") ? Standing::kAppsName : Standing::kOther;
}

std::ptrdiff_t DepthOf(absl::string_view name) { return std::count(name.begin(), name.end(), '/'); }

// Texts in the outermost folder that holds any.
std::vector<size_t> TextsOf(const ZipDirectory& directory) {
  std::vector<size_t> out;
  for (size_t i = 0; i < directory.members.size(); ++i) {
    const std::string& name = directory.members[i].name;
    // "._x" beside "x" is how macOS keeps what its own file system knows of x.
    if (!absl::EndsWith(FoldedName(name), ".txt") || absl::StartsWith(BaseName(name), "._")) {
      continue;
    }
    if (!out.empty()) {
      const std::ptrdiff_t outer = DepthOf(directory.members[out[0]].name);
      if (DepthOf(name) > outer) continue;
      if (DepthOf(name) < outer) out.clear();
    }
    out.push_back(i);
  }
  return out;
}

bool ReadsAsExport(const ReadAt& read, const ZipMember& member) {
  ExportReader reader(ReadOptions{});
  reader.Add(UnpackHead(read, member, limits::kExportHeadBytes));
  const ExportSummary head = reader.Finish();
  return head.format != ExportFormat::kUnknown && head.messages + head.system > 0;
}

}  // namespace

absl::StatusOr<ChosenText> ChooseText(const ReadAt& read, const ZipDirectory& directory,
                                      absl::string_view zip_name) {
  const std::vector<size_t> texts = TextsOf(directory);
  if (texts.empty()) return RefuseZip("there is no text in it, so it is no exported chat");
  size_t looks = 0;
  for (const Standing standing : kStandings) {
    std::vector<size_t> fit;
    for (const size_t i : texts) {
      const ZipMember& member = directory.members[i];
      if (StandingOf(member.name, zip_name) != standing) continue;
      if (++looks > limits::kMaxZipTexts) return RefuseZip("there are too many texts in it");
      if (ReadsAsExport(read, member)) fit.push_back(i);
    }
    if (fit.size() > 1) {
      return RefuseZip(absl::StrCat(
          "two texts in it read as exported chats, '", ShownName(directory.members[fit[0]].name),
          "' and '", ShownName(directory.members[fit[1]].name), "'; export each chat by itself"));
    }
    if (fit.size() == 1) {
      const bool by_zip = standing == Standing::kIosName;
      return ChosenText{fit[0], std::string(by_zip ? BaseName(zip_name)
                                                   : BaseName(directory.members[fit[0]].name))};
    }
  }
  return RefuseZip(absl::StrCat("none of its ", texts.size(), " texts reads as an exported chat"));
}

}  // namespace muster::archive
