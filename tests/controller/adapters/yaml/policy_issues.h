// Issues of policy files as text, for tables.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controller/adapters/yaml/policy_loader.h"

namespace muster {

using Texts = std::vector<std::string>;

inline Texts IssuesOf(const std::vector<PolicyFileText>& files) {
  Texts texts;
  for (const PolicyIssue& issue : LoadPolicies(files).issues) {
    const bool error = issue.severity == PolicyIssue::Severity::kError;
    texts.push_back(absl::StrCat(error ? "" : "warning ", IssueText(issue)));
  }
  return texts;
}

// Issues of catalogue/x.yaml, without the file's name: "line:column: message" or " message".
inline Texts AppIssues(const std::string& text) {
  Texts texts = IssuesOf({{"catalogue/x.yaml", text}});
  for (std::string& t : texts) t = absl::StrReplaceAll(t, {{"catalogue/x.yaml:", ""}});
  return texts;
}

// Issues of an app with this one identity, whose first line is line 4 and starts in column 5.
inline Texts IdentityIssues(const std::string& identity) {
  return AppIssues(absl::StrCat("id: x\nname: X\nidentities:\n  - ",
                                absl::StrReplaceAll(identity, {{"\n", "\n    "}}), "\n"));
}

inline std::string GoodApp(const std::string& id) {
  return absl::StrCat("id: ", id, "\nname: Name\nidentities:\n  - platform: linux\n    dpkg: ", id,
                      "-pkg\n    verified: unverified\n");
}

}  // namespace muster
