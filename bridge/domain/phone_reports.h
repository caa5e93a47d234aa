// A phone's reports, in the same words as a laptop's. Pure.
#pragma once

#include <string>
#include <vector>

#include "bridge/domain/phone_policy.h"
#include "bridge/domain/phone_state.h"
#include "bridge/domain/uem.h"
#include "muster/v1/bridge.pb.h"
#include "muster/v1/report.pb.h"

namespace muster::bridge {

inline constexpr char kProfileProbe[] = "restrictions profile";
inline constexpr char kRemovalProbe[] = "app removal";

// ENFORCING; REPORT_ONLY where CannotEnforce() says why; MONITORING while the cohort's policy asks
// for reports only. `cannot_enforce` also names what an enforcing phone leaves open: apps that
// cannot be recognised, and on Android what the person installs.
v1::StatusReport MakeStatusReport(const v1::PhoneRecord& record, const PhonePolicy& policy,
                                  const PhoneView& view, const std::string& bridge_version,
                                  absl::Time now);

// What shows that a block there is a block, instead of a program that tries to run. One for the
// restrictions profile where the phone takes one (BLOCKED: it was taken for the phone, which was
// seen since), one for blocked apps (BLOCKED: none is there and usable, by facts that are newer
// than what was done; RAN: one is). What is not known yet is NOT_TRIED, with the reason; so is all
// where nothing is blocked. `detail` is equal for equal states. None where the phone cannot
// enforce.
std::vector<v1::Canary> MakeCanaries(const v1::PhoneRecord& record, const PhoneView& view,
                                     absl::Time now);

v1::PhoneReport MakePhoneReport(const v1::PhoneRecord& record, const PhoneView& view);

}  // namespace muster::bridge
