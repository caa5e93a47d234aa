// The audit log's part of the check of a store.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "common/checkpoint.h"
#include "common/log_limits.h"
#include "common/log_tiles.h"
#include "common/merkle.h"
#include "common/status_macros.h"
#include "controller/domain/log_terms.h"
#include "controller/flow/records.h"
#include "controller/flow/store_check.h"
#include "muster/v1/audit.pb.h"
#include "muster/v1/document.pb.h"
#include "muster/v1/policy.pb.h"

namespace muster {
namespace {

uint64_t Mix(uint64_t v) {  // splitmix64
  v += 0x9e3779b97f4a7c15;
  v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9;
  v = (v ^ (v >> 27)) * 0x94d049bb133111eb;
  return v ^ (v >> 31);
}

uint64_t NumberOf(absl::string_view hash) {
  uint64_t v = 0;
  for (const char c : hash.substr(0, 8)) v = v << 8 | static_cast<uint8_t>(c);
  return v;
}

// What is the same for two sets of index entries in any order, and differs for others but by a
// chance of 2^-128. It finds faults, not forgers: nothing is proven by the index.
struct TermSum {
  uint64_t count = 0, a = 0, b = 0;
  void Add(absl::string_view hash, uint64_t sequence) {
    const uint64_t term = NumberOf(hash);
    ++count;
    a += Mix(Mix(term) ^ sequence);
    b += Mix(Mix(sequence + 0x5851f42d4c957f2d) ^ term);
  }
  bool operator==(const TermSum&) const = default;
};

std::string TileName(uint32_t level, uint64_t index) {
  return absl::StrCat("tile/", level, "/", index);
}

bool IsSubject(absl::string_view subject) {
  const size_t slash = subject.find('/');
  return slash != absl::string_view::npos && slash > 0 && slash + 1 < subject.size();
}

class LogCheck {
 public:
  LogCheck(const Snapshot& snapshot, const StoreInternals& internals, const StoreProgress& progress,
           StoreCheck& out)
      : snapshot_(snapshot), internals_(internals), progress_(progress), out_(out) {}

  absl::Status Run() {
    const uint64_t before = out_.found;
    MUSTER_RETURN_IF_ERROR(ReadEntries());
    MUSTER_RETURN_IF_ERROR(CheckTree());
    const bool whole = out_.found == before;
    MUSTER_RETURN_IF_ERROR(CheckTerms());
    // Without its tiles nothing can be said of what the log was at another size.
    return whole ? CheckHeads() : absl::OkStatus();
  }

 private:
  absl::Status ReadEntries() {
    std::string after;
    while (true) {
      MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> page,
                              snapshot_.Scan("audit/", after, limits::kStoreCheckPage));
      for (const Record& record : page) MUSTER_RETURN_IF_ERROR(TakeRecord(record));
      progress_("entries of the audit log", edge_.size());
      if (page.size() < limits::kStoreCheckPage) break;
      after = page.back().key;
    }
    if (next_ < out_.log.size) Gap(next_, out_.log.size);
    return absl::OkStatus();
  }

  void Gap(uint64_t from, uint64_t until) {
    out_.Add(StoreProblem::kLogGap, AuditKey(from),
             absl::StrFormat("entries %d to %d are missing", from, until - 1));
    gap_ = true;
  }

  absl::Status TakeRecord(const Record& record) {
    ++out_.records;
    uint64_t sequence = next_;
    if (record.key != AuditKey(next_)) {
      // Keys are in order, so what is not the next one lies further on, or is none.
      if (!ParseKey(record.key, sequence)) {
        out_.Add(StoreProblem::kUnknownKind, record.key,
                 "no entry of the audit log has such a key");
        return absl::OkStatus();
      }
      if (sequence < out_.log.size) Gap(next_, sequence);
    }
    if (sequence >= out_.log.size) {
      out_.Add(StoreProblem::kLogBeyondEnd, record.key,
               absl::StrCat("the log has ", out_.log.size, " entries"));
      return absl::OkStatus();
    }
    next_ = sequence + 1;
    if (record.revision == 0 || record.revision > snapshot_.revision()) {
      out_.Add(StoreProblem::kRevision, record.key, "it is newer than the store");
    }
    v1::AuditRecord stored;
    if (!stored.ParseFromString(record.bytes) || stored.leaf_hash().size() != kHashBytes) {
      out_.Add(StoreProblem::kLogEntry, record.key, "it cannot be read");
      gap_ = true;
      return absl::OkStatus();
    }
    if (!gap_) MUSTER_RETURN_IF_ERROR(Append(stored.leaf_hash()));
    CheckEntry(record.key, sequence, stored);
    return absl::OkStatus();
  }

