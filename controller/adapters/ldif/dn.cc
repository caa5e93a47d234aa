#include "controller/adapters/ldif/dn.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"

namespace muster {
namespace {

bool IsSeparator(char c) { return c == ',' || c == '+' || c == ';'; }

// Case, and which spaces a value has at its ends or how many in a row, do not count for
// caseIgnoreMatch (RFC 4518, 2.6.1).
std::string FoldValue(absl::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (const char c : absl::StripAsciiWhitespace(raw)) {
    if (c == ' ' && !out.empty() && out.back() == ' ') continue;
    out.push_back(absl::ascii_tolower(c));
  }
  return out;
}

std::string EscapeValue(absl::string_view value) {
  constexpr absl::string_view kSpecial = ",+\"\\<>;=";
  std::string out;
  out.reserve(value.size());
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppend(&out, "\\", absl::BytesToHexString(absl::string_view(&c, 1)));
      continue;
    }
    if (absl::StrContains(kSpecial, c) || (c == '#' && i == 0)) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

class Parser {
 public:
  explicit Parser(absl::string_view dn) : dn_(dn) {}

  absl::StatusOr<std::string> Run() {
    std::vector<std::string> rdns;
    std::vector<std::string> avas;
    while (true) {
      MUSTER_ASSIGN_OR_RETURN(std::string ava, ParseAva());
      avas.push_back(std::move(ava));
      const bool end = at_ == dn_.size();
      if (!end && dn_[at_++] == '+') continue;
      std::sort(avas.begin(), avas.end());
      rdns.push_back(absl::StrJoin(avas, "+"));
      avas.clear();
      if (end) return absl::StrJoin(rdns, ",");
    }
  }

 private:
  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", absl::CHexEscape(dn_), "\" is not a distinguished name: ", what));
  }

  absl::StatusOr<std::string> ParseAva() {
    const size_t equals = dn_.find('=', at_);
    if (equals == absl::string_view::npos) return Error("a part has no \"=\"");
    std::string type =
        absl::AsciiStrToLower(absl::StripAsciiWhitespace(dn_.substr(at_, equals - at_)));
    if (type.size() > 4 && absl::StartsWith(type, "oid.") && absl::ascii_isdigit(type[4])) {
      type.erase(0, 4);
    }
    const auto valid = [](char c) { return absl::ascii_isalnum(c) || c == '-' || c == '.'; };
    if (type.empty() || !std::all_of(type.begin(), type.end(), valid)) {
      return Error("a part has no attribute name before \"=\"");
    }
    at_ = equals + 1;
    while (at_ < dn_.size() && dn_[at_] == ' ') ++at_;
    std::string value;
    if (at_ < dn_.size() && dn_[at_] == '"') {
      MUSTER_RETURN_IF_ERROR(ParseQuoted(&value));
    } else if (at_ < dn_.size() && dn_[at_] == '#') {
      return ParseHexValue(type);
    } else {
      MUSTER_RETURN_IF_ERROR(ParsePlain(&value));
    }
    return absl::StrCat(type, "=", EscapeValue(FoldValue(value)));
  }

  // "#04024869": the BER form stays as it is, and starts with an unescaped '#', which no other
  // value does after EscapeValue.
  absl::StatusOr<std::string> ParseHexValue(absl::string_view type) {
    const size_t begin = at_++;
    while (at_ < dn_.size() && absl::ascii_isxdigit(dn_[at_])) ++at_;
    std::string value = absl::AsciiStrToLower(dn_.substr(begin, at_ - begin));
    while (at_ < dn_.size() && dn_[at_] == ' ') ++at_;
    if (value.size() < 3 || value.size() % 2 == 0 || (at_ < dn_.size() && !IsSeparator(dn_[at_]))) {
      return Error("a value that starts with \"#\" is not hexadecimal");
    }
    return absl::StrCat(type, "=", value);
  }

  absl::Status ParseEscape(std::string* value) {
    ++at_;
    if (at_ < dn_.size() && absl::ascii_isxdigit(dn_[at_])) {
      if (at_ + 1 >= dn_.size() || !absl::ascii_isxdigit(dn_[at_ + 1])) {
        return Error("\"\\\" is followed by half a hexadecimal byte");
      }
      value->append(absl::HexStringToBytes(dn_.substr(at_, 2)));
      at_ += 2;
      return absl::OkStatus();
    }
    if (at_ >= dn_.size() || (dn_[at_] != ' ' && !absl::ascii_ispunct(dn_[at_]))) {
      return Error("\"\\\" escapes nothing");
    }
    value->push_back(dn_[at_++]);
    return absl::OkStatus();
  }

  absl::Status ParsePlain(std::string* value) {
    while (at_ < dn_.size() && !IsSeparator(dn_[at_])) {
      if (dn_[at_] == '\\') {
        MUSTER_RETURN_IF_ERROR(ParseEscape(value));
        continue;
      }
      if (dn_[at_] == '"' || dn_[at_] == '\0')
        return Error("a value has an unescaped quote or NUL");
      value->push_back(dn_[at_++]);
    }
    return absl::OkStatus();
  }

  absl::Status ParseQuoted(std::string* value) {
    ++at_;
    while (at_ < dn_.size() && dn_[at_] != '"') {
      if (dn_[at_] == '\\') {
        MUSTER_RETURN_IF_ERROR(ParseEscape(value));
        continue;
      }
      value->push_back(dn_[at_++]);
    }
    if (at_ == dn_.size()) return Error("a quote is not closed");
    ++at_;
    while (at_ < dn_.size() && dn_[at_] == ' ') ++at_;
    if (at_ < dn_.size() && !IsSeparator(dn_[at_])) return Error("text follows a closed quote");
    return absl::OkStatus();
  }

  const absl::string_view dn_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::string> NormalizeDn(absl::string_view dn) {
  if (absl::StripAsciiWhitespace(dn).empty()) {
    return absl::InvalidArgumentError("an empty text is not a distinguished name");
  }
  return Parser(dn).Run();
}

}  // namespace muster
