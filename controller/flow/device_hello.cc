// The start of a stream, as stored.
#include "common/bridge_limits.h"
#include "common/time_proto.h"
#include "controller/flow/device_alarms.h"
#include "controller/flow/device_reports.h"
#include "controller/flow/gone.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

// Why the agent's chain cannot be the one whose reports are stored; empty: it can.
std::string ChainProblem(const v1::Device& device, const v1::Hello& hello) {
  if (hello.report_seq() < device.last_report_seq()) {
    return absl::StrCat("the agent's reports end at ", hello.report_seq(), ", but ",
                        device.last_report_seq(), " are stored");
  }
  if (hello.report_seq() == device.last_report_seq() &&
      hello.report_sha256() != device.last_report_sha256()) {
    return absl::StrCat("the agent's report ", hello.report_seq(), " is not the one stored");
  }
  return "";
}

}  // namespace

ReportOutcome LastReportOf(const v1::Device& device) {
  return {device.last_report_seq(), device.last_report_sha256(), false};
}

absl::StatusOr<ReportOutcome> RecordHello(const Services& services, const std::string& device_id,
                                          const v1::Hello& hello) {
  return RetryAborted([&]() -> absl::StatusOr<ReportOutcome> {
    const std::unique_ptr<Snapshot> snapshot = services.store.Read();
    MUSTER_ASSIGN_OR_RETURN(auto device, LoadDevice(*snapshot, device_id));
    if (device.value.state() != v1::Device::ENROLLED) {
      return absl::PermissionDeniedError(absl::StrCat("device ", device_id, " is retired"));
    }
    const std::string problem = ChainProblem(device.value, hello);
    const v1::Device before = device.value;
    // A bridge says Hello for a whole fleet, right after it registered it or lost its stream.
    const bool told =
        problem.empty() && !before.bridge_id().empty() &&
        before.agent_version() == hello.agent_version() &&
        services.clock.Now() - FromProto(before.last_seen_at()) < limits::kPhoneHelloInterval;
    if (told) return LastReportOf(before);
    device.value.set_agent_version(Shortened(hello.agent_version(), limits::kMaxTicketBytes));
    *device.value.mutable_last_seen_at() = ToProto(services.clock.Now());
    Mutation mutation;
    mutation.expects.push_back({DeviceKey(device_id), device.revision});
    Put(mutation, DeviceKey(device_id), device.value);
    MUSTER_RETURN_IF_ERROR(MarkHeardAgain(services, *snapshot, before, mutation));
    MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
    if (!problem.empty()) {
      MUSTER_RETURN_IF_ERROR(
          RaiseAlarm(services, device_id, v1::Alarm::STATE_ROLLED_BACK,
                     absl::StrCat(problem, ": its state was copied or put back from a backup")));
    }
    return LastReportOf(device.value);
  });
}

}  // namespace muster
