// Writes a property list (XML). Pure; thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster::native {

// Calls nest as the elements do; Finish() closes the document. Texts may be anything: what XML
// cannot hold becomes U+FFFD.
class Plist {
 public:
  Plist();

  // A value in an array, or after Key(), or the document's only one.
  Plist& OpenDict() { return Open("dict"); }
  Plist& OpenArray() { return Open("array"); }
  Plist& Close();
  Plist& Key(absl::string_view key) { return Element("key", key); }
  Plist& String(absl::string_view text) { return Element("string", text); }
  Plist& Integer(int64_t value);
  Plist& Boolean(bool value);
  Plist& Strings(const std::vector<std::string>& texts);

  std::string Finish() const;

 private:
  Plist& Open(absl::string_view tag);
  Plist& Element(absl::string_view tag, absl::string_view text);
  void Indent();

  std::string out_;
  std::vector<std::string> open_;
};

}  // namespace muster::native
