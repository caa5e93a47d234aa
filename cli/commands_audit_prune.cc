#include "cli/commands.h"
#include "cli/point_in_time.h"
#include "common/clock.h"
#include "common/log_limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

constexpr uint64_t kOfOneCall = limits::kMaxPrunedEntries * limits::kMaxPruneBatches;

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
  verb->add_option_function<std::string>(
          "--before",
          [request](const std::string& text) {
            *request->mutable_before() = ToProto(*ParsePointInTime(text, SystemClock().Now()));
          },
          "Only entries older than this (2020-03-01T08:00:00Z, 2020-03-01, or 3000d: that long "
          "ago)")
      ->check([](const std::string& text) {
        return std::string(ParsePointInTime(text, absl::UnixEpoch()).status().message());
      });
  AddRequired(verb, "--reason", "Why", [request](const std::string& v) { request->set_reason(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

}  // namespace muster::cli