  static bool ParseKey(absl::string_view key, uint64_t& sequence) {
    constexpr size_t kPrefix = sizeof("audit/") - 1, kDigits = 16;
    if (key.size() != kPrefix + kDigits) return false;
    sequence = 0;
    for (const char c : key.substr(kPrefix)) {
      const bool digit = c >= '0' && c <= '9';
      if (!digit && (c < 'a' || c > 'f')) return false;
      sequence = sequence << 4 | static_cast<uint64_t>(digit ? c - '0' : c - 'a' + 10);
    }
    return true;
  }

  void CheckEntry(absl::string_view key, uint64_t sequence, const v1::AuditRecord& stored) {
    if (stored.entry().empty()) {
      if (sequence >= out_.pruned_below) {
        out_.Add(StoreProblem::kLogEntry, key, "its text is gone, and was not pruned");
      }
      return;
    }
    if (sequence < out_.pruned_below) {
      out_.Add(StoreProblem::kLogEntry, key, "its text was to be pruned, and is still there");
    }
    if (LeafHash(stored.entry()) != stored.leaf_hash()) {
      out_.Add(StoreProblem::kLogEntry, key, "its text is not the one that was hashed");
    }
    v1::AuditEntry entry;
    if (!entry.ParseFromString(stored.entry())) {
      out_.Add(StoreProblem::kLogEntry, key, "its text is no entry");
      return;
    }
    if (entry.sequence() != sequence) {
      out_.Add(StoreProblem::kLogSequence, key,
               absl::StrCat("it says that it is entry ", entry.sequence()));
    }
    for (const std::string& subject : entry.subjects()) {
      if (!IsSubject(subject)) {
        out_.Add(StoreProblem::kLogSubject, key, absl::StrCat("'", subject, "'"));
      }
    }
    for (const std::string& term : LogTerms(entry)) {
      wanted_.Add(internals_.TermHash(term), sequence);
    }
  }

  absl::Status Append(const std::string& leaf_hash) {
    std::vector<Tile> full;
    edge_.Append(leaf_hash, full);
    for (const Tile& tile : full) MUSTER_RETURN_IF_ERROR(CompareTile(tile));
    return absl::OkStatus();
  }

  absl::Status CompareTile(const Tile& tile) {
    const uint64_t width = tile.hashes.size() / kHashBytes;
    const absl::StatusOr<std::string> stored = snapshot_.ReadTile(tile.level, tile.index, width);
    if (!stored.ok() && !absl::IsDataLoss(stored.status()) && !absl::IsNotFound(stored.status())) {
      return stored.status();
    }
    if (!stored.ok()) {
      out_.Add(StoreProblem::kLogTile, TileName(tile.level, tile.index), "it is missing or short");
    } else if (*stored != tile.hashes) {
      out_.Add(StoreProblem::kLogTile, TileName(tile.level, tile.index),
               "it does not follow from the entries");
    }
    return absl::OkStatus();
  }

  absl::Status CheckTree() {
    if (!gap_) {
      for (const Tile& tile : edge_.PartialTiles()) MUSTER_RETURN_IF_ERROR(CompareTile(tile));
      if (edge_.Root() != out_.log.root) {
        out_.Add(StoreProblem::kLogRoot, "head", "the entries do not lead to the log's root");
      }
    }
    return internals_.ForEachTile([&](uint32_t level, uint64_t index, size_t bytes) {
      const uint64_t width = TileWidthAt(out_.log.size, level, index);
      // A tile of level 0 is stored when it is full.
      if (width == 0 || (level == 0 && width < kTileWidth) || bytes > width * kHashBytes) {
        out_.Add(StoreProblem::kLogTile, TileName(level, index), "the log has not come so far");
      }
      return absl::OkStatus();
    });
  }

  absl::Status CheckTerms() {
    TermSum stored;
    MUSTER_RETURN_IF_ERROR(internals_.ForEachTerm([&](absl::string_view hash, uint64_t sequence) {
      stored.Add(hash, sequence);
      if (stored.count % (1 << 20) == 1) progress_("terms of the audit log", stored.count);
      return absl::OkStatus();
    }));
    if (stored == wanted_) return absl::OkStatus();
    // Which ones it is takes a look-up for each of them.
    MUSTER_RETURN_IF_ERROR(internals_.ForEachTerm(
        [&](absl::string_view hash, uint64_t sequence) { return CheckTerm(hash, sequence); }));
    return ForEach<v1::AuditRecord>(
        snapshot_, "audit/", [&](const std::string& key, Versioned<v1::AuditRecord>& record) {
          return CheckTermsOf(key, record.value);
        });
  }

