// A real Active Directory domain, MDM.TEST, on Samba for one test process: two domain controllers
// with the same objects and different invocationIds, in a network namespace of this process. Needs
// root and Debian's samba packages. samba_provision.sh says what is in it. Thread-compatible; the
// process must not have started threads (it forks, and moves into the namespace).
#pragma once

#include <array>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/integration/process.h"
#include "tests/support/temp_dir.h"

namespace muster {

class SambaDomain {
 public:
  struct Options {
    int controllers = 1;  // that are started: DC1, or both
    int users = 0;        // made besides, all in the group Big: u00000, ...
    bool dns = false;     // DC1 serves the domain's zone, and this process asks it alone
  };

  // Made once per build tree, and unpacked for each process. INTERNAL, with the log, when
  // something fails.
  static absl::StatusOr<std::unique_ptr<SambaDomain>> Start(const Options& options);

  static constexpr char kBaseDn[] = "DC=mdm,DC=test";
  static constexpr char kPeople[] = "OU=People,DC=mdm,DC=test";
  static constexpr char kGroups[] = "OU=Groups,DC=mdm,DC=test";
  static constexpr char kApproval[] = "CN=WA-Approved,OU=Groups,DC=mdm,DC=test";

  // `controller` is 1 or 2.
  static std::string Host(int controller);  // "127.0.0.2"
  std::string File(const std::string& name) const { return folder_.File(name); }
  std::string ca_file() const { return File("ca.pem"); }
  std::string PasswordFile(const std::string& account) const { return File(account + "-password"); }
  std::string Password(const std::string& account) const {
    return ReadWhole(PasswordFile(account));
  }

  absl::Status StartController(int controller);
  void StopController(int controller);  // waits for its end
  // It keeps its connections and takes new ones, but says nothing any more.
  void PauseController(int controller);

  // Change records, as the administrator, through the running server, with deleted objects in
  // sight.
  absl::Status Modify(const std::string& ldif, int controller = 1);
  // The same as `account`: what the server answers, an LDAP result code.
  int ModifyAs(const std::string& account, const std::string& ldif);
  // Python lines that change the database itself, past the server, which may run: `db` is the
  // SamDB, `acl` its SDUtils.
  absl::Status OnDatabase(const std::string& python, int controller = 1);
  // One attribute of one entry, as it is at this controller; its first value in ldapsearch's form.
  std::string Attribute(const std::string& dn, const std::string& attribute, int controller = 1);
  std::string GuidOf(const std::string& dn, int controller = 1);
  std::string RidOf(const std::string& dn);  // the last part of its SID
  // Distinguished names in `member`.
  std::set<std::string> MembersOf(const std::string& group, int controller = 1);

 private:
  SambaDomain() = default;
  absl::Status Unpack(const std::string& archive);
  absl::Status ServeNames();
  absl::Status WaitForNames() const;
  CommandResult As(const std::string& account, int controller, const std::string& tool,
                   const std::vector<std::string>& arguments, const std::string& input = "");

  TempDir folder_;
  std::array<std::unique_ptr<Program>, 2> controllers_;
};

}  // namespace muster
