// Who is at the other end of a call: decided here, from the client certificate alone.
//
// TLS asks for a client certificate and proves that the peer holds its key, but leaves the
// judgement to this code, so that a certificate of another tenant, an expired one or one of a
// retired device gets its own clear refusal and a line in the log instead of a broken handshake.
// Every call and every stream is judged, resumed TLS sessions too.
#pragma once

#include <grpcpp/server_context.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "controller/adapters/openssl/certificates.h"

namespace muster {

struct PeerCertificate {
  std::string id;          // device id or operator UPN
  std::string serial;      // hex
  std::string key_sha256;  // lowercase hex, over the SPKI
  std::string from;        // peer address
  absl::Time not_after;
  bool local_admin = false;  // an operator's: it carries the role admin by itself
};

// Smart cards and other certificates that the agency's own authorities issued.
struct CardTrust {
  std::vector<X509Ptr> authorities;         // empty: none are taken
  std::map<std::string, std::string> upns;  // SHA-256 of a certificate, hex -> UPN
  // The revocation lists as they are now; empty: none are looked at. Thread-safe.
  std::function<absl::StatusOr<std::vector<X509CrlPtr>>()> lists = nullptr;
};

// Immutable; thread-safe.
class PeerJudge {
 public:
  PeerJudge(std::string tenant, X509Ptr device_authority, X509Ptr operator_authority,
            CardTrust cards, const Clock& clock);

  // UNAUTHENTICATED: no certificate, another tenant's, not of the right authority, expired.
  absl::StatusOr<PeerCertificate> Device(const grpc::ServerContextBase& context) const;
  absl::StatusOr<PeerCertificate> Operator(const grpc::ServerContextBase& context) const;
  // Whether the peer showed any certificate.
  static bool HasCertificate(const grpc::ServerContextBase& context);

 private:
  absl::StatusOr<PeerCertificate> Judge(const grpc::ServerContextBase& context,
                                        const X509Ptr& authority, absl::string_view kind) const;
  absl::StatusOr<PeerCertificate> Card(const X509Ptr& certificate, std::string from) const;
  const std::string tenant_;
  const CardTrust cards_;
  const X509Ptr device_authority_, operator_authority_;
  const Clock& clock_;
};

// The peer's address for logs and the audit log, e.g. "ipv4:127.0.0.1:40112".
std::string PeerAddress(const grpc::ServerContextBase& context);

grpc::Status ToGrpc(const absl::Status& status);

}  // namespace muster
