// Salted hashes of what must not leave the device: names, and single messages so that the end of
// an earlier export can be found again in a later one. Pure.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "archive/export_reader.h"
#include "common/archive_limits.h"

struct evp_mac_ctx_st;

namespace muster::archive {

// What two spellings of one name have in common: NFKC, one case, white space single. The name
// itself when it is not UTF-8.
std::string FoldedName(absl::string_view name);

// HMAC-SHA-256, keyed by a salt that stays with the person's devices. Thread-compatible.
class Fingerprints {
 public:
  explicit Fingerprints(absl::string_view salt);

  // Of a chat's or a participant's name, folded; 32 bytes.
  std::string OfName(absl::string_view name) const;
  // Of a message, 16 bytes: its author and its text without marks of direction, without the note
  // that it was edited and without white space at its ends. Of media only that they are media,
  // whether they came along or not; of a deleted message only that it was deleted. The time is
  // not in it: see TailMatcher.
  std::string OfEntry(const Entry& entry) const;

 private:
  std::string Hash(absl::string_view kind, absl::string_view name, absl::string_view text) const;
  std::shared_ptr<evp_mac_ctx_st> keyed_;
};

struct TailEntry {
  std::string print;  // Fingerprints::OfEntry
  absl::CivilSecond time;
};

struct TailMatch {
  uint32_t found = 0, vanished = 0;  // of the tail
  bool newest = false;               // its last entry is among the found
  int shift_minutes = 0;             // by which the later export's clock is ahead
};

// Looks for the end of an earlier export. An entry is found where print and time agree; all times
// may be shifted by one and the same span, as of a phone that travelled: a multiple of a quarter
// of an hour, at most 26 hours. Minutes count, for Android writes no seconds. Thread-compatible;
// constant memory.
class TailMatcher {
 public:
  explicit TailMatcher(const std::vector<TailEntry>& tail);  // limits::kMaxTailEntries count
  void Add(const std::string& print, absl::CivilSecond time);
  TailMatch Finish() const;

 private:
  using Found = std::bitset<limits::kMaxTailEntries>;
  std::vector<absl::CivilMinute> times_;
  std::unordered_map<std::string, std::vector<size_t>> places_;  // of a print
  std::map<int, Found> by_shift_;
};

}  // namespace muster::archive
