#include "agent/helpers/answer.h"

#include <stdio.h>

#include "agent/domain/inventory.h"
#include "agent/domain/text.h"
#include "common/agent_limits.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/time_proto.h"

namespace muster::agent {

bool AddAnswer(v1::Origin::Kind origin, const std::string& package_id, const std::string& version,
               const std::string& name, const std::string& signer, v1::DeviceInventory& out) {
  if (static_cast<size_t>(out.items_size()) >= limits::kMaxInventoryItems) return false;
  v1::InventoryItem item = MakeItem(origin, package_id, version);
  item.set_name(CleanText(name, limits::kMaxNameBytes));
  item.set_signer(CleanText(signer, limits::kMaxSignerBytes));
  *out.add_items() = std::move(item);
  return true;
}

int WriteAnswer(v1::DeviceInventory answer) {
  *answer.mutable_updated_at() = ToProto(SystemClock().Now());
  std::string bytes;
  if (!answer.SerializeToString(&bytes)) return 1;
  const bool written = fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size();
  return written && fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace muster::agent
