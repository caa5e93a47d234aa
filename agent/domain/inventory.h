// What is installed, and what changed. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "muster/v1/report.pb.h"

namespace muster::agent {

// (origin, package id) -> item. Two versions of one package (multi-arch) are one item.
using Inventory = std::map<std::pair<int, std::string>, v1::InventoryItem>;

// At most limits::kMaxInventoryItems.
Inventory MakeInventory(const std::vector<v1::InventoryItem>& items);

v1::InventoryReport FullInventory(const Inventory& now);

// Items that are new or say something else (version, app), and items that are gone. Has no
// items when nothing changed.
v1::InventoryReport DiffInventory(const Inventory& before, const Inventory& now);

}  // namespace muster::agent
