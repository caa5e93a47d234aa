// Any bytes as an export: every byte is some entry's, pieces cut anywhere change nothing, the sums
// are those of the entries, and the lists keep to their caps.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "archive/export_reader.h"
#include "common/archive_limits.h"

namespace {

using namespace muster::archive;

void RequireReader(bool holds) {
  if (!holds) std::abort();
}

struct Counts {
  uint64_t next = 0;  // offset after the last entry
  uint64_t messages = 0, system = 0, unread = 0;
  std::string all;
};

ExportSummary ReadPieces(absl::string_view text, size_t piece, Counts& counts) {
  ReadOptions options;
  options.file_name = "WhatsApp Chat with a: b.txt";
  options.files = {{"a.jpg", "IMG-20200607-WA0001.jpg"}};
  ExportReader reader(std::move(options), [&](const Entry& entry) {
    RequireReader(entry.offset == counts.next && entry.bytes > 0);
    RequireReader(entry.bytes <= muster::limits::kMaxEntryBytes);
    RequireReader(entry.author.size() <= muster::limits::kMaxAuthorBytes);
    counts.next += entry.bytes;
    counts.messages += entry.kind == EntryKind::kMessage ? 1 : 0;
    counts.system += entry.kind == EntryKind::kSystem ? 1 : 0;
    counts.unread += entry.kind == EntryKind::kUnread ? 1 : 0;
    RequireReader((entry.kind == EntryKind::kMessage) == !entry.author.empty());
    absl::StrAppend(&counts.all, absl::FormatCivilTime(entry.time), static_cast<int>(entry.kind),
                    entry.flags, entry.author, "|", entry.body, "|", entry.attachment, "\n");
  });
  for (size_t at = 0; at < text.size(); at += piece) reader.Add(text.substr(at, piece));
  return reader.Finish();
}

std::string Say(const ExportSummary& s) {
  std::string out = absl::StrCat(s.messages, " ", s.system, " ", s.unread, " ", s.attached, " ",
                                 s.omitted, " ", s.missing, " ", s.edited, " ", s.deleted, " ");
  absl::StrAppend(&out, s.participants, s.chat, s.group, s.from_start, s.ambiguous, s.backwards,
                  s.damaged, absl::FormatCivilTime(s.range.first),
                  absl::FormatCivilTime(s.range.last));
  for (const std::string& problem : s.problems) absl::StrAppend(&out, "\n", problem);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  Counts whole_counts, cut_counts;
  const ExportSummary whole = ReadPieces(text, size + 1, whole_counts);
  const size_t piece = size == 0 ? 1 : 1 + data[0] % 37;
  const ExportSummary cut = ReadPieces(text, piece, cut_counts);
  RequireReader(whole.bytes == size && whole.accounted_bytes == size && whole_counts.next == size);
  RequireReader(whole_counts.all == cut_counts.all && Say(whole) == Say(cut));
  RequireReader(whole.messages == whole_counts.messages && whole.system == whole_counts.system &&
                whole.unread == whole_counts.unread);
  RequireReader(whole.participants <= whole.messages);
  RequireReader(whole.dated == (whole.messages + whole.system > 0));
  RequireReader(whole.range.first <= whole.range.last);
  RequireReader(whole.attached + whole.missing + whole.omitted <= whole.messages);
  RequireReader(whole.deleted <= whole.messages && whole.edited <= whole.messages);
  RequireReader(whole.ambiguous == !whole.alternatives.empty());
  RequireReader(whole.problems.size() <= muster::limits::kMaxExportProblems);
  RequireReader(whole.unread == 0 || whole.damaged);
  return 0;
}
