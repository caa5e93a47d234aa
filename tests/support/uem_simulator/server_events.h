// Posts events to whoever made a rule for them.
#pragma once

#include <string>

#include "tests/support/uem_simulator/types.h"

namespace muster::uemsim {

// HTTP POST with Basic credentials, within 10 s, once: nothing says that the real service tries
// again. `ca_file`: whom to trust with https; empty: whom the system trusts.
void PostEvent(const SimEvent& event, const std::string& ca_file);

}  // namespace muster::uemsim
