// Which catalogued app an inventory item is. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "agent/domain/policy_index.h"
#include "muster/v1/agent_control.pb.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// `host` is `site` or below it.
bool IsBelowSite(absl::string_view host, absl::string_view site);

// By package id with its origin, by the hash of the program (the catalogue's and learned ones),
// by the path where nobody packaged it, and by the site of a web app; empty: none proves an app.
std::string AppOfItem(const PolicyIndex& policy, const v1::LearnedHashes& learned,
                      const v1::InventoryItem& item);

}  // namespace muster::agent
