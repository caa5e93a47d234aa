// What the app writes about a chat, told by parts of its sentences.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace muster::archive {

enum SystemMeaning : unsigned {
  kSaysEncrypted = 1u << 0,     // the first line of every chat
  kSaysGroupCreated = 1u << 1,  // the first line of a group
  kSaysGroup = 1u << 2,         // only groups have such lines
  kSaysSystem = 1u << 3,        // any of these and other sentences of the app
};

// Bits of SystemMeaning; 0: no sentence of the app that is known here. Searches for some hundred
// parts: not for every message. Thread-safe.
unsigned MeaningOf(absl::string_view text);

// A line without an author is the app's own whatever it says; a line that seems to have one, "X
// changed the subject to "a: b"", is the app's if what is before the colon says so.
bool IsSystemBeforeColon(absl::string_view candidate);

// The group's name in "created group "X"" and "changed the subject to "X""; empty: none there.
std::string QuotedSubject(absl::string_view text);

// The chat in the name that the app gives an export's file; empty: it has another name.
std::string ChatOfFileName(absl::string_view file_name);

}  // namespace muster::archive
