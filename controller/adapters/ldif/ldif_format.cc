#include "controller/adapters/ldif/ldif_format.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace muster {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status ErrorAt(size_t line, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("line ", line, ": ", what));
}

// One line after unfolding.
struct LogicalLine {
  std::string text;
  size_t line = 0;
  size_t begin = 0, end = 0;
};

// Splits a text into logical lines. Comments never come out; empty lines do.
class Lines {
 public:
  explicit Lines(absl::string_view text) : text_(text) {
    if (absl::StartsWith(text_, kByteOrderMark)) at_ = kByteOrderMark.size();
  }

  // nullopt at the end.
  std::optional<LogicalLine> Next() {
    while (at_ < text_.size()) {
      LogicalLine out;
      out.begin = at_;
      out.line = line_;
      out.text = std::string(Physical());
      if (!out.text.empty()) {
        while (at_ < text_.size() && text_[at_] == ' ') {
          absl::StrAppend(&out.text, Physical().substr(1));
        }
      }
      out.end = at_;
      if (!absl::StartsWith(out.text, "#")) return out;
    }
    return std::nullopt;
  }

 private:
  absl::string_view Physical() {
    const size_t newline = text_.find('\n', at_);
    absl::string_view out = text_.substr(at_, newline - at_);
    at_ = newline == absl::string_view::npos ? text_.size() : newline + 1;
    ++line_;
    if (absl::EndsWith(out, "\r")) out.remove_suffix(1);
    return out;
  }

  const absl::string_view text_;
  size_t at_ = 0;
  size_t line_ = 1;
};

bool ValidName(absl::string_view name) {
  const size_t options = name.find(';');
  const absl::string_view type = name.substr(0, options);
  if (type.empty() || !absl::ascii_isalnum(type.front())) return false;
  const auto in_type = [](char c) { return absl::ascii_isalnum(c) || c == '-' || c == '.'; };
  if (!std::all_of(type.begin(), type.end(), in_type)) return false;
  if (options == absl::string_view::npos) return true;
  const auto in_option = [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("-;=*_.", c);
  };
  return std::all_of(name.begin() + options, name.end(), in_option);
}

absl::StatusOr<std::string> ParseValue(absl::string_view rest, const LogicalLine& line) {
  if (absl::StartsWith(rest, "<")) {
    return ErrorAt(line.line, "the value is a URL to be fetched; put the value itself here");
  }
  const bool base64 = absl::StartsWith(rest, ":");
  if (base64) rest.remove_prefix(1);
  while (absl::StartsWith(rest, " ")) rest.remove_prefix(1);
  if (!base64) {
    if (absl::StrContains(rest, '\0') || absl::StrContains(rest, '\r')) {
      return ErrorAt(line.line, "the value holds a NUL or a carriage return; write it in base64");
    }
    return std::string(rest);
  }
  std::string value;
  if (!absl::Base64Unescape(rest, &value)) {
    return ErrorAt(line.line, "the value after \"::\" is not base64");
  }
  return value;
}

absl::StatusOr<LdifAttribute> ParseAttribute(const LogicalLine& line) {
  const size_t colon = line.text.find(':');
  if (line.text.front() == ' ') {
    return ErrorAt(line.line, "a continued line (it starts with a space) follows nothing");
  }
  if (colon == std::string::npos || !ValidName(absl::string_view(line.text).substr(0, colon))) {
    return ErrorAt(line.line,
                   absl::StrCat("\"", absl::CHexEscape(line.text.substr(0, 40)),
                                "\" is not \"attribute: value\"; a continued line must start "
                                "with a space"));
  }
  LdifAttribute out;
  out.name = absl::AsciiStrToLower(line.text.substr(0, colon));
  if (absl::StrContains(out.name, ";range=")) {
    return ErrorAt(line.line, absl::StrCat(out.name,
                                           " is one range of a longer list; export the "
                                           "attribute whole"));
  }
  MUSTER_ASSIGN_OR_RETURN(out.value,
                          ParseValue(absl::string_view(line.text).substr(colon + 1), line));
  out.line = line.line;
  out.begin = line.begin;
  out.end = line.end;
  return out;
}

class Reader {
 public:
  explicit Reader(absl::string_view text) : lines_(text) {}

  absl::StatusOr<std::vector<LdifEntry>> Run() {
    bool first = true;
    while (std::optional<LogicalLine> line = lines_.Next()) {
      if (line->text.empty()) {
        in_entry_ = false;
        continue;
      }
      MUSTER_ASSIGN_OR_RETURN(LdifAttribute attribute, ParseAttribute(*line));
      const bool is_version = first && attribute.name == "version";
      first = false;
      if (is_version) {
        if (attribute.value == "1") continue;
        return ErrorAt(attribute.line, "only LDIF version 1 is known");
      }
      MUSTER_RETURN_IF_ERROR(Take(std::move(attribute)));
    }
    return std::move(entries_);
  }

 private:
  absl::Status Take(LdifAttribute attribute) {
    if (!in_entry_) {
      if (attribute.name != "dn") {
        return ErrorAt(attribute.line,
                       absl::StrCat("an entry must start with \"dn:\", not \"", attribute.name,
                                    ":\" (export with ldapsearch -LLL)"));
      }
      in_entry_ = true;
      entries_.push_back({std::move(attribute.value), attribute.line, attribute.end, {}});
      return absl::OkStatus();
    }
    if (attribute.name == "dn") {
      return ErrorAt(attribute.line,
                     absl::StrCat("a second \"dn:\" in the entry of line ", entries_.back().line,
                                  "; put an empty line between two entries"));
    }
    if (attribute.name == "changetype") {
      return ErrorAt(attribute.line, "this is a list of changes; Muster needs the entries");
    }
    entries_.back().end = attribute.end;
    entries_.back().attributes.push_back(std::move(attribute));
    return absl::OkStatus();
  }

  Lines lines_;
  bool in_entry_ = false;
  std::vector<LdifEntry> entries_;
};

// SAFE-STRING of RFC 2849, and no trailing space, which editors drop.
bool IsSafe(absl::string_view value) {
  if (value.empty()) return true;
  if (absl::StrContains(" :<", value.front()) || value.back() == ' ') return false;
  return std::all_of(value.begin(), value.end(), [](char c) {
    return c != '\0' && c != '\n' && c != '\r' && absl::ascii_isascii(c);
  });
}

}  // namespace

absl::StatusOr<std::vector<LdifEntry>> ParseLdif(absl::string_view text) {
  if (text.empty()) return absl::DataLossError("line 1: the file is empty");
  if (text.back() != '\n') {
    const size_t line = 1 + std::count(text.begin(), text.end(), '\n');
    return ErrorAt(line,
                   "the file ends in the middle of a line; it was cut off, or lacks the "
                   "newline at its end");
  }
  return Reader(text).Run();
}

std::string LdifLine(absl::string_view name, absl::string_view value, absl::string_view newline) {
  if (IsSafe(value)) return absl::StrCat(name, ": ", value, newline);
  return absl::StrCat(name, ":: ", absl::Base64Escape(value), newline);
}

}  // namespace muster
