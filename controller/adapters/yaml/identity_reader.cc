#include "controller/adapters/yaml/identity_reader.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/limits.h"
#include "controller/adapters/yaml/yaml_fields.h"

namespace muster {
namespace {

constexpr size_t kSha256HexDigits = 64;
constexpr size_t kTeamIdLetters = 10;       // Apple Developer Team ID
constexpr size_t kPublisherIdLetters = 13;  // Windows publisher id: end of a package family name

struct PlatformRule {
  absl::string_view name;
  v1::Platform::Id platform;
  std::vector<std::pair<absl::string_view, v1::Origin::Kind>> origins;
  bool has_paths = false;
};

const std::vector<PlatformRule>& PlatformRules() {
  static const auto& rules = *new std::vector<PlatformRule>{
      {"android", v1::Platform::ANDROID, {{"package", v1::Origin::ANDROID_PACKAGE}}, false},
      {"ios", v1::Platform::IOS, {{"bundle", v1::Origin::BUNDLE}}, false},
      {"macos", v1::Platform::MACOS, {{"bundle", v1::Origin::BUNDLE}}, true},
      {"windows",
       v1::Platform::WINDOWS,
       {{"winget", v1::Origin::WINGET}, {"pfn", v1::Origin::PFN}},
       false},
      {"linux",
       v1::Platform::LINUX,
       {{"dpkg", v1::Origin::DPKG},
        {"rpm", v1::Origin::RPM},
        {"flatpak", v1::Origin::FLATPAK},
        {"snap", v1::Origin::SNAP}},
       true}};
  return rules;
}

const std::vector<absl::string_view>& IdentityKeys() {
  static const auto& keys = *new std::vector<absl::string_view>{
      "platform", "dpkg", "rpm",   "flatpak", "snap",   "package", "bundle",
      "winget",   "pfn",  "paths", "signer",  "sha256", "client",  "verified"};
  return keys;
}

template <typename Pred>
bool All(absl::string_view text, Pred pred) {
  return std::all_of(text.begin(), text.end(), pred);
}

bool IsLowerHex(char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); }
bool IsLowerAlnum(char c) { return absl::ascii_isdigit(c) || absl::ascii_islower(c); }
bool IsUpperAlnum(char c) { return absl::ascii_isdigit(c) || absl::ascii_isupper(c); }

bool IsSha256Hex(absl::string_view text) {
  return text.size() == kSha256HexDigits && All(text, IsLowerHex);
}

// What is wrong with a package id of this origin; empty: nothing.
std::string PackageIdFlaw(v1::Origin::Kind origin, absl::string_view id) {
  if (origin == v1::Origin::DPKG) {  // Debian policy 5.6.1
    const bool good = id.size() >= 2 && IsLowerAlnum(id[0]) && All(id, [](char c) {
                        return IsLowerAlnum(c) || c == '+' || c == '-' || c == '.';
                      });
    return good ? "" : "use a Debian package name: a-z, 0-9, + - . and at least two of them";
  }
  if (origin == v1::Origin::SNAP) {
    const bool good = All(id, [](char c) { return IsLowerAlnum(c) || c == '-'; });
    return good ? "" : "use a snap name: a-z, 0-9 and -";
  }
  if (!All(id, [](char c) {
        return absl::ascii_isalnum(c) || absl::StrContains("._+-", absl::string_view(&c, 1));
      })) {
    return "use letters, digits and . _ + - only";
  }
  if (origin == v1::Origin::PFN) {
    const size_t mark = id.rfind('_');
    const bool good = mark != absl::string_view::npos && mark > 0 &&
                      id.size() - mark - 1 == kPublisherIdLetters &&
                      All(id.substr(mark + 1), IsLowerAlnum);
    return good ? "" : "use a package family name: Name_publisherid, with 13 letters after the _";
  }
  return "";
}

std::string PathFlaw(absl::string_view path) {
  if (path[0] != '/') return "is relative; write the absolute path, from / on";
  for (const absl::string_view part : absl::StrSplit(path.substr(1), '/')) {
    if (part.empty() || part == "." || part == "..") {
      return "is not resolved; remove '.', '..', doubled and trailing slashes";
    }
  }
  return "";
}

// What is wrong with a signer on this platform; empty: nothing.
std::string SignerFlaw(v1::Platform::Id platform, absl::string_view signer) {
  if (IsSha256Hex(signer)) return "";
  if (platform == v1::Platform::IOS || platform == v1::Platform::MACOS) {
    const bool good = signer.size() == kTeamIdLetters && All(signer, IsUpperAlnum);
    return good ? ""
                : "use a Team ID (10 of A-Z and 0-9) or the certificate's SHA-256 (64 lowercase "
                  "hex digits)";
  }
  if (platform == v1::Platform::WINDOWS) {
    const bool good = signer.size() == kPublisherIdLetters && All(signer, IsLowerAlnum);
    return good ? ""
                : "use a publisher id (13 of a-z and 0-9) or the certificate's SHA-256 (64 "
                  "lowercase hex digits)";
  }
  return "use the signing certificate's SHA-256, 64 lowercase hex digits";
}

// Reads one identity; the steps run in order and report on their own.
class Reader {
 public:
  Reader(const YamlNode& node, FileIssues* issues) : node_(node), issues_(issues) {}

