#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "cli/commands.h"
#include "common/log_limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

constexpr uint64_t kOfOneCall = limits::kMaxPrunedEntries * limits::kMaxPruneBatches;

// A day, its first moment in UTC, or a moment.
bool ParseDay(const std::string& text, absl::Time* out) {
  absl::CivilDay day;
  if (text.size() == 10 && absl::ParseCivilTime(text, &day)) {
    *out = absl::FromCivil(day, absl::UTCTimeZone());
    return true;
  }
  return absl::ParseTime(absl::RFC3339_full, text, out, nullptr);
}

// One call prunes only so much: calls until nothing more can go.
absl::StatusOr<int> Prune(Session& s, const v1::PruneAuditRequest& request) {
  uint64_t pruned = 0;
  v1::PruneAuditResponse response;
  do {
    response.Clear();
    const absl::Status called = s.Call("PruneAudit", request, &response);
    if (!called.ok() && pruned > 0) {
      s.err << "musterctl: " << pruned << " entries were pruned before this error; what is done "
            << "stays done, and the same command goes on from there\n";
    }
    MUSTER_RETURN_IF_ERROR(called);
    pruned += response.pruned();
  } while (!request.dry_run() && response.pruned() == kOfOneCall);
  Json out;
  out["pruned"] = pruned;
  out["pruned_below"] = response.pruned_below();
  out["held_by"] = response.held_by();
  if (request.dry_run()) out["impact"] = MessageJson(response.impact());
  return s.Print(out);
}

}  // namespace

void AddAuditPruneCommand(CLI::App* audit, Session* session) {
  auto request = std::make_shared<v1::PruneAuditRequest>();
  CLI::App* verb = AddVerb(audit, session, "prune",
                           "Take the texts of entries away whose retention has ended; their "
                           "hashes stay, and the log can still be verified",
                           [request](Session& s) { return Prune(s, *request); });
  AddOptional(verb, "--before", "Only entries older than this day (UTC) or time",
              [request](const std::string& v) {
                absl::Time at;
                if (ParseDay(v, &at)) *request->mutable_before() = ToProto(at);
              })
      ->check([](const std::string& v) -> std::string {
        absl::Time at;
        if (ParseDay(v, &at)) return "";
        return absl::StrCat("'", v,
                            "' is neither a day (2026-10-01) nor a time (2026-10-01T00:00:00Z)");
      });
  AddRequired(verb, "--reason", "Why", [request](const std::string& v) { request->set_reason(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

}  // namespace muster::cli
