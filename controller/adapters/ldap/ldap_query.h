// One LDAP operation over one connection: controls out, entries and controls back.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/adapters/ldap/ldap_connection.h"
#include "controller/adapters/ldif/directory_entry.h"

namespace muster {

struct LdapControl {
  std::string oid;
  std::string value;  // BER; empty: none
  bool critical = true;
};

struct LdapQuery {
  std::string base;
  int scope = LDAP_SCOPE_SUBTREE;
  std::string filter = "(objectClass=*)";
  std::vector<std::string> attributes;
  int size_limit = LDAP_NO_LIMIT;
  std::vector<LdapControl> controls;
};

using ControlValues = std::map<std::string, std::string>;  // by OID

struct LdapResult {
  int code = LDAP_OTHER;
  std::string server_says;
  ControlValues controls;
};

// What comes back before the result.
struct LdapReply {
  bool intermediate = false;  // RFC 4511, 4.13: `oid` and `value` instead of an entry
  DirectoryEntry entry;       // a DN in extended form is made plain
  ControlValues controls;
  std::string oid, value;
};
using ReplySink = std::function<absl::Status(LdapReply)>;

// Runs one search to its result. `doing` is for errors: "read the persons below ou=people".
// UNAVAILABLE: the connection was lost or is too slow; an error of `sink` ends the search. What
// result code came is the caller's to judge. Continuation references are not followed.
absl::StatusOr<LdapResult> RunQuery(LdapConnection* connection, const LdapQuery& query,
                                    absl::string_view doing, const ReplySink& sink);

// LDAP_SERVER_EXTENDED_DN_OID: DNs come with the object's id in front. Ignored where unknown.
LdapControl ExtendedDnControl();

// BER of a control's value, by ber_printf's `format`.
template <typename... Args>
std::string BerValue(const char* format, Args... args) {
  BerElement* ber = ber_alloc_t(LBER_USE_DER);
  std::string out;
  berval* value = nullptr;
  if (ber_printf(ber, format, args...) != -1 && ber_flatten(ber, &value) == 0) {
    out.assign(value->bv_val, value->bv_len);
  }
  ber_bvfree(value);
  ber_free(ber, 1);
  return out;
}

}  // namespace muster
