// What a UEM says, read with suspicion: bounded, and nothing in it is an error but bad JSON. The
// same field has other spellings in other versions of a call, so each is asked for by all its
// names. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace muster::bridge {

using Json = nlohmann::json;
using FieldNames = std::initializer_list<const char*>;

// Of one answer; more would take a hundred bytes of memory for each of them.
inline constexpr size_t kMaxUemJsonValues = 500'000;

// INVALID_ARGUMENT, to go behind "is broken: ": no JSON, nested deeper than
// limits::kMaxUemJsonDepth, or of more than kMaxUemJsonValues values.
absl::StatusOr<Json> ParseUemJson(absl::string_view text);

// The first of `names` that is there and not null; null when `object` is none, or has none.
const Json* FindUemField(const Json& object, FieldNames names);
// A text, or a number as text: one line, at most limits::kMaxUemTextBytes. Empty: absent.
std::string UemText(const Json& object, FieldNames names);
// An id: letters, digits and dashes in lower case, at most 64; empty for anything else.
std::string UemId(const Json& object, FieldNames names);
// A number that is not negative, or its digits as text.
std::optional<uint64_t> UemNumber(const Json& object, FieldNames names);
std::optional<bool> UemBool(const Json& object, FieldNames names);
// "2026-04-30T10:11:12.1234567", with or without a zone: without one it is UTC. Nothing where the
// year is outside 2000 to 2200: that is how "never" is written.
std::optional<absl::Time> UemTime(const Json& object, FieldNames names);
// A list; an empty one when it is absent or something else.
const Json& UemList(const Json& object, FieldNames names);
// "USER_ENROLLED", "UserEnrolled", "User Enrolled" -> "userenrolled"
std::string UemWord(const Json& object, FieldNames names);

// One line, printable, at most limits::kMaxUemTextBytes, cut between characters.
std::string CleanUemText(absl::string_view text);

}  // namespace muster::bridge
