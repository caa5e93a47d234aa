#include "bridge/flow/phone_samples.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bridge/domain/phone_reading.h"
#include "common/crypto.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

constexpr char kWhole[] = "whole";

// "<hash of the inventory>:<hash of the catalogue>". With the sites that a profile closes: one that
// is new is open until the phone has the next profile, whatever was well before.
std::string CatalogueHash(const PhonePolicy& policy) {
  std::string text;
  for (const auto& [bundle, index] : policy.by_bundle) {
    absl::StrAppend(&text, bundle, "=", policy.apps[index].app_id, "\n");
  }
  if (policy.platform != v1::Platform::IOS) return Sha256Hex(text);
  for (const AppRuling& app : policy.apps) {
    for (const std::string& host : app.web_hosts) {
      absl::StrAppend(&text, app.app_id, "@", host, "\n");
    }
  }
  return Sha256Hex(text);
}

}  // namespace

void KeepReading(const PhoneReading& reading, v1::PhoneRecord& record) {
  record.clear_apps();
  for (const UemApp& app : reading.apps) {
    v1::SampledApp& out = *record.add_apps();
    out.set_bundle_id(app.bundle_id);
    out.set_name(app.name);
    out.set_version(app.version);
    out.set_installed(app.installed);
    out.set_assigned(app.assigned);
    out.set_latest_action(app.latest_action);
    if (app.latest_action_at != absl::InfinitePast()) {
      *out.mutable_latest_action_at() = ToProto(app.latest_action_at);
    }
    out.set_reason(app.reason);
  }
  *record.mutable_facts()->mutable_apps_read_at() = ToProto(reading.began);
  const std::string before = record.inventory_sha256();
  const bool whole = absl::StartsWith(before, kWhole);
  record.set_inventory_sha256(whole ? before : absl::StrCat(kWhole, ":", before));
}

void KeepUnsampled(v1::PhoneRecord& record) {
  record.clear_apps();
  record.mutable_facts()->clear_apps_read_at();
  record.set_inventory_sha256(kUnsampled);
}

bool HoldsWholeReading(const v1::PhoneRecord& record) {
  return absl::StartsWith(record.inventory_sha256(), kWhole);
}

bool ForgetOtherCatalogue(const PhonePolicy& policy, v1::PhoneRecord& record) {
  if (!record.facts().has_apps_read_at() || HoldsWholeReading(record)) return false;
  if (absl::EndsWith(record.inventory_sha256(), absl::StrCat(":", CatalogueHash(policy)))) {
    return false;
  }
  record.clear_apps();
  record.mutable_facts()->clear_apps_read_at();
  return true;
}

std::optional<v1::InventoryReport> TakeInventory(const PhonePolicy& policy,
                                                 v1::PhoneRecord& record) {
  v1::InventoryReport inventory;
  inventory.set_full(true);
  std::vector<v1::SampledApp> catalogued;
  std::vector<v1::SampledApp> apps(record.apps().begin(), record.apps().end());
  // The same apps in another order are no other inventory.
  std::stable_sort(apps.begin(), apps.end(), [](const v1::SampledApp& a, const v1::SampledApp& b) {
    return a.bundle_id() < b.bundle_id();
  });
  for (v1::SampledApp& app : apps) {
    const AppRuling* ruling = policy.FindByBundle(app.bundle_id());
    // A page that shifted shows an app again.
    const bool again = inventory.installed_size() > 0 &&
                       inventory.installed().rbegin()->package_id() == app.bundle_id();
    if (app.installed() && !again) {
      v1::InventoryItem& item = *inventory.add_installed();
      item.set_origin(policy.platform == v1::Platform::IOS ? v1::Origin::BUNDLE
                                                           : v1::Origin::ANDROID_PACKAGE);
      item.set_package_id(app.bundle_id());
      item.set_version(app.version());
      item.set_name(app.name());
      if (ruling != nullptr) item.set_app_id(ruling->app_id);
    }
    if (ruling != nullptr) catalogued.push_back(std::move(app));
  }
  record.mutable_apps()->Assign(catalogued.begin(), catalogued.end());
  const std::string hash =
      absl::StrCat(Sha256Hex(inventory.SerializeAsString()), ":", CatalogueHash(policy));
  const bool same = record.inventory_sha256() == absl::StrCat(kWhole, ":", hash);
  record.set_inventory_sha256(hash);
  return same ? std::nullopt : std::optional(std::move(inventory));
}

}  // namespace muster::bridge
