#include "agent/helpers/archive_answer.h"

#include <algorithm>
#include <deque>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "agent/domain/text.h"
#include "archive/files/export_file.h"
#include "archive/files/zip_directory.h"
#include "archive/fingerprint.h"
#include "common/archive_limits.h"
#include "common/limits.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

constexpr size_t kMaxProblemBytes = 512;

google::protobuf::Timestamp Wall(absl::CivilSecond time) {
  return ToProto(absl::FromCivil(time, absl::UTCTimeZone()));
}

std::vector<archive::TailEntry> TailOf(const v1::ArchiveState::Tail& tail) {
  std::vector<archive::TailEntry> out;
  const int count = std::min(tail.entries_size(), tail.times_size());
  for (int i = 0; i < count; ++i) {
    out.push_back(
        {tail.entries(i), absl::ToCivilSecond(FromProto(tail.times(i)), absl::UTCTimeZone())});
  }
  return out;
}

// The messages of one export as they go by.
struct Prints {
  archive::Fingerprints fingerprints;
  archive::TailMatcher matcher;
  std::deque<archive::TailEntry> tail;

  void Add(const archive::Entry& entry) {
    if (entry.kind != archive::EntryKind::kMessage) return;
    archive::TailEntry next{fingerprints.OfEntry(entry), entry.time};
    matcher.Add(next.print, next.time);
    if (tail.size() == limits::kMaxTailEntries) tail.pop_front();
    tail.push_back(std::move(next));
  }
};

void AddCounts(const archive::ExportFileSummary& file, v1::ExportRead& out) {
  const archive::ExportSummary& text = file.text;
  out.set_format(std::string(archive::ExportFormatName(text.format)));
  out.set_chat(CleanText(text.chat, limits::kMaxNameBytes));
  out.set_group(text.group);
  out.set_from_start(text.from_start);
  out.set_zip(file.zip);
  out.set_sha256(file.sha256);
  out.set_file_bytes(file.file_bytes);
  out.set_text_bytes(text.bytes);
  out.set_accounted_bytes(text.accounted_bytes);
  out.set_media_bytes(file.media_bytes);
  out.set_messages(text.messages);
  out.set_system(text.system);
  out.set_attached(text.attached);
  out.set_omitted(text.omitted);
  out.set_missing(text.missing);
  out.set_edited(text.edited);
  out.set_deleted(text.deleted);
  out.set_participants(text.participants);
  out.set_ambiguous(text.ambiguous);
  out.set_backwards(text.backwards);
  out.set_truncation_suspected(text.truncation_suspected);
  out.set_damaged(text.damaged);
  for (const std::string& problem : text.problems) {
    out.add_problems(CleanText(problem, kMaxProblemBytes));
  }
}

void AddTimes(const archive::ExportFileSummary& file, v1::ExportRead& out) {
  if (file.text.dated) {
    *out.mutable_first_wall() = Wall(file.text.range.first);
    *out.mutable_last_wall() = Wall(file.text.range.last);
    out.set_date_order(std::string(archive::DateOrderName(file.text.range.order)));
  }
  if (file.made_wall) *out.mutable_made_wall() = Wall(*file.made_wall);
  if (file.made_at) *out.mutable_made_at() = ToProto(*file.made_at);
}

void AddKeys(const archive::ExportSummary& text, const archive::Fingerprints& fingerprints,
             v1::ExportRead& out) {
  if (!text.chat.empty()) out.set_chat_key(fingerprints.OfName(text.chat));
  std::vector<std::string> keys;
  for (const std::string& author : text.authors) {
    if (keys.size() == limits::kMaxParticipantKeys) break;
    keys.push_back(fingerprints.OfName(author));
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (std::string& key : keys) out.add_participant_keys(std::move(key));
}

// Where the dates are not sure the end of the export is not either.
void AddTail(const Prints& prints, bool asked, v1::ExportRead& out) {
  if (out.ambiguous()) return;
  v1::ArchiveState::Tail& tail = *out.mutable_tail();
  tail.set_export_sha256(out.sha256());
  for (const archive::TailEntry& entry : prints.tail) {
    tail.add_entries(entry.print);
    *tail.add_times() = Wall(entry.time);
  }
  if (!asked) return;
  const archive::TailMatch match = prints.matcher.Finish();
  out.mutable_earlier()->set_found(match.found);
  out.mutable_earlier()->set_newest(match.newest);
  out.mutable_earlier()->set_vanished(match.vanished);
  out.mutable_earlier()->set_shift_minutes(match.shift_minutes);
}

void AddError(const absl::Status& status, v1::ExportRead& out) {
  out.set_refused_zip(absl::StartsWith(status.message(), archive::kZipRefused));
  out.set_unreadable(!absl::IsInvalidArgument(status));
  out.set_error(
      CleanText(absl::StripPrefix(status.message(), archive::kZipRefused), kMaxProblemBytes));
}

}  // namespace

v1::ExportRead AnswerOf(const ArchiveQuestion& question) {
  v1::ExportRead out;
  Prints prints{archive::Fingerprints(question.salt),
                archive::TailMatcher(question.earlier ? TailOf(*question.earlier)
                                                      : std::vector<archive::TailEntry>()),
                {}};
  const absl::StatusOr<archive::ExportFileSummary> file =
      archive::ReadExportFile(question.fd, question.name, question.order,
                              [&prints](const archive::Entry& entry) { prints.Add(entry); });
  if (file.ok()) {
    AddCounts(*file, out);
    AddTimes(*file, out);
    AddKeys(file->text, prints.fingerprints, out);
    AddTail(prints, question.earlier.has_value(), out);
  } else {
    AddError(file.status(), out);
  }
  out.set_whole(true);
  return out;
}

}  // namespace muster::agent
