// The directory of a test, seen from outside Muster: read back and changed behind its back.
// Thread-compatible.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace muster {

inline constexpr char kChatGroup[] = "cn=app-it-chat,ou=groups,dc=mdm,dc=test";
inline constexpr char kWhatsAppGroup[] = "cn=app-whatsapp,ou=groups,dc=mdm,dc=test";
inline constexpr char kToxGroup[] = "cn=app-tox,ou=groups,dc=mdm,dc=test";

// Groups that give roles, and the accounts in them (those that are among the people).
struct RoleGroup {
  std::string role;
  std::vector<std::string> accounts;
};
const std::vector<RoleGroup>& RoleGroups();
std::string RoleGroupDn(const std::string& role);  // cn=role-<role>,ou=groups,dc=mdm,dc=test
// `  roles:` and a line for each, for below `directory:`.
std::string RolesConfig();

// uid=<account>,ou=people,dc=mdm,dc=test
std::string DnOf(const std::string& account);

struct TestPerson {
  std::string account, mail;
};

// kSamba: a real Active Directory domain, with Muster's account allowed to change the chat group
// alone. Everybody's password on a server is PasswordOf(account).
enum class DirectoryKind { kLdif, kStartTls, kLdaps, kSamba };
std::string PasswordOf(const std::string& account);

class TestDirectory {
 public:
  // The given people, the three groups above and the role groups, each with a placeholder that is
  // no person (a groupOfNames cannot be empty). `folder` is where an LDIF file goes.
  static absl::StatusOr<std::unique_ptr<TestDirectory>> Start(
      DirectoryKind kind, const std::string& folder, const std::vector<TestPerson>& people);
  virtual ~TestDirectory() = default;

  // Replaces one attribute of a person, on a server.
  virtual absl::Status SetAttribute(const std::string& account, const std::string& name,
                                    const std::string& value) {
    return absl::UnimplementedError(account + " " + name + " " + value);
  }
  // The lines of musterd.yaml below `directory:`, without groups.
  virtual std::string Config() const = 0;
  // Account names of the people in `group`, read without Muster.
  virtual absl::StatusOr<std::set<std::string>> Members(const std::string& group) = 0;
  virtual absl::Status AddByHand(const std::string& group,
                                 const std::vector<std::string>& accounts) = 0;
  virtual absl::Status RemoveByHand(const std::string& group,
                                    const std::vector<std::string>& accounts) = 0;
  // It cannot be read any more; and as it was again.
  virtual void Break() = 0;
  virtual absl::Status Heal() = 0;
};

}  // namespace muster
