// What the files for phones are made from before vendors' validators see them.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "common/decision.h"
#include "controller/adapters/yaml/policy_loader.h"
#include "controller/domain/native/native_policy.h"
#include "controller/domain/policy_set.h"
#include "tests/controller/domain/native/native_samples.h"

namespace muster::native {

inline std::vector<PolicyFileText> ShippedPolicyFiles() {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(MUSTER_SOURCE_DIR) / "policies";
  std::vector<PolicyFileText> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    files.push_back({fs::relative(entry.path(), folder).generic_string(), text.str()});
  }
  return files;
}

// The policies that Muster ships, for a person without any grant.
inline NativeInput Shipped() {
  const LoadResult loaded = LoadPolicies(ShippedPolicyFiles());
  const PolicyChange change = PlanApply({}, loaded.policies, /*prune=*/true, kNow);
  EXPECT_FALSE(HasErrors(loaded.issues) || HasErrors(change.issues));
  NativeInput in = Sample();
  in.rulings.clear();
  for (const auto& [id, app] : change.result.apps) {
    DecisionInputs inputs;
    inputs.app_id = id;
    const auto trm = change.result.trm.find(id);
    if (trm != change.result.trm.end()) inputs.trm = trm->second.status();
    inputs.blocklisted = change.result.blocklist.contains(id);
    inputs.now = kNow;
    Ruling ruling;
    ruling.app_id = id;
    ruling.name = app.name();
    ruling.verdict = Decide(inputs).verdict();
    ruling.identities.assign(app.identities().begin(), app.identities().end());
    ruling.web_hosts.assign(app.web_hosts().begin(), app.web_hosts().end());
    in.rulings.push_back(std::move(ruling));
  }
  return in;
}

struct NamedInput {
  std::string name;
  NativeInput in;
};
inline std::vector<NamedInput> PhoneInputs() {
  return {{"shipped", Shipped()},
          {"sample", Sample()},
          {"hostile", HostileSample()},
          {"noise", SampleWith("x" + Noise(1, 20'000))}};
}

// What is made wrong, and what is then said of it.
struct Seed {
  std::string from, to, complaint;
};

// Replaces the first `from`, which must be there.
inline std::string Spoilt(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

}  // namespace muster::native
