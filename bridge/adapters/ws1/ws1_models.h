// From the UEM's JSON to values, one function a model. None of them fails: what is missing or not
// understood stays empty or UNSPECIFIED. Pure.
#pragma once

#include <string>
#include <vector>

#include "bridge/adapters/ws1/ws1_json.h"
#include "bridge/adapters/ws1/ws1_options.h"
#include "bridge/domain/uem.h"

namespace muster::bridge {

// A device of the list or of its own call, in the spelling of version 1 or 3. nullopt: not a phone
// (a Mac, a PC, …), or without a UUID.
std::optional<UemPhone> ReadWs1Phone(const Json& device, const Ws1Options& options);

// One of "app_items". nullopt: without a bundle id.
std::optional<UemApp> ReadWs1App(const Json& item);
// The answer about one app on one phone.
UemApp ReadWs1AppDetails(const Json& answer, const std::string& bundle_id);

UemGroup ReadWs1AppGroup(const Json& group);
// From a search, or whole. Numbers of user groups become UUIDs where the options know them.
UemGroup ReadWs1SmartGroup(const Json& group, const Ws1Options& options);

}  // namespace muster::bridge
