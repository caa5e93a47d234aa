#include "controller/adapters/ldap/ldap_search.h"

#include <cstdint>
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

// The cookie of a page (RFC 2696); nullopt: the server sent no page control.
std::optional<std::string> PageCookie(const LdapResult& result) {
  const auto it = result.controls.find(LDAP_CONTROL_PAGEDRESULTS);
  if (it == result.controls.end()) return std::nullopt;
  berval bytes = {it->second.size(), const_cast<char*>(it->second.data())};
  BerElement* const ber = ber_init(&bytes);
  ber_int_t estimate = 0;
  berval cookie = {0, nullptr};
  const bool ok = ber != nullptr && ber_scanf(ber, "{im}", &estimate, &cookie) != LBER_ERROR;
  std::optional<std::string> out;
  if (ok) out = std::string(cookie.bv_val == nullptr ? "" : cookie.bv_val, cookie.bv_len);
  ber_free(ber, 1);
  return out;
}

ReplySink EntriesTo(const EntrySink& sink) {
  return [&sink](LdapReply reply) {
    return reply.intermediate ? absl::OkStatus() : sink(std::move(reply.entry));
  };
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

// One entry as one answer gives it, ranges and all.
absl::StatusOr<std::optional<DirectoryEntry>> ReadAnswer(LdapConnection* connection,
                                                         const std::string& dn,
                                                         const std::vector<std::string>& attributes,
                                                         const std::vector<LdapControl>& controls) {
  const std::string doing = absl::StrCat("read ", dn.empty() ? "the root entry" : dn);
  std::optional<DirectoryEntry> entry;
  LdapQuery query;
  query.base = dn;
  query.scope = LDAP_SCOPE_BASE;
  query.attributes = attributes;
  query.controls = controls;
  query.controls.push_back(ExtendedDnControl());
  const EntrySink keep = [&](DirectoryEntry found) {
    entry = std::move(found);
    return absl::OkStatus();
  };
  MUSTER_ASSIGN_OR_RETURN(const LdapResult result,
                          RunQuery(connection, query, doing, EntriesTo(keep)));
  if (result.code == LDAP_NO_SUCH_OBJECT || result.code == LDAP_REFERRAL) return std::nullopt;
  if (result.code != LDAP_SUCCESS) {
    return connection->Error(result.code, doing, result.server_says);
  }
  if (entry.has_value()) return entry;
  return absl::DataLossError(absl::StrCat(
      "cannot ", doing, ": the server answers success without the entry, so it hides it; let the ",
      "account that Muster binds as read it"));
}

}  // namespace

absl::Status SearchPaged(LdapConnection* connection, const std::string& base,
                         const std::string& filter, const std::vector<std::string>& attributes,
                         const EntrySink& sink) {
  const std::string doing = absl::StrCat("search below ", base);
  std::string cookie;
  for (size_t page = 0; page < limits::kMaxLdapPages; ++page) {
    LdapQuery query;
    query.base = base;
    query.filter = filter;
    query.attributes = attributes;
    query.controls = {
        {LDAP_CONTROL_PAGEDRESULTS, BerValue("{io}", static_cast<int>(limits::kLdapPage),
                                             cookie.data(), static_cast<ber_len_t>(cookie.size()))},
        ExtendedDnControl()};
    MUSTER_ASSIGN_OR_RETURN(const LdapResult result,
                            RunQuery(connection, query, doing, EntriesTo(sink)));
    if (result.code != LDAP_SUCCESS) {
      return connection->Error(result.code, doing, result.server_says);
    }
    std::optional<std::string> next = PageCookie(result);
    if (!next.has_value()) {
      return absl::DataLossError(
          absl::StrCat("cannot ", doing,
                       ": the server answered without pages, so nobody knows whether the "
                       "answer is whole; nothing of it was used"));
    }
    if (next->empty()) return absl::OkStatus();
    cookie = *std::move(next);
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
  LdapQuery query;
  query.base = base;
  query.filter = filter;
  query.attributes = attributes;
  query.size_limit = 2;
  const EntrySink keep = [&](DirectoryEntry entry) {
    entries.push_back(std::move(entry));
    return absl::OkStatus();
  };
  MUSTER_ASSIGN_OR_RETURN(const LdapResult result,
                          RunQuery(connection, query, doing, EntriesTo(keep)));
  const bool two = result.code == LDAP_SIZELIMIT_EXCEEDED && entries.size() == 2;
  if (result.code != LDAP_SUCCESS && !two) {
    return connection->Error(result.code, doing, result.server_says);
  }
  return entries;
}

absl::StatusOr<std::optional<DirectoryEntry>> ReadEntry(LdapConnection* connection,
                                                        const std::string& dn,
                                                        const std::vector<std::string>& attributes,
                                                        const std::vector<LdapControl>& controls) {
  MUSTER_ASSIGN_OR_RETURN(std::optional<DirectoryEntry> entry,
                          ReadAnswer(connection, dn, attributes, controls));
  if (entry.has_value()) MUSTER_RETURN_IF_ERROR(CompleteEntry(connection, dn, &*entry));
  return entry;
}

bool HasRanges(const DirectoryEntry& entry) {
  for (const auto& [name, values] : entry.attributes) {
    if (absl::StrContains(name, ";range=")) return true;
  }
  return false;
}

absl::Status CompleteEntry(LdapConnection* connection, const std::string& dn,
                           DirectoryEntry* entry) {
  return CompleteRanges(entry, [&](const std::string& attribute) {
    return ReadAnswer(connection, dn, {attribute}, {});
  });
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
