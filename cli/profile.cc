#include "cli/profile.h"

#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

absl::Status BadProfile(const std::string& file, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", problem,
                                                 "; a profile has the keys server, ca, certificate "
                                                 "and key (or token), and maybe server_name"));
}

std::string Resolve(const std::string& folder, const std::string& path) {
  const std::filesystem::path p(path);
  return p.is_absolute() ? path : (std::filesystem::path(folder) / p).lexically_normal().string();
}

absl::StatusOr<YAML::Node> ParseYaml(const std::string& file, absl::string_view text) {
  try {
    return YAML::Load(std::string(text));
  } catch (const YAML::Exception& e) {
    return BadProfile(file, absl::StrCat("line ", e.mark.line + 1, ": ", e.msg));
  }
}

}  // namespace

absl::StatusOr<Profile> ParseProfile(const std::string& file, const std::string& folder,
                                     absl::string_view text) {
  MUSTER_ASSIGN_OR_RETURN(const YAML::Node root, ParseYaml(file, text));
  if (!root.IsMap()) return BadProfile(file, "not a list of 'key: value' lines");
  Profile profile;
  const std::map<std::string, std::string*> fields = {{"server", &profile.server},
                                                      {"ca", &profile.ca},
                                                      {"certificate", &profile.certificate},
                                                      {"key", &profile.key},
                                                      {"token", &profile.token},
                                                      {"server_name", &profile.server_name}};
  for (const auto& entry : root) {
    const std::string& name = entry.first.Scalar();
    const auto field = fields.find(name);
    if (field == fields.end()) return BadProfile(file, absl::StrCat("unknown key '", name, "'"));
    if (!entry.second.IsScalar() || entry.second.Scalar().empty()) {
      return BadProfile(file, absl::StrCat("'", name, "' has no value"));
    }
    if (!field->second->empty()) return BadProfile(file, absl::StrCat("'", name, "' stands twice"));
    *field->second = entry.second.Scalar();
  }
  const bool by_token = !profile.token.empty();
  for (const auto& [name, value] : fields) {
    const bool of_certificate = name == "certificate" || name == "key";
    if (by_token && of_certificate && !value->empty()) {
      return BadProfile(file, absl::StrCat("'", name, "' and 'token' exclude each other"));
    }
    if (value->empty() && name != "server_name" && name != "token" &&
        !(by_token && of_certificate)) {
      return BadProfile(file, absl::StrCat("'", name, "' is missing"));
    }
  }
  for (std::string* path : {&profile.ca, &profile.certificate, &profile.key, &profile.token}) {
    if (!path->empty()) *path = Resolve(folder, *path);
  }
  return profile;
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, absl::string_view what,
                                          size_t max_bytes) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read the ", what, " ", path, ": it is a folder"));
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read the ", what, " ", path, ": ", std::strerror(errno)));
  }
  std::string text(max_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ", what, " ", path, " is larger than ", max_bytes, " bytes"));
  }
  return text;
}

absl::StatusOr<Profile> LoadProfile(const std::string& file) {
  MUSTER_ASSIGN_OR_RETURN(const std::string text,
                          ReadSmallFile(file, "profile", limits::kMaxProfileBytes));
  std::error_code error;
  const auto absolute = std::filesystem::absolute(file, error);
  return ParseProfile(file, absolute.parent_path().string(), text);
}

}  // namespace muster::cli
