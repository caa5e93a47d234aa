#include "controller/adapters/ldap/directory_server.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "controller/adapters/ldap/ldap_search.h"
#include "controller/adapters/ldif/dn.h"
#include "controller/adapters/ldif/extended_dn.h"
#include "controller/adapters/ldif/guid.h"

namespace muster {
namespace {

// [MS-ADTS] 3.1.1.3.4.1.
constexpr char kActiveDirectoryOid[] = "1.2.840.113556.1.4.800";

std::string First(const DirectoryEntry& entry, const std::string& name) {
  const std::vector<std::string>* values = entry.Find(name);
  return values == nullptr || values->empty() ? "" : values->front();
}

// The naming context that holds `base`; the base itself when none does.
std::string ContextOf(const std::string& base, const std::vector<std::string>& contexts) {
  const std::string key = NormalizeDn(base).value_or("");
  std::string best;
  for (const std::string& context : contexts) {
    const std::string other = NormalizeDn(context).value_or("");
    if (other.empty() || other.size() < best.size()) continue;
    if (key == other || absl::EndsWith(key, absl::StrCat(",", other))) best = context;
  }
  return best.empty() ? base : best;
}

absl::StatusOr<std::optional<DirectoryEntry>> FindById(LdapConnection* connection,
                                                       const DirectoryServer& server,
                                                       const std::string& id,
                                                       const std::vector<std::string>& attributes) {
  if (server.active_directory) {
    return ReadEntry(connection, absl::StrCat("<GUID=", id, ">"), attributes);
  }
  const std::string filter =
      absl::StrCat("(|(entryUUID=", id, ")(objectGUID=", EscapeFilter(GuidToAdBytes(id)), "))");
  for (const std::string& context : server.naming_contexts) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<DirectoryEntry> found,
                            SearchFew(connection, context, filter, IdentityAttributeNames()));
    if (found.size() > 1) {
      return absl::DataLossError(absl::StrCat(Describe(found[0]), " and ", Describe(found[1]),
                                              " have the same id ", id, "; correct one of them"));
    }
    // Read again by DN, which completes ranged attributes.
    if (!found.empty()) return ReadEntry(connection, found[0].dn, attributes);
  }
  return std::nullopt;
}

}  // namespace

std::string DirectoryServer::Identity(const std::string& uri) const {
  return active_directory ? absl::StrCat(ds_service_name, "|", invocation_id) : uri;
}

absl::StatusOr<DirectoryServer> DescribeServer(LdapConnection* connection,
                                               const std::string& base_dn) {
  MUSTER_ASSIGN_OR_RETURN(
      const std::optional<DirectoryEntry> root,
      ReadEntry(connection, "",
                {"namingContexts", "supportedCapabilities", "supportedControl", "dsServiceName"}));
  DirectoryServer out;
  if (root.has_value()) {
    if (const auto* contexts = root->Find("namingcontexts")) {
      for (const std::string& dn : *contexts) {
        out.naming_contexts.push_back(ParseExtendedDn(dn).dn);
      }
    }
    if (const auto* capabilities = root->Find("supportedcapabilities")) {
      for (const std::string& oid : *capabilities) {
        if (oid == kActiveDirectoryOid) out.active_directory = true;
      }
    }
    if (const auto* controls = root->Find("supportedcontrol")) {
      out.controls.insert(controls->begin(), controls->end());
    }
    out.ds_service_name = ParseExtendedDn(First(*root, "dsservicename")).dn;
  }
  if (out.naming_contexts.empty()) out.naming_contexts = {base_dn};
  out.naming_context = ContextOf(base_dn, out.naming_contexts);
  if (!out.active_directory || out.ds_service_name.empty()) return out;
  MUSTER_ASSIGN_OR_RETURN(const std::optional<DirectoryEntry> service,
                          ReadEntry(connection, out.ds_service_name, {"invocationId"}));
  if (service.has_value()) {
    out.invocation_id = GuidFromAdBytes(First(*service, "invocationid")).value_or("");
  }
  return out;
}

absl::StatusOr<std::optional<DirectoryEntry>> FindEntry(
    LdapConnection* connection, const DirectoryServer& server, const std::string& dn_or_id,
    const std::vector<std::string>& attributes) {
  if (const std::optional<std::string> id = ParseGuidText(dn_or_id); id.has_value()) {
    return FindById(connection, server, *id, attributes);
  }
  return ReadEntry(connection, dn_or_id, attributes);
}

std::vector<std::string> PersonAttributeNames(const PersonAttributes& attributes) {
  std::vector<std::string> names = {"objectClass",
                                    "objectGUID",
                                    "entryUUID",
                                    "sAMAccountName",
                                    "uid",
                                    "mail",
                                    "displayName",
                                    "userPrincipalName",
                                    "cn",
                                    "name",
                                    "objectSid",
                                    "primaryGroupID",
                                    "accountExpires",
                                    "userAccountControl",
                                    "pwdAccountLockedTime",
                                    "proxyAddresses"};
  for (const std::string* name :
       {&attributes.office, &attributes.manager, &attributes.capstone, &attributes.employee}) {
    if (!name->empty()) names.push_back(*name);
  }
  return names;
}

std::vector<std::string> AllAttributeNames(const PersonAttributes& attributes) {
  std::vector<std::string> names = PersonAttributeNames(attributes);
  names.insert(names.end(), {"member", "uniqueMember"});
  return names;
}

const std::vector<std::string>& IdentityAttributeNames() {
  static const auto& kNames =
      *new std::vector<std::string>{"objectClass", "objectGUID", "entryUUID"};
  return kNames;
}

}  // namespace muster
