// Which groups the UEM should have, from the policy of a platform and what the agency has set up.
// Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bridge/domain/phone_policy.h"
#include "bridge/domain/uem.h"
#include "bridge/flow/fleet_options.h"

namespace muster::bridge {

// What one platform's policy says to everybody, whatever its phone's owner may have.
struct PlatformRules {
  uint64_t version = 0;
  std::vector<std::string> blocked;  // exact ids; nobody may have them
  // By app id: what can be granted. Empty: anybody may have the app now.
  std::map<std::string, std::vector<std::string>> restricted;
  bool operator==(const PlatformRules& other) const;
};
PlatformRules RulesOf(const PhonePolicy& policy);

struct WantedGroup {
  bool smart = false;
  UemGroup group;                // without ids; what it should hold
  std::vector<ManagedApp> apps;  // smart: to be assigned to it
};

// "Muster blocked ios": what nobody may have; "Muster restricted <app> ios": what can be granted.
// One that is wanted empty is not made, and is emptied where it is there: what acts on it in the
// UEM must not go on against an app that is allowed.
std::vector<WantedGroup> AppGroups(const PlatformRules& rules, v1::Platform::Id platform);
// "Muster allowed <app>": the UEM's copy of its approval group, for the app that it installs.
std::vector<WantedGroup> SmartGroups(const std::vector<AppConfig>& apps);

// Sorted: what is in `a` and not in `b`; both sorted.
std::vector<std::string> Missing(const std::vector<std::string>& a,
                                 const std::vector<std::string>& b);

}  // namespace muster::bridge
