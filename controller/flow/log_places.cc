#include "controller/flow/log_places.h"

#include <algorithm>
#include <numeric>

#include "common/time_proto.h"
#include "controller/flow/records.h"

namespace muster {
namespace {

constexpr size_t kBatch = 256;
constexpr size_t kProbe = 2'048;  // entries of a condition are counted up to here

absl::StatusOr<absl::Time> TimeOf(const Snapshot& snapshot, uint64_t sequence) {
  MUSTER_ASSIGN_OR_RETURN(const auto record, Find<v1::AuditRecord>(snapshot, AuditKey(sequence)));
  v1::AuditEntry entry;
  if (!record || !entry.ParseFromString(record->value.entry())) {
    return absl::DataLossError(
        absl::StrCat("entry ", sequence, " of the audit log is damaged; run an integrity check"));
  }
  return entry.has_at() ? FromProto(entry.at()) : absl::InfinitePast();
}

}  // namespace

absl::StatusOr<uint64_t> FirstEntrySince(const Snapshot& snapshot, absl::Time at) {
  uint64_t below = 0, above = snapshot.log_head().size;
  while (below < above) {
    const uint64_t middle = below + (above - below) / 2;
    MUSTER_ASSIGN_OR_RETURN(const absl::Time time, TimeOf(snapshot, middle));
    if (time < at) {
      below = middle + 1;
    } else {
      above = middle;
    }
  }
  return below;
}

absl::Status LogPlaces::Choose(const LogQuery& query) {
  size_t fewest = 0;
  for (const std::vector<std::string>& condition : query.conditions) {
    size_t count = 0;
    for (const std::string& term : condition) {
      MUSTER_ASSIGN_OR_RETURN(const auto found, snapshot_.FindInLog(term, range_.from, kProbe));
      count += found.size();
    }
    if (!terms_.empty() && count >= fewest) continue;
    terms_ = condition;
    fewest = count;
  }
  window_ = kBatch;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<uint64_t>> LogPlaces::Next() {
  if (range_.from >= range_.until) return std::vector<uint64_t>();
  if (terms_.empty()) return NextOfAll();
  return newest_first_ ? NextDown() : NextUp();
}

std::vector<uint64_t> LogPlaces::NextOfAll() {
  std::vector<uint64_t> out(std::min<uint64_t>(kBatch, range_.until - range_.from));
  if (newest_first_) {
    std::iota(out.rbegin(), out.rend(), range_.until - out.size());
    range_.until -= out.size();
  } else {
    std::iota(out.begin(), out.end(), range_.from);
    range_.from += out.size();
  }
  return out;
}

absl::StatusOr<std::vector<uint64_t>> LogPlaces::Find(uint64_t from, uint64_t& until) const {
  std::vector<uint64_t> out;
  for (const std::string& term : terms_) {
    MUSTER_ASSIGN_OR_RETURN(const auto found, snapshot_.FindInLog(term, from, kBatch));
    if (found.size() == kBatch) until = std::min(until, found.back() + 1);
    out.insert(out.end(), found.begin(), found.end());
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  out.erase(std::lower_bound(out.begin(), out.end(), until), out.end());
  return out;
}

absl::StatusOr<std::vector<uint64_t>> LogPlaces::NextUp() {
  uint64_t until = range_.until;
  MUSTER_ASSIGN_OR_RETURN(std::vector<uint64_t> out, Find(range_.from, until));
  range_.from = until;
  return out;
}

// The index is read upwards, so windows of it are taken from the end: wider while little is in
// them, narrower when more is than one reading gives.
absl::StatusOr<std::vector<uint64_t>> LogPlaces::NextDown() {
  while (range_.from < range_.until) {
    const uint64_t from = range_.until - std::min(window_, range_.until - range_.from);
    uint64_t until = range_.until;
    MUSTER_ASSIGN_OR_RETURN(std::vector<uint64_t> out, Find(from, until));
    if (until < range_.until && range_.until - from > kBatch) {
      window_ = std::max<uint64_t>(kBatch, (range_.until - from) / 4);
      continue;
    }
    range_.until = from;
    window_ = std::min(window_ * 4, uint64_t{1} << 40);
    if (out.empty()) continue;
    std::reverse(out.begin(), out.end());
    return out;
  }
  return std::vector<uint64_t>();
}

}  // namespace muster
