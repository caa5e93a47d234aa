#include "agent/adapters/files/identity_files.h"

#include <google/protobuf/util/json_util.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
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

absl::StatusOr<std::string> SpkiOfCertificate(absl::string_view pem) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  std::unique_ptr<X509, decltype(&X509_free)> cert(
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
  if (cert == nullptr) return absl::InvalidArgumentError("not a PEM certificate");
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(X509_get0_pubkey(cert.get()), &der);
  if (length <= 0) return absl::InvalidArgumentError("the certificate has no readable key");
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return out;
}

absl::StatusOr<std::string> MakeCsr(const PrivateKey& key, const std::string& common_name) {
  std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> req(X509_REQ_new(), X509_REQ_free);
  X509_NAME* name = X509_REQ_get_subject_name(req.get());
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.data());
  // RFC 5280, upper bound of a common name: 64.
  const int length = static_cast<int>(std::min<size_t>(common_name.size(), 64));
  if (X509_REQ_set_version(req.get(), X509_REQ_VERSION_1) != 1 ||
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, length, -1, 0) != 1 ||
      X509_REQ_set_pubkey(req.get(), key.handle()) != 1 ||
      X509_REQ_sign(req.get(), key.handle(), EVP_sha256()) <= 0) {
    return absl::InternalError("OpenSSL could not make the certificate request");
  }
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(req.get(), &der);
  if (size <= 0) return absl::InternalError("OpenSSL could not encode the certificate request");
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

}  // namespace muster::agent
