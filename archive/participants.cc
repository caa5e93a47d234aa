#include "archive/participants.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "archive/phrases.h"
#include "archive/system_lines.h"
#include "archive/text_marks.h"
#include "common/archive_limits.h"
#include "common/byte_scan.h"

namespace muster::archive {
namespace {

constexpr size_t kMaxColonNames = 64;
constexpr size_t kMaxSeen = 64;        // bytes of an author who is remembered as written
constexpr size_t kMaxSecond = 64;      // bytes of what stands before a second colon
constexpr size_t kMaxSeconds = 16;     // of one author
constexpr size_t kMaxFollowed = 1024;  // authors at once

// Where the author ends in the first line; npos: nowhere.
size_t FindColon(absl::string_view line) {
  const absl::string_view head = line.substr(0, limits::kMaxAuthorBytes + 1);
  for (size_t at = head.find(':'); at != absl::string_view::npos; at = head.find(':', at + 1)) {
    if (at == 0) continue;
    if (at + 1 == line.size() || line[at + 1] == ' ') return at;
    // A space that does not break, or a mark that stands for it.
    const absl::string_view after = line.substr(at + 1, 3);
    if (after.substr(0, 2) == "\xC2\xA0" || after == "\xE2\x80\xAF" || after == "\xE2\x80\x8E" ||
        after == "\xE2\x80\x8F") {
      return at;
    }
  }
  return absl::string_view::npos;
}

absl::string_view AfterColon(absl::string_view text, size_t colon) {
  text.remove_prefix(colon + 1);
  if (!text.empty() && text[0] == ' ') {
    text.remove_prefix(1);
  } else if (absl::StartsWith(text, "\xC2\xA0")) {
    text.remove_prefix(2);
  } else if (absl::StartsWith(text, "\xE2\x80\xAF")) {
    text.remove_prefix(3);
  }
  return text;
}

// A later colon with the app's mark and one of its sentences after it; npos: none.
size_t MarkedColon(absl::string_view line, size_t colon) {
  constexpr absl::string_view kMarked = ": \xE2\x80\x8E";
  const size_t at = line.substr(0, limits::kMaxAuthorBytes).find(kMarked, colon + 1);
  if (at == absl::string_view::npos) return at;
  const absl::string_view tail = line.substr(at + kMarked.size());
  const bool own = FindPhrase(tail) != Phrase::kNone || (MeaningOf(tail) & kSaysSystem) != 0;
  return own ? at : absl::string_view::npos;
}

}  // namespace

// Without marks of direction and spaces at the ends.
absl::string_view Participants::Shown(absl::string_view author) {
  const bool plain = std::none_of(author.begin(), author.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte == 0xE2 || byte == 0xD8 || byte == 0xEF;
  });
  if (plain) return TrimUnseen(author);
  shown_ = WithoutMarks(author);
  return TrimUnseen(shown_);
}

// The two ends of some bytes, in a register each: all of them if there are no more than 16.
struct Participants::Ends {
  uint64_t head = 0, tail = 0;

  explicit Ends(absl::string_view bytes) {
    if (bytes.size() >= sizeof(head)) {
      std::memcpy(&head, bytes.data(), sizeof(head));
      std::memcpy(&tail, bytes.data() + bytes.size() - sizeof(tail), sizeof(tail));
    } else {
      for (const char c : bytes) head = head << 8 | static_cast<uint8_t>(c);
    }
  }
  size_t Slot() const {
    return static_cast<size_t>(((head ^ (tail << 1)) * 0x9E3779B97F4A7C15ULL) >> 58);
  }
};

SplitText Participants::Split(absl::string_view text, absl::string_view line) {
  if (!colon_names_.empty()) return SplitAtColon(text, line);
  const absl::string_view head = line.substr(0, kMaxSeen + 1);
  const char* const end = head.data() + head.size();
  const auto colon = static_cast<size_t>(FindEither(head.data(), end, ':', ':') - head.data());
  // A colon with a space after it, the first of all, ends the author whoever it is.
  if (colon == 0 || colon >= head.size() || colon + 1 >= line.size() || line[colon + 1] != ' ') {
    return SplitAtColon(text, line);
  }
  const absl::string_view written = line.substr(0, colon);
  const Ends ends(written);
  Seen& seen = seen_[ends.Slot()];
  if (seen.written.size() == colon && seen.head == ends.head && seen.tail == ends.tail &&
      (colon <= 16 || seen.written == written)) {
    return {seen.shown, text.substr(colon + 2), line.substr(colon + 2), true};
  }
  const SplitText out = SplitAtColon(text, line);
  if (!out.known_author || !colon_names_.empty()) return out;
  seen.head = ends.head;
  seen.tail = ends.tail;
  seen.written.assign(written.data(), written.size());
  seen.shown.assign(out.author.data(), out.author.size());
  return out;
}

