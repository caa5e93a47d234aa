// What a webhook of the UEM is worth: the id of the phone it is about, and nothing else. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace muster::bridge {

// The UUID of the phone in an event's JSON, in lower case. nullopt: no such event.
std::optional<std::string> UemIdOfEvent(absl::string_view body);

// True when `header`, the value of Authorization, is Basic with exactly this user and password.
// Takes the same time wherever they differ.
bool IsBasicAuth(absl::string_view header, absl::string_view user, absl::string_view password);

}  // namespace muster::bridge
