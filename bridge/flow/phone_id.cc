#include "absl/strings/str_cat.h"
#include "bridge/flow/fleet_options.h"
#include "common/crypto.h"

namespace muster::bridge {

std::string PhoneDeviceId(const std::string& tenant, const std::string& bridge_id,
                          const std::string& uem_id) {
  const std::string name = absl::StrCat(tenant, "|", bridge_id, "|", uem_id);
  return absl::StrCat("phn-", Sha256Hex(name).substr(0, 16));
}

const AppConfig* FleetOptions::Find(const std::string& app_id) const {
  for (const AppConfig& app : apps) {
    if (app.app_id == app_id) return &app;
  }
  return nullptr;
}

}  // namespace muster::bridge
