#include "tests/integration/samba_domain.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/crypto.h"
#include "common/status_macros.h"

namespace muster {
namespace {

constexpr char kScript[] = MUSTER_SOURCE_DIR "/tests/integration/samba_provision.sh";
constexpr char kCache[] = MUSTER_SAMBA_CACHE;
constexpr char kFolderMark[] = "@FOLDER@";
constexpr char kAdmin[] = "Administrator";
constexpr char kShowDeleted[] = "!1.2.840.113556.1.4.417";  // [MS-ADTS] 3.1.1.3.4.1.14

constexpr char kPrelude[] = R"(import sys, uuid, ldb
from samba.auth import system_session
from samba.dcerpc import misc
from samba.ndr import ndr_pack
from samba.param import LoadParm
from samba.samdb import SamDB
from samba.sd_utils import SDUtils
lp = LoadParm()
lp.load(sys.argv[1])
db = SamDB(session_info=system_session(), lp=lp)
acl = SDUtils(db)
)";

absl::Status Run(const std::vector<std::string>& command, absl::Duration deadline) {
  CommandOptions options;
  options.deadline = deadline;
  const CommandResult result = RunCommand(command, options);
  if (result.exit_code == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(command[0], " failed: ", result.out, result.err));
}

// Ports below 1024 of our own, and nobody else on them.
absl::Status EnterNetworkNamespace() {
  static const bool entered = unshare(CLONE_NEWNET) == 0;
  if (!entered) return absl::InternalError("cannot make a network namespace: is this root?");
  return Run({"ip", "link", "set", "lo", "up"}, absl::Seconds(5));
}

// The configuration names its folder; in the archive it must name none.
absl::Status Rewrite(const std::string& folder, const std::string& from, const std::string& to) {
  for (const char* file : {"dc1/etc/smb.conf", "dc2/etc/smb.conf", "krb5.conf"}) {
    const std::string path = absl::StrCat(folder, "/", file);
    if (!WriteWhole(path, absl::StrReplaceAll(ReadWhole(path), {{from, to}}), 0600)) {
      return absl::InternalError(absl::StrCat("cannot write ", path));
    }
  }
  return absl::OkStatus();
}

absl::Status MakeArchive(const std::string& archive, int users) {
  const std::string folder = archive + ".new";
  std::error_code error;
  std::filesystem::remove_all(folder, error);  // of one that was killed
  const absl::Status made = Run({kScript, folder, absl::StrCat(users)}, absl::Minutes(15));
  if (!made.ok()) {
    return absl::InternalError(absl::StrCat(made.message(), ReadWhole(folder + "/provision.log")));
  }
  MUSTER_RETURN_IF_ERROR(Rewrite(folder, folder, kFolderMark));
  MUSTER_RETURN_IF_ERROR(
      Run({"tar", "-C", folder, "-czf", folder + ".tgz", "."}, absl::Minutes(2)));
  std::filesystem::remove_all(folder, error);
  std::filesystem::rename(folder + ".tgz", archive, error);
  return error ? absl::InternalError(absl::StrCat("cannot make ", archive)) : absl::OkStatus();
}

// One process makes it, the others wait.
absl::StatusOr<std::string> Archive(int users) {
  std::error_code error;
  std::filesystem::create_directories(kCache, error);
  const std::string script = ReadWhole(kScript);
  const std::string archive =
      absl::StrCat(kCache, "/", Sha256Hex(script).substr(0, 16), "-", users, ".tgz");
  const int lock = open((archive + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0 || flock(lock, LOCK_EX) != 0) {
    return absl::InternalError(absl::StrCat("cannot lock ", archive));
  }
  absl::Status made;
  if (!std::filesystem::exists(archive)) made = MakeArchive(archive, users);
  close(lock);
  MUSTER_RETURN_IF_ERROR(made);
  return archive;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SambaDomain>> SambaDomain::Start(const Options& options) {
  MUSTER_RETURN_IF_ERROR(EnterNetworkNamespace());
  MUSTER_ASSIGN_OR_RETURN(const std::string archive, Archive(options.users));
  std::unique_ptr<SambaDomain> domain(new SambaDomain());
  MUSTER_RETURN_IF_ERROR(domain->Unpack(archive));
  if (options.dns) MUSTER_RETURN_IF_ERROR(domain->ServeNames());
  for (int n = 1; n <= options.controllers; ++n) {
    MUSTER_RETURN_IF_ERROR(domain->StartController(n));
  }
  if (options.dns) MUSTER_RETURN_IF_ERROR(domain->WaitForNames());
  return domain;
}

// The resolver's configuration is a file of this process alone.
absl::Status SambaDomain::ServeNames() {
  const std::string conf = File("dc1/etc/smb.conf"), resolv = File("resolv.conf");
  const std::string served = absl::StrReplaceAll(
      ReadWhole(conf), {{"server services = ldap, kdc", "server services = ldap, kdc, dns"}});
  if (!WriteWhole(conf, served, 0600) ||
      !WriteWhole(resolv, absl::StrCat("nameserver ", Host(1), "\n"), 0644)) {
    return absl::InternalError(absl::StrCat("cannot write ", conf));
  }
  if (unshare(CLONE_NEWNS) != 0 ||
      mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount(resolv.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) != 0) {
    return absl::InternalError("cannot have a resolver of its own: is this root?");
  }
  return absl::OkStatus();
}

absl::Status SambaDomain::WaitForNames() const {
  const bool ready = WaitUntil(absl::Seconds(30), [] {
    return RunCommand({"getent", "hosts", "dc1.mdm.test"}).exit_code == 0;
  });
  return ready ? absl::OkStatus() : absl::InternalError("samba does not answer for its zone");
}

absl::Status SambaDomain::Unpack(const std::string& archive) {
  MUSTER_RETURN_IF_ERROR(
      Run({"tar", "-C", folder_.path(), "--no-same-owner", "-xzf", archive}, absl::Minutes(2)));
  setenv("KRB5_CONFIG", File("krb5.conf").c_str(), 1);
  return Rewrite(folder_.path(), kFolderMark, folder_.path());
}

std::string SambaDomain::Host(int controller) { return absl::StrCat("127.0.0.", controller + 1); }

absl::Status SambaDomain::StartController(int controller) {
  const std::string folder = File(absl::StrCat("dc", controller)), log = folder + "/log/samba.log";
  MUSTER_ASSIGN_OR_RETURN(
      controllers_[controller - 1],
      Program::Start({"/usr/sbin/samba", "-F", "--no-process-group", "-M", "single", "-s",
                      folder + "/etc/smb.conf", "--debug-stdout"},
                     log));
  const bool ready = WaitUntil(absl::Seconds(30), [&] {
    const CommandResult root =
        RunCommand({"ldapsearch", "-x", "-LLL", "-H", absl::StrCat("ldap://", Host(controller)),
                    "-s", "base", "-b", "", "(objectClass=*)", "defaultNamingContext"});
    return absl::StrContains(root.out, kBaseDn);
  });
  if (ready) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("samba does not answer: ", ReadWhole(log)));
}

void SambaDomain::StopController(int controller) {
  if (controllers_[controller - 1] != nullptr) controllers_[controller - 1]->Stop();
  controllers_[controller - 1].reset();
}

void SambaDomain::PauseController(int controller) {
  kill(controllers_[controller - 1]->pid(), SIGSTOP);
}

CommandResult SambaDomain::As(const std::string& account, int controller, const std::string& tool,
                              const std::vector<std::string>& arguments, const std::string& input) {
  std::vector<std::string> command = {"env", "LDAPTLS_CACERT=" + ca_file(),
                                      tool,  "-x",
                                      "-H",  absl::StrCat("ldaps://", Host(controller)),
                                      "-D",  account + "@mdm.test",
                                      "-y",  PasswordFile(account)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  CommandOptions options;
  options.input = input;
  return RunCommand(command, options);
}

absl::Status SambaDomain::Modify(const std::string& ldif, int controller) {
  const CommandResult result = As(kAdmin, controller, "ldapmodify", {"-e", kShowDeleted}, ldif);
  if (result.exit_code == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("ldapmodify failed: ", result.err));
}

absl::Status SambaDomain::OnDatabase(const std::string& python, int controller) {
  return Run({"/usr/bin/python3", "-c", kPrelude + python,
              File(absl::StrCat("dc", controller, "/etc/smb.conf"))},
             absl::Minutes(1));
}

int SambaDomain::ModifyAs(const std::string& account, const std::string& ldif) {
  return As(account, 1, "ldapmodify", {}, ldif).exit_code;
}

std::string SambaDomain::Attribute(const std::string& dn, const std::string& attribute,
                                   int controller) {
  const CommandResult result =
      As(kAdmin, controller, "ldapsearch",
         {"-LLL", "-o", "ldif-wrap=no", "-s", "base", "-b", dn, "(objectClass=*)", attribute});
  for (absl::string_view line : absl::StrSplit(result.out, '\n')) {
    if (absl::ConsumePrefix(&line, attribute + ": ")) return std::string(line);
    if (!absl::ConsumePrefix(&line, attribute + ":: ")) continue;
    std::string bytes;
    return absl::Base64Unescape(line, &bytes) ? bytes : "";
  }
  return "";
}

std::string SambaDomain::GuidOf(const std::string& dn, int controller) {
  const std::string bytes = Attribute(dn, "objectGUID", controller);
  if (bytes.size() != 16) return "";
  std::string hex;
  for (const size_t i : {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}) {
    absl::StrAppend(&hex, absl::BytesToHexString(bytes.substr(i, 1)));
  }
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

std::string SambaDomain::RidOf(const std::string& dn) {
  const std::string sid = Attribute(dn, "objectSid");
  if (sid.size() < 4) return "";
  uint32_t rid = 0;  // little-endian, as this machine
  std::memcpy(&rid, sid.data() + sid.size() - sizeof rid, sizeof rid);
  return absl::StrCat(rid);
}

std::set<std::string> SambaDomain::MembersOf(const std::string& group, int controller) {
  const CommandResult result =
      As(kAdmin, controller, "ldapsearch",
         {"-LLL", "-o", "ldif-wrap=no", "-s", "base", "-b", group, "(objectClass=*)", "member"});
  std::set<std::string> out;
  for (absl::string_view line : absl::StrSplit(result.out, '\n')) {
    if (absl::ConsumePrefix(&line, "member: ")) out.emplace(line);
  }
  return out;
}

}  // namespace muster
