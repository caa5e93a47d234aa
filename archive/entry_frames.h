// Cuts a text that comes in pieces into entries: where one begins and ends, whatever they say.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "archive/stamp.h"

namespace muster::archive {

struct Frame {
  absl::string_view bytes;       // of the whole entry, with its line break
  absl::string_view text;        // after the time, without the last line break
  absl::string_view line;        // of the text, what is before its first line break
  const Stamp* stamp = nullptr;  // null: no entry
  uint64_t offset = 0;
  bool cut = false;  // it was over the cap; what follows is no entry
};

// What is said about the cutting, in the text's own order; offsets of the first of each.
struct FrameNotes {
  std::optional<uint64_t> other_form;      // a line that begins an entry of another form
  std::optional<uint64_t> year_day_month;  // a date in an order that no app writes
  std::optional<uint64_t> form_changed;    // the text went on in another form
  uint64_t other_forms = 0;
  bool utf16 = false;
};

// Thread-compatible; holds one entry at most, and one piece. Views are valid during the call only.
// The cutting does not depend on the pieces.
class EntryFrames {
 public:
  using Sink = std::function<void(const Frame&)>;
  explicit EntryFrames(Sink sink) : sink_(std::move(sink)) {}
  EntryFrames(const EntryFrames&) = delete;
  EntryFrames& operator=(const EntryFrames&) = delete;

  void Add(absl::string_view bytes);
  void Finish();
  const FrameNotes& notes() const { return notes_; }

 private:
  static constexpr size_t kNoEnd = absl::string_view::npos;

  void Process(bool last);
  bool DecideLine(size_t line_end, bool last);
  bool Begins(absl::string_view line, Stamp& stamp, uint64_t offset);
  void Scan();
  bool OnlyBlankBefore(size_t end) const;
  void End(size_t end, bool cut);

  Sink sink_;
  StampReader stamp_reader_;
  std::string buffer_;
  uint64_t base_ = 0;          // offset of the buffer's beginning
  size_t start_ = 0;           // of the entry
  size_t stamp_at_ = 0;        // of its time: after blank lines at the very beginning
  size_t line_ = 0;            // of the line that is looked at
  size_t scanned_ = 0;         // of the buffer; its breaks since the scan before are below
  size_t first_end_ = kNoEnd;  // of the line with the entry's time
  bool decided_ = false;       // it is known whether `line_` begins an entry
  bool open_ = false;          // the entry has a time
  std::array<Stamp, 2> stamps_;
  const Stamp* stamp_ = nullptr;  // of the entry, if it is open
  std::unique_ptr<uint32_t[]> breaks_;
  size_t break_ = 0, breaks_found_ = 0;  // the next one, and their number
  std::optional<Stamp> form_;            // of the first entry: what all have in common
  std::optional<Stamp> other_;           // of the last line in another form
  int others_ = 0;                       // in a row
  bool started_ = false;
  FrameNotes notes_;
};

}  // namespace muster::archive
