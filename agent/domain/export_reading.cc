#include "agent/domain/export_reading.h"

#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/domain/plain_text.h"
#include "common/agent_limits.h"
#include "common/archive_limits.h"
#include "common/crypto.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

constexpr char kWhatsApp[] = "whatsapp";

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

v1::Platform::Id SourceOf(const std::string& format) {
  if (format == "android") return v1::Platform::ANDROID;
  return format == "ios" ? v1::Platform::IOS : v1::Platform::UNSPECIFIED;
}

// A wall clock that is written as if it were UTC, at its place in the zone.
absl::Time InZone(const google::protobuf::Timestamp& wall, absl::TimeZone zone) {
  return absl::FromCivil(absl::ToCivilSecond(FromProto(wall), absl::UTCTimeZone()), zone);
}

absl::Time MadeAt(const v1::ExportRead& read, absl::TimeZone zone) {
  if (read.has_made_at()) return FromProto(read.made_at());
  return read.has_made_wall() ? InZone(read.made_wall(), zone) : absl::InfinitePast();
}

void SetCounts(const v1::ExportRead& text, v1::ExportSeen& out) {
  out.set_messages(text.messages());
  out.set_system(text.system());
  out.set_attached(text.attached());
  out.set_omitted(text.omitted());
  out.set_missing(text.missing());
  out.set_edited(text.edited());
  out.set_deleted(text.deleted());
  out.set_participants(static_cast<uint32_t>(text.participants()));
  out.set_ambiguous(text.ambiguous());
  out.set_backwards(text.backwards());
  out.set_truncation_suspected(text.truncation_suspected());
  out.set_damaged(text.damaged());
  out.set_from_start(text.from_start());
  out.set_group(text.group());
}

}  // namespace

std::string NormaliseChatName(absl::string_view name) {
  return Folded(PlainText(name, limits::kMaxChatNameBytes));
}

// A prefix tells the two apart, and both from authors, which are hashed with the same salt.
std::string ChatKeyOfName(absl::string_view salt, absl::string_view name) {
  return HmacSha256Hex(salt, absl::StrCat("chat\n", NormaliseChatName(name)));
}

std::string ChatKeyOf(absl::string_view salt, const v1::ExportRead& read) {
  if (!NormaliseChatName(read.chat()).empty()) return ChatKeyOfName(salt, read.chat());
  return HmacSha256Hex(salt, absl::StrCat("members\n", absl::StrJoin(read.participant_keys(), "")));
}

std::string BagIdOf(absl::string_view person_id, absl::string_view app_id,
                    absl::string_view export_sha256) {
  return Sha256Hex(absl::StrCat(person_id, "\n", app_id, "\n", export_sha256)).substr(0, 32);
}

v1::ExportSeen MakeExportSeen(const v1::ExportRead& read, const ReadingFacts& facts) {
  v1::ExportSeen out;
  out.set_export_sha256(read.sha256());
  out.set_person_id(facts.person_id);
  out.set_app_id(facts.app_id);
  out.set_account_name(facts.account_name);
  out.set_chat_key(facts.chat_key);
  out.set_source(SourceOf(read.format()));
  out.set_zip(read.zip());
  out.set_bytes(read.file_bytes());
  SetCounts(read, out);
  for (const std::string& key : read.participant_keys()) {
    if (static_cast<size_t>(out.participant_keys_size()) >= limits::kMaxParticipantKeys) break;
    out.add_participant_keys(absl::BytesToHexString(key));
  }
  const absl::Time last = InZone(read.last_wall(), facts.zone);
  *out.mutable_first_at() = ToProto(InZone(read.first_wall(), facts.zone));
  *out.mutable_last_at() = ToProto(last);
  out.set_time_zone(facts.time_zone);
  out.set_date_order(read.date_order());
  *out.mutable_seen_at() = ToProto(facts.seen_at);
  // A file's date is its owner's to set: it counts only where it can be right. What claims to be
  // of the future proves nothing beyond the moment in which it was read.
  *out.mutable_made_at() =
      ToProto(std::min(std::max(MadeAt(read, facts.zone), last), facts.seen_at));
  // The newest message may have been deleted since; two others at their times are no accident.
  if (read.earlier().newest() || read.earlier().found() >= 2) {
    out.set_continues(facts.continued_sha256);
    out.set_overlap_messages(read.earlier().found());
  }
  out.set_vanished(read.earlier().vanished());
  out.set_repository_id(facts.repository_id);
  return out;
}

bool ProvesTime(const v1::ExportSeen& seen) { return !seen.damaged() && !seen.ambiguous(); }

archive::BagInfo MakeBagInfo(const v1::ExportSeen& seen, absl::string_view chat,
                             absl::string_view device_id, absl::string_view tenant) {
  return {
      {archive::kInfoTenant, std::string(tenant)},
      {archive::kInfoPerson, seen.person_id()},
      {archive::kInfoDevice, std::string(device_id)},
      {archive::kInfoApp, seen.app_id()},
      {archive::kInfoChat, PlainText(chat, limits::kMaxChatNameBytes)},
      {archive::kInfoChatKey, seen.chat_key()},
      {archive::kInfoFirst, TimeText(FromProto(seen.first_at()))},
      {archive::kInfoLast, TimeText(FromProto(seen.last_at()))},
      {archive::kInfoTimeZone, seen.time_zone()},
      {archive::kInfoDateOrder, seen.date_order()},
      {archive::kInfoMessages, absl::StrCat(seen.messages())},
      {archive::kInfoExportSha256, seen.export_sha256()},
      // Not today: what is packed once more, because a crash hid that it was, is the same bag.
      {archive::kInfoBaggingDate,
       absl::FormatTime("%Y-%m-%d", FromProto(seen.seen_at()), absl::UTCTimeZone())},
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
  return absl::InvalidArgumentError(
      absl::StrCat("you use several apps (", absl::StrJoin(apps, ", "),
                   "); put the file into a folder with the app's id, for example ", *apps.begin()));
}

absl::string_view RefusalCode(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) {
    return absl::StartsWith(status.message(), "refused zip:") ? "ZIP_REFUSED" : "NOT_AN_EXPORT";
  }
  if (absl::IsDataLoss(status)) return "DAMAGED";
  return absl::IsResourceExhausted(status) ? "TOO_LARGE" : "";
}

}  // namespace muster::agent
