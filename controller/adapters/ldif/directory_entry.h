// One directory entry, as a file or a server gives it, and what Muster reads out of it. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "muster/v1/person.pb.h"

namespace muster {

// Where a directory keeps what has no standard place. Names in lowercase; empty: nowhere.
struct PersonAttributes {
  std::string office = "physicaldeliveryofficename";
  std::string manager = "manager";      // holds a DN
  std::string capstone;                 // set, and not "FALSE", "0" or "no": a Capstone official
  std::string employee = "employeeid";  // accounts with the same value are one human being's
};

struct DirectoryEntry {
  std::string dn;
  std::string where;  // "line 12", for errors; empty: the DN says it
  std::map<std::string, std::vector<std::string>> attributes;  // by lowercase name

  // Null when the entry has no such attribute. `name` in lowercase.
  const std::vector<std::string>* Find(const std::string& name) const;
};

// "line 12 (cn=...)" or "cn=...": how errors name an entry.
std::string Describe(const DirectoryEntry& entry);

// inetOrgPerson, person or user; but not a computer (which Active Directory derives from user)
// or a mail contact.
bool IsPerson(const DirectoryEntry& entry);
// group, groupOfNames or groupOfUniqueNames.
bool IsGroup(const DirectoryEntry& entry);
// What other entries are kept below: organizationalUnit, container.
bool IsContainer(const DirectoryEntry& entry);
// "member" or "uniquemember": where this group keeps its members.
std::string MemberAttribute(const DirectoryEntry& group);
// All values of member and uniqueMember, in order, as DNs, or as ids where the server gave them
// (extended_dn.h). A uniqueMember's trailing "#'...'B" (RFC 4517,
// 3.3.21) stays in place.
std::vector<std::string> MemberDns(const DirectoryEntry& group);

// What becomes of one entry that counts.
struct PersonRecord {
  v1::Person person;          // manager_id is still empty
  std::string manager;        // DN or id; empty: none
  std::string primary_group;  // the bytes of that group's objectSid; empty: none
};
struct GroupRecord {
  std::string group_id;
  std::string name;                  // DN
  std::string sid;                   // bytes of objectSid; empty: none
  std::vector<std::string> members;  // DNs or ids, in the directory's order
};

// objectGUID, else entryUUID, as lowercase text. DATA_LOSS when there is none, several or a
// malformed one.
absl::StatusOr<std::string> EntryId(const DirectoryEntry& entry);

// Aliases: mail, and the SMTP addresses of proxyAddresses, other than the UPN.
// account = sAMAccountName, else uid; upn = userPrincipalName, else mail; display name =
// displayName, else cn or name; the first value where there are several. Disabled: bit 2 of
// userAccountControl ([MS-ADTS] 2.2.16) or a password locked for good (pwdAccountLockedTime
// 000001010000Z, draft-behera-ldap-password-policy 5.3.3). Expires: accountExpires ([MS-ADTS]
// 2.3.4 in [MS-DTYP], 100 ns since 1601; 0 and 2^63-1: never). Primary group: primaryGroupID is
// the last part of its SID, in the person's own domain ([MS-ADTS] 3.1.1.3.1.6). DATA_LOSS when one
// is malformed.
absl::StatusOr<PersonRecord> PersonFromEntry(const DirectoryEntry& entry,
                                             const PersonAttributes& attributes);
// DATA_LOSS: no id, or a DN that is not UTF-8.
absl::StatusOr<GroupRecord> GroupFromEntry(const DirectoryEntry& entry);

bool IsValidUtf8(absl::string_view text);

}  // namespace muster
