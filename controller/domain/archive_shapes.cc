#include "controller/domain/archive_shapes.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/archive_limits.h"
#include "common/limits.h"
#include "common/time_proto.h"

namespace muster {
namespace {

constexpr size_t kMaxPlainIdBytes = 128;
// Clocks of devices differ from the controller's.
constexpr absl::Duration kClockSkew = absl::Hours(24);

bool IsDigits(absl::string_view text) {
  return !text.empty() && text.size() <= 20 &&
         std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c); });
}

bool IsOxum(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  return parts.size() == 2 && IsDigits(parts[0]) && IsDigits(parts[1]);
}

std::string HashProblem(const v1::ExportSeen& seen) {
  if (!IsSha256Hex(seen.export_sha256())) return "its hash is none";
  if (!IsSha256Hex(seen.chat_key())) return "its chat key is none";
  if (!seen.continues().empty() && !IsSha256Hex(seen.continues())) {
    return "the hash of the export it continues is none";
  }
  const auto& keys = seen.participant_keys();
  if (static_cast<size_t>(keys.size()) > limits::kMaxParticipantKeys) {
    return absl::StrCat("more than ", limits::kMaxParticipantKeys, " participant keys");
  }
  if (!std::all_of(keys.begin(), keys.end(), [](const auto& key) { return IsSha256Hex(key); })) {
    return "a participant key is none";
  }
  if (!std::is_sorted(keys.begin(), keys.end())) return "its participant keys are not sorted";
  return "";
}

std::string TimeProblem(const v1::ExportSeen& seen, absl::Time now) {
  if (!IsTimeZone(seen.time_zone())) return "its time zone is none";
  if (!seen.has_first_at() || !seen.has_last_at() || !seen.has_seen_at()) return "it has no times";
  const absl::Time first = FromProto(seen.first_at()), last = FromProto(seen.last_at());
  const absl::Time at = FromProto(seen.seen_at());
  if (last < first) return "it ends before it begins";
  if (at > now + kClockSkew) return "it was seen in the future";
  // The wall clock of another zone may be half a day ahead.
  if (last > at + kClockSkew) return "its messages are of the future";
  if (!seen.has_made_at()) return "";
  const absl::Time made = FromProto(seen.made_at());
  return made < last || made > std::max(at, last) ? "it was not made between its end and when seen"
                                                  : "";
}

}  // namespace

bool IsSha256Hex(absl::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

bool IsTimeZone(const std::string& name) {
  const bool shape =
      !name.empty() && name.size() <= 64 && absl::ascii_isalpha(name.front()) &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '+' || c == '/';
      });
  absl::TimeZone zone;
  return shape && absl::LoadTimeZone(name, &zone);
}

bool IsPlainId(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxPlainIdBytes && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

std::string ExportProblem(const v1::ExportSeen& seen, absl::Time now) {
  if (std::string problem = HashProblem(seen); !problem.empty()) return problem;
  if (std::string problem = TimeProblem(seen, now); !problem.empty()) return problem;
  if (seen.bytes() == 0 || seen.bytes() > limits::kMaxExportBytes) return "its size cannot be";
  const std::string& order = seen.date_order();
  if (order != "dmy" && order != "mdy" && order != "ymd") return "its order of dates is none";
  if (!v1::Platform::Id_IsValid(seen.source())) return "its source is none";
  return seen.bag_id().empty() ? "" : BagProblem(seen);
}

std::string BagProblem(const v1::ExportSeen& seen) {
  if (!IsPlainId(seen.bag_id())) return "its bag's id is none";
  if (!IsPlainId(seen.repository_id())) return "its repository's id is none";
  if (!IsOxum(seen.payload_oxum())) return "its bag's Payload-Oxum is none";
  if (!IsSha256Hex(seen.tagmanifest_sha256())) return "the hash of its bag's tag manifest is none";
  return "";
}

std::string StatementProblem(const v1::ArchiveStatement& statement, absl::Time now) {
  if (!v1::ArchiveStatement::Kind_IsValid(statement.kind()) ||
      statement.kind() == v1::ArchiveStatement::UNSPECIFIED) {
    return "it says nothing";
  }
  if (!statement.chat_key().empty() && !IsSha256Hex(statement.chat_key())) {
    return "its chat key is none";
  }
  if (FromProto(statement.through()) > now + kClockSkew) return "it is about the future";
  return "";
}

std::string AttestationProblem(const v1::GuidanceAttestation& attestation, absl::Time now) {
  if (attestation.version().empty() || attestation.version().size() > limits::kMaxTicketBytes) {
    return "it names no version";
  }
  if (!IsSha256Hex(attestation.sha256())) return "its hash is none";
  if (!attestation.has_at() || FromProto(attestation.at()) > now + kClockSkew) {
    return "its time cannot be";
  }
  return "";
}

std::string CodeOrUnknown(absl::string_view code) {
  const bool good =
      !code.empty() && code.size() <= 64 && std::all_of(code.begin(), code.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || absl::ascii_isdigit(c) || c == '_';
      });
  return good ? std::string(code) : "UNKNOWN";
}

}  // namespace muster
