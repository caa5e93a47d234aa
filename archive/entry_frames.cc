#include "archive/entry_frames.h"

#include <algorithm>
#include <cstring>

#include "archive/text_marks.h"
#include "common/archive_limits.h"
#include "common/byte_scan.h"

namespace muster::archive {
namespace {

constexpr size_t kPiece = 16 << 10;
constexpr size_t kFirst = 2;  // bytes that tell UTF-16
// So many lines of another form, and none of the text's own between them, are no quotation.
constexpr int kOthersInARow = 16;

bool SameForm(const Stamp& a, const Stamp& b) {
  return a.style == b.style && a.separator == b.separator;
}

// The cheapest question first: no date begins with a letter.
bool MayBegin(absl::string_view line) {
  if (line.empty()) return false;
  const auto first = static_cast<uint8_t>(line[0]);
  return first >= 0x80 || first == '[' || (first >= '0' && first <= '9');
}

absl::string_view WithoutBreak(absl::string_view text) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

}  // namespace

void EntryFrames::Add(absl::string_view bytes) {
  while (!bytes.empty()) {
    const absl::string_view piece = bytes.substr(0, kPiece);
    buffer_.append(piece.data(), piece.size());
    bytes.remove_prefix(piece.size());
    Process(false);
  }
}

void EntryFrames::Finish() {
  Process(true);
  if (start_ < buffer_.size()) End(buffer_.size(), false);
}

// Finds the breaks in the bytes that are new.
void EntryFrames::Scan() {
  if (breaks_ == nullptr) breaks_.reset(new uint32_t[kPiece + kFirst + kSpareBreaks]);
  const absl::string_view fresh = absl::string_view(buffer_).substr(scanned_);
  break_ = 0;
  breaks_found_ = FindBreaks(fresh, static_cast<uint32_t>(scanned_), breaks_.get());
  scanned_ = buffer_.size();
}

bool EntryFrames::OnlyBlankBefore(size_t end) const {
  absl::string_view text(buffer_.data() + start_, end - start_);
  while (!text.empty()) {
    const CodePoint first = DecodeFirst(text);
    const bool blank =
        IsMark(first.value) || IsSpace(first.value) || first.value == '\n' || first.value == '\r';
    if (!blank) return false;
    text.remove_prefix(first.bytes);
  }
  return true;
}

bool EntryFrames::Begins(absl::string_view line, Stamp& stamp, uint64_t offset) {
  if (!MayBegin(line)) return false;
  bool year_day_month = false;
  if (!stamp_reader_.Read(line, stamp, year_day_month)) {
    if (year_day_month && !notes_.year_day_month.has_value()) notes_.year_day_month = offset;
    return false;
  }
  // A form without dash or bracket is the weakest sign: a better one takes its place.
  const bool better =
      form_.has_value() && form_->style == StampStyle::kBare && stamp.style != StampStyle::kBare;
  if (!form_.has_value() || better) form_ = stamp;
  if (SameForm(*form_, stamp)) {
    others_ = 0;
    return true;
  }
  if (stamp.style == StampStyle::kBare) return false;
  others_ = other_.has_value() && SameForm(*other_, stamp) ? others_ + 1 : 1;
  other_ = stamp;
  ++notes_.other_forms;
  if (!notes_.other_form.has_value()) notes_.other_form = offset;
  if (others_ < kOthersInARow) return false;
  if (!notes_.form_changed.has_value()) notes_.form_changed = offset;
  form_ = stamp;
  others_ = 0;
  return true;
}

// Whether the line begins an entry; false: more bytes must come first.
bool EntryFrames::DecideLine(size_t line_end, bool last) {
  const size_t have = buffer_.size() - line_;
  if (line_end == buffer_.size() && have < kMaxStampBytes && !last) return false;
  decided_ = true;
  if (notes_.utf16) return true;
  const absl::string_view line(buffer_.data() + line_, std::min(line_end - line_, kMaxStampBytes));
  // Read where it is kept, beside that of the entry before, which has yet to be ended.
  Stamp& stamp = stamp_ == &stamps_[0] ? stamps_[1] : stamps_[0];
  if (!Begins(line, stamp, base_ + line_)) return true;
  // Blank lines and a byte order mark before the first entry are its own.
  const bool blank = !open_ && base_ + start_ == 0 && OnlyBlankBefore(line_);
  if (line_ > start_ && !blank) End(line_, false);
  stamp_at_ = line_;
  first_end_ = kNoEnd;
  stamp_ = &stamp;
  open_ = true;
  return true;
}

void EntryFrames::End(size_t end, bool cut) {
  Frame frame;
  frame.bytes = absl::string_view(buffer_.data() + start_, end - start_);
  frame.offset = base_ + start_;
  frame.cut = cut;
  if (open_) {
    frame.stamp = stamp_;
    const size_t text = std::min(stamp_at_ + stamp_->bytes, end);
    frame.text = absl::string_view(buffer_.data() + text, end - text);
    if (!cut) frame.text = WithoutBreak(frame.text);
    frame.line = absl::string_view(
        frame.text.data(), std::min(frame.text.size(), first_end_ - std::min(text, first_end_)));
  } else {
    frame.text = frame.line = frame.bytes;
  }
  sink_(frame);
  start_ = end;
  open_ = false;
}

void EntryFrames::Process(bool last) {
  if (!started_) {
    if (buffer_.size() < kFirst && !last) return;
    started_ = true;
    notes_.utf16 = buffer_.size() >= kFirst && (std::memcmp(buffer_.data(), "\xFF\xFE", 2) == 0 ||
                                                std::memcmp(buffer_.data(), "\xFE\xFF", 2) == 0);
  }
  Scan();
  while (line_ < buffer_.size() || decided_) {
    const size_t at = break_ < breaks_found_ ? breaks_[break_] : buffer_.size();
    if (!decided_ && !DecideLine(at, last)) break;
    const bool broken = at < buffer_.size();
    if (broken && open_ && line_ == stamp_at_) first_end_ = at;
    const bool both =
        broken && buffer_[at] == '\r' && at + 1 < buffer_.size() && buffer_[at + 1] == '\n';
    const size_t end = broken ? at + (both ? 2 : 1) : at;
    while (end - start_ > limits::kMaxEntryBytes) End(start_ + limits::kMaxEntryBytes, true);
    if (!broken) break;
    break_ += both ? 2 : 1;
    line_ = end;
    decided_ = false;
  }
  if (start_ == 0) return;
  buffer_.erase(0, start_);
  base_ += start_;
  line_ -= std::min(line_, start_);
  stamp_at_ -= std::min(stamp_at_, start_);
  scanned_ -= std::min(scanned_, start_);
  if (first_end_ != kNoEnd) first_end_ -= std::min(first_end_, start_);
  start_ = 0;
}

}  // namespace muster::archive
