// Reads what a person's app wrote when a chat was exported: who wrote when, what was attached,
// edited, deleted, and what cannot be known. Pure: knows no file. Every byte is accounted for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"

namespace muster::archive {

enum class DateOrder { kDayMonthYear, kMonthDayYear, kYearMonthDay };
absl::string_view DateOrderName(DateOrder order);  // "dmy", "mdy", "ymd"

// Which app wrote the text, told by the form of its lines.
enum class ExportFormat { kUnknown, kAndroid, kIos };
absl::string_view ExportFormatName(ExportFormat format);  // "unknown", "android", "ios"

enum class EntryKind {
  kMessage,  // has an author: also media, edited and deleted ones
  kSystem,   // written by the app about the chat
  kUnread,   // bytes that belong to no entry: before the first header, or not text
};
absl::string_view EntryKindName(EntryKind kind);  // "message", "system", "unread"

// Of one entry, as bits.
enum EntryFlag : unsigned {
  kAttached = 1u << 0,  // names a file that is in the export
  kOmitted = 1u << 1,   // says that its media were left out
  kMissing = 1u << 2,   // names a file that is not in the export
  kEdited = 1u << 3,
  kDeleted = 1u << 4,    // a message that its author or an admin took back
  kBackwards = 1u << 5,  // earlier than the entry before it
};
// In the order of the bits: "attached", "omitted", "missing", "edited", "deleted", "backwards".
std::vector<absl::string_view> EntryFlagNames(unsigned flags);

// Views are valid during the call only.
struct Entry {
  absl::CivilSecond time;  // the export's wall clock, by the order in force; kUnread: the epoch
  EntryKind kind = EntryKind::kUnread;
  unsigned flags = 0;
  absl::string_view author;        // as written, without marks of direction; empty: none
  absl::string_view body;          // everything after the author, as written; may hold newlines
  absl::string_view attachment;    // the file it names; empty: none
  uint64_t offset = 0, bytes = 0;  // of the whole entry, in the text
};

// What the whole text says under one order of its dates.
struct DatedRange {
  DateOrder order = DateOrder::kDayMonthYear;
  absl::CivilSecond first, last;  // the earliest and the latest time
};

struct ExportSummary {
  ExportFormat format = ExportFormat::kUnknown;
  std::string chat;  // as the text or the file's name says; empty: neither does
  bool group = false;
  bool from_start = false;  // begins with what the app writes when a chat begins
  uint64_t messages = 0, system = 0, unread = 0;
  uint64_t attached = 0, omitted = 0, missing = 0, edited = 0, deleted = 0;
  uint64_t participants = 0;         // distinct authors
  std::vector<std::string> authors;  // at most limits::kMaxListedAuthors, sorted
  // Authors' names with a colon in them: what is before the first ": " of an entry is its author,
  // unless such a name is known from the app's own lines, from the file's name, or because all of
  // an author's texts go on with the same few words and another colon. For ReadOptions.names.
  std::vector<std::string> colon_names;
  bool dated = false;                    // there is at least one time
  DatedRange range;                      // by the order that the text proves, or the likeliest
  bool ambiguous = false;                // the text proves no order
  std::vector<DatedRange> alternatives;  // each order that fits; only when ambiguous
  bool backwards = false;                // some time is earlier than the one before
  bool truncation_suspected = false;
  uint64_t bytes = 0;            // that were given
  uint64_t accounted_bytes = 0;  // of entries of every kind; always equal to `bytes`
  bool damaged = false;          // unread bytes, invalid UTF-8, an entry over the cap, no entry
  std::vector<std::string> problems;  // in words, for people; at most limits::kMaxExportProblems
};

struct ReadOptions {
  std::optional<DateOrder> order;  // empty: found out
  // The names of the files beside the text; empty optional: a text alone, all are missing.
  std::optional<std::set<std::string, std::less<>>> files;
  std::string file_name;           // of the export, for the chat's name
  std::vector<std::string> names;  // ExportSummary.colon_names of a first reading
};

using EntrySink = std::function<void(const Entry&)>;

// Thread-compatible; constant memory whatever the size. A sink gets each entry once it has ended.
// Without ReadOptions.order its times are by the likeliest order known by then: to have them right
// read twice, the second time with the summary's order and its names.
class ExportReader {
 public:
  explicit ExportReader(ReadOptions options, EntrySink sink = nullptr);
  ~ExportReader();
  ExportReader(const ExportReader&) = delete;
  ExportReader& operator=(const ExportReader&) = delete;

  void Add(absl::string_view bytes);  // the next bytes, cut anywhere
  ExportSummary Finish();             // once

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::archive
