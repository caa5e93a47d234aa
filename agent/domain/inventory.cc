#include "agent/domain/inventory.h"

#include <utility>

#include "agent/domain/text.h"
#include "common/agent_limits.h"
#include "common/limits.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

bool Same(const v1::InventoryItem& a, const v1::InventoryItem& b) {
  return a.version() == b.version() && a.app_id() == b.app_id() && a.sha256() == b.sha256() &&
         a.signer() == b.signer();
}

void Remember(const InventoryKey& key, v1::InventoryItem item, Inventory& gone) {
  if (gone.size() >= limits::kMaxGoneItems) gone.clear();
  gone[key] = std::move(item);
}

}  // namespace

InventorySource SourceOf(v1::Origin::Kind origin) {
  switch (static_cast<int>(origin)) {  // not by the enum: a stored item may hold any number
    case v1::Origin::DPKG:
      return kDpkgSource;
    case v1::Origin::RPM:
      return kRpmSource;
    case v1::Origin::FLATPAK:
      return kFlatpakSource;
    case v1::Origin::SNAP:
      return kSnapSource;
    default:
      return kFilesSource;
  }
}

InventoryKey KeyOf(const v1::InventoryItem& item) {
  return {static_cast<int>(item.origin()), item.package_id(), item.account_name()};
}

v1::InventoryItem MakeItem(v1::Origin::Kind origin, absl::string_view package_id,
                           absl::string_view version) {
  v1::InventoryItem item;
  item.set_origin(origin);
  item.set_package_id(CleanText(package_id, limits::kMaxPathBytes));
  item.set_version(CleanText(version, limits::kMaxVersionBytes));
  return item;
}

Inventory MakeInventory(const std::vector<v1::InventoryItem>& items) {
  Inventory out;
  for (const v1::InventoryItem& item : items) {
    if (out.size() >= limits::kMaxInventoryItems) break;
    out.emplace(KeyOf(item), item);
  }
  return out;
}

bool Replace(const InventoryRead& read, absl::Time at, Inventory& inventory, Inventory& gone) {
  Inventory now = MakeInventory(read.items);
  bool changed = false;
  for (auto& [key, item] : now) {
    const auto before = inventory.find(key);
    if (before != inventory.end()) {
      changed = changed || item.version() != before->second.version() ||
                item.signer() != before->second.signer();
      item.set_app_id(before->second.app_id());
      *item.mutable_first_seen_at() = before->second.first_seen_at();
      continue;
    }
    changed = true;
    const auto earlier = gone.find(key);
    *item.mutable_first_seen_at() =
        earlier != gone.end() ? earlier->second.first_seen_at() : ToProto(at);
    if (earlier != gone.end()) gone.erase(earlier);
  }
  for (auto it = inventory.begin(); it != inventory.end();) {
    if ((SourceOf(it->second.origin()) & read.sources) == 0) {
      ++it;
      continue;
    }
    if (!now.contains(it->first)) {
      Remember(it->first, std::move(it->second), gone);
      changed = true;
    }
    it = inventory.erase(it);
  }
  inventory.merge(now);
  while (inventory.size() > limits::kMaxInventoryItems) inventory.erase(--inventory.end());
  return changed;
}

v1::InventoryReport FullInventory(const Inventory& now) {
  v1::InventoryReport out;
  out.set_full(true);
  for (const auto& [key, item] : now) *out.add_installed() = item;
  return out;
}

v1::InventoryReport DiffInventory(const Inventory& before, const Inventory& now) {
  v1::InventoryReport out;
  for (const auto& [key, item] : now) {
    const auto it = before.find(key);
    if (it == before.end() || !Same(it->second, item)) *out.add_installed() = item;
  }
  for (const auto& [key, item] : before) {
    if (!now.contains(key)) *out.add_removed() = item;
  }
  return out;
}

}  // namespace muster::agent