SplitText Participants::SplitAtColon(absl::string_view text, absl::string_view line) {
  const auto divided = [&](absl::string_view author, absl::string_view body, bool known) {
    return SplitText{author, body, line.substr(text.size() - body.size()), known};
  };
  for (const std::string& name : colon_names_) {
    const absl::string_view rest = SkipMarks(line);
    if (!absl::StartsWith(rest, name) || !absl::StartsWith(rest.substr(name.size()), ": "))
      continue;
    const size_t skipped = line.size() - rest.size();
    return divided(name, text.substr(skipped + name.size() + 2), names_.contains(name));
  }
  const size_t colon = FindColon(line);
  if (colon == absl::string_view::npos) return divided("", text, false);
  const absl::string_view author = Shown(line.substr(0, colon));
  if (author.empty()) return divided("", text, false);
  const bool known = names_.contains(author);
  if (!known) {
    // iOS marks what the app wrote: what is before ": ‎" is a name, colons and all.
    const size_t mark = MarkedColon(line, colon);
    if (mark != absl::string_view::npos) {
      const absl::string_view longer = Shown(line.substr(0, mark));
      LearnName(longer);
      return divided(longer, AfterColon(text, mark), names_.contains(longer));
    }
    if (IsSystemBeforeColon(author)) return divided("", text, false);
  }
  return divided(author, AfterColon(text, colon), known);
}

void Participants::AddNew(const SplitText& split) {
  if (names_.size() >= limits::kMaxAuthors) {
    full_ = true;
    return;
  }
  names_.emplace(split.author);
  Follow(split, true);
}

void Participants::Follow(const SplitText& split, bool first) {
  const absl::string_view author = split.author;
  const auto found = seconds_.find(author);
  if (!first && found == seconds_.end()) return;
  const absl::string_view head = split.line.substr(0, kMaxSecond);
  const size_t colon = head.find(": ");
  const bool follows = colon != absl::string_view::npos && colon > 0 &&
                       !absl::StrContains(author, ": ") && seconds_.size() <= kMaxFollowed;
  if (!follows) {
    if (!first) seconds_.erase(found);
    return;
  }
  Seconds& seconds = first ? seconds_[author] : found->second;
  ++seconds[head.substr(0, colon)];
  if (seconds.size() > kMaxSeconds) seconds_.erase(author);
}

void Participants::Conclude() {
  for (const auto& [author, seconds] : seconds_) {
    const uint64_t least = seconds.size() == 1 ? 3 : 2;
    const bool repeated = std::all_of(seconds.begin(), seconds.end(), [least](const auto& second) {
      return second.second >= least;
    });
    if (!repeated) continue;
    names_.erase(author);
    for (const auto& [second, count] : seconds) {
      const std::string name = absl::StrCat(author, ": ", second);
      LearnName(name);
      names_.insert(name);
    }
  }
  seconds_.clear();
}

void Participants::LearnName(absl::string_view name) {
  name = TrimUnseen(name);
  if (!absl::StrContains(name, ": ") || name.size() > limits::kMaxAuthorBytes) return;
  if (colon_names_.size() >= kMaxColonNames) return;
  if (std::find(colon_names_.begin(), colon_names_.end(), name) != colon_names_.end()) return;
  colon_names_.emplace_back(name);
  // "A: B: C" before "A: B".
  std::sort(colon_names_.begin(), colon_names_.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
}

void Participants::LearnNames(absl::string_view system_line) {
  if (!absl::StrContains(system_line, ": ")) return;
  const std::string line = WithoutMarks(system_line);
  for (const absl::string_view verb : {" added ", " removed ", " left", " joined using "}) {
    const size_t at = line.find(verb.data());
    if (at == std::string::npos) continue;
    LearnName(absl::string_view(line).substr(0, at));
    if (verb.back() == ' ') LearnName(absl::string_view(line).substr(at + verb.size()));
  }
}

std::vector<std::string> Participants::Listed() const {
  std::vector<std::string> out(names_.begin(), names_.end());
  std::sort(out.begin(), out.end());
  if (out.size() > limits::kMaxListedAuthors) out.resize(limits::kMaxListedAuthors);
  return out;
}

std::vector<std::string> Participants::colon_names() const {
  std::vector<std::string> out = colon_names_;
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace muster::archive
