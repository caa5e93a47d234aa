// What the files for phones share: which ids they may name, texts that every format can hold, and
// where a file comes from. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "controller/domain/native/native_policy.h"

namespace muster::native {

struct PhoneApp {
  std::string id;    // exact bundle or package id
  std::string name;  // plain text: "WhatsApp", "WhatsApp (GBWhatsApp)"
};

// `platform` is IOS or ANDROID.
struct PhoneApps {
  std::vector<PhoneApp> apps;      // blocked, by id, once each
  std::vector<std::string> notes;  // what is blocked and not among them, and why
  std::vector<std::string> ids() const;
};
// Leaves out what no app can be called, and com.apple.webapp: it stands for every web clip.
PhoneApps AppsOn(const NativeInput& in, v1::Platform::Id platform);

// The hosts of blocked web clients that are plain names; a note on each of the others.
std::vector<std::string> PlainHosts(const NativeInput& in, std::vector<std::string>* notes);

// Valid UTF-8 that XML 1.0 and JSON hold alike: what is no text becomes U+FFFD, carriage returns
// go.
std::string PlainText(absl::string_view text);

// "Muster policy 12 of agency.example, SHA-256 ab12…, generated 2027-01-15T08:00:00Z, for
// alice@agency.example."
std::string ProvenanceText(const NativeInput& in);

// Constant for a tenant, letters, digits, '.' and '-' alone; other tenants have others.
std::string TenantIdentifier(const NativeInput& in);

// Two blanks a level, keys by name, a line break at the end.
std::string IndentedJson(const nlohmann::json& json);

// Why there is no file.
absl::Status NothingBlocked(absl::string_view platform);

}  // namespace muster::native
