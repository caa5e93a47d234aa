// What a phone should have, what it has, and what is to be done about the difference. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bridge/domain/phone_policy.h"
#include "bridge/domain/uem.h"
#include "muster/v1/bridge.pb.h"
#include "muster/v1/phone.pb.h"

namespace muster::bridge {

// Why this phone's UEM cannot enforce a block, in words with its code first, e.g.
// "IOS_UNSUPERVISED: …"; empty: it can. A phone that is not enrolled, or of which the UEM does not
// say how it is managed, cannot be shown to be compliant either.
std::string CannotEnforce(v1::Platform::Id platform, const v1::PhoneFacts& facts);

// What the agency has set up in its UEM for one app on one platform.
struct AppSetup {
  std::optional<ManagedApp> managed;  // absent: the UEM cannot install it
};

struct WantedAction {
  enum class Kind { kInstall, kRemove };
  Kind kind = Kind::kInstall;
  std::string app_id;
  ManagedApp app;
  std::string transaction_id;
};

struct PhoneView {
  std::vector<v1::PhoneApp> apps;     // as in PhoneReport
  std::vector<WantedAction> actions;  // due now; what was accepted and not read back is not here
  // iOS, supervised: the restrictions profile that this phone should have, by the bundle ids and
  // web hosts that it hides, sorted; empty: none.
  std::vector<std::string> hidden_bundle_ids, hidden_hosts;
  uint32_t distance = 0;
};

// `record` is what was read last. `operations`: the open ones of this phone. States follow
// docs/phones.md: COMPLIANT only from facts that are newer than what they prove; a phone that
// cannot be enforced is NOT_ENFORCEABLE with the reason wherever the verdict is not ALLOW,
// never COMPLIANT. ALLOW_EXPORT_ONLY: the app is left and shown as VIOLATION.
PhoneView JudgePhone(const v1::PhoneRecord& record, const PhonePolicy& policy,
                     const std::vector<std::pair<std::string, AppSetup>>& setup,
                     const std::vector<v1::BridgeOperation>& operations, absl::Time now);

}  // namespace muster::bridge
