// Any bytes, as each kind of policy file, with the rules that hold whatever they are.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "common/limits.h"
#include "controller/adapters/yaml/policy_loader.h"
#include "controller/adapters/yaml/server_config.h"
#include "controller/domain/messages.h"
#include "controller/domain/policy_set.h"
#include "tests/support/now.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const muster::LoadResult loaded = muster::LoadPolicies(
      {{"catalogue/x.yaml", text}, {"trm.yaml", text}, {"blocklist.yaml", text}});
  Require(loaded.issues.size() <= muster::limits::kMaxIssues);
  // No text is three kinds of file at once.
  Require(muster::HasErrors(loaded.issues));
  for (const muster::PolicyIssue& issue : loaded.issues) {
    Require(!issue.message.empty() && issue.line >= 0 && issue.column >= 0);
    Require(!absl::StrContains(muster::IssueText(issue), '\n'));
  }
  const muster::LoadResult app = muster::LoadPolicies({{"catalogue/x.yaml", text}});
  if (!muster::HasErrors(app.issues)) {
    Require(app.policies.apps.size() == 1);
    const muster::PolicyChange first = muster::PlanApply({}, app.policies, true, muster::kNow);
    Require(!muster::HasErrors(first.issues));
    Require(muster::PlanApply(first.result, app.policies, true, muster::kNow).changes.empty());
    std::string bytes;
    Require(app.policies.apps[0].value.SerializeToString(&bytes));
  }
  const muster::LoadResult cohorts = muster::LoadPolicies({{"cohorts.yaml", text}});
  if (!muster::HasErrors(cohorts.issues)) {
    muster::PolicyChange change;
    muster::PlanCohorts({}, cohorts.policies, muster::kNow, change);
    for (const muster::PolicyIssue& issue : change.issues) {
      Require(!absl::StrContains(muster::IssueText(issue), '\n'));
    }
  }
  const muster::LoadResult retention = muster::LoadPolicies({{"retention.yaml", text}});
  if (!muster::HasErrors(retention.issues)) {
    const muster::PolicySet after{.apps = {},
                                  .trm = {},
                                  .blocklist = {},
                                  .cohorts = {},
                                  .retention = retention.policies.retention};
    std::vector<std::string> changes;
    muster::DescribeRetention({}, after, changes);
    Require(!changes.empty());  // it names a time zone at least
    changes.clear();
    muster::DescribeRetention(after, after, changes);
    Require(changes.empty());
  }
  for (const char* path :
       {"guidance/training.yaml", "guidance/archive.yaml", "guidance/messages.yaml"}) {
    const muster::LoadResult guidance = muster::LoadPolicies({{path, text}});
    if (muster::HasErrors(guidance.issues) || !guidance.policies.messages) continue;
    // What was taken can be filled in, whatever the values.
    for (const muster::v1::MessageTemplate& message : *guidance.policies.messages) {
      Require(muster::FillMessage(message.text(), {{"app", text}}).ok());
    }
  }
  (void)muster::ParseServerConfig("/etc/muster/musterd.yaml", text);
  return 0;
}
