#include "controller/adapters/ldap/ldap_search.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster {
namespace {

// A server that keeps giving cookies must not keep us for ever.

struct Free {
  void operator()(LDAPMessage* m) const { ldap_msgfree(m); }
  void operator()(LDAPControl* c) const { ldap_control_free(c); }
  void operator()(LDAPControl** c) const { ldap_controls_free(c); }
  void operator()(BerElement* b) const { ber_free(b, 0); }
  void operator()(char* c) const { ldap_memfree(c); }
  void operator()(berval** v) const { ldap_value_free_len(v); }
};
using Message = std::unique_ptr<LDAPMessage, Free>;
using Text = std::unique_ptr<char, Free>;

struct Query {
  std::string base;
  int scope = LDAP_SCOPE_SUBTREE;
  std::string filter = "(objectClass=*)";
  std::vector<std::string> attributes;
  int size_limit = LDAP_NO_LIMIT;
  LDAPControl* page = nullptr;  // null: not paged
};

struct Result {
  int code = LDAP_OTHER;
  std::string server_says;
  std::optional<std::string> cookie;  // nullopt: the server sent no page control
};

DirectoryEntry ToEntry(LDAP* ld, LDAPMessage* message) {
  DirectoryEntry out;
  if (const Text dn(ldap_get_dn(ld, message)); dn != nullptr) out.dn = dn.get();
  BerElement* at = nullptr;
  for (Text name(ldap_first_attribute(ld, message, &at)); name != nullptr;
       name.reset(ldap_next_attribute(ld, message, at))) {
    const std::unique_ptr<berval*, Free> values(ldap_get_values_len(ld, message, name.get()));
    std::vector<std::string>& to = out.attributes[absl::AsciiStrToLower(name.get())];
    for (berval** value = values.get(); value != nullptr && *value != nullptr; ++value) {
      to.emplace_back((*value)->bv_val, (*value)->bv_len);
    }
  }
  std::unique_ptr<BerElement, Free> done(at);
  return out;
}

absl::StatusOr<Result> ToResult(LdapConnection* connection, LDAPMessage* message,
                                absl::string_view doing) {
  LDAP* const ld = connection->handle();
  Result out;
  char* says = nullptr;
  LDAPControl** raw = nullptr;
  if (ldap_parse_result(ld, message, &out.code, nullptr, &says, nullptr, &raw, 0) != LDAP_SUCCESS) {
    return connection->LocalError(doing);
  }
  const Text owned(says);
  const std::unique_ptr<LDAPControl*, Free> controls(raw);
  if (says != nullptr) out.server_says = says;
  LDAPControl* const page =
      raw == nullptr ? nullptr : ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, raw, nullptr);
  if (page == nullptr) return out;
  ber_int_t estimate = 0;
  berval cookie = {0, nullptr};
  if (ldap_parse_pageresponse_control(ld, page, &estimate, &cookie) == LDAP_SUCCESS) {
    out.cookie = std::string(cookie.bv_val == nullptr ? "" : cookie.bv_val, cookie.bv_len);
    ber_memfree(cookie.bv_val);
  }
  return out;
}

absl::StatusOr<Message> Ask(LdapConnection* connection, const Query& query,
                            absl::string_view doing) {
  std::vector<char*> names;
  for (const std::string& name : query.attributes) names.push_back(const_cast<char*>(name.c_str()));
  names.push_back(nullptr);
  LDAPControl* controls[] = {query.page, nullptr};
  const SocketWatchdog::Guard guard(connection->watchdog());
  int id = -1;
  const int code =
      ldap_search_ext(connection->handle(), query.base.c_str(), query.scope, query.filter.c_str(),
                      names.data(), 0, controls, nullptr, nullptr, query.size_limit, &id);
  if (code != LDAP_SUCCESS) return connection->Error(code, doing, "");
  timeval limit = connection->timeout();
  LDAPMessage* raw = nullptr;
  const int got = ldap_result(connection->handle(), id, LDAP_MSG_ALL, &limit, &raw);
  Message messages(raw);
  if (got == 0) {
    ldap_abandon_ext(connection->handle(), id, nullptr, nullptr);
    return connection->TimeoutError(doing);
  }
  if (got < 0) return connection->LocalError(doing);
  return messages;
}

