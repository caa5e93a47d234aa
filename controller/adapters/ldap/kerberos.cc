#include "controller/adapters/ldap/kerberos.h"

#include <gssapi/gssapi_krb5.h>
#include <krb5.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace muster {

struct KerberosTicket::State {
  krb5_context context = nullptr;
  krb5_principal principal = nullptr;
  krb5_keytab keytab = nullptr;
  krb5_ccache cache = nullptr;
  std::string cache_name;

  ~State() {
    if (cache != nullptr) krb5_cc_destroy(context, cache);
    if (keytab != nullptr) krb5_kt_close(context, keytab);
    if (principal != nullptr) krb5_free_principal(context, principal);
    if (context != nullptr) krb5_free_context(context);
  }

  std::string Message(krb5_error_code code) const {
    const char* text = krb5_get_error_message(context, code);
    std::string out = text;
    krb5_free_error_message(context, text);
    return out;
  }
};

namespace {

absl::StatusCode CodeOf(krb5_error_code code) {
  switch (code) {
    case KRB5_KDC_UNREACH:
    case KRB5_REALM_CANT_RESOLVE:
    case KRB5_REALM_UNKNOWN:
      return absl::StatusCode::kUnavailable;
    case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
    case KRB5KDC_ERR_CLIENT_REVOKED:
    case KRB5KDC_ERR_PREAUTH_FAILED:
    case KRB5KDC_ERR_KEY_EXP:
    case KRB5KDC_ERR_POLICY:
      return absl::StatusCode::kUnauthenticated;
    default:
      return absl::StatusCode::kFailedPrecondition;
  }
}

absl::string_view NextStep(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return "; is the realm in krb5.conf, and does a KDC answer?";
    case absl::StatusCode::kUnauthenticated:
      return "; is the account enabled, and is the keytab newer than its last password change?";
    default:
      return "; check directory.ldap.principal and keytab_file";
  }
}

}  // namespace

KerberosTicket::KerberosTicket(std::unique_ptr<State> state) : state_(std::move(state)) {}
KerberosTicket::~KerberosTicket() = default;

absl::StatusOr<std::unique_ptr<KerberosTicket>> KerberosTicket::Get(
    const std::string& principal, const std::string& keytab_file) {
  auto state = std::make_unique<State>();
  krb5_creds credentials = {};
  krb5_error_code code = krb5_init_context(&state->context);
  if (code != 0) return absl::FailedPreconditionError("krb5.conf cannot be read or is damaged");
  krb5_context context = state->context;
  if (code == 0) code = krb5_parse_name(context, principal.c_str(), &state->principal);
  if (code == 0) code = krb5_kt_resolve(context, ("FILE:" + keytab_file).c_str(), &state->keytab);
  if (code == 0) {
    code = krb5_get_init_creds_keytab(context, &credentials, state->principal, state->keytab, 0,
                                      nullptr, nullptr);
  }
  if (code == 0) code = krb5_cc_new_unique(context, "MEMORY", nullptr, &state->cache);
  if (code == 0) code = krb5_cc_initialize(context, state->cache, state->principal);
  if (code == 0) code = krb5_cc_store_cred(context, state->cache, &credentials);
  krb5_free_cred_contents(context, &credentials);
  if (code != 0) {
    const absl::StatusCode kind = CodeOf(code);
    return absl::Status(
        kind, absl::StrCat("cannot get a Kerberos ticket for ", principal, " with ", keytab_file,
                           ": ", state->Message(code), NextStep(kind)));
  }
  state->cache_name = absl::StrCat("MEMORY:", krb5_cc_get_name(context, state->cache));
  return std::unique_ptr<KerberosTicket>(new KerberosTicket(std::move(state)));
}

KerberosTicket::Use::Use(const KerberosTicket& ticket) {
  OM_uint32 minor = 0;
  gss_krb5_ccache_name(&minor, ticket.state_->cache_name.c_str(), nullptr);
}

KerberosTicket::Use::~Use() {
  OM_uint32 minor = 0;
  gss_krb5_ccache_name(&minor, nullptr, nullptr);
}

}  // namespace muster
