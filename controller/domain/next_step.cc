#include "controller/domain/next_step.h"

#include "absl/strings/str_cat.h"
#include "common/time_proto.h"
#include "controller/domain/archive_guidance.h"

namespace muster {

std::string NextStepFor(const v1::Request& request) {
  const std::string& id = request.request_id();
  switch (request.state()) {
    case v1::Request::SUBMITTED:
    case v1::Request::AWAITING_APPROVAL:
      return absl::StrCat(
          "A SOC approver has to decide ", id,
          request.two_approvers_because().empty()
              ? std::string()
              : absl::StrCat(", two for this one (", request.two_approvers_because(), ")"),
          ". `musterctl request escalate ", id, "` tells the next in line.");
    case v1::Request::SECOND_APPROVAL:
      return absl::StrCat("A second SOC approver has to decide ", id, " (",
                          request.two_approvers_because(), ").");
    case v1::Request::MORE_INFO:
      return absl::StrCat("Answer the approver's question (\"", request.question(),
                          "\") with `musterctl request answer ", id, " --answer TEXT`.");
    case v1::Request::APPROVED:
    case v1::Request::PROVISIONING:
      return absl::StrCat(id, " is approved; ", request.detail(), ".");
    case v1::Request::VERIFYING:
      if (request.training_acknowledged().empty() && !request.break_glass()) {
        return absl::StrCat(
            "The person has to acknowledge the guidance; record it with `musterctl "
            "request training ",
            id, " --version VERSION`.");
      }
      return absl::StrCat("Switch the device on and connect it: ", id,
                          " waits for it to verify the policy.");
    default:
      return "";
  }
}

std::string NextStepFor(const v1::Grant& grant, bool member, std::optional<absl::Time> attest_since,
                        absl::Time now) {
  const std::string& id = grant.grant_id();
  switch (grant.state()) {
    case v1::Grant::UNSANCTIONED:
      return absl::StrCat(
          "The person is in the group without a request: file one, or have a SOC "
          "approver adopt it (`musterctl grant adopt ",
          id, "`).");
    case v1::Grant::SUSPENDED:
      if (grant.suspended_for() != v1::Grant::Suspension::INVESTIGATION) return "";
      return absl::StrCat("Ask ", grant.suspended_by_upn(),
                          " why it is suspended; `musterctl grant resume ", id, "` lifts it.");
    case v1::Grant::RECERT_DUE:
      return absl::StrCat("A SOC approver has to confirm the need before ",
                          TimeText(FromProto(grant.not_after())),
                          ", or it lapses: `musterctl grant recertify ", id, "`.");
    case v1::Grant::BREAK_GLASS:
      return absl::StrCat("It was opened by break-glass and ends ",
                          TimeText(FromProto(grant.not_after())),
                          "; somebody else has to review it: `musterctl grant review ", id, "`.");
    case v1::Grant::ACTIVE:
      break;
    default:
      return "";
  }
  if (now >= FromProto(grant.not_after())) return "";
  if (!member) return "The AirWatch team has to put the person into the app's approval group.";
  if (!grant.training_acknowledged().empty()) {
    if (!OwesAttestation(grant, attest_since)) return "";
    return absl::StrCat(
        "The person has to read how to archive and attest it: `muster-agent archive guide` on "
        "their laptop, or record it with `musterctl archive attest --person ",
        grant.person_upn(), " --app ", grant.app_id(), " --version VERSION`.");
  }
  if (grant.request_id().empty()) {
    return absl::StrCat(
        "The person has to acknowledge the guidance; record it with `musterctl "
        "grant training ",
        id, " --version VERSION`.");
  }
  return absl::StrCat(
      "The person has to acknowledge the guidance; record it with `musterctl "
      "request training ",
      grant.request_id(), " --version VERSION`.");
}

}  // namespace muster
