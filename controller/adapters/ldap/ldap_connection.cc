#include "controller/adapters/ldap/ldap_connection.h"

#include <pthread.h>
#include <sasl/sasl.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "controller/adapters/ldap/kerberos.h"

namespace muster {
namespace {

constexpr char kSystemCaFile[] = "/etc/ssl/certs/ca-certificates.crt";

bool IsLdaps(absl::string_view uri) { return absl::StartsWith(uri, "ldaps://"); }

// Of the layer that Kerberos puts around everything: at least DES, which no AES domain falls to.
constexpr ber_len_t kLeastStrength = 56;
constexpr char kSaslRules[] = "noanonymous,noplain,minssf=56";

// GSSAPI has everything it needs; whatever else it asks for has no answer.
int AnswerNothing(LDAP*, unsigned, void*, void* questions) {
  auto* question = static_cast<sasl_interact_t*>(questions);
  for (; question->id != SASL_CB_LIST_END; ++question) {
    question->result = "";
    question->len = 0;
  }
  return LDAP_SUCCESS;
}

std::string Tail(absl::string_view server_says) {
  server_says = absl::StripAsciiWhitespace(server_says);
  if (server_says.empty()) return "";
  return absl::StrCat(" [the server says: ", absl::CHexEscape(server_says.substr(0, 300)), "]");
}

}  // namespace

Secret::Secret(std::string* text) : bytes_(text->begin(), text->end()) {
  explicit_bzero(text->data(), text->size());
  text->clear();
}

Secret::~Secret() {
  if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());
}

SigpipeGuard::SigpipeGuard() {
  sigset_t pipe, pending;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigpending(&pending);
  was_pending_ = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipe, &before_);
}

SigpipeGuard::~SigpipeGuard() {
  if (!was_pending_) {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    constexpr timespec kNow = {0, 0};
    sigtimedwait(&pipe, nullptr, &kNow);
  }
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

absl::StatusOr<std::unique_ptr<LdapConnection>> LdapConnection::Connect(const std::string& uri,
                                                                        const LdapOptions& options,
                                                                        const Secret& password) {
  LDAP* ld = nullptr;
  if (const int code = ldap_initialize(&ld, uri.c_str()); code != LDAP_SUCCESS) {
    return absl::InvalidArgumentError(
        absl::StrCat("the directory's URI ", uri, " is not usable: ", ldap_err2string(code)));
  }
  std::unique_ptr<LdapConnection> connection(new LdapConnection(ld, uri, options));
  MUSTER_RETURN_IF_ERROR(connection->Configure(options));
  MUSTER_RETURN_IF_ERROR(connection->Encrypt(options));
  MUSTER_RETURN_IF_ERROR(connection->Bind(options, password));
  return connection;
}

LdapConnection::~LdapConnection() {
  const SocketWatchdog::Guard guard(&watchdog_);
  ldap_unbind_ext_s(ld_, nullptr, nullptr);
}

int LdapConnection::OnConnect(LDAP*, Sockbuf* socket, LDAPURLDesc*, sockaddr*, ldap_conncb* self) {
  ber_socket_t fd = -1;
  if (ber_sockbuf_ctrl(socket, LBER_SB_OPT_GET_FD, &fd) == 1) {
    static_cast<LdapConnection*>(self->lc_arg)->watchdog_.Watch(fd);
  }
  return LDAP_SUCCESS;
}

void LdapConnection::OnClose(LDAP*, Sockbuf*, ldap_conncb*) {}

// Set on this handle, whatever ldap.conf, ldaprc or the environment say.
absl::Status LdapConnection::Configure(const LdapOptions& options) {
  const timeval limit = timeout();
  const int version = LDAP_VERSION3, no_limit = LDAP_NO_LIMIT, never = LDAP_DEREF_NEVER;
  const int demand = LDAP_OPT_X_TLS_DEMAND, tls12 = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
  const std::string ca = options.ca_file.empty() ? kSystemCaFile : options.ca_file;
  const std::pair<int, const void*> settings[] = {
      {LDAP_OPT_PROTOCOL_VERSION, &version},  {LDAP_OPT_REFERRALS, LDAP_OPT_OFF},
      {LDAP_OPT_RESTART, LDAP_OPT_ON},        {LDAP_OPT_DEREF, &never},
      {LDAP_OPT_SIZELIMIT, &no_limit},        {LDAP_OPT_TIMELIMIT, &no_limit},
      {LDAP_OPT_NETWORK_TIMEOUT, &limit},     {LDAP_OPT_TIMEOUT, &limit},
      {LDAP_OPT_CONNECT_CB, &callbacks_},     {LDAP_OPT_X_TLS_CACERTFILE, ca.c_str()},
      {LDAP_OPT_X_TLS_CACERTDIR, ""},  // else ldap.conf could add CAs to ours
      {LDAP_OPT_X_TLS_REQUIRE_CERT, &demand}, {LDAP_OPT_X_TLS_PROTOCOL_MIN, &tls12},
      {LDAP_OPT_X_SASL_SECPROPS, kSaslRules}, {LDAP_OPT_X_SASL_NOCANON, LDAP_OPT_ON},
  };
  for (const auto& [option, value] : settings) {
    if (ldap_set_option(ld_, option, value) == LDAP_OPT_SUCCESS) continue;
    return absl::InternalError(absl::StrCat("libldap refuses its option ", option));
  }
  const int client = 0;
  if (ldap_set_option(ld_, LDAP_OPT_X_TLS_NEWCTX, &client) != LDAP_OPT_SUCCESS) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the directory's CA file ", ca, " cannot be read or holds no certificate in PEM"));
  }
  return absl::OkStatus();
}

