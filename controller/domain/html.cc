#include "controller/domain/html.h"

#include "absl/strings/str_cat.h"

namespace muster::html {
namespace {

constexpr char kUnknownCharacter[] = "\xEF\xBF\xBD";

// U+FFFE and U+FFFF, which no XML may hold.
bool IsNoncharacter(absl::string_view text, size_t at) {
  const absl::string_view three = text.substr(at, 3);
  return three == "\xEF\xBF\xBE" || three == "\xEF\xBF\xBF";
}

}  // namespace

std::string Escape(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
      // A parser would make a line end of a carriage return: then the bytes are other ones.
      if (c != '\r') out += kUnknownCharacter;
    } else if (c == 0xef && IsNoncharacter(text, i)) {
      out += kUnknownCharacter;
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string Row(absl::string_view heading, absl::string_view value) {
  return absl::StrCat("<tr><th scope=\"row\">", Escape(heading), "</th><td>", Escape(value),
                      "</td></tr>\n");
}

std::string Text(absl::string_view text, absl::string_view missing) {
  if (text.empty()) return absl::StrCat("<p class=\"missing\">", Escape(missing), "</p>\n");
  return absl::StrCat("<p class=\"text\">", Escape(text), "</p>\n");
}

}  // namespace muster::html
