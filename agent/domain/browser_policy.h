// What the browsers' policy files have to say. Pure, and byte for byte the same for the same
// input. A browser ignores in silence what it does not understand, so everything written here
// was seen to block (tests/integration/browsers_test.cc).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster::agent {

enum class BrowserFamily { kChromium, kFirefox };

struct BrowserKind {
  BrowserFamily family;
  const char* name;
  const char* dir;   // where it reads managed policy
  const char* file;  // ours there
};

// Chromium takes every file of its directory, whatever its name, and of two that set one policy
// the last by name, whole: hence a late name.
inline constexpr char kChromiumPolicyFile[] = "zz-muster.json";
inline constexpr char kFirefoxPolicyFile[] = "policies.json";
inline constexpr BrowserKind kBrowsers[] = {
    {BrowserFamily::kChromium, "Chromium", "/etc/chromium/policies/managed", kChromiumPolicyFile},
    {BrowserFamily::kChromium, "Chrome", "/etc/opt/chrome/policies/managed", kChromiumPolicyFile},
    {BrowserFamily::kChromium, "Edge", "/etc/opt/edge/policies/managed", kChromiumPolicyFile},
    {BrowserFamily::kFirefox, "Firefox", "/etc/firefox/policies", kFirefoxPolicyFile},
};
// Firefox reads this one only where there is no file in /etc.
inline constexpr const char* kFirefoxOwnDirs[] = {"/usr/share/firefox-esr/distribution",
                                                  "/usr/lib/firefox-esr/distribution",
                                                  "/usr/lib/firefox/distribution"};

struct ChromiumPlan {
  std::string text = {};                // of our file; empty: there is none
  std::string merged_from = {};         // the file whose entries ours repeats; empty: none
  std::vector<std::string> notes = {};  // what others set against it, in words
  bool operator==(const ChromiumPlan&) const = default;
};

// `others`: name -> text of the other files in the directory. The entries of the last of them
// that would count without ours are repeated in ours.
ChromiumPlan PlanChromium(const std::vector<std::string>& hosts,
                          const std::map<std::string, std::string>& others);

struct FirefoxPlan {
  std::string text = {};               // of the file; empty: there is none
  std::vector<std::string> ours = {};  // its Block entries that were added to the agency's own
  bool broken = false;   // what is there is not a policy file, and `text` is without it
  bool missing = false;  // an entry of `ours_before` was not there
  std::vector<std::string> notes = {};  // what opens a host all the same, in words
  bool operator==(const FirefoxPlan&) const = default;
};

// The file as it is (`present`, empty: none) with our entries instead of `ours_before`;
// everything else stays. Without hosts nothing of ours stays, and a broken file is left alone.
FirefoxPlan PlanFirefox(const std::vector<std::string>& hosts,
                        const std::optional<std::string>& present,
                        const std::vector<std::string>& ours_before);

}  // namespace muster::agent
