#include "agent/adapters/files/own_files.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <set>

#include "absl/strings/str_cat.h"

namespace muster::agent {
namespace {

// Empty: only root may change it. In a sticky folder nobody can replace another's file.
std::string Problem(const std::string& path, bool folder_above) {
  struct stat st = {};
  if (stat(path.c_str(), &st) != 0) return "";
  if (st.st_uid != 0) return absl::StrCat(path, " belongs to uid ", st.st_uid, ", not to root");
  const bool sticky = folder_above && (st.st_mode & S_ISVTX) != 0;
  if ((st.st_mode & S_IWOTH) != 0 && !sticky) {
    return absl::StrCat(path, " can be changed by every account");
  }
  if ((st.st_mode & S_IWGRP) != 0 && st.st_gid != 0 && !sticky) {
    return absl::StrCat(path, " can be changed by group ", st.st_gid);
  }
  return "";
}

}  // namespace

std::vector<std::string> ChangeableByOthers(const std::vector<std::string>& paths) {
  std::set<std::string> seen;
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    char real[PATH_MAX];
    if (realpath(path.c_str(), real) == nullptr) continue;
    for (std::string at = real; !at.empty(); at = at.substr(0, at.rfind('/'))) {
      if (!seen.insert(at).second) break;
      if (std::string text = Problem(at, at != real); !text.empty()) out.push_back(text);
    }
  }
  return out;
}

}  // namespace muster::agent
