// Who writes in a text. An author is what stands before the first ": " of an entry, unless a name
// that is known from elsewhere (the chat's own, the app's "X added Y") has a colon in it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"

namespace muster::archive {

struct SplitText {
  absl::string_view author;  // empty: the app's own line
  absl::string_view body;
  absl::string_view line;     // the body's first one
  bool known_author = false;  // has written before
};

// Thread-compatible. Views that it returns live until the next Split(), LearnName() or
// LearnNames().
class Participants {
 public:
  // `text` is an entry's, after its time; `line` its first line.
  SplitText Split(absl::string_view text, absl::string_view line);
  // What Split() gave last, and has an author.
  void Add(const SplitText& split) {
    if (!split.known_author) return AddNew(split);
    if (!seconds_.empty()) Follow(split, false);
  }
  // Once, after the last Add(): authors whose every text goes on with another colon are divided.
  void Conclude();

  void LearnName(absl::string_view name);          // only those with a colon are kept
  void LearnNames(absl::string_view system_line);  // of "X added Y: Z" and its like

  uint64_t count() const { return names_.size(); }
  bool full() const { return full_; }
  std::vector<std::string> Listed() const;  // sorted, at most limits::kMaxListedAuthors
  std::vector<std::string> colon_names() const;

 private:
  // What stands before a second colon in the texts of an author, who has no text without one.
  using Seconds = absl::flat_hash_map<std::string, uint64_t>;

  struct Ends;
  // An author as the text has it, and without its marks: most write again and again.
  struct Seen {
    uint64_t head = 0, tail = 0;  // of the bytes in the text
    std::string written, shown;   // empty: none yet
  };

  SplitText SplitAtColon(absl::string_view text, absl::string_view line);
  absl::string_view Shown(absl::string_view author);
  void AddNew(const SplitText& split);
  void Follow(const SplitText& split, bool first);

  absl::flat_hash_set<std::string> names_;
  std::vector<std::string> colon_names_;  // longest first
  absl::flat_hash_map<std::string, Seconds> seconds_;
  std::array<Seen, 64> seen_;  // by a hash of what is written
  std::string shown_;
  bool full_ = false;
};

}  // namespace muster::archive
