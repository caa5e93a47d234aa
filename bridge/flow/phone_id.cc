#include "common/phone_id.h"

#include "bridge/flow/fleet.h"

namespace muster::bridge {

std::string PhoneDeviceId(const std::string& tenant, const std::string& bridge_id,
                          const std::string& uem_id) {
  return muster::PhoneDeviceId(tenant, bridge_id, uem_id);
}

}  // namespace muster::bridge
