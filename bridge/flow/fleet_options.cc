#include "bridge/flow/fleet_options.h"

namespace muster::bridge {

const AppConfig* FleetOptions::Find(const std::string& app_id) const {
  for (const AppConfig& app : apps) {
    if (app.app_id == app_id) return &app;
  }
  return nullptr;
}

}  // namespace muster::bridge