absl::Status LdapConnection::Encrypt(const LdapOptions& options) {
  const SocketWatchdog::Guard guard(&watchdog_);
  if (options.kerberos()) {  // Encrypts by itself, once signed in.
    const int code = ldap_connect(ld_);
    return code == LDAP_SUCCESS ? absl::OkStatus() : Error(code, "connect", Diagnostic());
  }
  const int code = IsLdaps(uri_) ? ldap_connect(ld_) : ldap_start_tls_s(ld_, nullptr, nullptr);
  if (code != LDAP_SUCCESS) return EncryptError(code, options);
  if (ldap_tls_inplace(ld_) == 0) {
    return absl::InternalError(absl::StrCat(uri_, ": the connection is not encrypted"));
  }
  return absl::OkStatus();
}

absl::Status LdapConnection::EncryptError(int code, const LdapOptions& options) {
  if (watchdog_.fired() || code == LDAP_TIMEOUT)
    return TimeoutError("open an encrypted connection");
  std::string text =
      absl::StrCat("cannot open an encrypted connection to ", uri_, ": ", ldap_err2string(code));
  if (const std::string says = Diagnostic(); !says.empty()) absl::StrAppend(&text, " (", says, ")");
  absl::StrAppend(&text, "; is the server up, is its certificate issued by ",
                  options.ca_file.empty() ? kSystemCaFile : options.ca_file,
                  ", not expired, and made out to ", HostOfUri(uri_), "?");
  if (absl::EqualsIgnoreCase(HostOfUri(uri_), "localhost")) {
    absl::StrAppend(&text,
                    " libldap checks the certificate of \"localhost\" against this machine's own "
                    "name: use 127.0.0.1 or that name in the URI");
  }
  return absl::UnavailableError(text);
}

absl::Status LdapConnection::Bind(const LdapOptions& options, const Secret& password) {
  return options.kerberos() ? BindWithKerberos(options) : BindWithPassword(options, password);
}

absl::Status LdapConnection::BindWithPassword(const LdapOptions& options, const Secret& password) {
  const SocketWatchdog::Guard guard(&watchdog_);
  // libldap only reads the password, although its type says otherwise.
  berval credentials = {password.bytes().size(), const_cast<char*>(password.bytes().data())};
  const int code = ldap_sasl_bind_s(ld_, options.bind_dn.c_str(), LDAP_SASL_SIMPLE, &credentials,
                                    nullptr, nullptr, nullptr);
  return BindError(code, options.bind_dn, "bind_dn and the password file");
}