// One search operation. Continuation references (to other servers) are not followed.
absl::StatusOr<Result> Search(LdapConnection* connection, const Query& query,
                              absl::string_view doing, const EntrySink& sink) {
  MUSTER_ASSIGN_OR_RETURN(const Message messages, Ask(connection, query, doing));
  LDAP* const ld = connection->handle();
  std::optional<Result> result;
  for (LDAPMessage* m = ldap_first_message(ld, messages.get()); m != nullptr;
       m = ldap_next_message(ld, m)) {
    if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY) {
      MUSTER_RETURN_IF_ERROR(sink(ToEntry(ld, m)));
    } else if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT) {
      MUSTER_ASSIGN_OR_RETURN(result, ToResult(connection, m, doing));
    }
  }
  if (!result.has_value()) return connection->LocalError(doing);
  return *std::move(result);
}

// "member;range=0-1499" in its parts; `last` is nullopt for "*".
struct Range {
  std::string attribute;
  uint64_t first = 0;
  std::optional<uint64_t> last;
};

// nullopt: the name has no range option.
absl::StatusOr<std::optional<Range>> ParseRange(const std::string& name) {
  const size_t option = name.find(";range=");
  if (option == std::string::npos) return std::nullopt;
  const absl::string_view text = absl::string_view(name).substr(option + 7);
  const size_t dash = text.find('-');
  Range out = {name.substr(0, option), 0, std::nullopt};
  uint64_t last = 0;
  const bool open = dash != absl::string_view::npos && text.substr(dash + 1) == "*";
  if (dash == absl::string_view::npos || !absl::SimpleAtoi(text.substr(0, dash), &out.first) ||
      (!open && (!absl::SimpleAtoi(text.substr(dash + 1), &last) || last < out.first))) {
    return absl::DataLossError(absl::StrCat("the server answered with \"", absl::CHexEscape(name),
                                            "\", which is not a range"));
  }
  if (!open) out.last = last;
  return out;
}

struct Slice {
  Range range;
  std::vector<std::string> values;
};

absl::StatusOr<std::optional<Slice>> FindSlice(const DirectoryEntry& entry,
                                               absl::string_view attribute) {
  for (const auto& [name, values] : entry.attributes) {
    MUSTER_ASSIGN_OR_RETURN(std::optional<Range> range, ParseRange(name));
    if (!range.has_value() || (!attribute.empty() && range->attribute != attribute)) continue;
    return Slice{*std::move(range), values};
  }
  return std::nullopt;
}

absl::Status LostRange(const DirectoryEntry& entry, const std::string& wanted) {
  return absl::DataLossError(absl::StrCat(Describe(entry), ": the server did not answer ", wanted,
                                          "; the list of members would be incomplete, and nothing "
                                          "of this read was used: try again"));
}

// Fetches what follows `slice` and puts the whole list into `entry`.
absl::Status CompleteRange(DirectoryEntry* entry, Slice slice, const FetchRange& fetch) {
  std::vector<std::string> all;
  const std::string attribute = slice.range.attribute;
  if (slice.range.first != 0) return LostRange(*entry, absl::StrCat(attribute, ";range=0-*"));
  for (size_t round = 0; round < limits::kMaxLdapRanges; ++round) {
    const uint64_t next = slice.range.last.value_or(0) + 1;
    all.insert(all.end(), std::make_move_iterator(slice.values.begin()),
               std::make_move_iterator(slice.values.end()));
    if (!slice.range.last.has_value()) {
      entry->attributes[attribute] = std::move(all);
      return absl::OkStatus();
    }
    const std::string wanted = absl::StrCat(attribute, ";range=", next, "-*");
    if (all.size() != next) return LostRange(*entry, wanted);
    MUSTER_ASSIGN_OR_RETURN(const std::optional<DirectoryEntry> more, fetch(wanted));
    if (!more.has_value()) return LostRange(*entry, wanted);
    MUSTER_ASSIGN_OR_RETURN(std::optional<Slice> got, FindSlice(*more, attribute));
    if (!got.has_value() || got->range.first != next) return LostRange(*entry, wanted);
    slice = *std::move(got);
  }
  return LostRange(*entry, absl::StrCat("the end of ", attribute));
}

}  // namespace

