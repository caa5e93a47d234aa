#include "archive/participants.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "archive/phrases.h"
#include "archive/system_lines.h"
#include "archive/text_marks.h"
#include "common/archive_limits.h"

namespace muster::archive {
namespace {

constexpr size_t kMaxColonNames = 64;
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

SplitText Participants::Split(absl::string_view text) {
  SplitText out;
  out.body = text;
  // The author who wrote last writes again more often than not.
  if (!last_.empty() && text.size() > last_.size() + 1 && colon_names_.empty() &&
      std::memcmp(text.data(), last_.data(), last_.size()) == 0 && text[last_.size()] == ':' &&
      text[last_.size() + 1] == ' ') {
    return {last_, text.substr(last_.size() + 2), true};
  }
  const absl::string_view line = FirstLine(text);
  for (const std::string& name : colon_names_) {
    const absl::string_view rest = SkipMarks(line);
    if (!absl::StartsWith(rest, name) || !absl::StartsWith(rest.substr(name.size()), ": "))
      continue;
    const size_t skipped = line.size() - rest.size();
    return {name, text.substr(skipped + name.size() + 2), names_.contains(name)};
  }
  const size_t colon = FindColon(line);
  if (colon == absl::string_view::npos) return out;
  const absl::string_view author = Shown(line.substr(0, colon));
  if (author.empty()) return out;
  out.known_author = names_.contains(author);
  if (!out.known_author) {
    // iOS marks what the app wrote: what is before ": ‎" is a name, colons and all.
    const size_t mark = MarkedColon(line, colon);
    if (mark != absl::string_view::npos) {
      const absl::string_view longer = Shown(line.substr(0, mark));
      LearnName(longer);
      return {longer, AfterColon(text, mark), names_.contains(longer)};
    }
    if (IsSystemBeforeColon(author)) return out;
  }
  out.author = author;
  out.body = AfterColon(text, colon);
  return out;
}

void Participants::Add(absl::string_view author, absl::string_view body) {
  if (author == last_) {
    if (!seconds_.empty()) Follow(author, body, false);
    return;
  }
  const bool first = !names_.contains(author);
  if (first) {
    if (names_.size() >= limits::kMaxAuthors) {
      full_ = true;
      return;
    }
    names_.emplace(author);
  }
  if (first || !seconds_.empty()) Follow(author, body, first);
  last_.assign(author.data(), author.size());
}

void Participants::Follow(absl::string_view author, absl::string_view body, bool first) {
  const auto found = seconds_.find(author);
  if (!first && found == seconds_.end()) return;
  const absl::string_view head = FirstLine(body).substr(0, kMaxSecond);
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
