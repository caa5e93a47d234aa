#include "agent/adapters/files/identity_files.h"

#include <google/protobuf/util/json_util.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "muster/v1/agent_control.pb.h"

namespace muster::agent {
namespace {

absl::StatusOr<std::string> Required(const StateStore& store, const std::string& name) {
  MUSTER_ASSIGN_OR_RETURN(std::optional<std::string> bytes, store.Read(name));
  if (!bytes || bytes->empty()) {
    return absl::DataLossError(absl::StrCat(
        name, " is missing in the state directory; move the directory away and enrol again"));
  }
  return *std::move(bytes);
}

}  // namespace

absl::StatusOr<EnrolledDevice> LoadEnrolled(const StateStore& store) {
  MUSTER_ASSIGN_OR_RETURN(std::optional<std::string> json, store.Read(kIdentityFile));
  if (!json) {
    return absl::NotFoundError("this device is not enrolled: run `muster-agent enroll` first");
  }
  v1::AgentIdentity saved;
  if (!google::protobuf::util::JsonStringToMessage(*json, &saved).ok() ||
      saved.device_id().empty() || saved.tenant().empty() || saved.controller().empty()) {
    return absl::DataLossError(
        "agent.json is damaged; move the state directory away and enrol "
        "again");
  }
  EnrolledDevice out;
  out.controller = saved.controller();
  MUSTER_ASSIGN_OR_RETURN(out.key_pem, Required(store, kDeviceKeyFile));
  MUSTER_ASSIGN_OR_RETURN(out.certificate_pem, Required(store, kDeviceCertFile));
  MUSTER_ASSIGN_OR_RETURN(out.ca_pem, Required(store, kCaFile));
  MUSTER_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::FromPem(out.key_pem));
  MUSTER_ASSIGN_OR_RETURN(std::string spki, SpkiOfCertificate(out.certificate_pem));
  if (spki != key.spki()) {
    return absl::DataLossError(
        "device.pem and device.key do not belong together; move the "
        "state directory away and enrol again");
  }
  out.identity = {saved.tenant(), saved.device_id(), Sha256Hex(spki)};
  return out;
}

}  // namespace muster::agent
