#include "bridge/adapters/ws1/ws1_answer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bridge/adapters/ws1/ws1_errors.h"
#include "bridge/adapters/ws1/ws1_models.h"
#include "bridge/adapters/ws1/ws1_request.h"
#include "common/bridge_limits.h"

namespace muster::bridge {
namespace {

using Kind = UemCall::Kind;

void Break(const UemCall& call, absl::string_view what, UemAnswer* out) {
  out->status =
      absl::UnavailableError(absl::StrCat("the UEM's answer to ", CallName(call.kind), " ", what));
  out->effect_unknown = !OnlyReads(call.kind);
}

// A list and how it goes on. `size`: of a page, as asked for or, when smaller, as answered.
struct Page {
  const Json* rows;
  std::optional<uint64_t> total;
  uint64_t size;
};

// False, and `out` says why, when the answer does not fit together.
bool CheckPage(const UemCall& call, const Page& page, UemAnswer* out) {
  if (page.rows->size() > limits::kMaxUemRows) {
    Break(call, "has more rows than a page can have", out);
    return false;
  }
  const uint64_t shown_before = call.page * page.size;
  const uint64_t total = page.total.value_or(shown_before + page.rows->size());
  out->last_page = shown_before + page.size >= total;
  // Said to be there and not shown: a listing that ends here would lose phones.
  if (page.rows->empty() && shown_before < total) {
    Break(call, "is a page without rows before the end of the list", out);
    return false;
  }
  return true;
}

uint64_t PageSize(const Json& json, uint64_t asked) {
  const uint64_t said = UemNumber(json, {"PageSize", "page_size"}).value_or(asked);
  return said > 0 ? std::min(said, asked) : asked;
}

void ReadPhones(const Ws1Options& options, const UemCall& call, const Json& json, UemAnswer* out) {
  const Page page = {&UemList(json, {"Devices", "devices"}), UemNumber(json, {"Total", "total"}),
                     PageSize(json, kWs1Phones)};
  if (!CheckPage(call, page, out)) return;
  std::set<std::string> seen;
  for (const Json& device : *page.rows) {
    auto phone = ReadWs1Phone(device, options);
    if (!phone.has_value() || !seen.insert(phone->identity.uem_id()).second) continue;
    out->phones.push_back(*std::move(phone));
  }
}

void ReadPhone(const Ws1Options& options, const UemCall& call, const Json& json, UemAnswer* out) {
  auto phone = ReadWs1Phone(json, options);
  const std::string& asked = call.phone.identity.uem_id();
  if (!phone.has_value()) return Break(call, "is not about a phone", out);
  if (!asked.empty() && phone->identity.uem_id() != absl::AsciiStrToLower(asked)) {
    return Break(call, "is about another phone", out);
  }
  out->phones.push_back(*std::move(phone));
}

void ReadApps(const UemCall& call, const Json& json, UemAnswer* out) {
  const Page page = {&UemList(json, {"app_items"}), UemNumber(json, {"TotalResults"}), kWs1Apps};
  if (!CheckPage(call, page, out)) return;
  for (const Json& item : *page.rows) {
    if (auto app = ReadWs1App(item)) out->apps.push_back(*std::move(app));
  }
}

// The UEM's search takes a part of a name.
template <typename Read>
void FindGroup(const UemCall& call, const Json& json, const Json& rows, uint64_t asked,
               const Read& read, UemAnswer* out) {
  const Page page = {&rows, UemNumber(json, {"Total"}), PageSize(json, asked)};
  if (!CheckPage(call, page, out)) return;
  for (const Json& row : rows) {
    UemGroup group = read(row);
    if (group.name != call.group.name || group.id.empty()) continue;
    if (group.platform != call.group.platform) continue;
    out->group = std::move(group);
    out->last_page = true;
    return;
  }
}

void FindAppGroup(const UemCall& call, const Json& json, UemAnswer* out) {
  const Json& rows = UemList(json, {"AppGroups"});
  FindGroup(call, json, rows, rows.empty() ? 1 : rows.size(), ReadWs1AppGroup, out);
}

void FindSmartGroup(const Ws1Options& options, const UemCall& call, const Json& json,
                    UemAnswer* out) {
  const auto read = [&](const Json& row) {
    UemGroup group = ReadWs1SmartGroup(row, options);
    group.platform = call.group.platform;  // it has none
    return group;
  };
  FindGroup(call, json, UemList(json, {"SmartGroups"}), limits::kMaxUemRows / 2, read, out);
}

void TakeGroup(const UemCall& call, UemGroup group, UemAnswer* out) {
  if (group.id.empty()) return Break(call, "names no group", out);
  out->group = std::move(group);
}

void TakeCreatedSmartGroup(const UemCall& call, const Json& json, UemAnswer* out) {
  UemGroup group = call.group;
  group.id = UemId(json, {"Value"});
  group.uuid = UemId(json, {"uuid", "Uuid"});
  TakeGroup(call, std::move(group), out);
}

void ReadMembers(const UemCall& call, const Json& json, UemAnswer* out) {
  const Json& users = UemList(json, {"UsersList"});
  if (users.size() > limits::kMaxUemRows) {
    return Break(call, "has more rows than a page can have", out);
  }
  for (const Json& user : users) {
    std::string name = UemText(user, {"username"});
    if (!name.empty()) out->members.push_back(std::move(name));
  }
  out->last_page = uint64_t{call.page} + 1 >= UemNumber(json, {"TotalPageCount"}).value_or(1);
}

void ReadBody(const Ws1Options& options, const UemCall& call, const Json& json, UemAnswer* out) {
  switch (call.kind) {
    case Kind::kListPhones:
      return ReadPhones(options, call, json, out);
    case Kind::kGetPhone:
      return ReadPhone(options, call, json, out);
    case Kind::kListApps:
      return ReadApps(call, json, out);
    case Kind::kGetApp:
      out->apps.push_back(ReadWs1AppDetails(json, call.app.bundle_id));
      return;
    case Kind::kFindAppGroup:
      return FindAppGroup(call, json, out);
    case Kind::kGetAppGroup:
    case Kind::kCreateAppGroup:
      return TakeGroup(call, ReadWs1AppGroup(json), out);
    case Kind::kFindSmartGroup:
      return FindSmartGroup(options, call, json, out);
    case Kind::kGetSmartGroup:
      return TakeGroup(call, ReadWs1SmartGroup(json, options), out);
    case Kind::kCreateSmartGroup:
      return TakeCreatedSmartGroup(call, json, out);
    case Kind::kListMembers:
      return ReadMembers(call, json, out);
    case Kind::kInstallApp:
    case Kind::kRemoveApp:
    case Kind::kInstallProfile:
    case Kind::kQueryPhone:
    case Kind::kAddToAppGroup:
    case Kind::kRemoveFromAppGroup:
    case Kind::kChangeSmartGroup:
    case Kind::kAssignApp:
    case Kind::kSyncUserGroup:
    case Kind::kAddMissingUsers:
      return;
  }
}

bool NeedsBody(Kind kind) {
  return OnlyReads(kind) || kind == Kind::kCreateAppGroup || kind == Kind::kCreateSmartGroup;
}

// Lists and searches may be empty without a word.
bool MayBeEmpty(Kind kind) {
  return kind == Kind::kListPhones || kind == Kind::kListApps || kind == Kind::kFindAppGroup ||
         kind == Kind::kFindSmartGroup || kind == Kind::kListMembers;
}

void ReadSuccess(const Ws1Options& options, const UemCall& call, const HttpResponse& response,
                 UemAnswer* out) {
  if (!NeedsBody(call.kind)) return;
  const absl::string_view body = absl::StripAsciiWhitespace(response.body);
  if (body.empty()) {
    if (!MayBeEmpty(call.kind)) Break(call, "is empty", out);
    return;
  }
  if (body.front() == '<') {
    return Break(call,
                 "is XML or a web page instead of JSON: something between changes the "
                 "requests or answers in the UEM's place",
                 out);
  }
  const auto json = ParseUemJson(body);
  if (!json.ok()) return Break(call, absl::StrCat("is broken: ", json.status().message()), out);
  if (!json->is_object()) return Break(call, "is not what this call gives", out);
  ReadBody(options, call, *json, out);
}

}  // namespace

UemAnswer ReadWs1Answer(const Ws1Options& options, const UemCall& call,
                        const HttpResponse& response, absl::Time now) {
  UemAnswer out;
  out.limit = ReadRateLimit(response, now);
  out.uem_now = ReadUemTime(response, now);
  out.simulator = absl::EqualsIgnoreCase(HeaderOf(response, "X-Muster-Simulator"), "yes");
  if (response.status >= 200 && response.status < 300) {
    ReadSuccess(options, call, response, &out);
  } else if (call.kind == Kind::kGetApp && SaysAppAbsent(response)) {
    out.apps.push_back(ReadWs1AppDetails(Json(), call.app.bundle_id));
  } else {
    Ws1Outcome outcome = ReadWs1Error(call, response);
    out.status = std::move(outcome.status);
    out.effect_unknown = outcome.effect_unknown;
  }
  return out;
}

}  // namespace muster::bridge
