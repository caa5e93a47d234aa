#include "controller/adapters/ldap/ldap_query.h"

#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "controller/adapters/ldif/extended_dn.h"

namespace muster {
namespace {

struct Free {
  void operator()(LDAPMessage* m) const { ldap_msgfree(m); }
  void operator()(LDAPControl** c) const { ldap_controls_free(c); }
  void operator()(BerElement* b) const { ber_free(b, 0); }
  void operator()(char* c) const { ldap_memfree(c); }
  void operator()(berval** v) const { ldap_value_free_len(v); }
  void operator()(berval* v) const { ber_bvfree(v); }
};
using Message = std::unique_ptr<LDAPMessage, Free>;
using Text = std::unique_ptr<char, Free>;
using Controls = std::unique_ptr<LDAPControl*, Free>;

ControlValues ToValues(LDAPControl** controls) {
  ControlValues out;
  for (LDAPControl** c = controls; c != nullptr && *c != nullptr; ++c) {
    const berval& value = (*c)->ldctl_value;
    out[(*c)->ldctl_oid] = std::string(value.bv_val == nullptr ? "" : value.bv_val, value.bv_len);
  }
  return out;
}

LdapReply ToReply(LDAP* ld, LDAPMessage* message) {
  LdapReply out;
  if (const Text dn(ldap_get_dn(ld, message)); dn != nullptr) {
    out.entry.dn = ParseExtendedDn(dn.get()).dn;
  }
  BerElement* at = nullptr;
  for (Text name(ldap_first_attribute(ld, message, &at)); name != nullptr;
       name.reset(ldap_next_attribute(ld, message, at))) {
    const std::unique_ptr<berval*, Free> values(ldap_get_values_len(ld, message, name.get()));
    std::vector<std::string>& to = out.entry.attributes[absl::AsciiStrToLower(name.get())];
    for (berval** value = values.get(); value != nullptr && *value != nullptr; ++value) {
      to.emplace_back((*value)->bv_val, (*value)->bv_len);
    }
  }
  const std::unique_ptr<BerElement, Free> done(at);
  LDAPControl** raw = nullptr;
  if (ldap_get_entry_controls(ld, message, &raw) == LDAP_SUCCESS) out.controls = ToValues(raw);
  const Controls owned(raw);
  return out;
}

LdapReply ToIntermediate(LDAP* ld, LDAPMessage* message) {
  LdapReply out;
  out.intermediate = true;
  char* oid = nullptr;
  berval* value = nullptr;
  ldap_parse_intermediate(ld, message, &oid, &value, nullptr, 0);
  const Text owned_oid(oid);
  const std::unique_ptr<berval, Free> owned(value);
  if (oid != nullptr) out.oid = oid;
  if (value != nullptr && value->bv_val != nullptr) out.value.assign(value->bv_val, value->bv_len);
  return out;
}

absl::StatusOr<LdapResult> ToResult(LdapConnection* connection, LDAPMessage* message,
                                    absl::string_view doing) {
  LdapResult out;
  char* says = nullptr;
  LDAPControl** raw = nullptr;
  if (ldap_parse_result(connection->handle(), message, &out.code, nullptr, &says, nullptr, &raw,
                        0) != LDAP_SUCCESS) {
    return connection->LocalError(doing);
  }
  const Text owned(says);
  const Controls controls(raw);
  if (says != nullptr) out.server_says = says;
  out.controls = ToValues(raw);
  return out;
}

absl::StatusOr<int> Ask(LdapConnection* connection, const LdapQuery& query,
                        absl::string_view doing) {
  std::vector<char*> names;
  for (const std::string& name : query.attributes) names.push_back(const_cast<char*>(name.c_str()));
  names.push_back(nullptr);
  std::vector<LDAPControl> controls;
  controls.reserve(query.controls.size());
  std::vector<LDAPControl*> pointers;
  for (const LdapControl& c : query.controls) {
    berval value = {c.value.size(), const_cast<char*>(c.value.data())};
    if (c.value.empty()) value = {0, nullptr};
    controls.push_back({const_cast<char*>(c.oid.c_str()), value, static_cast<char>(c.critical)});
    pointers.push_back(&controls.back());
  }
  pointers.push_back(nullptr);
  int id = -1;
  const SocketWatchdog::Guard guard(connection->watchdog());
  const int code =
      ldap_search_ext(connection->handle(), query.base.c_str(), query.scope, query.filter.c_str(),
                      names.data(), 0, pointers.data(), nullptr, nullptr, query.size_limit, &id);
  if (code != LDAP_SUCCESS) return connection->Error(code, doing, "");
  return id;
}

// The next message of operation `id`, within the timeout.
absl::StatusOr<Message> NextMessage(LdapConnection* connection, int id, absl::string_view doing) {
  timeval limit = connection->timeout();
  LDAPMessage* raw = nullptr;
  const int got = ldap_result(connection->handle(), id, LDAP_MSG_ONE, &limit, &raw);
  Message message(raw);
  if (got == 0) {
    ldap_abandon_ext(connection->handle(), id, nullptr, nullptr);
    return connection->TimeoutError(doing);
  }
  if (got < 0) return connection->LocalError(doing);
  return message;
}

// Up to kLdapPage messages of operation `id`, so that the watchdog is armed once for many; the
// result, if it is among them.
absl::StatusOr<std::optional<LdapResult>> TakeSome(LdapConnection* connection, int id,
                                                   absl::string_view doing, const ReplySink& sink) {
  const SocketWatchdog::Guard guard(connection->watchdog());
  for (size_t n = 0; n < limits::kLdapPage; ++n) {
    MUSTER_ASSIGN_OR_RETURN(const Message message, NextMessage(connection, id, doing));
    LDAP* const ld = connection->handle();
    switch (ldap_msgtype(message.get())) {
      case LDAP_RES_SEARCH_ENTRY:
        MUSTER_RETURN_IF_ERROR(sink(ToReply(ld, message.get())));
        break;
      case LDAP_RES_INTERMEDIATE:
        MUSTER_RETURN_IF_ERROR(sink(ToIntermediate(ld, message.get())));
        break;
      case LDAP_RES_SEARCH_RESULT: {
        MUSTER_ASSIGN_OR_RETURN(LdapResult result, ToResult(connection, message.get(), doing));
        return std::optional<LdapResult>(std::move(result));
      }
      default:
        break;
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<LdapResult> RunQuery(LdapConnection* connection, const LdapQuery& query,
                                    absl::string_view doing, const ReplySink& sink) {
  MUSTER_ASSIGN_OR_RETURN(const int id, Ask(connection, query, doing));
  while (true) {
    absl::StatusOr<std::optional<LdapResult>> some = TakeSome(connection, id, doing, sink);
    if (!some.ok()) {
      // The rest of the answer must not be taken for that of a later operation.
      ldap_abandon_ext(connection->handle(), id, nullptr, nullptr);
      return some.status();
    }
    if (some->has_value()) return **std::move(some);
  }
}

LdapControl ExtendedDnControl() { return {"1.2.840.113556.1.4.529", BerValue("{i}", 1), false}; }

}  // namespace muster
