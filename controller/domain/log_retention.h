// Until when entries of the audit log keep their text. Pure. Hashes stay for good.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/audit.pb.h"
#include "muster/v1/grant.pb.h"
#include "muster/v1/request.pb.h"

namespace muster {

// `years` calendar years of `zone` after `at`, at the same time of day; of a 29 February, where the
// year has none, 1 March; where clocks were moved over it, the later of both readings.
absl::Time LogKeptUntil(absl::Time at, uint32_t years, absl::TimeZone zone);

// What must be kept, however old it is: by the ids that an entry has in it. Thread-compatible.
class LogKeepers {
 public:
  // A hold in force keeps what its persons did and what is about them, or what names its chat.
  void Add(const v1::Hold& hold);
  // What is still open keeps its own entries, and those of what it came from: a grant its request,
  // an incident its grant.
  void Add(const v1::Request& request);
  void Add(const v1::Grant& grant);
  void Add(const v1::Incident& incident);

  // In words: "HOLD-000001 (person alice@agency.test)", "request REQ-000007, which is still open".
  // Looked for in the entry's object, subjects, actor, query, before and after. nullopt: nothing.
  std::optional<std::string> WhyKept(const v1::AuditEntry& entry) const;

 private:
  void Add(absl::string_view id, const std::string& why);

  std::vector<std::string> reasons_;
  absl::flat_hash_map<std::string, size_t> by_id_;  // lowercase; a place in reasons_
};

struct LogRetentionTerms {
  uint32_t keep_years = 0;
  absl::TimeZone zone = {};
  absl::Time now;
  std::optional<absl::Time> before = std::nullopt;  // only entries older than this
};

// INVALID_ARGUMENT: `before` is within the time that entries are kept; it says from when it is not.
absl::Status CheckBefore(const LogRetentionTerms& terms);

// The retention of an entry of this time is over, and it is asked for.
bool IsOver(absl::Time at, const LogRetentionTerms& terms);

// A reader of the log and its place: it has seen every entry before `next`.
struct LogReaderPlace {
  std::string who;  // in words: "webhook itsm"
  uint64_t next = 0;
};

// Walks the log from its first entry with a text. Thread-compatible.
class PruneWalk {
 public:
  // `from` is a multiple of kTileWidth. Owns nothing.
  PruneWalk(uint64_t from, const LogRetentionTerms& terms, const LogKeepers& keepers,
            const std::vector<LogReaderPlace>& readers);

  // The entry's text may go; false: this one and all after it stay. Entries come in order.
  bool Take(const v1::AuditEntry& entry);

  // Texts before it may go: a multiple of kTileWidth, so that whole bundles go.
  uint64_t pruned_below() const;
  // Entries it has taken so far, and those before `from`.
  uint64_t next() const { return next_; }
  // What keeps the entry at which Take() said false, in words; empty: it is not old enough.
  const std::string& held_by() const { return held_by_; }

 private:
  const LogRetentionTerms terms_;
  const LogKeepers& keepers_;
  const LogReaderPlace* slowest_ = nullptr;
  uint64_t next_;
  std::string held_by_;
};

}  // namespace muster
