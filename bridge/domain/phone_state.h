// What a phone should have, what it has, and what is to be done about the difference. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "bridge/domain/phone_policy.h"
#include "bridge/domain/uem.h"
#include "muster/v1/bridge.pb.h"
#include "muster/v1/phone.pb.h"

namespace muster::bridge {

// Why this phone's UEM cannot enforce a block, in words with its code first, e.g.
// "IOS_UNSUPERVISED: …"; empty: it can. A phone that is not enrolled, or of which the UEM does not
// say how it is managed, cannot be shown to be compliant either. Codes: NOT_ENROLLED,
// MANAGEMENT_UNKNOWN, COMPROMISED, IOS_UNSUPERVISED, IOS_USER_ENROLLED, ANDROID_WORK_PROFILE,
// ANDROID_COMPANY_WORK_PROFILE (its personal side can be blocked, but never listed: nothing there
// can be read back), OS_TOO_OLD (only where the UEM says which OS it is), PLATFORM.
std::string CannotEnforce(v1::Platform::Id platform, const v1::PhoneFacts& facts);

// True where a restrictions profile acts: an enrolled, supervised iPhone.
bool CanHide(v1::Platform::Id platform, const v1::PhoneFacts& facts);

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
  std::vector<WantedAction> actions;  // due now; what is open or was refused is not here
  // True: this phone's restrictions profile is to hide exactly what follows. False: none is to be
  // sent, nor is one that is there to be changed (the phone is not enrolled, not supervised, …).
  bool hides = false;
  // By the bundle ids and web hosts that it hides, sorted; empty: none. What no profile can name,
  // or has no room for, is not among them.
  std::vector<std::string> hidden_bundle_ids, hidden_hosts;
  // HiddenSha256() of them. Where nothing is to be hidden any more, and a profile of before is or
  // may be there: LiftedSha256().
  std::string hidden_sha256;
  bool profile_proven = false;  // the phone was seen after the UEM took that profile for it
  // It was seen since a change that its apps show, and they were read before: to be read again.
  bool read_again = false;
  uint32_t distance = 0;
  std::string cannot_enforce;  // CannotEnforce()
};

// How the last_error of an INSTALL_PROFILE begins that the bridge itself could not make: the UEM
// has not heard of it.
inline constexpr char kProfileNotMade[] = "the restrictions profile cannot be made";

// What PhoneRecord.profile_sha256 holds, and BridgeOperation.payload_sha256 of an INSTALL_PROFILE:
// it names what a profile hides, whatever else is in its bytes. Empty when it hides nothing.
std::string HiddenSha256(const std::vector<std::string>& bundle_ids,
                         const std::vector<std::string>& hosts);
// Of a profile that takes the place of one that hides something, and hides nothing.
std::string LiftedSha256();

// What of a blocked app the profile of `view` leaves open, in words, e.g. "the id 'a b'"; empty:
// nothing, or the phone takes no profile.
std::string LeftOpen(const AppRuling& ruling, const PhoneView& view);

// `record` is what was read last; its apps were picked with the ids of this same policy (when a
// policy names an id that was not picked before, apps_read_at has to be cleared: what was not
// looked for is not absent). `operations`: the open and the refused ones of this phone.
//
// COMPLIANT only from facts that are newer than the action that they prove: the phone was seen by
// the UEM after it, and its apps were read after that. What was proven stays so until there is
// another action, or the phone enrols again.
// BLOCK on a phone that cannot enforce it is NOT_ENFORCEABLE with the reason, never COMPLIANT;
// whatever the UEM installed is removed all the same. ALLOW_EXPORT_ONLY: the app is left, and is a
// VIOLATION where it is. REPORT asks for nothing. On an iPhone that hides, an app that is absent is
// COMPLIANT only when the profile that blocks it is proven too.
PhoneView JudgePhone(const v1::PhoneRecord& record, const PhonePolicy& policy,
                     const std::vector<std::pair<std::string, AppSetup>>& setup,
                     const std::vector<v1::BridgeOperation>& operations, absl::Time now);

}  // namespace muster::bridge
