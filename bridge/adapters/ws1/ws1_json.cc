#include "bridge/adapters/ws1/ws1_json.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/utility/utility.h"
#include "common/bridge_limits.h"
#include "common/status_macros.h"

namespace muster::bridge {
namespace {

constexpr size_t kMaxIdBytes = 64;

// Before anything is made of it. Each value begins the text, or follows a bracket or a comma.
absl::Status CheckShape(absl::string_view text) {
  size_t depth = 0, values = 1;
  bool in_text = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
      continue;
    }
    if (c == '"') in_text = true;
    if ((c == '[' || c == '{') && ++depth > limits::kMaxUemJsonDepth) {
      return absl::InvalidArgumentError(
          absl::StrCat("it is nested deeper than ", limits::kMaxUemJsonDepth));
    }
    if ((c == '[' || c == '{' || c == ',') && ++values > kMaxUemJsonValues) {
      return absl::InvalidArgumentError(
          absl::StrCat("it has more than ", kMaxUemJsonValues, " values"));
    }
    if ((c == ']' || c == '}') && depth > 0) --depth;
  }
  return absl::OkStatus();
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::optional<absl::Time> ParseUemTime(const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime("%Y-%m-%d%ET%H:%M:%E*S%Ez", text, &time, &error) &&
      !absl::ParseTime("%Y-%m-%d%ET%H:%M:%E*S", text, absl::UTCTimeZone(), &time, &error)) {
    return std::nullopt;
  }
  const absl::CivilYear year(absl::ToCivilYear(time, absl::UTCTimeZone()));
  if (year < absl::CivilYear(2000) || year > absl::CivilYear(2200)) return std::nullopt;
  return time;
}

}  // namespace

std::string CleanUemText(absl::string_view text) {
  size_t size = std::min(text.size(), limits::kMaxUemTextBytes);
  while (size > 0 && size < text.size() && IsContinuation(text[size])) --size;
  std::string out(text.substr(0, size));
  for (size_t i = 0; i < out.size(); ++i) {
    const auto c = static_cast<unsigned char>(out[i]);
    if (c < 0x20 || c == 0x7F) out[i] = ' ';
    // C1 control characters, which a terminal may obey.
    if (c == 0xC2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xA0) {
      out[i] = out[i + 1] = ' ';
    }
  }
  return std::string(absl::StripAsciiWhitespace(out));
}

absl::StatusOr<Json> ParseUemJson(absl::string_view text) {
  MUSTER_RETURN_IF_ERROR(CheckShape(text));
  Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (json.is_discarded()) return absl::InvalidArgumentError("no whole JSON");
  return absl::StatusOr<Json>(absl::in_place, std::move(json));
}

const Json* FindUemField(const Json& object, FieldNames names) {
  if (!object.is_object()) return nullptr;
  for (const char* name : names) {
    const auto it = object.find(name);
    if (it != object.end() && !it->is_null()) return &*it;
  }
  return nullptr;
}

std::string UemText(const Json& object, FieldNames names) {
  const Json* field = FindUemField(object, names);
  if (field == nullptr) return "";
  if (field->is_string()) return CleanUemText(field->get_ref<const std::string&>());
  return field->is_number_integer() ? field->dump() : "";
}

std::string UemId(const Json& object, FieldNames names) {
  const std::string id = absl::AsciiStrToLower(UemText(object, names));
  const bool good = id.size() <= kMaxIdBytes && std::all_of(id.begin(), id.end(), [](char c) {
                      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-';
                    });
  return good ? id : "";
}

std::optional<uint64_t> UemNumber(const Json& object, FieldNames names) {
  const Json* field = FindUemField(object, names);
  if (field == nullptr) return std::nullopt;
  if (field->is_number_unsigned()) return field->get<uint64_t>();
  uint64_t number = 0;
  if (!field->is_string() || !absl::SimpleAtoi(field->get_ref<const std::string&>(), &number)) {
    return std::nullopt;
  }
  return number;
}

std::optional<bool> UemBool(const Json& object, FieldNames names) {
  const Json* field = FindUemField(object, names);
  if (field == nullptr) return std::nullopt;
  if (field->is_boolean()) return field->get<bool>();
  bool value = false;
  if (!field->is_string() || !absl::SimpleAtob(field->get_ref<const std::string&>(), &value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<absl::Time> UemTime(const Json& object, FieldNames names) {
  const Json* field = FindUemField(object, names);
  if (field == nullptr || !field->is_string()) return std::nullopt;
  return ParseUemTime(field->get_ref<const std::string&>());
}

const Json& UemList(const Json& object, FieldNames names) {
  static const Json kEmpty = Json::array();
  const Json* field = FindUemField(object, names);
  return field != nullptr && field->is_array() ? *field : kEmpty;
}

std::string UemWord(const Json& object, FieldNames names) {
  std::string out;
  for (const char c : UemText(object, names)) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) out += absl::ascii_tolower(c);
  }
  return out;
}

}  // namespace muster::bridge
