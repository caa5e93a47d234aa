#include "agent/domain/export_reading.h"

#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/domain/plain_text.h"
#include "common/archive_limits.h"
#include "common/crypto.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

constexpr char kWhatsApp[] = "whatsapp";
constexpr size_t kMaxChatNameBytes = 1'024;

std::string Folded(const std::string& text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* fold = icu::Normalizer2::getNFKCCasefoldInstance(error);
  if (U_FAILURE(error)) return text;
  const icu::UnicodeString out = fold->normalize(icu::UnicodeString::fromUTF8(text), error);
  if (U_FAILURE(error)) return text;
  std::string utf8;
  out.toUTF8String(utf8);
  return utf8;
}

v1::Platform::Id SourceOf(archive::ExportFormat format) {
  switch (format) {
    case archive::ExportFormat::kAndroid:
      return v1::Platform::ANDROID;
    case archive::ExportFormat::kIos:
      return v1::Platform::IOS;
    case archive::ExportFormat::kUnknown:
      break;
  }
  return v1::Platform::UNSPECIFIED;
}

void SetCounts(const archive::ExportSummary& text, v1::ExportSeen& out) {
  out.set_messages(text.messages);
  out.set_system(text.system);
  out.set_attached(text.attached);
  out.set_omitted(text.omitted);
  out.set_missing(text.missing);
  out.set_edited(text.edited);
  out.set_deleted(text.deleted);
  out.set_participants(static_cast<uint32_t>(text.participants));
  out.set_ambiguous(text.ambiguous);
  out.set_backwards(text.backwards);
  out.set_truncation_suspected(text.truncation_suspected);
  out.set_damaged(text.damaged);
  out.set_from_start(text.from_start);
  out.set_group(text.group);
}

}  // namespace

std::string NormaliseChatName(absl::string_view name) {
  return Folded(PlainText(name, kMaxChatNameBytes));
}

// A prefix tells the two apart, and both from authors, which are hashed with the same salt.
std::string ChatKeyOfName(absl::string_view salt, absl::string_view name) {
  return HmacSha256Hex(salt, absl::StrCat("chat\n", NormaliseChatName(name)));
}

std::string ChatKeyOf(absl::string_view salt, const ExportReading& reading) {
  if (!NormaliseChatName(reading.text.chat).empty()) {
    return ChatKeyOfName(salt, reading.text.chat);
  }
  return HmacSha256Hex(salt,
                       absl::StrCat("members\n", absl::StrJoin(reading.participant_keys, "\n")));
}

std::string BagIdOf(absl::string_view person_id, absl::string_view app_id,
                    absl::string_view export_sha256) {
  return Sha256Hex(absl::StrCat(person_id, "\n", app_id, "\n", export_sha256)).substr(0, 32);
}

v1::ExportSeen MakeExportSeen(const ExportReading& reading, const ReadingFacts& facts) {
  v1::ExportSeen out;
  out.set_export_sha256(reading.sha256);
  out.set_person_id(facts.person_id);
  out.set_app_id(facts.app_id);
  out.set_account_name(facts.account_name);
  out.set_chat_key(facts.chat_key);
  out.set_source(SourceOf(reading.text.format));
  out.set_zip(reading.zip);
  out.set_bytes(reading.file_bytes);
  SetCounts(reading.text, out);
  for (const std::string& key : reading.participant_keys) out.add_participant_keys(key);
  const absl::Time last = absl::FromCivil(reading.text.range.last, facts.zone);
  *out.mutable_first_at() = ToProto(absl::FromCivil(reading.text.range.first, facts.zone));
  *out.mutable_last_at() = ToProto(last);
  out.set_time_zone(facts.time_zone);
  out.set_date_order(std::string(archive::DateOrderName(reading.text.range.order)));
  *out.mutable_seen_at() = ToProto(facts.seen_at);
  // A file's date is its owner's to set: it counts only where it can be right. What claims to be
  // of the future proves nothing beyond the moment in which it was read.
  const absl::Time made = std::max(reading.made_at, last);
  *out.mutable_made_at() = ToProto(std::min(made, facts.seen_at));
  if (reading.continues) {
    out.set_continues(facts.continued_sha256);
    out.set_overlap_messages(reading.overlap);
  }
  out.set_vanished(reading.vanished);
  out.set_repository_id(facts.repository_id);
  return out;
}

bool ProvesTime(const v1::ExportSeen& seen) { return !seen.damaged() && !seen.ambiguous(); }

v1::ArchiveState::Tail MakeTail(const ExportReading& reading, const v1::ExportSeen& seen,
                                absl::TimeZone zone) {
  v1::ArchiveState::Tail out;
  out.set_export_sha256(seen.export_sha256());
  *out.mutable_last_at() = seen.last_at();
  const size_t skip = reading.tail.size() > limits::kMaxTailEntries
                          ? reading.tail.size() - limits::kMaxTailEntries
                          : 0;
  for (size_t i = skip; i < reading.tail.size(); ++i) {
    out.add_entries(reading.tail[i].fingerprint);
    *out.add_times() = ToProto(absl::FromCivil(reading.tail[i].time, zone));
  }
  return out;
}

archive::BagInfo MakeBagInfo(const v1::ExportSeen& seen, absl::string_view chat,
                             absl::string_view device_id, absl::string_view tenant) {
  return {
      {archive::kInfoTenant, std::string(tenant)},
      {archive::kInfoPerson, seen.person_id()},
      {archive::kInfoDevice, std::string(device_id)},
      {archive::kInfoApp, seen.app_id()},
      {archive::kInfoChat, PlainText(chat, kMaxChatNameBytes)},
      {archive::kInfoChatKey, seen.chat_key()},
      {archive::kInfoFirst, TimeText(FromProto(seen.first_at()))},
      {archive::kInfoLast, TimeText(FromProto(seen.last_at()))},
      {archive::kInfoTimeZone, seen.time_zone()},
      {archive::kInfoDateOrder, seen.date_order()},
      {archive::kInfoMessages, absl::StrCat(seen.messages())},
      {archive::kInfoExportSha256, seen.export_sha256()},
  };
}

absl::StatusOr<std::string> ChooseApp(const std::string& subfolder,
                                      const std::set<std::string>& catalogue,
                                      const std::set<std::string>& apps) {
  if (!subfolder.empty()) {
    if (catalogue.contains(subfolder)) return subfolder;
    return absl::InvalidArgumentError(
        absl::StrCat("the folder ", PlainText(subfolder, 80),
                     " is no app's; name it by the app's id, for example whatsapp"));
  }
  if (apps.empty()) {
    return absl::InvalidArgumentError(
        "you have no app whose chats are archived here; ask the records office");
  }
  if (apps.size() == 1) return *apps.begin();
  // The one whose form of export is read.
  if (apps.contains(kWhatsApp)) return std::string(kWhatsApp);
  return absl::InvalidArgumentError(absl::StrCat(
      "you use several apps (", absl::StrJoin(apps, ", "),
      "); put the file into a folder with the app's id, for example ", *apps.begin()));
}

absl::string_view RefusalCode(const absl::Status& status, bool zip) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return zip ? "ZIP_REFUSED" : "NOT_AN_EXPORT";
    case absl::StatusCode::kResourceExhausted:
      return "TOO_LARGE";
    default:
      return "";
  }
}

}  // namespace muster::agent