  std::optional<ReadIdentity> Read() {
    if (!ExpectMap(node_, "an identity", issues_)) return std::nullopt;
    CheckKeys(node_, IdentityKeys(), issues_);
    ReadPlatform();
    if (rule_ != nullptr) {
      ReadPackage();
      ReadPaths();
      ReadSigner();
    }
    ReadHash();
    ReadWords();
    CheckHasFact();
    if (!good_) return std::nullopt;
    return std::move(read_);
  }

 private:
  void Fail(const YamlNode& at, std::string message) {
    issues_->Error(at, std::move(message));
    good_ = false;
  }

  std::optional<std::string> Text(const YamlNode& node, absl::string_view what, size_t max,
                                  bool digits_are_text = false) {
    std::optional<std::string> text =
        ReadText(node, what, {.max_bytes = max, .digits_are_text = digits_are_text}, issues_);
    if (!text.has_value()) good_ = false;
    return text;
  }

  void AddFact(const YamlNode& at, std::string fact) {
    read_.facts.push_back({std::move(fact), at.line, at.column});
  }

  void ReadPlatform() {
    const YamlField* field = RequireField(node_, "platform", "an identity", issues_);
    if (field == nullptr) {
      good_ = false;
      return;
    }
    const auto text = Text(field->value, "'platform'", limits::kMaxClientBytes);
    if (!text.has_value()) return;
    std::vector<absl::string_view> names;
    for (const PlatformRule& rule : PlatformRules()) {
      names.push_back(rule.name);
      if (rule.name == *text) rule_ = &rule;
    }
    if (rule_ == nullptr) {
      const std::string near = DidYouMean(*text, names);
      return Fail(field->value, absl::StrCat("unknown platform ", Quoted(*text), near,
                                             near.empty() ? ";" : "", " expected ", OneOf(names)));
    }
    read_.identity.set_platform(rule_->platform);
  }

  void ReadPackage() {
    const YamlField* given = nullptr;
    for (const PlatformRule& rule : PlatformRules()) {
      for (const auto& [key, origin] : rule.origins) {
        const YamlField* field = FindField(node_, key);
        if (field == nullptr || field == given) continue;
        if (!Belongs(*field)) continue;
        if (given != nullptr) {
          issues_->Error(field->line, field->column,
                         absl::StrCat("'", key, "' and '", given->key,
                                      "' are two identities; write two entries"));
          good_ = false;
          return;
        }
        given = field;
      }
    }
    if (given != nullptr) ReadPackageId(*given);
  }

  // False, with an issue, when this key is for another platform.
  bool Belongs(const YamlField& field) {
    std::vector<absl::string_view> names;
    for (const auto& [key, origin] : rule_->origins) {
      names.push_back(key);
      if (key == field.key) return true;
    }
    if (reported_foreign_.insert(field.key).second) {
      issues_->Error(field.line, field.column,
                     absl::StrCat("'", field.key, "' does not exist on platform ", rule_->name,
                                  "; expected ", OneOf(names)));
      good_ = false;
    }
    return false;
  }

  void ReadPackageId(const YamlField& field) {
    v1::Origin::Kind origin = v1::Origin::UNSPECIFIED;
    for (const auto& [key, kind] : rule_->origins) {
      if (key == field.key) origin = kind;
    }
    const auto id =
        Text(field.value, absl::StrCat("'", field.key, "'"), limits::kMaxPackageIdBytes);
    if (!id.has_value()) return;
    if (const std::string flaw = PackageIdFlaw(origin, *id); !flaw.empty()) {
      return Fail(field.value,
                  absl::StrCat("'", field.key, "' ", Quoted(*id), " is not a package id; ", flaw));
    }
    read_.identity.set_origin(origin);
    read_.identity.set_package_id(*id);
    AddFact(field.value, absl::StrCat(rule_->name, " ", field.key, " ", *id));
  }

