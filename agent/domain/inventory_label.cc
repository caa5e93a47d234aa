#include "agent/domain/inventory_label.h"

#include "absl/strings/match.h"

namespace muster::agent {
namespace {

std::string AppOfHash(const PolicyIndex& policy, const v1::LearnedHashes& learned,
                      const v1::InventoryItem& item) {
  if (item.sha256().empty()) return "";
  for (const v1::LearnedHashes::Item& known : learned.items()) {
    if (known.sha256() == item.sha256() && policy.FindApp(known.app_id())) return known.app_id();
  }
  return "";
}

std::string AppOfSite(const PolicyIndex& policy, const std::string& host) {
  for (AppIndex app = 0; app < policy.app_count(); ++app) {
    for (const std::string& site : policy.app(app).web_hosts()) {
      if (IsBelowSite(host, site)) return policy.rule(app).id;
    }
  }
  return "";
}

}  // namespace

bool IsBelowSite(absl::string_view host, absl::string_view site) {
  if (site.empty() || !absl::EndsWithIgnoreCase(host, site)) return false;
  const size_t before = host.size() - site.size();
  return before == 0 || host[before - 1] == '.';
}

std::string AppOfItem(const PolicyIndex& policy, const v1::LearnedHashes& learned,
                      const v1::InventoryItem& item) {
  if (item.origin() == v1::Origin::WEB_APP) return AppOfSite(policy, item.package_id());
  ProvenFacts facts;
  facts.file_hash = item.sha256();
  if (policy.NamesPackage(item.origin(), item.package_id())) {
    facts.origin = item.origin();
    facts.package_id = item.package_id();
  } else if (item.origin() == v1::Origin::UNPACKAGED || item.origin() == v1::Origin::APPIMAGE) {
    facts.path = item.path();
  } else if (item.sha256().empty()) {
    return "";  // most of what is installed
  }
  if (const std::optional<AppMatch> match = policy.Match(facts)) return match->app_id;
  return AppOfHash(policy, learned, item);
}

}  // namespace muster::agent
