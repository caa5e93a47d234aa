#include "controller/flow/log_search.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/limits.h"
#include "common/log_limits.h"
#include "controller/flow/log_filter.h"
#include "controller/flow/log_places.h"
#include "controller/flow/records.h"

namespace muster {
namespace {

absl::Status NotOurs() {
  return absl::InvalidArgumentError("the cursor is not one of this search's");
}

// "17..250": oldest first, what is left of the log as it was. "..17": newest first.
std::string CursorText(const LogRange& left, bool newest_first) {
  return newest_first ? absl::StrCat("..", left.until) : absl::StrCat(left.from, "..", left.until);
}

absl::StatusOr<LogRange> ParseCursor(const std::string& text, bool newest_first, uint64_t size) {
  if (text.empty()) return LogRange{0, size};
  const std::vector<std::string> parts = absl::StrSplit(text, "..");
  LogRange out;
  if (parts.size() != 2 || parts[0].empty() != newest_first ||
      (!newest_first && !absl::SimpleAtoi(parts[0], &out.from)) ||
      !absl::SimpleAtoi(parts[1], &out.until) || out.from > out.until || out.until > size) {
    return NotOurs();
  }
  return out;
}

// The part of a range in which entries of these times may be.
absl::Status NarrowToTimes(const Snapshot& snapshot, const LogQuery& query, LogRange& range) {
  if (query.since != absl::InfinitePast()) {
    MUSTER_ASSIGN_OR_RETURN(const uint64_t first,
                            FirstEntrySince(snapshot, query.since - limits::kMaxLogDisorder));
    range.from = std::max(range.from, first);
  }
  if (query.until != absl::InfiniteFuture()) {
    MUSTER_ASSIGN_OR_RETURN(const uint64_t end,
                            FirstEntrySince(snapshot, query.until + limits::kMaxLogDisorder));
    range.until = std::min(range.until, end);
  }
  range.until = std::max(range.until, range.from);
  return absl::OkStatus();
}

// One page, as it is filled.
class SearchPage {
 public:
  SearchPage(const Snapshot& snapshot, const LogQuery& query, size_t size, bool newest_first,
             v1::ListAuditResponse& out)
      : snapshot_(snapshot), query_(query), size_(size), newest_first_(newest_first), out_(out) {}

  absl::Status Fill(LogRange range) {
    LogPlaces places(snapshot_, range, newest_first_);
    MUSTER_RETURN_IF_ERROR(places.Choose(query_));
    while (true) {
      MUSTER_ASSIGN_OR_RETURN(const std::vector<uint64_t> batch, places.Next());
      if (batch.empty()) return absl::OkStatus();
      MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> records, Load(batch, places.every()));
      for (size_t i = 0; i < batch.size(); ++i) {
        MUSTER_ASSIGN_OR_RETURN(const bool taken, Take(batch[i], records[i]));
        if (taken) continue;
        // It is the first of the next page.
        (newest_first_ ? range.until : range.from) = batch[i] + (newest_first_ ? 1 : 0);
        out_.set_next_cursor(CursorText(range, newest_first_));
        return absl::OkStatus();
      }
    }
  }

 private:
  // The records of these sequences, in the same order.
  absl::StatusOr<std::vector<Record>> Load(const std::vector<uint64_t>& batch, bool dense) const {
    std::vector<Record> out;
    if (dense) {
      const uint64_t first = std::min(batch.front(), batch.back());
      MUSTER_ASSIGN_OR_RETURN(
          out, snapshot_.Scan("audit/", first == 0 ? "" : AuditKey(first - 1), batch.size()));
      if (newest_first_) std::reverse(out.begin(), out.end());
    } else {
      for (const uint64_t sequence : batch) {
        MUSTER_ASSIGN_OR_RETURN(std::optional<Record> record, snapshot_.Get(AuditKey(sequence)));
        if (record) out.push_back(*std::move(record));
      }
    }
    if (out.size() == batch.size()) return out;
    return absl::DataLossError("an entry of the audit log is missing; run an integrity check");
  }

  // False: there is no room for it on this page.
  absl::StatusOr<bool> Take(uint64_t sequence, const Record& record) {
    if (looked_ == limits::kMaxSearchedEntries) return false;
    ++looked_;
    MUSTER_ASSIGN_OR_RETURN(const auto stored, Parse<v1::AuditRecord>(record));
    if (stored.value.entry().empty()) return true;  // its retention has ended
    v1::AuditEntry entry;
    if (!entry.ParseFromString(stored.value.entry())) {
      return absl::DataLossError(
          absl::StrCat("entry ", sequence, " of the audit log is damaged; run an integrity check"));
    }
    if (!Matches(query_, entry)) return true;
    bytes_ += stored.value.entry().size();
    const size_t items = static_cast<size_t>(out_.items_size());
    if (items == size_ || (items > 0 && bytes_ > limits::kMaxLogReadBytes)) return false;
    *out_.add_items() = std::move(entry);
    return true;
  }

  const Snapshot& snapshot_;
  const LogQuery& query_;
  const size_t size_;
  const bool newest_first_;
  v1::ListAuditResponse& out_;
  size_t looked_ = 0, bytes_ = 0;
};

}  // namespace

absl::Status SearchLog(const Snapshot& snapshot, const v1::ListAuditRequest& in,
                       v1::ListAuditResponse& out) {
  if (in.page_size() > limits::kMaxPage) {
    return absl::InvalidArgumentError(
        absl::StrCat("a page holds at most ", limits::kMaxPage, " items"));
  }
  MUSTER_ASSIGN_OR_RETURN(const LogQuery query, MakeLogQuery(snapshot, in));
  MUSTER_ASSIGN_OR_RETURN(LogRange range,
                          ParseCursor(in.cursor(), in.newest_first(), snapshot.log_head().size));
  MUSTER_RETURN_IF_ERROR(NarrowToTimes(snapshot, query, range));
  const size_t size = in.page_size() == 0 ? limits::kDefaultPage : in.page_size();
  return SearchPage(snapshot, query, size, in.newest_first(), out).Fill(range);
}

}  // namespace muster
