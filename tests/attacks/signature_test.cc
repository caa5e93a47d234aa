// Signatures that are almost right, of both algorithms; and reports, which devices sign.
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>

#include "tests/attacks/world.h"

namespace muster::attacks {
namespace {

using Bn = std::unique_ptr<BIGNUM, decltype(&BN_free)>;

// The signature with its two numbers changed; DER by hand, so that a negative one can be written.
std::string Numbers(const std::string& sig, void (*edit)(BIGNUM* r, BIGNUM* s, const BIGNUM* n)) {
  const auto* p = reinterpret_cast<const unsigned char*>(sig.data());
  ECDSA_SIG* parsed = d2i_ECDSA_SIG(nullptr, &p, static_cast<long>(sig.size()));
  const Bn r(BN_dup(ECDSA_SIG_get0_r(parsed)), BN_free),
      s(BN_dup(ECDSA_SIG_get0_s(parsed)), BN_free);
  ECDSA_SIG_free(parsed);
  EC_GROUP* group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  edit(r.get(), s.get(), EC_GROUP_get0_order(group));
  EC_GROUP_free(group);
  std::string body;
  for (BIGNUM* number : {r.get(), s.get()}) {
    ASN1_INTEGER* integer = BN_to_ASN1_INTEGER(number, nullptr);
    unsigned char* der = nullptr;
    const int length = i2d_ASN1_INTEGER(integer, &der);
    body.append(reinterpret_cast<char*>(der), static_cast<size_t>(length));
    OPENSSL_free(der);
    ASN1_INTEGER_free(integer);
  }
  return absl::StrCat("\x30", std::string(1, static_cast<char>(body.size())), body);
}

std::string WithSignature(World& w, std::string (*edit)(std::string sig)) {
  v1::SignedDoc doc = w.tenant.SignedCohort(6);
  doc.mutable_signatures(0)->set_sig(edit(doc.signatures(0).sig()));
  return w.Attack({doc});
}

constexpr Case kSignatures[] = {
    {"r_is_0", "BAD_SIGNATURE",
     [](World& w) {
       return WithSignature(w, [](std::string sig) {
         return Numbers(sig, [](BIGNUM* r, BIGNUM*, const BIGNUM*) { BN_zero(r); });
       });
     }},
    {"s_is_0", "BAD_SIGNATURE",
     [](World& w) {
       return WithSignature(w, [](std::string sig) {
         return Numbers(sig, [](BIGNUM*, BIGNUM* s, const BIGNUM*) { BN_zero(s); });
       });
     }},
    {"both_are_0", "BAD_SIGNATURE",
     [](World& w) {
       return WithSignature(
           w, [](std::string) { return std::string("\x30\x06\x02\x01\0\x02\x01\0", 8); });
     }},
    {"r_is_negative", "BAD_SIGNATURE",
     [](World& w) {
       return WithSignature(w, [](std::string sig) {
         return Numbers(sig, [](BIGNUM* r, BIGNUM*, const BIGNUM*) { BN_set_negative(r, 1); });
       });
     }},
    {"s_is_negative", "BAD_SIGNATURE",
     [](World& w) {
       return WithSignature(w, [](std::string sig) {
         return Numbers(sig, [](BIGNUM*, BIGNUM* s, const BIGNUM*) { BN_set_negative(s, 1); });
       });
     }},
    {"r_above_the_order", "BAD_SIGNATURE",
     [](World& w) {
       return WithSignature(w, [](std::string sig) {
         return Numbers(sig, [](BIGNUM* r, BIGNUM*, const BIGNUM* n) { BN_add(r, r, n); });
       });
     }},
    {"s_above_the_order", "BAD_SIGNATURE",
     [](World& w) {
       return WithSignature(w, [](std::string sig) {
         return Numbers(sig, [](BIGNUM*, BIGNUM* s, const BIGNUM* n) { BN_add(s, s, n); });
       });
     }},
    {"a_byte_behind_the_der", "BAD_SIGNATURE",
     [](World& w) { return WithSignature(w, [](std::string sig) { return sig + "x"; }); }},
    {"a_zero_byte_behind_the_der", "BAD_SIGNATURE",
     [](World& w) {
       return WithSignature(w, [](std::string sig) { return sig + std::string(1, '\0'); });
     }},
    {"der_with_a_longer_length", "BAD_SIGNATURE",
     [](World& w) {
       return WithSignature(
           w, [](std::string sig) { return absl::StrCat("\x30\x81", sig.substr(1)); });
     }},
    {"der_cut_short", "BAD_SIGNATURE",
     [](World& w) {
       return WithSignature(w, [](std::string sig) { return sig.substr(0, sig.size() - 1); });
     }},
    {"of_another_message", "BAD_SIGNATURE",
     [](World& w) {
       v1::SignedDoc doc = w.tenant.SignedCohort(6);
       *doc.mutable_signatures(0) = v1::Signature(w.tenant.SignedCohort(7).signatures(0));
       return w.Attack({doc});
     }},
    {"ed25519_under_the_id_of_a_p256_key", "BAD_SIGNATURE",
     [](World& w) {
       v1::SignedDoc doc = By(w.tenant.Cohort(6), {"ed"});
       doc.mutable_signatures(0)->set_key_id(TestKey("policy").key_id());
       return w.Attack({doc});
     }},
    {"p256_under_the_id_of_an_ed25519_key", "BAD_SIGNATURE",
     [](World& w) {
       v1::SignedDoc doc = By(w.tenant.Deny(6), {"stranger"});
       doc.mutable_signatures(0)->set_key_id(TestKey("emergency").key_id());
       return w.Attack({doc});
     }},
    {"ed25519_with_a_byte_more", "BAD_SIGNATURE",
     [](World& w) {
       v1::SignedDoc doc = w.tenant.SignedDeny(6);
       doc.mutable_signatures(0)->mutable_sig()->push_back('x');
       return w.Attack({doc});
     }},
    {"ed25519_of_zeros", "BAD_SIGNATURE",
     [](World& w) {
       v1::SignedDoc doc = w.tenant.SignedDeny(6);
       doc.mutable_signatures(0)->set_sig(std::string(64, '\0'));
       return w.Attack({doc});
     }},
};
MUSTER_ATTACKS(AlmostASignature, kSignatures);

// n - s is as good a signature as s: a document is known by its payload, never by its signature.
TEST(Malleable, TheSameDocumentUnderAnotherGoodSignatureIsTheSameVersion) {
  World w;
  v1::SignedDoc doc = w.Saved().cohort();
  const std::string before = w.InForce();
  doc.mutable_signatures(0)->set_sig(Numbers(
      doc.signatures(0).sig(), [](BIGNUM*, BIGNUM* s, const BIGNUM* n) { BN_sub(s, n, s); }));
  EXPECT_NE(doc.signatures(0).sig(), w.Saved().cohort().signatures(0).sig());
  w.Take({doc});
  EXPECT_EQ(w.InForce(), before);
  w.ExpectUnharmed();
}

struct ReportCase {
  const char* name;
  const char* want;
  v1::SignedDoc (*make)();
};

v1::Report Report(uint64_t seq, const std::string& device = kDevice) {
  v1::Report out;
  out.set_device_id(device);
  out.set_seq(seq);
  return out;
}

constexpr ReportCase kReports[] = {
    {"valid", "OK", [] { return By(Report(1), {"device"}); }},
    {"by_another_devices_key", "UNKNOWN_KEY", [] { return By(Report(1), {"device2"}); }},
    {"by_another_devices_key_under_this_ones_id", "BAD_SIGNATURE",
     [] {
       v1::SignedDoc doc = By(Report(1), {"device2"});
       doc.mutable_signatures(0)->set_key_id(TestKey("device").key_id());
       return doc;
     }},
    {"of_another_device", "WRONG_DEVICE", [] { return By(Report(1, "dev-2"), {"device"}); }},
    {"with_number_0", "MALFORMED", [] { return By(Report(0), {"device"}); }},
    {"stripped", "THRESHOLD", [] { return By(Report(1), {}); }},
    {"with_a_second_signature", "THRESHOLD",
     [] {
       return By(Report(1), {"device", "device2"});
     }},
    {"edited", "BAD_SIGNATURE",
     [] {
       v1::SignedDoc doc = By(Report(1), {"device"});
       doc.set_payload(Report(2).SerializeAsString());
       return doc;
     }},
    {"a_document_in_its_place", "WRONG_TYPE",
     [] { return By(Tenant().Assignment(6), {"device"}); }},
    {"that_is_no_message", "MALFORMED",
     [] { return RawBy("muster.v1.Report", "\xff\xff", "device"); }},
    {"over_2_mib", "OVERSIZE",
     [] { return RawBy("muster.v1.Report", std::string((2 << 20) + 1, 'x'), "device"); }},
};

class ForgedReport : public ::testing::TestWithParam<ReportCase> {};
TEST_P(ForgedReport, Refused) {
  const PublicKey key = *PublicKey::FromSpki(TestKey("device").spki(), kEcdsaP256Sha256);
  const auto code = VerifyCodeOf(VerifyReport(GetParam().make(), key, kDevice).status());
  EXPECT_EQ(code ? VerifyCodeName(*code) : "OK", GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(, ForgedReport, ::testing::ValuesIn(kReports),
                         [](const auto& test) { return test.param.name; });

TEST(DeviceKey, SignsNoDocument) {
  World w;
  EXPECT_EQ(w.Attack({By(w.tenant.Assignment(6), {"device"})}), "UNKNOWN_KEY");
  w.ExpectUnharmed();
}

}  // namespace
}  // namespace muster::attacks
