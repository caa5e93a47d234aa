#include "tests/integration/slapd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/status_macros.h"

namespace muster {
namespace {

constexpr int kReadyAttempts = 1'000;
constexpr int kPortAttempts = 5;
constexpr timespec kPause = {0, 10'000'000};

constexpr char kConfig[] = R"(include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/msuser.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload syncprov
pidfile FOLDER/slapd.pid
argsfile FOLDER/slapd.args
TLSCACertificateFile FOLDER/ca.pem
TLSCertificateFile FOLDER/server.pem
TLSCertificateKeyFile FOLDER/server.key
sizelimit SIZE_LIMIT
database mdb
maxsize 1073741824
suffix "dc=mdm,dc=test"
rootdn "cn=root,dc=mdm,dc=test"
directory FOLDER/db
index objectClass,uid,member,entryUUID eq
limits dn.exact="cn=admin,dc=mdm,dc=test" SIZE_LIMIT
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=admin,dc=mdm,dc=test" write by * break
ACCESS
overlay memberof
overlay syncprov
SESSION_LOG
)";

// The administrator is an entry, not the rootdn: no limit applies to a rootdn.
constexpr char kBase[] = R"(dn: dc=mdm,dc=test
objectClass: dcObject
objectClass: organization
o: mdm
dc: mdm

dn: ou=people,dc=mdm,dc=test
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=mdm,dc=test
objectClass: organizationalUnit
ou: groups

dn: cn=admin,dc=mdm,dc=test
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: admin
userPassword: PASSWORD

)";

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  return out ? absl::OkStatus() : absl::InternalError(absl::StrCat("cannot write ", path));
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

pid_t Spawn(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a crashed test must not leave a server behind
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  dup2(out, 1);
  dup2(out, 2);
  execv(argv[0], argv.data());
  _exit(127);
}

absl::Status Run(const std::vector<std::string>& command, const std::string& log) {
  int status = 0;
  const pid_t pid = Spawn(command, log);
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
    return absl::InternalError(absl::StrCat(command[0], " failed: ", ReadFile(log)));
  }
  return absl::OkStatus();
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(fd);
  return bound ? ntohs(address.sin_port) : 0;
}

bool Answers(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool ok = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return ok;
}

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Key NewKey() { return Key(EVP_EC_gen("P-256"), &EVP_PKEY_free); }

