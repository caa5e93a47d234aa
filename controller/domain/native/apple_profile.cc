// Apple configuration profile: restrictions, and the filter of web clients. Keys, types and
// versions are those of github.com/apple/device-management (tests/data/schemas/apple).
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"
#include "common/crypto.h"
#include "controller/domain/native/phone_file.h"
#include "controller/domain/native/phone_names.h"
#include "controller/domain/native/plist.h"

namespace muster::native {
namespace {

struct Content {
  std::string identifier, description, organization;
  std::vector<std::string> ids, urls;
};

// RFC 9562, version 8: of a SHA-256. Equal names give equal UUIDs.
std::string NamedUuid(absl::string_view name) {
  std::string bytes = Sha256(name).substr(0, 16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x80);
  bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);
  const std::string hex = absl::AsciiStrToUpper(absl::BytesToHexString(bytes));
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

// A payload keeps its UUID whatever it says: the phone then updates it in place, instead of taking
// the old one away first.
void OpenPayload(Plist& out, const std::string& identifier, absl::string_view type,
                 absl::string_view display_name) {
  out.OpenDict();
  out.Key("PayloadType").String(type);
  out.Key("PayloadVersion").Integer(1);
  out.Key("PayloadIdentifier").String(identifier);
  out.Key("PayloadUUID").String(NamedUuid(identifier));
  out.Key("PayloadDisplayName").String(display_name);
}

void WriteRestrictions(Plist& out, const Content& content) {
  OpenPayload(out, absl::StrCat(content.identifier, ".restrictions"), "com.apple.applicationaccess",
              "Apps that may not be used");
  const bool open = content.ids.empty() && content.urls.empty();
  out.Key("allowEnterpriseAppTrust").Boolean(open);
  out.Key("allowMarketplaceAppInstallation").Boolean(open);
  out.Key("allowWebDistributionAppInstallation").Boolean(open);
  if (!content.ids.empty()) {
    out.Key("blacklistedAppBundleIDs").Strings(content.ids);  // iOS 9.3 to 14
    out.Key("blockedAppBundleIDs").Strings(content.ids);      // from iOS 15
  }
  out.Close();
}

// Never with AutoFilterEnabled: beside it an absent list of permitted URLs counts as an empty one,
// and every web site would be closed.
void WriteWebFilter(Plist& out, const Content& content) {
  if (content.urls.empty()) return;
  OpenPayload(out, absl::StrCat(content.identifier, ".web"), "com.apple.webcontent-filter",
              "Web clients that may not be used");
  out.Key("FilterType").String("BuiltIn");
  out.Key("BlacklistedURLs").Strings(content.urls);  // before iOS 14.5
  out.Key("DenyListURLs").Strings(content.urls);
  out.Close();
}

std::string Profile(const Content& content, absl::string_view uuid) {
  Plist out;
  out.OpenDict();
  out.Key("PayloadType").String("Configuration");
  out.Key("PayloadVersion").Integer(1);
  out.Key("PayloadIdentifier").String(content.identifier);
  out.Key("PayloadUUID").String(uuid);
  out.Key("PayloadDisplayName").String("Muster: messaging apps");
  out.Key("PayloadDescription").String(content.description);
  out.Key("PayloadOrganization").String(content.organization);
  out.Key("PayloadRemovalDisallowed").Boolean(true);
  out.Key("PayloadContent").OpenArray();
  WriteRestrictions(out, content);
  WriteWebFilter(out, content);
  out.Close();
  out.Close();
  return out.Finish();
}

// The pattern is compared from its first character on, so both schemes are named.
std::vector<std::string> DeniedUrls(const std::vector<std::string>& hosts,
                                    std::vector<std::string>* notes) {
  std::vector<std::string> out;
  for (const std::string& host : hosts) {
    if (out.size() == 2 * kMaxAppleHosts) break;
    out.push_back(absl::StrCat("http://", host));
    out.push_back(absl::StrCat("https://", host));
  }
  if (const size_t written = out.size() / 2; written < hosts.size()) {
    notes->push_back(absl::StrCat(hosts.size() - written,
                                  " hosts of web clients are not blocked: Apple limits the list "
                                  "to about ",
                                  limits::kMaxAppleDeniedUrls, " URLs, two for each host."));
  }
  return out;
}

void AddNotes(const Content& content, std::vector<std::string>* notes) {
  notes->push_back(
      "Acts on supervised iPhones and iPads alone (iOS 15; by an older key from iOS 9.3), and not "
      "in user enrolment; not on a Mac.");
  notes->push_back(
      "A blocked app that is installed is hidden and does not start; it is not removed, and its "
      "messages stay on the phone.");
  notes->push_back(
      "An app is known by its exact bundle id: a client of somebody else's, or a copy that was "
      "signed again, has another one.");
  notes->push_back(
      "Closes other marketplaces from iOS 17.4 and installs from web sites from iOS 17.5; trust "
      "that was given to an enterprise developer before stays.");
  notes->push_back("iOS 27 deprecates its list of apps: install the apple-declaration there too.");
  if (content.urls.empty()) return;
  notes->push_back(
      "The filter closes these hosts to browsers, exactly, from iOS 14.5 (by an older key from "
      "iOS 8): not hosts below them, and not the app. An iPhone that is not supervised refuses "
      "the profile because of it.");
}

// Whatever it says, it takes the place of the one before.
void Write(const NativeInput& in, const std::string& what, Content& content, NativeFile& out) {
  content.identifier = absl::StrCat(TenantIdentifier(in), ".phones");
  content.description = what;
  if (!in.how_to_ask.empty()) absl::StrAppend(&content.description, PlainText(in.how_to_ask), " ");
  absl::StrAppend(&content.description, ProvenanceText(in));
  content.organization = in.tenant;
  out.bytes = Profile(content, NamedUuid(Profile(content, "")));
  out.media_type = "application/x-apple-aspen-config";
}

}  // namespace

absl::StatusOr<NativeFile> AppleProfile(const NativeInput& in) {
  NativeFile out;
  PhoneApps apps = AppsOn(in, v1::Platform::IOS);
  out.notes = std::move(apps.notes);
  Content content;
  content.ids = apps.ids();
  content.urls = DeniedUrls(PlainHosts(in, &out.notes), &out.notes);
  if (content.ids.empty() && content.urls.empty()) return NothingBlocked("iOS");
  Write(in, "Closes messaging apps that leave no record. ", content, out);
  AddNotes(content, &out.notes);
  return out;
}

NativeFile AppleOpenProfile(const NativeInput& in) {
  NativeFile out;
  Content content;
  Write(in, "Closes no app: nothing is blocked any more. ", content, out);
  return out;
}

}  // namespace muster::native
