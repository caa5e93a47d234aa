// DNs with the object's id in front, as Active Directory gives them when asked to
// (LDAP_SERVER_EXTENDED_DN_OID, [MS-ADTS] 3.1.1.3.4.1.5). Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace muster {

struct ExtendedDn {
  std::string guid;  // as ParseGuidText() makes it; empty: the text was a plain DN
  std::string dn;
};

// "<GUID=3f25...>;<SID=S-1-5...>;CN=Ann,DC=a" in its parts. Text that is not of this form is a
// plain DN: it comes back whole.
ExtendedDn ParseExtendedDn(absl::string_view text);

// The id where there is one, else the DN.
std::string DnOrId(absl::string_view text);

}  // namespace muster
