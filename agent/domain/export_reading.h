// What an agent makes of one export: the report that leaves the device, and the bag's facts. Pure.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "archive/bag.h"
#include "muster/v1/agent_control.pb.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/archive_reader.pb.h"

namespace muster::agent {

// A chat's name as one person types it and another app writes it: one case, one kind of space,
// without marks of direction.
std::string NormaliseChatName(absl::string_view name);
// HMAC-SHA-256 of the normalised name, lowercase hex. Where an export does not say which chat it
// is of, of who takes part in it.
std::string ChatKeyOf(absl::string_view salt, const v1::ExportRead& read);
std::string ChatKeyOfName(absl::string_view salt, absl::string_view name);

// The same for the same export of the same person, so that a crash never packs it twice.
std::string BagIdOf(absl::string_view person_id, absl::string_view app_id,
                    absl::string_view export_sha256);

// Whose export it is, and when and where it was read.
struct ReadingFacts {
  std::string person_id, app_id, account_name, chat_key;
  std::string repository_id;
  std::string time_zone;  // as it is reported
  absl::TimeZone zone;
  std::string continued_sha256;  // of the export whose tail was asked for
  absl::Time seen_at;
};
v1::ExportSeen MakeExportSeen(const v1::ExportRead& read, const ReadingFacts& facts);

// True when it says anything about time: neither damaged nor of two possible dates.
bool ProvesTime(const v1::ExportSeen& seen);

archive::BagInfo MakeBagInfo(const v1::ExportSeen& seen, absl::string_view chat,
                             absl::string_view device_id, absl::string_view tenant);

// Which app a file of a person is of: by its subfolder, which names an app of `catalogue`; else
// the one app of `apps` that the person archives. INVALID_ARGUMENT says where to put it instead.
absl::StatusOr<std::string> ChooseApp(const std::string& subfolder,
                                      const std::set<std::string>& catalogue,
                                      const std::set<std::string>& apps);

// The code under which a file that was not read is reported; empty: it may be read later.
absl::string_view RefusalCode(const absl::Status& status);

}  // namespace muster::agent
