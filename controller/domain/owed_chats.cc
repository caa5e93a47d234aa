#include "controller/domain/owed_chats.h"

#include <algorithm>
#include <tuple>

#include "common/archive_limits.h"
#include "common/time_proto.h"

namespace muster {
namespace {

// The device that reported the chat last; of two reports at one time, the export seen later.
const std::string& LastDevice(const std::vector<v1::ExportRecord>& exports) {
  const auto last = std::max_element(
      exports.begin(), exports.end(), [](const v1::ExportRecord& a, const v1::ExportRecord& b) {
        const auto key = [](const v1::ExportRecord& r) {
          return std::make_tuple(FromProto(r.reported_at()), FromProto(r.seen().seen_at()),
                                 r.seen().export_sha256());
        };
        return key(a) < key(b);
      });
  return last->device_id();
}

v1::Obligation StoredOf(const std::vector<v1::Obligation>& stored, const std::string& device,
                        const std::string& chat) {
  const v1::Obligation* other = nullptr;
  for (const v1::Obligation& o : stored) {
    if (o.chat_key() != chat) continue;
    if (o.device_id() == device) return o;
    other = &o;
  }
  // A chat keeps its clock when it comes from another device; "whatever chats" do not move.
  return other != nullptr && !chat.empty() ? *other : v1::Obligation();
}

bool InUse(const std::map<std::string, ArchiveDevice>& devices, const std::string& id) {
  const auto it = devices.find(id);
  return it != devices.end() && it->second.counts && !it->second.gone();
}

}  // namespace

std::vector<OwedChat> OwedChats(const ExportsByChat& exports,
                                const std::map<std::string, ArchiveDevice>& devices,
                                const std::vector<v1::Obligation>& stored, bool takes_new) {
  std::vector<OwedChat> out;
  std::set<std::string> reporting;
  bool owed_in_use = false;
  for (const auto& [chat, records] : exports) {
    if (records.empty()) continue;
    const std::string& device = LastDevice(records);
    for (const v1::ExportRecord& record : records) reporting.insert(record.device_id());
    owed_in_use = owed_in_use || InUse(devices, device);
    out.push_back({device, chat, StoredOf(stored, device, chat)});
  }
  for (const auto& [id, device] : devices) {
    if (reporting.contains(id)) continue;
    const v1::Obligation before = StoredOf(stored, id, "");
    const bool known = !before.device_id().empty();
    const bool in_use = InUse(devices, id);
    const bool stays = known && (!in_use || device.installed || !owed_in_use);
    const bool begins = !known && takes_new && in_use && (device.installed || !owed_in_use);
    if (stays || begins) out.push_back({id, "", before});
  }
  std::sort(out.begin(), out.end());
  return out;
}

void AssignObligations(const std::vector<v1::Obligation>& obligations, v1::DeviceAssignment& out) {
  using Chat = std::tuple<std::string, std::string, std::string>;
  const auto due = [](const v1::Obligation* o) {
    return o->has_due_at() ? FromProto(o->due_at()) : absl::InfiniteFuture();
  };
  std::map<Chat, const v1::Obligation*> chats;
  for (const v1::Obligation& o : obligations) {
    // What was written since today's export is owed, though nothing is late yet.
    const bool settled = o.state() == v1::Obligation::CLEAR && !o.has_uncovered_since();
    if (o.has_ended_at() && settled) continue;
    const auto [it, is_new] = chats.emplace(Chat{o.person_id(), o.app_id(), o.chat_key()}, &o);
    if (!is_new && due(&o) < due(it->second)) it->second = &o;
  }
  std::vector<const v1::Obligation*> sorted;
  for (const auto& [chat, o] : chats) sorted.push_back(o);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const auto* a, const auto* b) { return due(a) < due(b); });
  if (sorted.size() > limits::kMaxAssignedObligations) {
    sorted.resize(limits::kMaxAssignedObligations);
  }
  for (const v1::Obligation* o : sorted) {
    v1::AssignedObligation* assigned = out.add_obligations();
    assigned->set_person_id(o->person_id());
    assigned->set_app_id(o->app_id());
    assigned->set_chat_key(o->chat_key());
    assigned->set_state(o->state());
    if (o->has_uncovered_since()) *assigned->mutable_uncovered_since() = o->uncovered_since();
    if (o->has_due_at()) *assigned->mutable_due_at() = o->due_at();
    if (o->has_export_only_at()) *assigned->mutable_export_only_at() = o->export_only_at();
  }
}

}  // namespace muster
