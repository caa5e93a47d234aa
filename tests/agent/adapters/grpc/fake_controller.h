// A DeviceService in this process, over real TLS with certificates of its own CA.
#pragma once

#include <grpcpp/grpcpp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "common/crypto.h"
#include "common/mutex.h"
#include "muster/v1/device_service.grpc.pb.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// A P-256 CA that signs whatever it is given. Aborts on any error: it is a test's.
class TestCa {
 public:
  TestCa() : key_(*PrivateKey::Generate(kEcdsaP256Sha256)), cert_(Make("Test CA", key_, true)) {}

  std::string pem() const { return PemOf(cert_.get()); }
  std::string Issue(const std::string& name, const PrivateKey& key) const {
    return PemOf(Make(name, key, false).get());
  }
  // For the key of a PKCS#10 request whose signature fits; empty otherwise.
  std::string IssueForCsr(const std::string& name, const std::string& der) const {
    const auto* p = reinterpret_cast<const unsigned char*>(der.data());
    std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> req(
        d2i_X509_REQ(nullptr, &p, static_cast<long>(der.size())), X509_REQ_free);
    if (req == nullptr || X509_REQ_verify(req.get(), X509_REQ_get0_pubkey(req.get())) != 1) {
      return "";
    }
    return PemOf(Make(name, X509_REQ_get0_pubkey(req.get()), false).get());
  }

 private:
  using Cert = std::shared_ptr<X509>;
  Cert Make(const std::string& name, const PrivateKey& key, bool ca) const {
    return Make(name, key.handle(), ca);
  }
  Cert Make(const std::string& name, EVP_PKEY* key, bool ca) const {
    Cert cert(X509_new(), X509_free);
    X509_set_version(cert.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), ca ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(cert.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
    X509_set_pubkey(cert.get(), key);
    X509_NAME* subject = X509_get_subject_name(cert.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(cert.get(), ca ? subject : X509_get_subject_name(cert_.get()));
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, ca ? cert.get() : cert_.get(), cert.get(), nullptr, nullptr, 0);
    const std::pair<int, const char*> extensions[] = {
        {NID_basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE"},
        {NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1"}};
    for (const auto& [nid, value] : extensions) {
      std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> e(
          X509V3_EXT_conf_nid(nullptr, &ctx, nid, value), X509_EXTENSION_free);
      X509_add_ext(cert.get(), e.get(), -1);
    }
    if (X509_sign(cert.get(), key_.handle(), EVP_sha256()) <= 0) std::abort();
    return cert;
  }
  static std::string PemOf(X509* cert) {
    std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509(bio.get(), cert);
    char* data = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &data);
    return std::string(data, static_cast<size_t>(length));
  }

  const PrivateKey key_;
  const Cert cert_;
};

class FakeController final : public v1::DeviceService::Service {
 public:
  // `port` 0: any.
  explicit FakeController(const TestCa& ca, int port = 0) : ca_(ca) {
    const PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
    grpc::SslServerCredentialsOptions tls(
        GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);  // but does not require it: Enroll has
                                                          // none
    tls.pem_root_certs = ca.pem();
    tls.pem_key_cert_pairs.push_back({*key.ToPem(), ca.Issue("localhost", key)});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::SslServerCredentials(tls),
                             &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeController() override { Stop(); }

  void Stop() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }
  int port() const { return port_; }
  std::string address() const { return "localhost:" + std::to_string(port_); }

  grpc::Status Enroll(grpc::ServerContext*, const v1::EnrollRequest* request,
                      v1::EnrollResponse* response) override {
    MutexLock lock(&mu_);
    enrolled_ = *request;
    if (request->token() != "good") {
      return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "the token is used or expired");
    }
    *response = enroll_response;
    if (response->certificate_pem().empty()) {
      response->set_certificate_pem(ca_.IssueForCsr(response->device_id(), request->csr()));
    }
    return grpc::Status::OK;
  }

  grpc::Status Renew(grpc::ServerContext* context, const v1::RenewRequest* request,
                     v1::RenewResponse* response) override {
    const std::string name = PeerOf(*context);
    if (name.empty()) {
      return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "a device certificate is needed");
    }
    response->set_certificate_pem(ca_.IssueForCsr(name, request->csr()));
    return grpc::Status::OK;
  }

  grpc::Status Connect(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ControllerMessage, v1::AgentMessage>* stream) override {
    {
      MutexLock lock(&mu_);
      ++streams_;
      authenticated_ = context->auth_context()->IsPeerAuthenticated();
      peer_ = PeerOf(*context);
    }
    v1::AgentMessage message;
    while (stream->Read(&message)) {
      if (!end_with.ok()) return end_with;
      if (message.has_hello() && on_hello.ByteSizeLong() > 0) stream->Write(on_hello);
      if (message.has_report() && ack_reports) {
        v1::Report report;
        report.ParseFromString(message.report().payload());
        v1::ControllerMessage ack;
        ack.mutable_report_ack()->set_seq(report.seq());
        stream->Write(ack);
      }
      MutexLock lock(&mu_);
      received_.push_back(message);
      changed_.NotifyAll();
    }
    return grpc::Status::OK;
  }

  // Waits for that many messages since the start; fewer after ten seconds.
  std::vector<v1::AgentMessage> WaitFor(size_t count) {
    MutexLock lock(&mu_);
    for (int i = 0; i < 100 && received_.size() < count; ++i) {
      changed_.WaitFor(&mu_, absl::Milliseconds(100));
    }
    return received_;
  }
  int streams() {
    MutexLock lock(&mu_);
    return streams_;
  }
  bool authenticated() {
    MutexLock lock(&mu_);
    return authenticated_;
  }
  // The common name in the certificate of the last stream.
  std::string peer() {
    MutexLock lock(&mu_);
    return peer_;
  }
  v1::EnrollRequest enrolled() {
    MutexLock lock(&mu_);
    return enrolled_;
  }

  // Set before the first call.
  v1::EnrollResponse enroll_response;
  grpc::Status end_with;  // unless OK: a stream ends with it after its first message
  v1::ControllerMessage on_hello;
  bool ack_reports = true;

 private:
  static std::string PeerOf(const grpc::ServerContext& context) {
    const auto names = context.auth_context()->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
    return names.empty() ? "" : std::string(names.front().begin(), names.front().end());
  }

  const TestCa& ca_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  Mutex mu_;
  CondVar changed_;
  std::vector<v1::AgentMessage> received_ ABSL_GUARDED_BY(mu_);
  v1::EnrollRequest enrolled_ ABSL_GUARDED_BY(mu_);
  int streams_ ABSL_GUARDED_BY(mu_) = 0;
  bool authenticated_ ABSL_GUARDED_BY(mu_) = false;
  std::string peer_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster::agent
