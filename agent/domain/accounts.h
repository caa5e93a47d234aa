// Local accounts and the persons behind them. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster::agent {

struct Account {
  std::string name;
  uint32_t uid = 0;
  std::string shell = {};  // passwd(5): empty means /bin/sh
  bool operator==(const Account&) const = default;
};

// passwd(5); malformed lines are skipped.
std::vector<Account> ParsePasswd(absl::string_view text);

// The home folders that passwd(5) names, each once, in order; malformed lines are skipped.
std::vector<std::string> ParseHomes(absl::string_view text);

// Names that the agent reports as local persons: uid 1000 and up without `nobody`, sorted, at
// most `max`.
std::vector<std::string> LocalAccounts(const std::vector<Account>& accounts, size_t max);

// The one person who can sign in here: uid 1000 and up without `nobody`, and a login shell.
// Nothing when there are several, or none.
std::optional<Account> OnlyPerson(const std::vector<Account>& accounts);

struct ResolvedAccounts {
  std::map<std::string, uint32_t> uid_of;  // of the wanted names that are one account's alone
  std::vector<std::string> problems;       // in words
  bool operator==(const ResolvedAccounts&) const = default;
};

// A uid that two names share cannot tell two people apart: neither is resolved.
ResolvedAccounts ResolveAccounts(const std::vector<std::string>& wanted,
                                 const std::vector<Account>& known);

}  // namespace muster::agent
