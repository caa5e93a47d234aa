#include "agent/domain/inventory.h"

#include "common/limits.h"

namespace muster::agent {
namespace {

bool Same(const v1::InventoryItem& a, const v1::InventoryItem& b) {
  return a.version() == b.version() && a.app_id() == b.app_id();
}

}  // namespace

Inventory MakeInventory(const std::vector<v1::InventoryItem>& items) {
  Inventory out;
  for (const v1::InventoryItem& item : items) {
    if (out.size() >= limits::kMaxInventoryItems) break;
    out.emplace(std::make_pair(static_cast<int>(item.origin()), item.package_id()), item);
  }
  return out;
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
