// A device as a test plays it: its own key, certificate request and signed, chained reports.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <string>

#include "common/signed_doc.h"
#include "common/time_proto.h"
#include "muster/v1/report.pb.h"

namespace muster {

// PKCS#10 in DER, signed by `key`.
inline std::string MakeCsr(const PrivateKey& key) {
  X509_REQ* request = X509_REQ_new();
  X509_REQ_set_version(request, 0);
  X509_REQ_set_pubkey(request, key.handle());
  X509_REQ_sign(request, key.handle(), EVP_sha256());
  unsigned char* der = nullptr;
  const int length = i2d_X509_REQ(request, &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  X509_REQ_free(request);
  return out;
}

// The device tried a probe there.
inline void AddCanary(v1::Report& report, v1::Canary::Result result = v1::Canary::BLOCKED,
                      const std::string& filesystem = "/", const std::string& detail = "") {
  v1::Canary* canary = report.mutable_policy()->add_canaries();
  canary->set_filesystem(filesystem);
  canary->set_result(result);
  canary->set_detail(detail);
}

struct TestDevice {
  PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
  std::string id;
  uint64_t seq = 0;
  std::string last_sha256;

  // Fills in device, number and chain, and signs.
  v1::SignedDoc Sign(v1::Report report) {
    report.set_device_id(id);
    report.set_seq(++seq);
    report.set_prev_sha256(last_sha256);
    v1::SignedDoc doc = *MakeSignedDoc(report, {key});
    last_sha256 = Sha256Hex(doc.payload());
    return doc;
  }
};

}  // namespace muster
