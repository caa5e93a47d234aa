// A phone in the fields of each version of the interface. Pure.
#pragma once

#include <string>

#include "tests/support/uem_simulator/message.h"
#include "tests/support/uem_simulator/world.h"

namespace muster::uemsim {

std::string PlatformName(v1::Platform::Id platform);                 // "Apple", "Android"
std::string OwnershipLetter(v1::PhoneFacts::Management management);  // "C", "E"
Json DeviceV1(const PhoneState& phone);        // Device and DeviceExtended of version 1
Json DeviceSearchV3(const PhoneState& phone);  // DeviceExtendedV2
Json DeviceV3(const PhoneState& phone);        // DeviceResponseV3Model
// An element of app_items; `app`: of the catalogue, or null.
Json AppItem(const World& world, const PhoneState& phone, const std::string& bundle_id);
// AppV1Model1 with the reason of its presence.
Json AppDetails(const World& world, const PhoneState& phone, const std::string& bundle_id);
bool AssignedHere(const World& world, const PhoneState& phone, const std::string& bundle_id);

}  // namespace muster::uemsim
