// What the product's REST client has to be told to talk to a simulator in this process.
#pragma once

#include "bridge/adapters/ws1/ws1_options.h"
#include "tests/support/uem_simulator/simulator.h"

namespace muster::bridge {

inline Ws1Options SimulatedUem(const uemsim::SimOptions& sim) {
  Ws1Options out;
  out.url = "https://uem.test";
  out.token_url = "https://uem.test/connect/token";
  out.client_id = sim.client_id;
  out.client_secret = sim.client_secret;
  out.tenant_code = sim.tenant_code;
  out.organization_group = 570;
  return out;
}

}  // namespace muster::bridge