absl::Status SearchPaged(LdapConnection* connection, const std::string& base,
                         const std::string& filter, const std::vector<std::string>& attributes,
                         const EntrySink& sink) {
  const std::string doing = absl::StrCat("search below ", base);
  std::string cookie;
  for (size_t page = 0; page < limits::kMaxLdapPages; ++page) {
    berval value = {cookie.size(), cookie.data()};
    LDAPControl* raw = nullptr;
    const int code =
        ldap_create_page_control(connection->handle(), limits::kLdapPage, &value, 1, &raw);
    if (code != LDAP_SUCCESS) return connection->Error(code, doing, "");
    const std::unique_ptr<LDAPControl, Free> control(raw);
    Query query;
    query.base = base;
    query.filter = filter;
    query.attributes = attributes;
    query.page = raw;
    MUSTER_ASSIGN_OR_RETURN(Result result, Search(connection, query, doing, sink));
    if (result.code != LDAP_SUCCESS) {
      return connection->Error(result.code, doing, result.server_says);
    }
    if (!result.cookie.has_value()) {
      return absl::DataLossError(
          absl::StrCat("cannot ", doing,
                       ": the server answered without pages, so nobody knows whether the "
                       "answer is whole; nothing of it was used"));
    }
    if (result.cookie->empty()) return absl::OkStatus();
    cookie = *std::move(result.cookie);
  }
  return absl::DataLossError(
      absl::StrCat("cannot ", doing, ": no end after ", limits::kMaxLdapPages, " pages"));
}

absl::StatusOr<std::vector<DirectoryEntry>> SearchFew(LdapConnection* connection,
                                                      const std::string& base,
                                                      const std::string& filter,
                                                      const std::vector<std::string>& attributes) {
  const std::string doing = absl::StrCat("search ", filter, " below ", base);
  std::vector<DirectoryEntry> entries;
  Query query;
  query.base = base;
  query.filter = filter;
  query.attributes = attributes;
  query.size_limit = 2;
  MUSTER_ASSIGN_OR_RETURN(const Result result,
                          Search(connection, query, doing, [&](DirectoryEntry entry) {
                            entries.push_back(std::move(entry));
                            return absl::OkStatus();
                          }));
  const bool two = result.code == LDAP_SIZELIMIT_EXCEEDED && entries.size() == 2;
  if (result.code != LDAP_SUCCESS && !two) {
    return connection->Error(result.code, doing, result.server_says);
  }
  return entries;
}

absl::StatusOr<std::optional<DirectoryEntry>> ReadEntry(
    LdapConnection* connection, const std::string& dn, const std::vector<std::string>& attributes) {
  const std::string doing = absl::StrCat("read ", dn);
  const auto read =
      [&](const std::vector<std::string>& names) -> absl::StatusOr<std::optional<DirectoryEntry>> {
    std::optional<DirectoryEntry> entry;
    Query query;
    query.base = dn;
    query.scope = LDAP_SCOPE_BASE;
    query.attributes = names;
    MUSTER_ASSIGN_OR_RETURN(const Result result,
                            Search(connection, query, doing, [&](DirectoryEntry found) {
                              entry = std::move(found);
                              return absl::OkStatus();
                            }));
    if (result.code == LDAP_NO_SUCH_OBJECT || result.code == LDAP_REFERRAL) return std::nullopt;
    if (result.code != LDAP_SUCCESS) {
      return connection->Error(result.code, doing, result.server_says);
    }
    return entry;
  };
  MUSTER_ASSIGN_OR_RETURN(std::optional<DirectoryEntry> entry, read(attributes));
  if (!entry.has_value()) return std::nullopt;
  MUSTER_RETURN_IF_ERROR(
      CompleteRanges(&*entry, [&](const std::string& attribute) { return read({attribute}); }));
  return entry;
}

absl::Status CompleteRanges(DirectoryEntry* entry, const FetchRange& fetch) {
  while (true) {
    MUSTER_ASSIGN_OR_RETURN(std::optional<Slice> slice, FindSlice(*entry, ""));
    if (!slice.has_value()) return absl::OkStatus();
    const std::string prefix = absl::StrCat(slice->range.attribute, ";range=");
    const size_t slices = std::erase_if(
        entry->attributes, [&](const auto& item) { return absl::StartsWith(item.first, prefix); });
    if (slices != 1) return LostRange(*entry, absl::StrCat(prefix, "0-* in one piece"));
    MUSTER_RETURN_IF_ERROR(CompleteRange(entry, *std::move(slice), fetch));
  }
}

std::string EscapeFilter(absl::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    absl::StrAppend(&out, "\\", absl::BytesToHexString(bytes.substr(i, 1)));
  }
  return out;
}

}  // namespace muster
