#include "archive/export_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "archive/date_orders.h"
#include "archive/entry_body.h"
#include "archive/entry_frames.h"
#include "archive/participants.h"
#include "archive/system_lines.h"
#include "archive/text_marks.h"
#include "common/archive_limits.h"
#include "common/utf8_check.h"

namespace muster::archive {
namespace {

constexpr size_t kStep = 16 << 10;
// The app's first lines come before so many others.
constexpr uint64_t kBeginning = 5;
// After so many of the app's lines no more is learned of what the chat is.
constexpr uint64_t kEnoughSystem = 4'096;

bool BeginsMarked(absl::string_view text) {
  return absl::string_view(text).substr(0, 3) == "\xE2\x80\x8E";
}

// Within one in a hundred of the cap.
bool IsNear(uint64_t count, uint64_t cap) {
  return count >= cap - cap / 100 && count <= cap + cap / 100;
}

}  // namespace

class ExportReader::Impl {
 public:
  Impl(ReadOptions options, EntrySink sink)
      : options_(std::move(options)),
        sink_(std::move(sink)),
        orders_(options_.order),
        frames_([this](const Frame& frame) { Read(frame); }) {
    summary_.chat = ChatOfFileName(options_.file_name);
    participants_.LearnName(summary_.chat);
    for (const std::string& name : options_.names) participants_.LearnName(name);
  }

  void Add(absl::string_view bytes) {
    summary_.bytes += bytes.size();
    // What is checked is read at once, while the processor has it near.
    for (; !bytes.empty(); bytes.remove_prefix(std::min(kStep, bytes.size()))) {
      const absl::string_view piece = bytes.substr(0, kStep);
      utf8_.Add(piece);
      frames_.Add(piece);
    }
  }

  ExportSummary Finish() {
    frames_.Finish();
    participants_.Conclude();
    summary_.participants = participants_.count();
    summary_.colon_names = participants_.colon_names();
    summary_.authors = participants_.Listed();
    if (summary_.participants > 2) summary_.group = true;
    if (summary_.chat.empty()) summary_.chat = chat_in_text_;
    summary_.truncation_suspected = Truncated();
    SayDamage();
    orders_.Conclude(summary_);
    SayForms();
    if (summary_.problems.size() > limits::kMaxExportProblems) {
      summary_.problems.resize(limits::kMaxExportProblems);
    }
    return std::move(summary_);
  }

 private:
  // What is found of an entry; a sink's Entry is made of it.
  struct Found {
    EntryKind kind = EntryKind::kUnread;
    unsigned flags = 0;
    absl::string_view attachment;
  };

  void Read(const Frame& frame) {
    summary_.accounted_bytes += frame.bytes.size();
    if (frame.cut && !cut_at_.has_value()) cut_at_ = frame.offset;
    if (frame.stamp == nullptr) {
      if (summary_.unread++ == 0) unread_at_ = frame.offset;
      if (sink_) Hand(frame, Found(), absl::string_view(), frame.text);
      return;
    }
    const bool backwards = orders_.Observe(*frame.stamp, frame.offset);
    const SplitText split = participants_.Split(frame.text, frame.line);
    Found found = ReadEntry(frame, split);
    if (!sink_) return;
    if (backwards) found.flags |= kBackwards;
    const bool message = found.kind == EntryKind::kMessage;
    Hand(frame, found, message ? split.author : absl::string_view(), split.body);
  }

  void Hand(const Frame& frame, const Found& found, absl::string_view author,
            absl::string_view body) {
    Entry entry;
    if (frame.stamp != nullptr) entry.time = orders_.TimeOf(*frame.stamp);
    entry.kind = found.kind;
    entry.flags = found.flags;
    entry.author = author;
    entry.body = body;
    entry.attachment = found.attachment;
    entry.offset = frame.offset;
    entry.bytes = frame.bytes.size();
    sink_(entry);
  }

  Found ReadEntry(const Frame& frame, const SplitText& split) {
    if (summary_.format == ExportFormat::kUnknown) {
      const bool ios =
          frame.stamp->style == StampStyle::kBracket || frame.stamp->style == StampStyle::kColon;
      summary_.format = ios ? ExportFormat::kIos : ExportFormat::kAndroid;
    }
    if (!split.author.empty()) {
      const BodyFacts facts = ReadBody(split.body, split.line, options_.files);
      if (facts.known || !IsAppsOwn(split)) {
        participants_.Add(split);
        Count(facts.flags);
        return {EntryKind::kMessage, facts.flags, facts.attachment};
      }
    }
    ++summary_.system;
    ReadSystem(split);
    participants_.LearnNames(split.body);  // last: the author is a view of the names
    return {EntryKind::kSystem, 0, absl::string_view()};
  }

  // On iOS the app writes in the name of the group or of who did it, with a mark in front.
  bool IsAppsOwn(const SplitText& split) const {
    if (!BeginsMarked(split.body)) return false;
    const bool group_speaks =
        summary_.group && !split.known_author && split.author == chat_in_text_;
    return group_speaks || (MeaningOf(split.line) & kSaysSystem) != 0;
  }

