#include "tests/integration/ldap_responder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace muster {
namespace {

constexpr char kPageOid[] = "1.2.840.113556.1.4.319";
constexpr char kSyncOid[] = "1.3.6.1.4.1.4203.1.9.1.1";
constexpr int kNoSuchObjectCode = 32;

ber::Control* FindControl(ber::Message& message, const char* oid) {
  for (ber::Control& control : message.controls) {
    if (control.oid == oid) return &control;
  }
  return nullptr;
}

ProxyReply Result(const ber::Message& request, int code) {
  const uint8_t op = request.op == ber::kSearch    ? ber::kSearchResult
                     : request.op == ber::kCompare ? ber::kCompareResult
                                                   : ber::kModifyResult;
  return {{{request.id, op, ber::ResultBody(code, "by the fault proxy"), {}}}, false, false};
}

ProxyReply Closed() { return {{}, true, false}; }

bool IsMemberAttribute(const std::string& name) {
  return absl::EqualsIgnoreCase(name, "member") || absl::EqualsIgnoreCase(name, "uniqueMember");
}

bool IsPersonEntry(const ber::Entry& entry) {
  for (const ber::Attribute& attribute : entry.attributes) {
    if (!absl::EqualsIgnoreCase(attribute.name, "objectClass")) continue;
    for (const std::string& value : attribute.values) {
      if (absl::EqualsIgnoreCase(value, "inetOrgPerson")) return true;
    }
  }
  return false;
}

template <typename T>
void EveryTenth(std::vector<T>& list) {
  std::vector<T> kept;
  for (size_t i = 0; i < list.size(); i += 10) kept.push_back(std::move(list[i]));
  list = std::move(kept);
}

// The first `keep` messages and the result; at least one other is lost.
void Cut(ProxyReply& reply, int keep) {
  const size_t others = reply.messages.size() - 1;
  const size_t kept = std::min(static_cast<size_t>(keep), others - 1);
  reply.messages.erase(reply.messages.begin() + static_cast<std::ptrdiff_t>(kept),
                       reply.messages.end() - 1);
}

void EndWith(ProxyReply& reply, int code) {
  reply.messages.back().body = ber::ResultBody(code, "by the fault proxy");
  reply.messages.back().controls.clear();
}

void SetCookie(ber::Control& control, const std::string& cookie) {
  ber::Page page = ber::ParsePage(control.value.value_or("")).value_or(ber::Page());
  page.cookie = cookie;
  control.value = ber::Encode(page);
}

}  // namespace

ProxyReply LdapResponder::Answer(ber::Message request) {
  const bool struck =
      request.op == ber::kSearch || request.op == ber::kCompare || request.op == ber::kModify;
  if (!struck) return Pass(request);
  if (plan_.Strike(FaultKind::kCloseBeforeRequest)) return Closed();
  if (auto refused = Refuse(request)) return *std::move(refused);
  if (request.op == ber::kSearch) return Search(std::move(request));
  ProxyReply reply = Pass(request);
  if (request.op == ber::kModify && plan_.Strike(FaultKind::kCloseAfterModify)) return Closed();
  return reply;
}

ProxyReply LdapResponder::Pass(const ber::Message& request) {
  auto messages = upstream_(request);
  if (!messages) return Closed();
  return {*std::move(messages), false, false};
}

std::optional<ProxyReply> LdapResponder::Refuse(const ber::Message& request) {
  for (const ber::Control& control : request.controls) {
    if ((control.oid == kSyncOid && plan_.Strike(FaultKind::kSyncRefused)) ||
        (control.critical && plan_.Strike(FaultKind::kCriticalControlRefused))) {
      return Result(request, 12);
    }
  }
  if (request.op != ber::kSearch) return std::nullopt;
  if (plan_.Strike(FaultKind::kBusy)) return Result(request, 51);
  if (plan_.Strike(FaultKind::kUnwilling)) return Result(request, 53);
  return std::nullopt;
}