void Extend(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// A CA when `issuer` is null.
Certificate NewCertificate(const char* name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  static long serial = 0;
  Certificate out(X509_new(), &X509_free);
  X509_set_version(out.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), -3'600);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), 86'400);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509* const by = issuer == nullptr ? out.get() : issuer;
  X509_set_issuer_name(out.get(), X509_get_subject_name(by));
  X509_set_pubkey(out.get(), key);
  if (issuer == nullptr) {
    Extend(out.get(), by, NID_basic_constraints, "critical,CA:TRUE");
    Extend(out.get(), by, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    Extend(out.get(), by, NID_subject_alt_name, "IP:127.0.0.1");
    Extend(out.get(), by, NID_ext_key_usage, "serverAuth");
  }
  X509_sign(out.get(), issuer_key, EVP_sha256());
  return out;
}

template <typename Write>
absl::Status WritePem(const std::string& path, const Write& write) {
  FILE* file = fopen(path.c_str(), "w");
  const bool ok = file != nullptr && write(file) == 1;
  if (file == nullptr || fclose(file) != 0 || !ok) {
    return absl::InternalError(absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

absl::Status WriteCertificates(const std::string& folder) {
  const Key ca_key = NewKey(), server_key = NewKey(), other_key = NewKey();
  const Certificate ca = NewCertificate("Test CA", ca_key.get(), nullptr, ca_key.get());
  // The same name: only the key tells the two CAs apart.
  const Certificate other = NewCertificate("Test CA", other_key.get(), nullptr, other_key.get());
  const Certificate server = NewCertificate("slapd", server_key.get(), ca.get(), ca_key.get());
  for (const auto& [name, certificate] :
       {std::pair{"ca", ca.get()}, {"other-ca", other.get()}, {"server", server.get()}}) {
    X509* const x509 = certificate;
    MUSTER_RETURN_IF_ERROR(WritePem(absl::StrCat(folder, "/", name, ".pem"),
                                    [&](FILE* file) { return PEM_write_X509(file, x509); }));
  }
  return WritePem(folder + "/server.key", [&](FILE* file) {
    return PEM_write_PrivateKey(file, server_key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Slapd>> Slapd::Start(const Options& options) {
  std::unique_ptr<Slapd> server(new Slapd());
  MUSTER_RETURN_IF_ERROR(server->Prepare(options));
  absl::Status started;
  for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
    // Another program may take a port between the two; then the next pair is tried.
    server->ldap_port_ = FreePort();
    server->ldaps_port_ = FreePort();
    started = server->Launch();
    if (started.ok()) return server;
  }
  return started;
}

Slapd::~Slapd() {
  End(SIGKILL);
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

std::string Slapd::ldap_uri() const { return absl::StrCat("ldap://127.0.0.1:", ldap_port_); }
std::string Slapd::ldaps_uri() const { return absl::StrCat("ldaps://127.0.0.1:", ldaps_port_); }
std::string Slapd::Log() const { return ReadFile(folder_ + "/log"); }

absl::Status Slapd::Prepare(const Options& options) {
  std::string name = (std::filesystem::temp_directory_path() / "muster-slapd-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return absl::InternalError("cannot make a folder");
  folder_ = name;
  MUSTER_RETURN_IF_ERROR(WriteCertificates(folder_));
  std::error_code error;
  std::filesystem::create_directory(folder_ + "/db", error);
  // A copy, since an AppArmor profile may keep the installed one out of our folder.
  std::filesystem::copy_file("/usr/sbin/slapd", folder_ + "/slapd", error);
  if (error) {
    return absl::InternalError(absl::StrCat("cannot copy /usr/sbin/slapd: ", error.message(),
                                            "; install the packages slapd and ldap-utils"));
  }
  MUSTER_RETURN_IF_ERROR(
      WriteFile(folder_ + "/slapd.conf",
                absl::StrReplaceAll(kConfig, {{"FOLDER", folder_},
                                              {"SIZE_LIMIT", options.size_limit},
                                              {"ACCESS", options.access},
                                              {"SESSION_LOG", options.session_log}})));
  MUSTER_RETURN_IF_ERROR(WriteFile(folder_ + "/password", kPassword));
  MUSTER_RETURN_IF_ERROR(
      WriteFile(folder_ + "/initial.ldif",
                absl::StrReplaceAll(kBase, {{"PASSWORD", kPassword}}) + options.ldif));
  return Run({folder_ + "/slapd", "-Tadd", "-q", "-f", folder_ + "/slapd.conf", "-l",
              folder_ + "/initial.ldif"},
             folder_ + "/log");
}

absl::Status Slapd::Launch() {
  pid_ = Spawn({folder_ + "/slapd", "-f", folder_ + "/slapd.conf", "-h",
                absl::StrCat(ldap_uri(), " ", ldaps_uri()), "-d", "0"},
               folder_ + "/log");
  if (pid_ < 0) return absl::InternalError("cannot start slapd");
  return WaitUntilReady();
}

absl::Status Slapd::WaitUntilReady() {
  for (int attempt = 0; attempt < kReadyAttempts; ++attempt) {
    if (waitpid(pid_, nullptr, WNOHANG) != 0) {
      pid_ = -1;
      return absl::InternalError(absl::StrCat("slapd ended: ", Log()));
    }
    if (Answers(ldap_port_) && Answers(ldaps_port_)) return absl::OkStatus();
    nanosleep(&kPause, nullptr);
  }
  End(SIGKILL);
  return absl::InternalError(absl::StrCat("slapd does not answer: ", Log()));
}

void Slapd::End(int signal) {
  if (pid_ < 0) return;
  kill(pid_, signal);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void Slapd::Stop() { End(SIGTERM); }
void Slapd::Kill() { End(SIGKILL); }
absl::Status Slapd::Restart() {
  End(SIGTERM);
  return Launch();
}

absl::Status Slapd::Modify(const std::string& ldif) {
  MUSTER_RETURN_IF_ERROR(WriteFile(folder_ + "/change.ldif", ldif));
  return Run({"/usr/bin/ldapmodify", "-x", "-H", ldap_uri(), "-D", kAdminDn, "-y",
              folder_ + "/password", "-f", folder_ + "/change.ldif"},
             folder_ + "/log");
}

}  // namespace muster
