#include "agent/domain/accounts.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace muster::agent {
namespace {

// login.defs(5), UID_MIN on Debian; 65534 is nobody, Debian Policy 9.2.2.
constexpr uint32_t kFirstPersonUid = 1000;
constexpr uint32_t kNobody = 65534;

bool IsPerson(const Account& a) { return a.uid >= kFirstPersonUid && a.uid != kNobody; }

bool CanSignIn(const Account& a) {
  const absl::string_view shell = a.shell;
  return !absl::EndsWith(shell, "/nologin") && !absl::EndsWith(shell, "/false");
}

}  // namespace

std::vector<Account> ParsePasswd(absl::string_view text) {
  std::vector<Account> out;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> f = absl::StrSplit(line, ':');
    uint32_t uid = 0;
    if (f.size() < 7 || f[0].empty() || !absl::SimpleAtoi(f[2], &uid)) continue;
    out.push_back({std::string(f[0]), uid, std::string(f[6])});
  }
  return out;
}

std::vector<std::string> ParseHomes(absl::string_view text) {
  std::vector<std::string> out;
  std::set<absl::string_view> seen;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> f = absl::StrSplit(line, ':');
    if (f.size() < 7 || f[0].empty() || f[5].empty() || f[5][0] != '/') continue;
    if (seen.insert(f[5]).second) out.emplace_back(f[5]);
  }
  return out;
}

std::vector<std::string> LocalAccounts(const std::vector<Account>& accounts, size_t max) {
  std::set<std::string> names;
  for (const Account& a : accounts) {
    if (IsPerson(a)) names.insert(a.name);
  }
  std::vector<std::string> out(names.begin(), names.end());
  if (out.size() > max) out.resize(max);
  return out;
}

std::optional<Account> OnlyPerson(const std::vector<Account>& accounts) {
  std::optional<Account> only;
  for (const Account& a : accounts) {
    if (!IsPerson(a) || !CanSignIn(a) || (only && only->name == a.name && only->uid == a.uid)) {
      continue;
    }
    if (only) return std::nullopt;
    only = a;
  }
  return only;
}

ResolvedAccounts ResolveAccounts(const std::vector<std::string>& wanted,
                                 const std::vector<Account>& known) {
  std::map<std::string, std::set<uint32_t>> uids;
  std::map<uint32_t, std::set<std::string>> names;
  for (const Account& a : known) {
    uids[a.name].insert(a.uid);
    names[a.uid].insert(a.name);
  }
  ResolvedAccounts out;
  for (const std::string& name : std::set<std::string>(wanted.begin(), wanted.end())) {
    const auto it = uids.find(name);
    if (it == uids.end()) continue;  // not on this machine: nothing to say
    if (it->second.size() > 1) {
      out.problems.push_back(absl::StrCat("account ", name, " has several uids (",
                                          absl::StrJoin(it->second, ", "),
                                          "): its entitlements are not used"));
      continue;
    }
    const uint32_t uid = *it->second.begin();
    if (names[uid].size() > 1) {
      out.problems.push_back(absl::StrCat("uid ", uid, " belongs to several accounts (",
                                          absl::StrJoin(names[uid], ", "), "): entitlements of ",
                                          name, " are not used"));
      continue;
    }
    out.uid_of[name] = uid;
  }
  return out;
}

}  // namespace muster::agent