  void ReadPaths() {
    const YamlField* field = FindField(node_, "paths");
    if (field == nullptr) return;
    if (!rule_->has_paths) {
      issues_->Error(field->line, field->column,
                     absl::StrCat("'paths' does not exist on platform ", rule_->name,
                                  "; it is for linux and macos"));
      good_ = false;
      return;
    }
    if (!ExpectList(field->value, "'paths'", issues_)) {
      good_ = false;
      return;
    }
    if (field->value.items.size() > limits::kMaxPathsPerIdentity) {
      return Fail(field->value,
                  absl::StrCat("'paths' has ", field->value.items.size(), " entries; at most ",
                               limits::kMaxPathsPerIdentity, " are allowed"));
    }
    for (const YamlNode& item : field->value.items) ReadPath(item);
  }

  void ReadPath(const YamlNode& item) {
    const auto path = Text(item, "a path", limits::kMaxPathBytes);
    if (!path.has_value()) return;
    if (const std::string flaw = PathFlaw(*path); !flaw.empty()) {
      return Fail(item, absl::StrCat("path ", Quoted(*path), " ", flaw));
    }
    const auto& paths = read_.identity.paths();
    if (std::find(paths.begin(), paths.end(), *path) != paths.end()) {
      return Fail(item, absl::StrCat("path ", Quoted(*path), " is listed twice; keep one"));
    }
    read_.identity.add_paths(*path);
    AddFact(item, absl::StrCat(rule_->name, " path ", *path));
  }

  void ReadSigner() {
    const YamlField* field = FindField(node_, "signer");
    if (field == nullptr) return;
    const auto signer = Text(field->value, "'signer'", limits::kMaxPackageIdBytes, true);
    if (!signer.has_value()) return;
    if (const std::string flaw = SignerFlaw(rule_->platform, *signer); !flaw.empty()) {
      return Fail(field->value,
                  absl::StrCat("'signer' ", Quoted(*signer), " is not a signer; ", flaw));
    }
    read_.identity.set_signer(*signer);
    AddFact(field->value, absl::StrCat(rule_->name, " signer ", *signer));
  }

  void ReadHash() {
    const YamlField* field = FindField(node_, "sha256");
    if (field == nullptr) return;
    const auto hash = Text(field->value, "'sha256'", limits::kMaxPackageIdBytes, true);
    if (!hash.has_value()) return;
    if (!IsSha256Hex(*hash)) {
      return Fail(field->value, absl::StrCat("'sha256' ", Quoted(*hash),
                                             " is not a file hash; use 64 lowercase hex digits"));
    }
    read_.identity.set_file_hash(*hash);
    AddFact(field->value, absl::StrCat("sha256 ", *hash));
  }

  void ReadWords() {
    if (const YamlField* client = FindField(node_, "client")) {
      if (const auto text = Text(client->value, "'client'", limits::kMaxClientBytes)) {
        read_.identity.set_client(*text);
      }
    }
    const YamlField* verified = FindField(node_, "verified");
    if (verified == nullptr) {
      return Fail(node_,
                  "an identity has no 'verified'; say where it was verified, or write verified: "
                  "unverified");
    }
    if (const auto text = Text(verified->value, "'verified'", limits::kMaxVerifiedBytes)) {
      read_.identity.set_verified(*text);
    }
  }

  void CheckHasFact() {
    if (!good_ || !read_.facts.empty()) return;
    std::string keys;
    for (const auto& [key, origin] : rule_->origins) absl::StrAppend(&keys, key, ", ");
    Fail(node_, absl::StrCat("an identity needs at least one fact: ", keys,
                             rule_->has_paths ? "paths, " : "", "signer or sha256"));
  }

  const YamlNode& node_;
  FileIssues* issues_;
  const PlatformRule* rule_ = nullptr;
  bool good_ = true;
  std::set<std::string> reported_foreign_;
  ReadIdentity read_;
};

}  // namespace

std::optional<ReadIdentity> ReadAppIdentity(const YamlNode& node, FileIssues* issues) {
  return Reader(node, issues).Read();
}

}  // namespace muster