  absl::Status CheckTerm(absl::string_view hash, uint64_t sequence) {
    MUSTER_ASSIGN_OR_RETURN(const auto record, snapshot_.Get(AuditKey(sequence)));
    v1::AuditRecord stored;
    v1::AuditEntry entry;
    const bool there = record && sequence < out_.log.size &&
                       stored.ParseFromString(record->bytes) &&
                       entry.ParseFromString(stored.entry());
    const std::vector<std::string> terms = there ? LogTerms(entry) : std::vector<std::string>();
    const bool fits = std::any_of(terms.begin(), terms.end(), [&](const std::string& term) {
      return internals_.TermHash(term) == hash;
    });
    if (!fits) {
      out_.Add(StoreProblem::kLogTermExtra, AuditKey(sequence),
               absl::StrFormat("the index has %016x for it", NumberOf(hash)));
    }
    return absl::OkStatus();
  }

  absl::Status CheckTermsOf(const std::string& key, const v1::AuditRecord& record) {
    v1::AuditEntry entry;
    uint64_t sequence = 0;
    if (!ParseKey(key, sequence) || sequence >= out_.log.size || record.entry().empty() ||
        !entry.ParseFromString(record.entry())) {
      return absl::OkStatus();
    }
    for (const std::string& term : LogTerms(entry)) {
      MUSTER_ASSIGN_OR_RETURN(const auto found, snapshot_.FindInLog(term, sequence, 1));
      if (found.empty() || found.front() != sequence) {
        out_.Add(StoreProblem::kLogTermMissing, key, absl::StrCat("not found by ", term));
      }
    }
    return absl::OkStatus();
  }

  // What was said of the log to devices, and what they said of it, has to be of this log.
  absl::Status CheckHeads() {
    const std::string key = DocumentKey(kBeaconName);
    MUSTER_ASSIGN_OR_RETURN(const auto doc, snapshot_.Get(key));
    v1::SignedDoc envelope;
    v1::Beacon beacon;
    if (doc && envelope.ParseFromString(doc->bytes) && beacon.ParseFromString(envelope.payload())) {
      MUSTER_RETURN_IF_ERROR(CheckHead(key, {"", beacon.audit_size(), beacon.audit_root()}));
      MUSTER_RETURN_IF_ERROR(CheckNote(key, beacon.audit_checkpoint()));
    }
    return ForEach<v1::AuditWitness>(snapshot_, WitnessKey(""),
                                     [&](const std::string& at, Versioned<v1::AuditWitness>& seen) {
                                       return CheckNote(at, seen.value.checkpoint());
                                     });
  }

  absl::Status CheckNote(const std::string& key, absl::string_view note) {
    if (note.empty()) return absl::OkStatus();
    const size_t end =
        note.find("\n\n");  // the signatures follow; whose they are is no matter here
    const auto head =
        ParseCheckpoint(end == absl::string_view::npos ? note : note.substr(0, end + 1));
    if (!head.ok()) {
      out_.Add(StoreProblem::kDamaged, key, "its checkpoint cannot be read");
      return absl::OkStatus();
    }
    return CheckHead(key, *head);
  }

  absl::Status CheckHead(const std::string& key, const Checkpoint& head) {
    if (head.size > out_.log.size) {
      out_.Add(StoreProblem::kHeadAheadOfLog, key,
               absl::StrFormat("it tells of %d entries, there are %d", head.size, out_.log.size));
      return absl::OkStatus();
    }
    MUSTER_ASSIGN_OR_RETURN(const std::string root, RootAt(snapshot_, head.size));
    if (root != head.root) {
      out_.Add(StoreProblem::kHeadNotOnLog, key,
               absl::StrFormat("with %d entries the log had another root", head.size));
    }
    return absl::OkStatus();
  }

  const Snapshot& snapshot_;
  const StoreInternals& internals_;
  const StoreProgress& progress_;
  StoreCheck& out_;
  TileEdge edge_;
  uint64_t next_ = 0;  // sequence that comes next
  bool gap_ = false;   // from here on the tree cannot be worked out
  TermSum wanted_;
};

}  // namespace

absl::Status CheckLog(const Snapshot& snapshot, const StoreInternals& internals,
                      const StoreProgress& progress, StoreCheck& out) {
  return LogCheck(snapshot, internals, progress, out).Run();
}

}  // namespace muster
