// Reading entries over one connection: whole, or not at all.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/adapters/ldap/ldap_connection.h"
#include "controller/adapters/ldap/ldap_query.h"
#include "controller/adapters/ldif/directory_entry.h"

namespace muster {

using EntrySink = std::function<absl::Status(DirectoryEntry)>;

// Gives every entry below `base` that matches to `sink`, page by page (RFC 2696). An error of
// LdapConnection::Error() or of `sink`, or DATA_LOSS when the server did not say whether a page
// was the last, means that what `sink` got so far is not the whole and must be thrown away.
absl::Status SearchPaged(LdapConnection* connection, const std::string& base,
                         const std::string& filter, const std::vector<std::string>& attributes,
                         const EntrySink& sink);

// At most two entries below `base` that match: one is an answer, two are none.
absl::StatusOr<std::vector<DirectoryEntry>> SearchFew(LdapConnection* connection,
                                                      const std::string& base,
                                                      const std::string& filter,
                                                      const std::vector<std::string>& attributes);

// One entry by its DN (or "<GUID=...>" for Active Directory), the rest of its ranged attributes
// fetched. nullopt: the server says that it does not exist here (or is another server's: a
// referral). DATA_LOSS: it says neither, which is no proof of absence.
absl::StatusOr<std::optional<DirectoryEntry>> ReadEntry(
    LdapConnection* connection, const std::string& dn, const std::vector<std::string>& attributes,
    const std::vector<LdapControl>& controls = {});

// An entry that a search gave may hold ranges too. The rest of them is fetched from `dn`, once the
// search is over.
bool HasRanges(const DirectoryEntry& entry);
absl::Status CompleteEntry(LdapConnection* connection, const std::string& dn,
                           DirectoryEntry* entry);

// A server may answer "member;range=0-1499" for "member"; the rest must be asked for by
// "member;range=1500-*" until an answer ends in "*" ([MS-ADTS] 3.1.1.3.1.3.3). Replaces all such
// attributes of `entry` by whole ones. `fetch` reads the entry with that one attribute; nullopt:
// it has gone. DATA_LOSS when a range is missing, overlaps or is no range.
using FetchRange =
    std::function<absl::StatusOr<std::optional<DirectoryEntry>>(const std::string& attribute)>;
absl::Status CompleteRanges(DirectoryEntry* entry, const FetchRange& fetch);

// Any bytes for use in a search filter: all of them escaped (RFC 4515, section 3).
std::string EscapeFilter(absl::string_view bytes);

}  // namespace muster
