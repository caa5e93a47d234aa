// What `muster-agent archive inspect` shows of an export: for programs, and for people.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/time/time.h"
#include "archive/files/export_file.h"

namespace muster::agent {

// An export and the clock it is read by.
struct Inspected {
  archive::ExportFileSummary file;
  std::string name;  // as it was given
  absl::TimeZone zone;
  // Times that the zone's clock skipped or showed twice, when it was set forward or back.
  uint64_t skipped = 0, repeated = 0;
};

// RFC 3339 in `zone`, "Z" for UTC.
std::string WallText(absl::CivilSecond time, absl::TimeZone zone);

// Everything but the entries.
nlohmann::ordered_json InspectJson(const Inspected& inspected);
nlohmann::ordered_json EntryJson(const archive::Entry& entry, absl::TimeZone zone);
// One screen in plain words.
std::string InspectTable(const Inspected& inspected);

// Invalid UTF-8 is replaced.
std::string Dump(const nlohmann::ordered_json& json, int indent);

}  // namespace muster::agent
