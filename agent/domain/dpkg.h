// dpkg's text files. Pure: text in, values out. Malformed lines are skipped, never fatal: the
// files belong to dpkg, and one odd stanza must not hide all other packages.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster::agent {

struct DpkgPackage {
  std::string name;
  std::string architecture;
  std::string version;
  bool operator==(const DpkgPackage&) const = default;
};

// /var/lib/dpkg/status: only packages whose state is exactly `installed`, in file order, at
// most `max`.
std::vector<DpkgPackage> ParseDpkgStatus(absl::string_view text, size_t max);

// "toxic" from "toxic.list", "libc6" from "libc6:amd64.md5sums"; empty for other names.
std::string PackageOfInfoFile(absl::string_view file_name, absl::string_view extension);

// Calls `line` for every path of an info/*.list file, without copying.
void ForEachListedPath(absl::string_view text,
                       const std::function<void(absl::string_view path)>& line);

// Calls `line` for every entry of an info/*.md5sums file; `path` has no leading slash there and
// none here.
void ForEachMd5(absl::string_view text,
                const std::function<void(absl::string_view md5, absl::string_view path)>& line);

}  // namespace muster::agent
