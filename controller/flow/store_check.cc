#include "controller/flow/store_check.h"

#include <algorithm>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "common/crypto.h"
#include "common/log_limits.h"
#include "common/status_macros.h"
#include "controller/flow/record_kinds.h"
#include "controller/flow/records.h"
#include "muster/v1/person.pb.h"

namespace muster {
namespace {

constexpr char kEntries[] = "audit/";
constexpr char kAfterEntries[] = "audit/\xff";
constexpr char kCounters[] = "counter/";

// A message that its prototype's type could parse, whole: no field that is not known here.
std::unique_ptr<google::protobuf::Message> ParseAs(const google::protobuf::Message& prototype,
                                                   const std::string& bytes) {
  std::unique_ptr<google::protobuf::Message> out(prototype.New());
  if (!out->ParseFromString(bytes)) return nullptr;
  if (!out->GetReflection()->GetUnknownFields(*out).empty()) return nullptr;
  return out;
}

// What is wrong with the bytes themselves; empty: nothing.
std::string FormProblem(const RecordKind& kind, const Record& record) {
  uint64_t number = 0;
  switch (kind.form) {
    case RecordForm::kMessage:
      return "";  // ParseAs() tells
    case RecordForm::kMark:
      return record.bytes == "1" ? "" : "it is a mark, and its value is not 1";
    case RecordForm::kText:
      return record.bytes.empty() ? "its value is empty" : "";
    case RecordForm::kNumber:
      return absl::SimpleAtoi(record.bytes, &number) ? "" : "its value is no number";
    case RecordForm::kHashed:
      return Sha256Hex(record.bytes) == record.key.substr(record.key.rfind('/') + 1)
                 ? ""
                 : "its bytes do not have the hash that it is named by";
  }
  return "";
}

// Keys may have any bytes.
std::string Printable(absl::string_view text) {
  return absl::StrReplaceAll(absl::CEscape(text), {{"\\'", "'"}, {"\\\"", "\""}});
}

class RecordsCheck {
 public:
  RecordsCheck(const Snapshot& snapshot, StoreCheck& out) : snapshot_(snapshot), out_(out) {}

  absl::Status Take(const Record& record) {
    ++out_.records;
    if (record.revision == 0 || record.revision > snapshot_.revision()) {
      out_.Add(StoreProblem::kRevision, record.key,
               absl::StrFormat("it is of revision %d, the store of %d", record.revision,
                               snapshot_.revision()));
    }
    const RecordKind* kind = FindRecordKind(record.key);
    if (kind == nullptr) {
      out_.Add(StoreProblem::kUnknownKind, record.key, "no record of Muster's has such a key");
      return absl::OkStatus();
    }
    RecordView view{record.key, record.bytes};
    std::unique_ptr<google::protobuf::Message> message;
    std::string problem = FormProblem(*kind, record);
    if (kind->form == RecordForm::kMessage) {
      message = ParseAs(*kind->prototype(), record.bytes);
      if (message == nullptr) problem = "its bytes are not what its kind has";
    }
    if (!problem.empty()) {
      out_.Add(StoreProblem::kDamaged, record.key, std::move(problem));
      return absl::OkStatus();
    }
    view.message = message.get();
    CountId(record.key);
    MUSTER_RETURN_IF_ERROR(CheckPlace(*kind, view));
    MUSTER_RETURN_IF_ERROR(CheckIndexes(*kind, view));
    return CheckTarget(*kind, view);
  }

  absl::Status Finish() {
    for (const auto& [kind, highest] : highest_) {
      MUSTER_ASSIGN_OR_RETURN(const auto counter, snapshot_.Get(CounterKey(kind)));
      uint64_t last = 0;
      if (counter && !absl::SimpleAtoi(counter->bytes, &last)) continue;  // told as damaged
      if (last < highest) {
        out_.Add(StoreProblem::kCounterBehind, CounterKey(kind),
                 absl::StrFormat("it is at %d, but there is %s-%06d", last, kind, highest));
      }
    }
    return absl::OkStatus();
  }

 private:
  // "request/REQ-000012" counts as REQ 12.
  void CountId(absl::string_view key) {
    const absl::string_view id = key.substr(key.rfind('/') + 1);
    const size_t dash = id.rfind('-');
    uint64_t number = 0;
    for (const absl::string_view kind : {"REQ", "GR", "RUN", "LOSS", "HOLD"}) {
      if (dash != absl::string_view::npos && id.substr(0, dash) == kind &&
          absl::SimpleAtoi(id.substr(dash + 1), &number)) {
        uint64_t& highest = highest_[std::string(kind)];
        highest = std::max(highest, number);
      }
    }
  }

