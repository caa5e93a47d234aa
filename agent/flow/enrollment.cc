#include "agent/flow/enrollment.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"
#include "agent/domain/certificate.h"
#include "agent/flow/accepted_state.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"

namespace muster::agent {

absl::StatusOr<NewIdentity> CheckEnrollment(const v1::EnrollResponse& response,
                                            const PrivateKey& key, const std::string& controller,
                                            absl::Time now) {
  const absl::StatusOr<std::string> spki = SpkiOfCertificate(response.certificate_pem());
  if (!spki.ok() || *spki != key.spki()) {
    return absl::FailedPreconditionError(
        "the controller's certificate is not for the key that this machine made; nothing was "
        "saved");
  }
  if (response.device_id().empty() || response.tenant().empty()) {
    return absl::FailedPreconditionError(
        "the controller's answer names no device or tenant; nothing was saved");
  }
  const absl::StatusOr<Verified<v1::Root>> root =
      VerifyRoot(response.root(), nullptr, response.tenant(), Floor(), now);
  if (!root.ok()) {
    return absl::Status(root.status().code(),
                        absl::StrCat("the controller's root document was refused: ",
                                     root.status().message(), "; nothing was saved"));
  }
  v1::AgentIdentity identity;
  identity.set_controller(controller);
  identity.set_tenant(response.tenant());
  identity.set_device_id(response.device_id());
  NewIdentity out;
  out.state = FirstState(response.root(), *root);
  out.certificate_pem = response.certificate_pem();
  google::protobuf::util::JsonPrintOptions json;
  json.preserve_proto_field_names = true;
  json.add_whitespace = true;
  if (!google::protobuf::util::MessageToJsonString(identity, &out.identity_json, json).ok()) {
    return absl::InternalError("cannot write agent.json");
  }
  return out;
}

absl::Status SaveEnrollment(StateStore& store, const NewIdentity& identity, const PrivateKey& key,
                            const std::string& ca_pem) {
  MUSTER_ASSIGN_OR_RETURN(const std::string key_pem, key.ToPem());
  MUSTER_RETURN_IF_ERROR(store.Write(kDeviceKeyFile, key_pem));
  MUSTER_RETURN_IF_ERROR(store.Write(kDeviceCertFile, identity.certificate_pem));
  MUSTER_RETURN_IF_ERROR(store.Write(kCaFile, ca_pem));
  MUSTER_RETURN_IF_ERROR(store.Write(kAcceptedFile, identity.state.SerializeAsString()));
  MUSTER_RETURN_IF_ERROR(store.Write(kRootFile, identity.state.root().SerializeAsString()));
  return store.Write(kIdentityFile, identity.identity_json);
}

}  // namespace muster::agent
