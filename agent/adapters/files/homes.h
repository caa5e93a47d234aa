// The homes of this machine's people. Thread-safe.
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/adapters/files/confined.h"

namespace muster::agent {

struct Home {
  std::string account;  // who owns it
  uid_t uid = 0;
  gid_t gid = 0;
  Confined folder;
};

// The folders in `home_dir`, and those below it that `passwd` names as homes (DOMAIN/user); at
// most limits::kMaxHomes. The account is the owner's name, or the folder's when the owner has
// none. A home that another machine or a user's own process serves is left out and said in
// `notes`: a look at it may never end.
std::vector<Home> FindHomes(const std::string& home_dir, const std::string& passwd,
                            ScanBudget& budget, std::vector<std::string>& notes);

// The home that `passwd` names for that account, wherever it lies; where `passwd` is the system's
// own, its directory is asked too. Empty: none is named or there, the account does not own it, or
// another machine or a user's own process serves it.
std::optional<Home> FindHomeOf(uid_t uid, const std::string& passwd);

// Devices of this machine's mounts that another machine or a user's own process serves.
std::set<uint64_t> RemoteDevices();

}  // namespace muster::agent
