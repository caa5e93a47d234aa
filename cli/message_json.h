// Any protobuf message as the JSON that musterctl prints (DESIGN, section 12). Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "google/protobuf/message.h"

namespace muster::cli {

using Json = nlohmann::ordered_json;

// Fields in the order and by the names of the .proto file. Scalars and lists are always there;
// unset messages are not. Enums by value name, times RFC 3339 UTC, durations as "180d", bytes
// as lowercase hex, 64-bit integers as JSON numbers, maps as objects.
Json MessageJson(const google::protobuf::Message& message);

// `view` with the fields of its member `field` moved to the front of the object itself, so that
// `show` answers with the same top-level fields as an item of `list`.
Json Lifted(const Json& view, const char* field);

// One line of JSON; bytes that are not UTF-8 become U+FFFD.
std::string CompactJson(const Json& value);

}  // namespace muster::cli
