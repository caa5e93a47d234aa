#include "tests/support/uem_simulator/profile.h"

#include <openssl/bio.h>
#include <openssl/cms.h>

#include <algorithm>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "common/crypto.h"
#include "common/status_macros.h"

namespace muster::uemsim {
namespace {

constexpr int kMaxDepth = 32;

class PlistReader {
 public:
  explicit PlistReader(absl::string_view xml) : all_(xml), rest_(xml) {}

  absl::StatusOr<Json> Read() {
    SkipProlog();
    const bool wrapped = absl::StartsWith(rest_, "<plist");
    if (wrapped) rest_.remove_prefix(std::min(rest_.size(), rest_.find('>') + 1));
    MUSTER_ASSIGN_OR_RETURN(Json value, Value(0));
    SkipProlog();
    if (wrapped && !Take("</plist>")) return Wrong("no </plist>");
    SkipProlog();
    if (!rest_.empty()) return Wrong("something after the end");
    return value;
  }

 private:
  absl::Status Wrong(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("plist, offset ", all_.size() - rest_.size(), ": ", what));
  }
  bool Take(absl::string_view text) { return absl::ConsumePrefix(&rest_, text); }

  void SkipProlog() {
    for (;;) {
      rest_ = absl::StripLeadingAsciiWhitespace(rest_);
      absl::string_view end;
      if (absl::StartsWith(rest_, "<?")) end = "?>";
      if (absl::StartsWith(rest_, "<!--")) end = "-->";
      if (absl::StartsWith(rest_, "<!DOCTYPE")) end = ">";
      const size_t at = end.empty() ? end.npos : rest_.find(end);
      if (at == absl::string_view::npos) return;
      rest_.remove_prefix(at + end.size());
    }
  }