  void ReadSystem(const SplitText& split) {
    // Enough is known of most texts after their first lines.
    const bool beginning = summary_.messages + summary_.system <= kBeginning;
    const bool enough =
        summary_.system > kEnoughSystem || (summary_.group && !chat_in_text_.empty());
    if (!beginning && enough) return;
    const unsigned meaning = MeaningOf(split.line);
    if (meaning & kSaysGroup) summary_.group = true;
    if (beginning && summary_.messages == 0 && (meaning & (kSaysEncrypted | kSaysGroupCreated))) {
      summary_.from_start = true;
      if (chat_in_text_.empty() && !split.author.empty()) chat_in_text_ = std::string(split.author);
    }
    if ((meaning & kSaysGroupCreated) && chat_in_text_.empty()) {
      chat_in_text_ = QuotedSubject(split.line);
    }
  }

  void Count(unsigned flags) {
    ++summary_.messages;
    if (flags == 0) return;
    if (flags & kAttached) ++summary_.attached;
    if (flags & kOmitted) ++summary_.omitted;
    if (flags & kMissing) ++summary_.missing;
    if (flags & kEdited) ++summary_.edited;
    if (flags & kDeleted) ++summary_.deleted;
  }

  bool Truncated() {
    if (summary_.from_start) return false;
    const uint64_t all = summary_.messages + summary_.system;
    const bool files = summary_.attached + summary_.missing > 0;
    const bool may_have_media = files || summary_.omitted == 0;
    const auto near = [&](uint64_t cap) {
      return IsNear(summary_.messages, cap) || IsNear(all, cap);
    };
    return near(limits::kExportCapWithoutMedia) ||
           (may_have_media && near(limits::kExportCapWithMedia));
  }

  void Damage(std::string problem) {
    summary_.damaged = true;
    summary_.problems.push_back(std::move(problem));
  }

  void SayDamage() {
    if (summary_.bytes == 0) return Damage("The file is empty.");
    if (frames_.notes().utf16) {
      return Damage(
          "The text is UTF-16, which neither app writes: another program has saved it anew. Export "
          "the chat again and keep the file as it comes.");
    }
    if (summary_.messages + summary_.system == 0) {
      Damage("No line begins as an entry of a WhatsApp export does.");
    } else if (summary_.unread > 0) {
      Damage(absl::StrCat("Bytes that belong to no entry, first at byte ", unread_at_,
                          ": the text may have been cut."));
    }
    if (utf8_.invalid_at().has_value()) {
      Damage(absl::StrCat("Not UTF-8 at byte ", *utf8_.invalid_at(), "."));
    }
    if (utf8_.nul_at().has_value()) {
      Damage(absl::StrCat("A NUL, which no text has, at byte ", *utf8_.nul_at(), "."));
    }
    if (utf8_.cut()) Damage("The text ends in the middle of a character: it was cut off.");
    if (cut_at_.has_value()) {
      Damage(absl::StrCat("An entry of more than ", limits::kMaxEntryBytes, " bytes at byte ",
                          *cut_at_, ": what is over belongs to no entry."));
    }
  }

  void SayForms() {
    const FrameNotes& notes = frames_.notes();
    if (notes.year_day_month.has_value()) {
      summary_.problems.push_back(
          absl::StrCat("A date in the order of year, day and month at byte ", *notes.year_day_month,
                       ": neither app writes it; it is not read."));
    }
    if (notes.form_changed.has_value()) {
      summary_.problems.push_back(absl::StrCat("The text goes on in another form at byte ",
                                               *notes.form_changed, ": several may be joined."));
    }
    if (notes.other_form.has_value()) {
      summary_.problems.push_back(
          absl::StrCat("Lines in another form of date, taken as text of the entry before: first at "
                       "byte ",
                       *notes.other_form, ", ", notes.other_forms, " in all."));
    }
    if (summary_.truncation_suspected) {
      summary_.problems.push_back(
          "As many entries as an export may have, and not from the chat's beginning: the oldest "
          "may "
          "have been left out.");
    }
    if (participants_.full()) {
      summary_.problems.push_back(
          "More authors than are told apart: their number is the least that it can be.");
    }
  }

  const ReadOptions options_;
  const EntrySink sink_;
  ExportSummary summary_;
  DateOrders orders_;
  Participants participants_;
  Utf8Check utf8_;
  std::string chat_in_text_;
  uint64_t unread_at_ = 0;
  std::optional<uint64_t> cut_at_;
  EntryFrames frames_;
};

ExportReader::ExportReader(ReadOptions options, EntrySink sink)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(sink))) {}
ExportReader::~ExportReader() = default;
void ExportReader::Add(absl::string_view bytes) { impl_->Add(bytes); }
ExportSummary ExportReader::Finish() { return impl_->Finish(); }

}  // namespace muster::archive
