// What the apps write in a message's place or beside its text, in the languages of their users.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace muster::archive {

enum class Phrase {
  kNone,
  kOmitted,   // media were left out
  kDeleted,   // the message was taken back
  kEdited,    // stands after an edited text
  kAttached,  // stands beside a file's name
};

// Of a whole line, or of what stands in brackets: marks, brackets, a final full stop and case do
// not matter. Thread-safe.
Phrase FindPhrase(absl::string_view text);

// A quick answer that may say yes too often: could a line that ends so be a phrase?
bool MayEndPhrase(absl::string_view text);

// A quicker one, for most of what people write: neither a line that ends so nor any end of it is a
// phrase, whatever stands around it.
bool CannotEndPhrase(absl::string_view text);

// The data, '|' between phrases, case as may be; a language a line.
extern const char* const kOmittedPhrases;
extern const char* const kDeletedPhrases;
extern const char* const kEditedPhrases;
extern const char* const kAttachedPhrases;
// Parts of what the app says about a chat, '|' between them.
extern const char* const kEncryptedParts;     // the first line of a chat
extern const char* const kGroupCreatedParts;  // the first line of a group
extern const char* const kGroupParts;         // only groups have such
extern const char* const kOtherSystemParts;

}  // namespace muster::archive
