// Reads one entry of `identities:` in an app's catalogue file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/adapters/yaml/yaml_tree.h"
#include "muster/v1/app.pb.h"

namespace muster {

// A fact as IdentityFacts() words it, and where it was written.
struct LocatedFact {
  std::string fact;
  int line = 0, column = 0;
};

struct ReadIdentity {
  v1::AppIdentity identity;
  std::vector<LocatedFact> facts;
};

// nullopt when anything is wrong; `issues` then says what.
std::optional<ReadIdentity> ReadAppIdentity(const YamlNode& node, FileIssues* issues);

}  // namespace muster
