// Workspace ONE UEM over its REST interface. Written from the vendor's interface description and
// public clients' code; never tried against the real service.
#pragma once

#include <string>

#include "bridge/adapters/ws1/http_transport.h"
#include "bridge/adapters/ws1/ws1_options.h"
#include "bridge/adapters/ws1/ws1_token.h"
#include "bridge/flow/uem_client.h"
#include "common/clock.h"

namespace muster::bridge {

// Thread-safe. `transport` and `clock` outlive it. What the UEM cannot be asked for is
// INVALID_ARGUMENT and sends nothing.
class Ws1Client final : public UemClient {
 public:
  Ws1Client(Ws1Options options, HttpTransport* transport, const Clock* clock);

  UemAnswer Do(const UemCall& call) override;
  std::string Name() const override;

 private:
  const Ws1Options options_;
  HttpTransport* const transport_;
  const Clock* const clock_;
  Ws1Token token_;
};

}  // namespace muster::bridge
