#include "agent/flow/inventory_keeper.h"

#include <algorithm>
#include <iterator>

#include "agent/domain/inventory_label.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/limits.h"
#include "common/time_proto.h"
#include "muster/v1/device.pb.h"

namespace muster::agent {

void InventoryKeeper::Load() {
  absl::StatusOr<std::optional<std::string>> bytes = store_->Read(kInventoryFile);
  if (!bytes.ok() || !bytes->has_value()) return;
  v1::DeviceInventory stored;
  if (!stored.ParseFromString(**bytes)) {
    Log(Severity::kError, "inventory.pb is damaged; first days and hashes start anew");
    return;
  }
  items_ = MakeInventory({stored.items().begin(), stored.items().end()});
  loaded_at_ = FromProto(stored.updated_at());
  for (const auto& [key, item] : items_) {
    if (!item.sha256().empty()) loaded_hashes_[item.path()] = item.sha256();
  }
}

void InventoryKeeper::Read(unsigned sources) {
  const absl::Time at = clock_->Now();
  InventoryRead read = machine_->ReadInventory(sources);
  changed_ = Replace(read, at, items_, gone_) || changed_;
  if ((read.sources & kFilesSource) != 0) stamps_ = std::move(read.stamps);
  SetHashes();
  read_at_ = at;
  if (read.sources == kAllSources) notes_of_.clear();
  notes_of_[sources] = std::move(read.notes);
  notes_.clear();
  for (const auto& [of, notes] : notes_of_) {
    for (const std::string& note : notes) {
      if (std::find(notes_.begin(), notes_.end(), note) == notes_.end()) notes_.push_back(note);
    }
  }
}

// A time of change before the earlier run's look means the contents that it hashed: only a clock
// that was put back could tell otherwise, and nobody but root sets a file's ctime.
void InventoryKeeper::SetHashes() {
  for (auto it = hashes_.begin(); it != hashes_.end();) {
    it = stamps_.contains(it->first) ? std::next(it) : hashes_.erase(it);
  }
  for (const auto& [path, stamp] : stamps_) {
    const auto loaded = loaded_hashes_.find(path);
    if (loaded != loaded_hashes_.end() && absl::FromUnixNanos(stamp.ctime_ns) < loaded_at_) {
      hashes_.emplace(path, std::make_pair(stamp, loaded->second));
    }
  }
  if (!stamps_.empty()) loaded_hashes_.clear();
  for (auto& [key, item] : items_) {
    if (SourceOf(item.origin()) != kFilesSource) continue;
    const auto stamp = stamps_.find(item.path());
    const auto hash = hashes_.find(item.path());
    const bool known =
        stamp != stamps_.end() && hash != hashes_.end() && hash->second.first == stamp->second &&
        (item.origin() == v1::Origin::APPIMAGE || item.origin() == v1::Origin::UNPACKAGED);
    item.set_sha256(known ? hash->second.second : "");
  }
}

void InventoryKeeper::Label(const PolicyIndex* policy, const v1::LearnedHashes& learned) {
  for (auto& [key, item] : items_) {
    if (policy == nullptr) {
      item.clear_app_id();
    } else if (const std::string app = AppOfItem(*policy, learned, item); app != item.app_id()) {
      item.set_app_id(app);
    }
  }
}

std::vector<v1::InventoryItem> InventoryKeeper::Catalogued() const {
  std::vector<v1::InventoryItem> out;
  for (const auto& [key, item] : items_) {
    if (!item.app_id().empty()) out.push_back(item);
  }
  return out;
}

std::optional<v1::InventoryReport> InventoryKeeper::TakeReport() {
  v1::InventoryReport report =
      reported_ ? DiffInventory(*reported_, items_) : FullInventory(items_);
  if (!report.full() && report.installed_size() + report.removed_size() == 0) return std::nullopt;
  reported_ = items_;
  return report;
}

std::optional<std::pair<std::string, FileStamp>> InventoryKeeper::NextToHash() const {
  for (const auto& [path, stamp] : stamps_) {
    const auto known = hashes_.find(path);
    if (known == hashes_.end() || known->second.first != stamp) return std::make_pair(path, stamp);
  }
  return std::nullopt;
}

void InventoryKeeper::SetHash(const std::string& path, const FileStamp& stamp,
                              const absl::StatusOr<HashedFile>& hashed) {
  hashes_[path] = {stamp, hashed.ok() ? hashed->sha256 : ""};
  SetHashes();
  changed_ = true;
}

void InventoryKeeper::SaveIfDue() {
  const absl::Time now = clock_->Now();
  if (!changed_ || (saved_at_ <= now && now - saved_at_ < limits::kInventorySaveInterval)) return;
  v1::DeviceInventory out;
  for (const auto& [key, item] : items_) *out.add_items() = item;
  *out.mutable_updated_at() = ToProto(read_at_);
  saved_at_ = now;
  const absl::Status saved = store_->Write(kInventoryFile, out.SerializeAsString());
  if (!saved.ok()) {
    Log(Severity::kError, "cannot save inventory.pb: ", saved.message());
    return;
  }
  changed_ = false;
}

}  // namespace muster::agent