  // The text up to the end tag of `name`, without entities.
  absl::StatusOr<std::string> TextOf(absl::string_view name) {
    const std::string end = absl::StrCat("</", name, ">");
    const size_t at = rest_.find('<');
    if (at == absl::string_view::npos) return Wrong("a text without end");
    const std::string text = absl::StrReplaceAll(
        rest_.substr(0, at),
        {{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&amp;", "&"}});
    rest_.remove_prefix(at);
    if (!Take(end)) return Wrong(absl::StrCat("no ", end));
    return text;
  }

  absl::StatusOr<Json> Value(int depth) {
    if (depth > kMaxDepth) return Wrong("too deep");
    SkipProlog();
    if (Take("<true/>")) return Json(true);
    if (Take("<false/>")) return Json(false);
    if (Take("<dict/>")) return Json(Json::object());
    if (Take("<array/>")) return Json(Json::array());
    if (Take("<string/>") || Take("<data/>")) return Json("");
    if (Take("<dict>")) return Dict(depth);
    if (Take("<array>")) return Array(depth);
    for (absl::string_view name : {"string", "date", "data", "integer", "real"}) {
      if (!Take(absl::StrCat("<", name, ">"))) continue;
      MUSTER_ASSIGN_OR_RETURN(std::string text, TextOf(name));
      return Scalar(name, std::move(text));
    }
    return Wrong("no value of a plist");
  }

  absl::StatusOr<Json> Scalar(absl::string_view name, std::string text) {
    if (name == "integer") {
      int64_t number = 0;
      if (!absl::SimpleAtoi(text, &number)) return Wrong("no integer");
      return Json(number);
    }
    if (name == "data") {
      absl::StrReplaceAll({{" ", ""}, {"\n", ""}, {"\t", ""}, {"\r", ""}}, &text);
      std::string bytes;
      if (!absl::Base64Unescape(text, &bytes)) return Wrong("no base64");
    }
    return Json(std::move(text));
  }

  absl::StatusOr<Json> Dict(int depth) {
    Json dict = Json::object();
    for (SkipProlog(); !Take("</dict>"); SkipProlog()) {
      if (!Take("<key>")) return Wrong("no <key>");
      MUSTER_ASSIGN_OR_RETURN(std::string key, TextOf("key"));
      MUSTER_ASSIGN_OR_RETURN(Json value, Value(depth + 1));
      if (dict.contains(key)) return Wrong("the same key twice");
      dict[key] = std::move(value);
    }
    return dict;
  }

  absl::StatusOr<Json> Array(int depth) {
    Json array = Json::array();
    for (SkipProlog(); !Take("</array>"); SkipProlog()) {
      MUSTER_ASSIGN_OR_RETURN(Json value, Value(depth + 1));
      array.push_back(std::move(value));
    }
    return array;
  }

  absl::string_view all_, rest_;
};

// Empty: it is no CMS envelope.
std::string Unwrapped(absl::string_view der) {
  std::unique_ptr<BIO, int (*)(BIO*)> in(BIO_new_mem_buf(der.data(), static_cast<int>(der.size())),
                                         BIO_free);
  std::unique_ptr<CMS_ContentInfo, void (*)(CMS_ContentInfo*)> cms(d2i_CMS_bio(in.get(), nullptr),
                                                                   CMS_ContentInfo_free);
  if (cms == nullptr) return "";
  std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free);
  if (CMS_verify(cms.get(), nullptr, nullptr, nullptr, out.get(),
                 CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) != 1) {
    return "";
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return size <= 0 ? "" : std::string(data, static_cast<size_t>(size));
}

void Collect(const Json& dict, const char* key, std::vector<std::string>* out) {
  if (!dict.contains(key) || !dict[key].is_array()) return;
  for (const Json& each : dict[key]) {
    if (each.is_string()) out->push_back(each.get<std::string>());
  }
}

std::string StringAt(const Json& dict, const char* key) {
  return dict.is_object() && dict.contains(key) && dict[key].is_string()
             ? dict[key].get<std::string>()
             : "";
}

void Tidy(std::vector<std::string>* values) {
  std::sort(values->begin(), values->end());
  values->erase(std::unique(values->begin(), values->end()), values->end());
}

}  // namespace

absl::StatusOr<Json> ParsePlist(absl::string_view xml) { return PlistReader(xml).Read(); }

absl::StatusOr<TrueProfile> ParseProfile(absl::string_view bytes) {
  TrueProfile profile;
  std::string plain(bytes);
  if (!absl::StartsWith(absl::StripLeadingAsciiWhitespace(bytes), "<")) {
    plain = Unwrapped(bytes);
    if (plain.empty()) return absl::InvalidArgumentError("neither a plist nor a signed one");
    profile.is_signed = true;
  }
  MUSTER_ASSIGN_OR_RETURN(Json root, ParsePlist(plain));
  profile.identifier = StringAt(root, "PayloadIdentifier");
  profile.sha256 = Sha256Hex(plain);
  if (profile.identifier.empty() || StringAt(root, "PayloadType") != "Configuration" ||
      StringAt(root, "PayloadUUID").empty() || !root.contains("PayloadContent") ||
      !root["PayloadContent"].is_array()) {
    return absl::InvalidArgumentError("no configuration profile");
  }
  profile.removal_disallowed = root.value("PayloadRemovalDisallowed", Json(false)) == Json(true);
  for (const Json& payload : root["PayloadContent"]) {
    const std::string type = StringAt(payload, "PayloadType");
    if (type == "com.apple.applicationaccess") {
      Collect(payload, "blockedAppBundleIDs", &profile.blocked_bundle_ids);
      Collect(payload, "blacklistedAppBundleIDs", &profile.blocked_bundle_ids);
    }
    if (type == "com.apple.webcontent-filter") {
      Collect(payload, "DenyListURLs", &profile.denied_urls);
      Collect(payload, "BlacklistedURLs", &profile.denied_urls);
    }
  }
  Tidy(&profile.blocked_bundle_ids);
  Tidy(&profile.denied_urls);
  return profile;
}

absl::StatusOr<CustomCommand> ParseCustomCommand(absl::string_view xml) {
  MUSTER_ASSIGN_OR_RETURN(Json root, ParsePlist(xml));
  // The whole command with its CommandUUID, or what it holds.
  const Json& command = root.is_object() && root.contains("Command") ? root["Command"] : root;
  CustomCommand out = {.request_type = StringAt(command, "RequestType")};
  if (out.request_type.empty()) return absl::InvalidArgumentError("no RequestType");
  if (out.request_type == "InstallProfile") {
    absl::Base64Unescape(StringAt(command, "Payload"), &out.payload);
    if (out.payload.empty()) return absl::InvalidArgumentError("no Payload");
  }
  return out;
}

}  // namespace muster::uemsim
