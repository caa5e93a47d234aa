// The report that 36 CFR 1230.14(a) asks for, as one HTML document that prints well on A4 and
// Letter, holds no script and loads nothing. Pure: the same incident and facts give the same bytes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/grant.pb.h"

namespace muster {

// What is known beside the incident itself. Whatever is empty is named among the unknowns.
struct LossReportFacts {
  std::string tenant;
  std::string zone_name = "UTC";  // the agency's, IANA
  absl::TimeZone zone = absl::UTCTimeZone();
  std::string person_name;
  std::optional<v1::GuidanceAttestation> guidance;
  std::optional<v1::Grant> grant;
  std::optional<v1::Device> device;
  // By chat key, in the order of their first messages. The newest of all chats together, at most
  // limits::kMaxReportExports.
  std::map<std::string, std::vector<v1::ExportRecord>> exports;
  uint64_t exports_not_listed = 0;
};

// With an empty signature block (common/loss_report_text.h).
std::string LossReportHtml(const v1::Incident& incident, const LossReportFacts& facts);

// The lines of the signature block: who signed when, with which keys, over which hash; of an
// incident without a signature that it is not signed, and lines to sign on paper.
std::string SignatureBlock(const v1::Incident& incident, absl::TimeZone zone);

// A level in words: "E2: an agent saw, hashed and read the export".
std::string LevelWords(v1::Evidence::Level level);
// "uninstalled": "the app was removed from the device".
std::string CauseWords(v1::Incident::Cause cause);

}  // namespace muster
