// Whatever is posted as an event: an id of 36 characters that can stand in a path, or nothing.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "bridge/adapters/http/hint_event.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto id = muster::bridge::UemIdOfEvent(text)) {
    Require(id->size() == 36);
    for (const char c : *id) {
      Require(c == '-' || (absl::ascii_isxdigit(static_cast<unsigned char>(c)) &&
                           !absl::ascii_isupper(static_cast<unsigned char>(c))));
    }
  }
  Require(!muster::bridge::IsBasicAuth(text, "uem", "a password nobody guesses: 9f2c"));
  const std::string mine = absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat("u:", text)));
  Require(muster::bridge::IsBasicAuth(mine, "u", text));
  return 0;
}