ProxyReply LdapResponder::Search(ber::Message request) {
  auto search = ber::ParseSearch(request.body);
  if (!search) return Closed();
  const bool one = search->scope == 0 && !search->base.empty();
  if (one && plan_.Strike(FaultKind::kNoSuchObject)) return Result(request, kNoSuchObjectCode);
  const SearchState state = Translate(*std::move(search), request);
  request.body = ber::Encode(state.search);
  ProxyReply reply = Pass(request);
  if (reply.close || ber::ResultCode(reply.messages.back().body) != 0) return reply;
  KeepPersons(state, reply.messages);
  KeepMembers(reply.messages);
  for (ber::Message& message : reply.messages) {
    if (message.op == ber::kEntry) Reshape(state, message);
  }
  Falsify(state, reply);
  return reply;
}

LdapResponder::SearchState LdapResponder::Translate(ber::SearchRequest search,
                                                    ber::Message& request) {
  SearchState state;
  state.search = std::move(search);
  TakeRanges(state);
  TakePage(state, request);
  if (!state.continued) persons_seen_ = 0;
  return state;
}

// The real server knows no ranges: it is asked for the whole.
void LdapResponder::TakeRanges(SearchState& state) {
  for (std::string& name : state.search.attributes) {
    const std::string lower = absl::AsciiStrToLower(name);
    const size_t option = lower.find(";range=");
    if (option == std::string::npos) continue;
    const absl::string_view text = absl::string_view(lower).substr(option + 7);
    const size_t dash = text.find('-');
    Range range;
    size_t last = 0;
    if (dash == absl::string_view::npos || !absl::SimpleAtoi(text.substr(0, dash), &range.first)) {
      continue;
    }
    if (absl::SimpleAtoi(text.substr(dash + 1), &last)) range.last = last;
    state.ranges[lower.substr(0, option)] = range;
    name = name.substr(0, option);
  }
}

void LdapResponder::TakePage(SearchState& state, ber::Message& request) {
  ber::Control* const control = FindControl(request, kPageOid);
  auto page = control == nullptr ? std::nullopt : ber::ParsePage(control->value.value_or(""));
  if (!page) return;
  state.paged = true;
  state.continued = !page->cookie.empty();
  if (behaviour_.max_page > 0) page->size = std::min<int64_t>(page->size, behaviour_.max_page);
  if (state.continued && plan_.Strike(FaultKind::kLostCookie)) {
    for (char& byte : page->cookie) byte = static_cast<char>(~byte);
  }
  control->value = ber::Encode(*page);
}

void LdapResponder::KeepPersons(const SearchState& state, std::vector<ber::Message>& messages) {
  if (state.search.scope == 0) return;
  bool asked = false, struck = false;
  std::erase_if(messages, [&](const ber::Message& message) {
    const auto entry = message.op == ber::kEntry ? ber::ParseEntry(message.body) : std::nullopt;
    if (!entry || !IsPersonEntry(*entry)) return false;
    if (!asked) struck = plan_.Strike(FaultKind::kTenPercentPersons).has_value();
    asked = true;
    return struck && persons_seen_++ % 10 != 0;
  });
}

void LdapResponder::KeepMembers(std::vector<ber::Message>& messages) {
  bool asked = false, struck = false;
  for (ber::Message& message : messages) {
    auto entry = message.op == ber::kEntry ? ber::ParseEntry(message.body) : std::nullopt;
    if (!entry) continue;
    for (ber::Attribute& attribute : entry->attributes) {
      if (!IsMemberAttribute(attribute.name) || attribute.values.size() < 2) continue;
      if (!asked) struck = plan_.Strike(FaultKind::kTenPercentMembers).has_value();
      asked = true;
      if (struck) EveryTenth(attribute.values);
    }
    if (struck) message.body = ber::Encode(*entry);
  }
}

// Ranges, and what the root DSE names.
void LdapResponder::Reshape(const SearchState& state, ber::Message& message) {
  auto entry = ber::ParseEntry(message.body);
  if (!entry) return;
  const size_t count = entry->attributes.size();
  for (size_t at = 0; at < count; ++at) {
    ber::Attribute& attribute = entry->attributes[at];
    if (IsMemberAttribute(attribute.name)) {
      const auto wanted = state.ranges.find(absl::AsciiStrToLower(attribute.name));
      Slice(wanted == state.ranges.end() ? nullptr : &wanted->second, *entry, at);
    } else if (!behaviour_.offers_sync &&
               absl::EqualsIgnoreCase(attribute.name, "supportedControl")) {
      std::erase(attribute.values, kSyncOid);
    }
  }
  std::erase_if(entry->attributes, [](const ber::Attribute& a) { return a.name.empty(); });
  message.body = ber::Encode(*entry);
}

