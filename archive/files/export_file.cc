#include "archive/files/export_file.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "archive/files/choose_text.h"
#include "archive/files/export_bytes.h"
#include "archive/files/zip_directory.h"
#include "archive/files/zip_names.h"
#include "archive/fingerprint.h"
#include "common/archive_limits.h"
#include "common/status_macros.h"

namespace muster::archive {
namespace {

using Names = std::set<std::string, std::less<>>;
// Hands the whole text, piece by piece, to what it is given.
using TextSource = std::function<absl::Status(const std::function<void(absl::string_view)>&)>;

absl::StatusOr<ExportSummary> ReadOnce(const TextSource& text, ReadOptions options,
                                       EntrySink sink) {
  ExportReader reader(std::move(options), std::move(sink));
  MUSTER_RETURN_IF_ERROR(text([&reader](absl::string_view bytes) { reader.Add(bytes); }));
  return reader.Finish();
}

// Once to find the order of the dates and, for a sink, once more by that order.
absl::StatusOr<ExportSummary> ReadTwice(const TextSource& text, ReadOptions options,
                                        const EntrySink& sink, EntrySink first_look) {
  if (sink != nullptr && options.order) {
    return ReadOnce(text, std::move(options), [&](const Entry& entry) {
      if (first_look != nullptr) first_look(entry);
      sink(entry);
    });
  }
  MUSTER_ASSIGN_OR_RETURN(ExportSummary out, ReadOnce(text, options, std::move(first_look)));
  if (sink == nullptr) return out;
  options.order = out.range.order;
  MUSTER_ASSIGN_OR_RETURN(const ExportSummary again, ReadOnce(text, std::move(options), sink));
  if (again.accounted_bytes != out.accounted_bytes) {
    return absl::InvalidArgumentError("the file changed while it was read; try again");
  }
  return out;
}

void AddProblem(std::string problem, ExportSummary& summary) {
  if (summary.problems.size() < limits::kMaxExportProblems) {
    summary.problems.push_back(std::move(problem));
  }
}

absl::StatusOr<ExportFileSummary> ReadBareText(const ExportBytes& file, ReadOptions options,
                                               const EntrySink& sink) {
  ExportFileSummary out;
  std::string again;  // the hash of the second reading
  const TextSource text = [&](const std::function<void(absl::string_view)>& take) {
    ExportDigest digest;
    const absl::Status read = file.ReadAll([&](absl::string_view bytes) {
      digest.Add(bytes);
      take(bytes);
    });
    again = digest.FinishHex();
    if (out.sha256.empty()) out.sha256 = again;
    return read;
  };
  MUSTER_ASSIGN_OR_RETURN(out.text, ReadTwice(text, std::move(options), sink, nullptr));
  if (again != out.sha256) {
    return absl::InvalidArgumentError("the file changed while it was read; try again");
  }
  out.made_at = file.changed_at();
  return out;
}

// Every member is the text, named by the text, or listed.
void AccountForMembers(const ZipDirectory& directory, size_t text, const Names& unnamed,
                       ExportFileSummary& out) {
  for (size_t i = 0; i < directory.members.size(); ++i) {
    const ZipMember& member = directory.members[i];
    if (i == text) continue;
    ++out.media_files;
    out.media_bytes += member.size;
    if (unnamed.count(BaseName(member.name)) == 0) continue;
    ++out.unreferenced_files;
    if (out.unreferenced.size() < limits::kMaxListedFiles) out.unreferenced.push_back(member.name);
  }
  if (directory.stray_bytes > 0) {
    AddProblem(absl::StrCat(directory.stray_bytes,
                            " bytes of the zip belong to no file in it; the app writes none such"),
               out.text);
  }
}

absl::StatusOr<ExportFileSummary> ReadZip(const ExportBytes& file, const std::string& name,
                                          ReadOptions options, const EntrySink& sink) {
  const ReadAt read = [&file](uint64_t offset, char* to, size_t bytes) {
    return file.ReadAt(offset, to, bytes);
  };
  MUSTER_ASSIGN_OR_RETURN(const ZipDirectory directory, ReadZipDirectory(read, file.size()));
  MUSTER_ASSIGN_OR_RETURN(const ChosenText chosen, ChooseText(read, directory, name));
  const ZipMember& member = directory.members[chosen.member];
  options.file_name = chosen.chat_file;
  Names unnamed;  // of the files beside the text, until an entry names them
  for (size_t i = 0; i < directory.members.size(); ++i) {
    if (i != chosen.member) unnamed.emplace(BaseName(directory.members[i].name));
  }
  options.files = unnamed;
  ExportFileSummary out;
  out.zip = true;
  out.text_name = member.name;
  out.made_wall = member.time;
  const TextSource text = [&](const std::function<void(absl::string_view)>& take) {
    return UnpackMember(read, member, take);
  };
  const EntrySink name_files = [&unnamed](const Entry& entry) {
    if (entry.attachment.empty()) return;
    if (const auto it = unnamed.find(entry.attachment); it != unnamed.end()) unnamed.erase(it);
  };
  MUSTER_ASSIGN_OR_RETURN(out.text, ReadTwice(text, std::move(options), sink, name_files));
  AccountForMembers(directory, chosen.member, unnamed, out);
  ExportDigest digest;
  MUSTER_RETURN_IF_ERROR(file.ReadAll([&](absl::string_view bytes) { digest.Add(bytes); }));
  out.sha256 = digest.FinishHex();
  return out;
}

// By its first bytes: a file may be named as it likes.
absl::StatusOr<bool> IsZip(const ExportBytes& file, const std::string& name) {
  char mark[4] = {};
  if (file.size() >= sizeof mark) MUSTER_RETURN_IF_ERROR(file.ReadAt(0, mark, sizeof mark));
  const absl::string_view begins(mark, sizeof mark);
  if (begins == "PK\3\4" || begins == "PK\5\6" || begins == "PK\7\x08") return true;
  if (absl::EndsWith(FoldedName(name), ".zip")) return RefuseZip("it is named .zip but is none");
  return false;
}

}  // namespace

absl::StatusOr<ExportFileSummary> ReadExportFile(int fd, const std::string& name,
                                                 std::optional<DateOrder> order, EntrySink sink) {
  MUSTER_ASSIGN_OR_RETURN(const ExportBytes file, ExportBytes::Open(fd));
  ReadOptions options;
  options.order = order;
  options.file_name = std::string(BaseName(name));
  MUSTER_ASSIGN_OR_RETURN(const bool zip, IsZip(file, name));
  absl::StatusOr<ExportFileSummary> out = zip ? ReadZip(file, name, std::move(options), sink)
                                              : ReadBareText(file, std::move(options), sink);
  // Whatever it said, it was not one file that said it.
  MUSTER_RETURN_IF_ERROR(file.CheckUnchanged());
  if (out.ok()) out->file_bytes = file.size();
  return out;
}

}  // namespace muster::archive
