// What is installed, and what changed. Pure.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/domain/file_stamp.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// Where an inventory is read from. A look may be at some of them only; each origin belongs to
// one. Bits.
enum InventorySource : unsigned {
  kDpkgSource = 1u << 0,
  kRpmSource = 1u << 1,
  kFlatpakSource = 1u << 2,
  kSnapSource = 1u << 3,
  kFilesSource = 1u << 4,  // AppImages, desktop entries, unpackaged programs, web apps
  kAllSources = (1u << 5) - 1,
};
constexpr int kInventorySources = 5;

InventorySource SourceOf(v1::Origin::Kind origin);

// One look at the machine.
struct InventoryRead {
  unsigned sources = 0;  // that were read: `items` is all there is of them
  std::vector<v1::InventoryItem> items;
  // Of program files whose contents should be known, by item path.
  std::map<std::string, FileStamp> stamps = {};
  std::vector<std::string> notes = {};  // what could not be read, or only in part; in words
};

// (origin, package id, account): two versions of one package (multi-arch) are one item, one
// app in two homes are two.
using InventoryKey = std::tuple<int, std::string, std::string>;
InventoryKey KeyOf(const v1::InventoryItem& item);
using Inventory = std::map<InventoryKey, v1::InventoryItem>;

// An item whose texts are valid UTF-8 within limits, whatever the arguments hold.
v1::InventoryItem MakeItem(v1::Origin::Kind origin, absl::string_view package_id,
                           absl::string_view version);

// At most limits::kMaxInventoryItems.
Inventory MakeInventory(const std::vector<v1::InventoryItem>& items);

// Puts what was read in the place of what those sources held. What stayed keeps app_id and
// first_seen_at; a new item was first seen `at`, or when `gone` says so. True when an item came,
// went or has another version or signer.
bool Replace(const InventoryRead& read, absl::Time at, Inventory& inventory, Inventory& gone);

v1::InventoryReport FullInventory(const Inventory& now);

// Items that are new or say something else (version, app, hash, signer), and items that are
// gone. Has no items when nothing changed.
v1::InventoryReport DiffInventory(const Inventory& before, const Inventory& now);

}  // namespace muster::agent
