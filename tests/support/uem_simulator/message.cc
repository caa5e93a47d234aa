#include "tests/support/uem_simulator/message.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/crypto.h"

namespace muster::uemsim {
namespace {

int AcceptedVersion(absl::string_view accept) {
  if (!absl::StrContains(accept, "json")) return 0;
  const size_t at = accept.find("version=");
  int version = 1;
  if (at != absl::string_view::npos) {
    const absl::string_view rest = accept.substr(at + 8);
    if (!absl::SimpleAtoi(rest.substr(0, rest.find_first_of(",; ")), &version)) return 1;
  }
  return version;
}

void AppendXml(std::string* out, const std::string& name, const Json& value) {
  if (value.is_array()) {
    for (const Json& each : value) AppendXml(out, name, each);
    return;
  }
  absl::StrAppend(out, "<", name, ">");
  if (value.is_object()) {
    for (const auto& [key, each] : value.items()) AppendXml(out, key, each);
  } else {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    absl::StrAppend(out, absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}}));
  }
  absl::StrAppend(out, "</", name, ">");
}

}  // namespace

std::string Lower(absl::string_view text) { return absl::AsciiStrToLower(text); }

std::string PercentDecoded(absl::string_view text, bool plus_is_blank) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && absl::ascii_isxdigit(text[i + 1]) &&
        absl::ascii_isxdigit(text[i + 2])) {
      out += absl::HexStringToBytes(text.substr(i + 1, 2));
      i += 2;
    } else {
      out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string Call::Query(const std::string& lower_name) const {
  const auto it = query.find(lower_name);
  return it == query.end() ? "" : it->second;
}

std::optional<uint64_t> Call::Number(const std::string& lower_name, uint64_t fallback) const {
  const auto it = query.find(lower_name);
  if (it == query.end()) return fallback;
  uint64_t number = 0;
  if (!absl::SimpleAtoi(it->second, &number)) return std::nullopt;
  return number;
}

std::string Call::Text(const char* name) const {
  if (!json.is_object() || !json.contains(name)) return "";
  const Json& value = json[name];
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() ? value.dump() : "";
}

Call ParseCall(const bridge::HttpRequest& request, absl::Time now) {
  Call call = {.method = request.method, .body = request.body, .now = now};
  absl::string_view url = request.url;
  if (const size_t scheme = url.find("://"); scheme != absl::string_view::npos) {
    const size_t path = url.find('/', scheme + 3);
    url = path == absl::string_view::npos ? "/" : url.substr(path);
  }
  call.target = std::string(url);
  const size_t mark = url.find('?');
  for (absl::string_view segment : absl::StrSplit(url.substr(0, mark), '/', absl::SkipEmpty())) {
    call.segments.push_back(PercentDecoded(segment, false));
  }
  if (mark != absl::string_view::npos) {
    for (absl::string_view pair : absl::StrSplit(url.substr(mark + 1), '&', absl::SkipEmpty())) {
      const std::pair<absl::string_view, absl::string_view> both =
          absl::StrSplit(pair, absl::MaxSplits('=', 1));
      call.query[Lower(PercentDecoded(both.first, true))] = PercentDecoded(both.second, true);
    }
  }
  for (const auto& [name, value] : request.headers) call.headers[Lower(name)] = value;
  const auto accept = call.headers.find("accept");
  if (accept != call.headers.end()) call.version = AcceptedVersion(accept->second);
  call.json = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  return call;
}

Reply Error(int status, int code, const std::string& message) {
  return {.status = status,
          .body = Json{{"errorCode", code == 0 ? status : code},
                       {"message", message},
                       {"activityId", MakeUuid(0, message, 0)}}};
}

Reply Ok(Json body) { return {.status = 200, .body = std::move(body)}; }
Reply Empty(int status) { return {.status = status}; }

std::string TimeText(absl::Time t, bool zone) {
  return absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E3S", t, absl::UTCTimeZone()),
                      zone ? "Z" : "");
}

std::optional<absl::Time> ParseTimeText(const std::string& text) {
  absl::Time t;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &t, &error)) return t;
  if (absl::ParseTime("%Y-%m-%dT%H:%M:%E*S", text, absl::UTCTimeZone(), &t, &error)) return t;
  if (absl::ParseTime("%Y-%m-%d", text, absl::UTCTimeZone(), &t, &error)) return t;
  return std::nullopt;
}

std::string ToXml(const Json& body) {
  std::string out = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
  AppendXml(&out, "Response", body);
  return out;
}

std::string MakeUuid(uint64_t seed, absl::string_view kind, uint64_t number) {
  std::string hex = Sha256Hex(absl::StrCat(seed, " ", kind, " ", number)).substr(0, 32);
  hex[12] = '4';
  hex[16] = '8';
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

}  // namespace muster::uemsim