  absl::Status CheckPlace(const RecordKind& kind, const RecordView& view) {
    if (kind.key_of != nullptr) {
      const std::string at = kind.key_of(view);
      if (!at.empty() && at != view.key) {
        out_.Add(StoreProblem::kMisplaced, view.key, absl::StrCat("it says that it is ", at));
      }
    }
    // Nobody both counts as a member and does not.
    if (kind.prefix != "inactive_member/") return absl::OkStatus();
    const std::string other(view.key.substr(sizeof("inactive_") - 1));
    MUSTER_ASSIGN_OR_RETURN(const auto active, snapshot_.Get(other));
    if (active) {
      out_.Add(StoreProblem::kConflict, view.key, absl::StrCat(other, " is there too"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckIndexes(const RecordKind& kind, const RecordView& view) {
    if (kind.indexes == nullptr) return absl::OkStatus();
    std::vector<IndexEntry> wanted;
    MUSTER_RETURN_IF_ERROR(kind.indexes(snapshot_, view, wanted));
    for (const IndexEntry& entry : wanted) {
      if (entry.need == IndexEntry::Need::kAllowed) continue;
      MUSTER_ASSIGN_OR_RETURN(const auto found, snapshot_.Get(entry.key));
      if (!found) {
        out_.Add(StoreProblem::kMissingIndex, entry.key,
                 absl::StrCat("it has to be there for ", view.key));
      } else if (entry.need == IndexEntry::Need::kExact && found->bytes != entry.bytes) {
        out_.Add(StoreProblem::kWrongIndex, entry.key,
                 absl::StrCat("it has another value than ", view.key, " asks for"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckTarget(const RecordKind& kind, const RecordView& view) {
    if (kind.points_to == nullptr) return absl::OkStatus();
    const std::string key = kind.points_to(view);
    if (key.empty()) return absl::OkStatus();
    MUSTER_ASSIGN_OR_RETURN(const auto target, snapshot_.Get(key));
    if (!target) {
      out_.Add(StoreProblem::kStaleIndex, view.key, absl::StrCat("there is no ", key));
      return absl::OkStatus();
    }
    if (!kind.named_by_target) return absl::OkStatus();
    const RecordKind* target_kind = FindRecordKind(key);
    if (target_kind == nullptr || target_kind->indexes == nullptr) {
      out_.Add(StoreProblem::kStaleIndex, view.key, absl::StrCat(key, " has no such index"));
      return absl::OkStatus();
    }
    RecordView there{target->key, target->bytes};
    std::unique_ptr<google::protobuf::Message> message;
    if (target_kind->form == RecordForm::kMessage) {
      message = ParseAs(*target_kind->prototype(), target->bytes);
      if (message == nullptr) return absl::OkStatus();  // told as damaged
      there.message = message.get();
    }
    std::vector<IndexEntry> wanted;
    MUSTER_RETURN_IF_ERROR(target_kind->indexes(snapshot_, there, wanted));
    // What its bytes are is for the record itself to say: else one fault would be told twice.
    const bool named = std::any_of(wanted.begin(), wanted.end(), [&](const IndexEntry& entry) {
      return entry.key == view.key &&
             (entry.need == IndexEntry::Need::kExact || entry.bytes == view.bytes);
    });
    if (!named) {
      out_.Add(StoreProblem::kStaleIndex, view.key, absl::StrCat(key, " says otherwise"));
    }
    return absl::OkStatus();
  }

  const Snapshot& snapshot_;
  StoreCheck& out_;
  std::map<std::string, uint64_t> highest_;  // by kind of id
};

}  // namespace

void StoreCheck::Add(StoreProblem problem, absl::string_view key, std::string detail) {
  ++found;
  if (findings.size() >= limits::kMaxStoreFindings) return;
  findings.push_back({problem, Printable(key), Printable(detail)});
}

absl::Status CheckRecords(const Snapshot& snapshot, const StoreProgress& progress,
                          StoreCheck& out) {
  RecordsCheck check(snapshot, out);
  std::string after;
  while (true) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> page,
                            snapshot.Scan("", after, limits::kStoreCheckPage));
    for (const Record& record : page) {
      after = record.key;
      if (absl::StartsWith(record.key, kEntries)) {
        after = kAfterEntries;  // CheckLog() reads those
        break;
      }
      MUSTER_RETURN_IF_ERROR(check.Take(record));
    }
    progress("records", out.records);
    if (page.empty()) return check.Finish();
  }
}

absl::StatusOr<StoreCheck> CheckStore(const Snapshot& snapshot, const StoreInternals& internals,
                                      const StoreProgress& progress) {
  StoreCheck out;
  out.revision = snapshot.revision();
  out.log = snapshot.log_head();
  MUSTER_ASSIGN_OR_RETURN(const auto pruned, snapshot.Get(kPrunedBelowKey));
  if (pruned && !absl::SimpleAtoi(pruned->bytes, &out.pruned_below)) out.pruned_below = 0;
  MUSTER_RETURN_IF_ERROR(CheckRecords(snapshot, progress, out));
  MUSTER_RETURN_IF_ERROR(CheckLog(snapshot, internals, progress, out));
  MUSTER_ASSIGN_OR_RETURN(const auto foreign, internals.ForeignKeys(limits::kMaxStoreFindings));
  for (const std::string& key : foreign) {
    out.Add(StoreProblem::kForeignKey, key, "Muster writes no such key");
  }
  return out;
}

}  // namespace muster
