// Who writes in a text. An author is what stands before the first ": " of an entry, unless a name
// that is known from elsewhere (the chat's own, the app's "X added Y") has a colon in it.
#pragma once

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
  bool known_author = false;  // has written before
};

// Thread-compatible. Views that it returns live until the next Split().
class Participants {
 public:
  // `text` is an entry's, after its time.
  SplitText Split(absl::string_view text);
  void Add(absl::string_view author, absl::string_view body);
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

  absl::string_view Shown(absl::string_view author);
  void Follow(absl::string_view author, absl::string_view body, bool first);

  absl::flat_hash_set<std::string> names_;
  std::vector<std::string> colon_names_;  // longest first
  absl::flat_hash_map<std::string, Seconds> seconds_;
  std::string last_, shown_;
  bool full_ = false;
};

}  // namespace muster::archive