absl::Status LdapConnection::BindWithKerberos(const LdapOptions& options) {
  MUSTER_ASSIGN_OR_RETURN(const std::unique_ptr<KerberosTicket> ticket,
                          KerberosTicket::Get(options.principal, options.keytab_file));
  const KerberosTicket::Use use(*ticket);
  const SocketWatchdog::Guard guard(&watchdog_);
  const int code = ldap_sasl_interactive_bind_s(ld_, nullptr, "GSSAPI", nullptr, nullptr,
                                                LDAP_SASL_QUIET, &AnswerNothing, nullptr);
  MUSTER_RETURN_IF_ERROR(
      BindError(code, options.principal,
                absl::StrCat("that the server has the service name ldap/", HostOfUri(uri_))));
  ber_len_t strength = 0;
  ldap_get_option(ld_, LDAP_OPT_X_SASL_SSF, &strength);
  if (strength < kLeastStrength) {
    return absl::InternalError(absl::StrCat(uri_, ": the connection is not sealed"));
  }
  return absl::OkStatus();
}

absl::Status LdapConnection::BindError(int code, const std::string& who, absl::string_view check) {
  if (code == LDAP_SUCCESS) return absl::OkStatus();
  const std::string doing = absl::StrCat("sign in as ", who), says = Diagnostic();
  if (code == LDAP_INVALID_CREDENTIALS || code == LDAP_INAPPROPRIATE_AUTH) {
    const absl::string_view why = ExplainRefusedSignIn(says);
    return absl::UnauthenticatedError(absl::StrCat(
        "cannot ", doing, " at ", uri_, ": ", why.empty() ? "the name or the secret is wrong" : why,
        "; check ", check, Tail(says)));
  }
  return Error(code, doing, says);
}

std::string LdapConnection::Diagnostic() const {
  char* text = nullptr;
  ldap_get_option(ld_, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
  std::string out = text == nullptr ? "" : text;
  ldap_memfree(text);
  return out;
}

absl::string_view ExplainRefusedSignIn(absl::string_view server_says) {
  constexpr std::pair<absl::string_view, absl::string_view> kReasons[] = {
      {"data 525,", "there is no such account"},
      {"data 52e,", "the name or the password is wrong"},
      {"data 530,", "the account may not sign in at this time of day"},
      {"data 531,", "the account may not sign in from this machine"},
      {"data 532,", "the account's password has expired"},
      {"data 533,", "the account is disabled"},
      {"data 701,", "the account has expired"},
      {"data 773,", "the account must change its password first"},
      {"data 775,", "the account is locked"},
  };
  for (const auto& [code, reason] : kReasons) {
    if (absl::StrContains(server_says, code)) return reason;
  }
  return "";
}

absl::Status LdapConnection::TimeoutError(absl::string_view doing) {
  state_ = State::kTimedOut;
  return absl::UnavailableError(
      absl::StrCat("cannot ", doing, ": ", uri_, " did not answer within ",
                   absl::FormatDuration(timeout_), "; nothing of this read was used"));
}

absl::Status LdapConnection::LocalError(absl::string_view doing) {
  int code = LDAP_OTHER;
  ldap_get_option(ld_, LDAP_OPT_RESULT_CODE, &code);
  // Without a code of libldap's own the connection is in no known state either.
  if (code >= 0) state_ = State::kLost;
  return Error(code, doing, Diagnostic());
}

absl::Status LdapConnection::Error(int code, absl::string_view doing,
                                   absl::string_view server_says) {
  if (code == LDAP_TIMEOUT || watchdog_.fired()) return TimeoutError(doing);
  const std::string text = absl::StrCat("cannot ", doing, " at ", uri_, ": ", ldap_err2string(code),
                                        " (", code, ")", Tail(server_says));
  if (code < 0 || code == LDAP_UNAVAILABLE) {
    state_ = State::kLost;
    return absl::UnavailableError(absl::StrCat(text, "; is the server up?"));
  }
  switch (code) {
    case LDAP_BUSY:
      return absl::UnavailableError(text);
    case LDAP_TIMELIMIT_EXCEEDED:
    case LDAP_SIZELIMIT_EXCEEDED:
    case LDAP_ADMINLIMIT_EXCEEDED:
      return absl::DataLossError(absl::StrCat(
          text,
          "; the answer was cut short and nothing of it was used: raise this limit for the "
          "account that Muster binds as"));
    case LDAP_INSUFFICIENT_ACCESS:
    case LDAP_STRONG_AUTH_REQUIRED:
    case LDAP_CONFIDENTIALITY_REQUIRED:
      return absl::PermissionDeniedError(
          absl::StrCat(text, "; give this right to the account that Muster binds as"));
    case LDAP_NO_SUCH_OBJECT:
      return absl::NotFoundError(text);
    default:
      return absl::FailedPreconditionError(text);
  }
}

}  // namespace muster
