#include "archive/entry_body.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "archive/phrases.h"
#include "archive/text_marks.h"
#include "common/byte_scan.h"

namespace muster::archive {
namespace {

// The apps' own names of media, told without their language: IMG-20200607-WA0001.jpg (Android),
// 00000042-PHOTO-2020-06-07-15-13-20.jpg (iOS).
bool IsMediaName(absl::string_view name) {
  const size_t digits = name.find_first_not_of("0123456789");
  if (digits != absl::string_view::npos && digits == 8 && name[8] == '-') return true;
  return name.size() > 14 && name[3] == '-' && absl::StrContains(name, "-WA") &&
         absl::ascii_isdigit(name[4]) && absl::StrContains(name, '.');
}

bool HasExtension(absl::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == absl::string_view::npos || dot == 0) return false;
  const size_t length = name.size() - dot - 1;
  return length >= 1 && length <= 10 && !absl::StrContains(name.substr(dot), ' ');
}

// "name (file attached)": the name. Empty: it is none.
absl::string_view AttachedBefore(absl::string_view line) {
  const size_t open = line.find_last_of("(<");
  if (open == absl::string_view::npos || open < 2) return "";
  const char close = line[open] == '(' ? ')' : '>';
  if (line.back() != close) return "";
  const absl::string_view name = TrimUnseen(line.substr(0, open));
  if (name.empty()) return "";
  const absl::string_view words = line.substr(open + 1, line.size() - open - 2);
  if (FindPhrase(words) == Phrase::kAttached) return name;
  return IsMediaName(name) && HasExtension(name) && !absl::StrContains(name, ' ') ? name : "";
}

// "<attached: name>", perhaps after the document's title: the name.
absl::string_view AttachedInside(absl::string_view line, bool marked) {
  if (line.back() != '>') return "";
  const size_t open = line.rfind('<');
  if (open == absl::string_view::npos) return "";
  const absl::string_view inside = line.substr(open + 1, line.size() - open - 2);
  const size_t colon = inside.find(':');
  if (colon == absl::string_view::npos) return "";
  const absl::string_view name = TrimUnseen(inside.substr(colon + 1));
  if (name.empty()) return "";
  if (FindPhrase(inside.substr(0, colon)) == Phrase::kAttached) return name;
  // A language that is not known here: the app's mark or its own name of a file tells.
  const bool told = IsMediaName(name) || (marked && HasExtension(name));
  return told ? name : "";
}

// "text <This message was edited>": without it.
absl::string_view WithoutEdit(absl::string_view body, unsigned& flags) {
  const absl::string_view seen = TrimUnseen(body);
  if (seen.empty() || seen.back() != '>') return body;
  const size_t open = seen.rfind('<');
  if (open == absl::string_view::npos) return body;
  if (FindPhrase(seen.substr(open)) != Phrase::kEdited) return body;
  flags |= kEdited;
  return TrimUnseen(seen.substr(0, open));
}

bool IsMarked(absl::string_view text) {
  return absl::StartsWith(text, "\xE2\x80\x8E") || absl::StartsWith(text, "\xE2\x80\x8F");
}

// Anywhere; most texts do not even have its first byte.
bool HasMark(absl::string_view text) {
  return HasByte(text, '\xE2') && absl::StrContains(text, "\xE2\x80\x8E");
}

bool HasFile(const std::set<std::string, std::less<>>& files, absl::string_view name) {
  return files.find(std::string_view(name.data(), name.size())) != files.end();
}

bool DeletedByAdmin(absl::string_view line) {
  if (line[0] != 'T' && line[0] != 'Y') return false;
  return absl::StartsWith(line, "This message was deleted by admin ") ||
         absl::StartsWith(line, "You deleted this message as ");
}

// The line as a whole, or what follows the app's last mark in it: "plan.pdf • 2 pages ‎document
// omitted".
Phrase LinePhrase(absl::string_view line) {
  const absl::string_view seen = TrimUnseen(line);
  if (MayEndPhrase(seen)) {
    const Phrase whole = FindPhrase(seen);
    if (whole != Phrase::kNone) return whole;
  }
  const size_t mark = line.rfind("\xE2\x80\x8E");
  if (mark == absl::string_view::npos || mark == 0) return Phrase::kNone;
  const Phrase tail = FindPhrase(line.substr(mark));
  return tail == Phrase::kOmitted ? tail : Phrase::kNone;
}

}  // namespace

BodyFacts ReadBody(absl::string_view body, absl::string_view first,
                   const std::optional<std::set<std::string, std::less<>>>& files) {
  BodyFacts out;
  if (body.empty()) return out;
  const auto last = static_cast<uint8_t>(body.back());
  if (last == '>' || last == ' ' || last >= 0x80) {
    body = WithoutEdit(body, out.flags);
    if (out.flags != 0) first = FirstLine(body);
  }
  const bool marked = IsMarked(first);
  const bool trimmed =
      !first.empty() && first.back() > ' ' && static_cast<uint8_t>(first.back()) < 0x80;
  const absl::string_view line = marked || !trimmed ? TrimUnseen(first) : first;
  out.known = out.flags != 0;
  if (line.empty()) return out;
  if (line.back() == ')' || line.back() == '>') {
    absl::string_view name = AttachedInside(line, marked);
    if (name.empty()) name = AttachedBefore(line);
    if (!name.empty()) {
      out.attachment = name;
      out.flags |= files.has_value() && HasFile(*files, name) ? kAttached : kMissing;
      out.known = true;
      return out;
    }
  }
  if (!marked && CannotEndPhrase(line) && !DeletedByAdmin(line)) return out;
  if (!marked && !MayEndPhrase(line) && !HasMark(line) && !DeletedByAdmin(line)) {
    return out;
  }
  const Phrase phrase = DeletedByAdmin(line) ? Phrase::kDeleted : LinePhrase(first);
  // A deletion has nothing after it; left out media may have a caption.
  if (phrase == Phrase::kDeleted && first.size() == body.size()) out.flags |= kDeleted;
  if (phrase == Phrase::kOmitted) out.flags |= kOmitted;
  out.known = out.known || (out.flags & (kDeleted | kOmitted)) != 0;
  return out;
}

}  // namespace muster::archive