void LdapResponder::Slice(const Range* wanted, ber::Entry& entry, size_t at) {
  const std::vector<std::string> all = std::move(entry.attributes[at].values);
  const std::string name = entry.attributes[at].name;
  const size_t most = behaviour_.max_values == 0 ? all.size() : behaviour_.max_values;
  if (wanted == nullptr && all.size() <= most) {
    entry.attributes[at].values = all;
    return;
  }
  size_t first = wanted == nullptr ? 0 : wanted->first;
  // As [MS-ADTS] has it: without a range asked for, the name itself comes too, without values.
  entry.attributes[at] = wanted == nullptr ? ber::Attribute{name, {}} : ber::Attribute();
  if (first >= all.size()) return;
  size_t end = std::min(all.size(), first + most);
  if (wanted != nullptr && wanted->last) end = std::min(end, *wanted->last + 1);
  if (end <= first) return;
  size_t from = first, to = end;
  if (first > 0) {
    if (plan_.Strike(FaultKind::kMissingRange)) return;
    if (plan_.Strike(FaultKind::kEmptyLastRange)) from = to = end = all.size();
    if (plan_.Strike(FaultKind::kOverlappingRange)) from = --first;
    if (plan_.Strike(FaultKind::kRepeatedRange)) {
      const size_t back = std::min(first, most);
      from -= back;
      to -= back;
    }
  }
  const std::string last = end == all.size() ? "*" : absl::StrCat(end - 1);
  entry.attributes.push_back({absl::StrCat(name, ";range=", first, "-", last),
                              {all.begin() + static_cast<std::ptrdiff_t>(from),
                               all.begin() + static_cast<std::ptrdiff_t>(to)}});
}

// Only an answer with something to lose can be falsified.
void LdapResponder::Falsify(const SearchState& state, ProxyReply& reply) {
  if (reply.messages.size() < 2) return;
  if (plan_.Strike(FaultKind::kEmptySuccess)) {
    reply.messages.erase(reply.messages.begin(), reply.messages.end() - 1);
    if (auto* page = FindControl(reply.messages.back(), kPageOid)) SetCookie(*page, "");
    return;
  }
  if (state.paged && FalsifyPage(reply)) return;
  FalsifyEnd(reply);
}

bool LdapResponder::FalsifyPage(ProxyReply& reply) {
  ber::Control* const control = FindControl(reply.messages.back(), kPageOid);
  if (control == nullptr) return false;
  const auto page = ber::ParsePage(control->value.value_or(""));
  if (page && !page->cookie.empty()) {
    if (const auto fault = plan_.Strike(FaultKind::kPageCutEmptyCookie)) {
      SetCookie(*control, "");
      Cut(reply, fault->keep);
      return true;
    }
  }
  if (const auto fault = plan_.Strike(FaultKind::kPageCutNoControl)) {
    reply.messages.back().controls.clear();
    Cut(reply, fault->keep);
    return true;
  }
  if (const auto fault = plan_.Strike(FaultKind::kPageCutClosed)) {
    Cut(reply, fault->keep);
    reply.messages.pop_back();
    reply.close = true;
    return true;
  }
  return false;
}

bool LdapResponder::FalsifyEnd(ProxyReply& reply) {
  for (const auto& [kind, code] :
       {std::pair(FaultKind::kSizeLimit, 4), {FaultKind::kTimeLimit, 3}}) {
    if (const auto fault = plan_.Strike(kind)) {
      Cut(reply, fault->keep);
      EndWith(reply, code);
      return true;
    }
  }
  if (const auto fault = plan_.Strike(FaultKind::kCloseAmongEntries)) {
    Cut(reply, fault->keep);
  } else if (const auto tear = plan_.Strike(FaultKind::kCloseInMessage)) {
    reply.messages.resize(std::min(static_cast<size_t>(tear->keep) + 1, reply.messages.size() - 1));
    reply.close = reply.torn = true;
    return true;
  } else if (!plan_.Strike(FaultKind::kCloseBeforeResult)) {
    return false;
  }
  reply.messages.pop_back();
  reply.close = true;
  return true;
}

}  // namespace muster
