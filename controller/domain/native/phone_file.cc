#include "controller/domain/native/phone_file.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/crypto.h"
#include "common/limits.h"
#include "common/time_proto.h"
#include "common/utf8_check.h"
#include "controller/domain/native/phone_names.h"

namespace muster::native {
namespace {

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";

// Bytes of the first character of `text`, which is not empty; 0: it begins with none.
size_t CharacterBytes(absl::string_view text) {
  for (size_t bytes = 1; bytes <= 4 && bytes <= text.size(); ++bytes) {
    Utf8Check check;
    check.Add(text.substr(0, bytes));
    if (check.invalid_at().has_value()) return 0;
    if (!check.cut()) return bytes;
  }
  return 0;
}

// Control characters, and the two of three bytes that XML 1.0 has no place for.
bool IsNoText(absl::string_view character) {
  if (character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF") return true;
  if (character.size() == 2 && character[0] == '\xC2') {
    return static_cast<unsigned char>(character[1]) < 0xA0;
  }
  if (character.size() != 1) return false;
  return absl::ascii_iscntrl(static_cast<unsigned char>(character[0])) && character != "\n" &&
         character != "\t";
}

bool IsOf(const v1::AppIdentity& identity, v1::Platform::Id platform) {
  return identity.platform() == platform && !identity.package_id().empty();
}

// For a note, which is one line.
std::string Shown(absl::string_view text) {
  const std::string plain = PlainText(text.substr(0, limits::kMaxQuotedBytes));
  return absl::StrCat("'", absl::StrReplaceAll(plain, {{"\n", kReplacement}, {"\t", kReplacement}}),
                      "'");
}

}  // namespace

std::vector<std::string> PhoneApps::ids() const {
  std::vector<std::string> out;
  for (const PhoneApp& app : apps) out.push_back(app.id);
  return out;
}

PhoneApps AppsOn(const NativeInput& in, v1::Platform::Id platform) {
  // The first name by text where two apps share an id: the order of the rulings tells nothing.
  std::map<std::string, std::string> names;
  std::vector<std::string> unnamed;
  for (const Ruling& ruling : in.rulings) {
    if (!ruling.blocked()) continue;
    bool named = false;
    for (const v1::AppIdentity& identity : ruling.identities) {
      if (!IsOf(identity, platform)) continue;
      named = true;
      std::string name = PlainText(ruling.name);
      if (!identity.client().empty())
        absl::StrAppend(&name, " (", PlainText(identity.client()), ")");
      std::string& kept = names.try_emplace(identity.package_id(), name).first->second;
      kept = std::min(kept, name);
    }
    if (!named) unnamed.push_back(PlainText(ruling.app_id));
  }
  PhoneApps out;
  for (const std::string& id : BlockedIds(in, platform)) {
    if (id == kEveryWebClip) {
      out.notes.push_back("Left out: com.apple.webapp, which would close every web clip.");
    } else if (!CanNameApp(id)) {
      out.notes.push_back(absl::StrCat("Left out: ", Shown(id), ", for no app has such an id."));
    } else {
      out.apps.push_back({id, names[id]});
    }
  }
  if (!unnamed.empty()) {
    std::sort(unnamed.begin(), unnamed.end());
    const bool ios = platform == v1::Platform::IOS;
    out.notes.push_back(absl::StrCat("Not blocked, for the catalogue has no ",
                                     ios ? "iOS bundle id" : "Android package",
                                     " of them: ", absl::StrJoin(unnamed, ", "), "."));
  }
  return out;
}

std::vector<std::string> PlainHosts(const NativeInput& in, std::vector<std::string>* notes) {
  std::vector<std::string> out;
  for (const std::string& host : BlockedHosts(in)) {
    if (IsHostName(host)) {
      out.push_back(host);
    } else {
      notes->push_back(absl::StrCat("Left out: ", Shown(host), ", which is no host name."));
    }
  }
  return out;
}

std::string PlainText(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t bytes = CharacterBytes(text);
    const absl::string_view character = text.substr(0, std::max<size_t>(bytes, 1));
    if (bytes == 0 || (IsNoText(character) && character != "\r")) {
      absl::StrAppend(&out, kReplacement);
    } else if (character != "\r") {
      absl::StrAppend(&out, character);
    }
    text.remove_prefix(character.size());
  }
  return out;
}

std::string ProvenanceText(const NativeInput& in) {
  std::string out =
      absl::StrCat("Muster policy ", in.version, " of ", PlainText(in.tenant), ", SHA-256 ",
                   PlainText(in.sha256), ", generated ", TimeText(in.generated_at));
  if (!in.person.empty()) absl::StrAppend(&out, ", for ", PlainText(in.person));
  return absl::StrCat(out, ".");
}

std::string TenantIdentifier(const NativeInput& in) {
  std::string name;
  for (const char c : in.tenant) {
    const bool plain = absl::ascii_isalnum(c) || c == '.' || c == '-';
    name.push_back(plain ? absl::ascii_tolower(c) : '-');
  }
  // Two tenants that look alike so far must not replace each other's profiles.
  if (name != in.tenant) absl::StrAppend(&name, "-", Sha256Hex(in.tenant).substr(0, 16));
  return absl::StrCat("muster.", name);
}

std::string IndentedJson(const nlohmann::json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

absl::Status NothingBlocked(absl::string_view platform) {
  return absl::InvalidArgumentError(
      absl::StrCat("nothing that ", platform,
                   " knows is blocked: an empty file would lift every block, so none is made; to "
                   "lift them, take the old one away"));
}

}  // namespace muster::native
