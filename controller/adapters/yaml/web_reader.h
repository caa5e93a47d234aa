// Reads `web:` of an app's catalogue file: the hosts of its web client.
#pragma once

#include <vector>

#include "controller/adapters/yaml/identity_reader.h"
#include "controller/adapters/yaml/yaml_tree.h"
#include "muster/v1/app.pb.h"

namespace muster {

// Adds the hosts to `app`, in the order of the file, and returns them as facts. `list` is the
// value of the key. What is wrong goes to `issues` and is left out.
std::vector<LocatedFact> ReadWebHosts(const YamlNode& list, v1::App* app, FileIssues* issues);

}  // namespace muster
