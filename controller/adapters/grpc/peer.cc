#include "controller/adapters/grpc/peer.h"

#include <grpc/grpc_security_constants.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/crypto.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"

namespace muster {
namespace {

// "muster://<tenant>/<kind>/<id>", taken apart.
struct Name {
  std::string tenant, kind, id;
};

absl::StatusOr<Name> NameOf(const X509Ptr& certificate) {
  const std::vector<std::string> uris = CertificateUris(certificate);
  if (uris.size() == 1) {
    absl::string_view rest = uris[0];
    if (absl::ConsumePrefix(&rest, "muster://")) {
      const size_t first = rest.find('/');
      const size_t second = first == rest.npos ? rest.npos : rest.find('/', first + 1);
      if (second != rest.npos && second + 1 < rest.size()) {
        return Name{std::string(rest.substr(0, first)),
                    std::string(rest.substr(first + 1, second - first - 1)),
                    std::string(rest.substr(second + 1))};
      }
    }
  }
  return absl::UnauthenticatedError(
      "the client certificate is not one of Muster's (it names no muster:// identity)");
}

// Cards carry URIs of their own, such as urn:uuid (FIPS 201-3, 4.2.1).
bool NamesMuster(const X509Ptr& certificate) {
  const std::vector<std::string> uris = CertificateUris(certificate);
  return std::any_of(uris.begin(), uris.end(),
                     [](const std::string& uri) { return absl::StartsWith(uri, "muster://"); });
}

}  // namespace

PeerJudge::PeerJudge(std::string tenant, X509Ptr device_authority, X509Ptr operator_authority,
                     CardTrust cards, const Clock& clock)
    : tenant_(std::move(tenant)),
      cards_(std::move(cards)),
      device_authority_(std::move(device_authority)),
      operator_authority_(std::move(operator_authority)),
      clock_(clock) {}

absl::StatusOr<PeerCertificate> PeerJudge::Device(const grpc::ServerContextBase& context) const {
  return Judge(context, device_authority_, "device");
}

absl::StatusOr<PeerCertificate> PeerJudge::Operator(const grpc::ServerContextBase& context) const {
  return Judge(context, operator_authority_, "operator");
}

absl::StatusOr<PeerCertificate> PeerJudge::Judge(const grpc::ServerContextBase& context,
                                                 const X509Ptr& authority,
                                                 absl::string_view kind) const {
  const std::vector<grpc::string_ref> pems =
      context.auth_context()->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (pems.size() != 1) {
    return absl::UnauthenticatedError(absl::StrCat(
        "this call needs a client certificate of ", kind == "device" ? "a device" : "an operator",
        " (musterctl: --profile FILE; muster-agent: enroll first)"));
  }
  MUSTER_ASSIGN_OR_RETURN(const X509Ptr certificate,
                          CertificateFromPem(absl::string_view(pems[0].data(), pems[0].size())));
  if (kind == "operator" && !cards_.authorities.empty() && !NamesMuster(certificate)) {
    return Card(certificate, PeerAddress(context));
  }
  MUSTER_ASSIGN_OR_RETURN(Name name, NameOf(certificate));
  if (name.tenant != tenant_) {
    return absl::UnauthenticatedError(absl::StrCat("the client certificate is for tenant '",
                                                   name.tenant, "'; this controller serves '",
                                                   tenant_, "'"));
  }
  const bool local_admin = kind == "operator" && name.kind == "admin";
  if (local_admin) name.kind = "operator";
  if (absl::string_view(name.kind) != kind) {
    return absl::UnauthenticatedError(absl::StrCat("the client certificate names ", name.kind, " '",
                                                   name.id, "'; this call is for ",
                                                   kind == "device" ? "a device" : "an operator"));
  }
  std::string why;
  if (!VerifyClientCertificate(certificate, authority, clock_.Now(), &why)) {
    const bool ended = clock_.Now() >= CertificateNotAfter(certificate);
    return absl::UnauthenticatedError(absl::StrCat(
        "the client certificate of ", name.id, " is not accepted: ", why,
        !ended             ? ""
        : kind == "device" ? "; enrol the device again with a new token"
                           : "; ask whoever runs the controller for a new one (musterd operator)"));
  }
  return PeerCertificate{name.id,
                         CertificateSerial(certificate),
                         Sha256Hex(CertificateSpki(certificate)),
                         PeerAddress(context),
                         CertificateNotAfter(certificate),
                         local_admin};
}

bool PeerJudge::HasCertificate(const grpc::ServerContextBase& context) {
  return !context.auth_context()->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME).empty();
}

absl::StatusOr<PeerCertificate> PeerJudge::Card(const X509Ptr& certificate,
                                                std::string from) const {
  std::vector<X509CrlPtr> lists;
  if (cards_.lists) {
    // Without its lists no card counts: a revoked one could be among them.
    absl::StatusOr<std::vector<X509CrlPtr>> now = cards_.lists();
    if (!now.ok()) {
      return absl::UnauthenticatedError(
          absl::StrCat("no card is accepted: ", now.status().message()));
    }
    lists = *std::move(now);
  }
  std::string why;
  if (!VerifyClientChain(certificate, cards_.authorities, lists, clock_.Now(), &why)) {
    return absl::UnauthenticatedError(
        absl::StrCat("the client certificate is not accepted: ", why));
  }
  const std::string sha256 = CertificateSha256(certificate);
  const auto mapped = cards_.upns.find(sha256);
  const std::string upn =
      mapped != cards_.upns.end() ? mapped->second : CertificateUpn(certificate);
  if (upn.empty()) {
    return absl::UnauthenticatedError(
        absl::StrCat("the client certificate names no UPN; an administrator can map it under "
                     "operators.certificates in musterd.yaml, SHA-256 ",
                     sha256));
  }
  return PeerCertificate{upn,
                         CertificateSerial(certificate),
                         Sha256Hex(CertificateSpki(certificate)),
                         std::move(from),
                         CertificateNotAfter(certificate),
                         false};
}

std::string PeerAddress(const grpc::ServerContextBase& context) {
  // Percent-encoded by gRPC for IPv6; readable as it is for IPv4.
  return context.peer();
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

}  // namespace muster
