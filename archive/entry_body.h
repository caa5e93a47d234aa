// What an entry's text says of itself: a file, left out media, an edit, a deletion.
#pragma once

#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "archive/export_reader.h"

namespace muster::archive {

struct BodyFacts {
  unsigned flags = 0;            // of EntryFlag
  absl::string_view attachment;  // a view into the text; empty: names no file
  bool known = false;            // some sentence of the app that stands for a message
};

// `line` is the body's first; `files` as in ReadOptions. Thread-safe.
BodyFacts ReadBody(absl::string_view body, absl::string_view line,
                   const std::optional<std::set<std::string, std::less<>>>& files);

}  // namespace muster::archive
