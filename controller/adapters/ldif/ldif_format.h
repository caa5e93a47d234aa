// LDIF content records (RFC 2849): what a file says, and where it says it. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace muster {

struct LdifAttribute {
  std::string name;  // lowercase, with its options: "cn", "cn;lang-en"
  std::string value;
  size_t line = 0;            // from 1
  size_t begin = 0, end = 0;  // bytes of its lines in the text, the last newline included
};

struct LdifEntry {
  std::string dn;
  size_t line = 0;  // of its "dn:"
  size_t end = 0;   // where the lines of its last attribute, or of its DN, end
  std::vector<LdifAttribute> attributes;
};

// Folded lines, base64 values, comments, "version: 1", LF and CRLF are read; raw UTF-8 in a value
// is accepted, although RFC 2849 asks for base64, since people edit such files by hand.
// DATA_LOSS, starting with "line N: ", for anything else: change records, values to be fetched
// from a URL, attributes exported in ranges (their rest would be missing), a last line without its
// newline (the file was cut off), an empty text.
absl::StatusOr<std::vector<LdifEntry>> ParseLdif(absl::string_view text);

// "member: cn=a" or "member:: Y249w6k=" with `newline` at its end, whatever `value` holds.
std::string LdifLine(absl::string_view name, absl::string_view value, absl::string_view newline);

}  // namespace muster
